use std::time::Instant;

use crate::Timestamp;

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, for what is stored and shown. It may step.
    fn now(&self) -> Timestamp;

    /// The monotonic clock, for deadlines and pauses.
    fn instant(&self) -> Instant;

    /// The monotonic clock to within 10 ms, for deadlines of many seconds: where it is cheaper to read, it may stand still for so
    /// long. It is never ahead of [`Clock::instant`].
    fn coarse_instant(&self) -> Instant {
        self.instant()
    }
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync + 'static {
    /// The next 64 random bits.
    fn next(&self) -> u64;

    /// The next 128 random bits.
    fn next_u128(&self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}
