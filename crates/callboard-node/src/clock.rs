//! The one place where clocks are read and random bits are drawn: [`SystemClock`], [`OsEntropy`].

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use callboard_core::Timestamp;
use callboard_core::port::{Clock, Entropy};
#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970: nothing stored can be older.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the home of the monotonic clock")]
    fn instant(&self) -> Instant {
        Instant::now()
    }

    #[cfg(target_os = "linux")]
    fn coarse_instant(&self) -> Instant {
        static BEGIN: OnceLock<(Instant, Duration)> = OnceLock::new();
        // An `Instant` does not show the number behind it, so one moment is read both ways; the `Instant` first, to stay behind.
        let (begin, number) = *BEGIN.get_or_init(|| (self.instant(), read(ClockId::Monotonic)));
        begin + read(ClockId::MonotonicCoarse).saturating_sub(number)
    }
}

#[cfg(target_os = "linux")]
fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// Random bits from a generator that the operating system seeded with 128 bits.
///
/// One atomic addition per draw and no lock. Good for ids and for spreading work: no number repeats within the first 2^64 of one
/// generator, and generators with different seeds give unrelated sequences. Not for secrets.
#[derive(Debug)]
#[repr(align(128))]
pub struct OsEntropy {
    // Alone in its cache lines: every thread that makes an id writes it.
    counter: AtomicU64,
    key: u64,
}

// The odd constant of SplitMix64: every state is visited once before any repeats.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl OsEntropy {
    /// A generator with a seed of its own.
    #[must_use]
    pub fn new() -> Self {
        // The standard library seeds each `RandomState` from the operating system.
        let seed = || RandomState::new().hash_one(STEP);
        Self { counter: AtomicU64::new(seed()), key: seed() }
    }

    // SplitMix64's mixing with a key between its rounds. Each step can be undone, so no two counters give the same number.
    const fn mix(&self, counter: u64) -> u64 {
        let z = (counter ^ (counter >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ self.key;
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Default for OsEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for OsEntropy {
    fn next(&self) -> u64 {
        self.mix(self.counter.fetch_add(STEP, Ordering::Relaxed))
    }

    fn next_u128(&self) -> u128 {
        let counter = self.counter.fetch_add(STEP.wrapping_mul(2), Ordering::Relaxed);
        u128::from(self.mix(counter)) << 64 | u128::from(self.mix(counter.wrapping_add(STEP)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn generators_do_not_repeat_themselves_or_each_other() {
        let (a, b) = (OsEntropy::new(), OsEntropy::new());
        let drawn: HashSet<u64> = (0..1000).flat_map(|_| [a.next(), b.next(), b.next_u128() as u64]).collect();
        assert_eq!(drawn.len(), 3000);
    }

    #[test]
    fn all_bits_move() {
        let entropy = OsEntropy::new();
        let (ones, zeros) = (0..256).map(|_| entropy.next()).fold((0, 0), |(o, z), n| (o | n, z | !n));
        assert_eq!((ones, zeros), (u64::MAX, u64::MAX));
    }

    #[test]
    fn the_wall_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > Timestamp::from_millis(1_700_000_000_000));
        assert!(SystemClock.instant() <= SystemClock.instant());
    }

    #[test]
    fn the_coarse_clock_is_a_little_behind_and_never_ahead() {
        for _ in 0..10_000 {
            let coarse = SystemClock.coarse_instant();
            let behind = SystemClock.instant().checked_duration_since(coarse);
            assert!(behind.is_some(), "ahead");
        }
        assert!(SystemClock.coarse_instant() + Duration::from_secs(1) > SystemClock.instant());
    }
}
