//! [`SimClock`]: time moves when the test says so.

use std::time::{Duration, Instant};

use callboard_core::Timestamp;
use callboard_core::port::Clock;
use parking_lot::Mutex;

/// A clock that stands still until it is moved. Shared by `Arc`; everyone who holds it sees the same time.
#[derive(Debug)]
pub struct SimClock {
    hands: Mutex<Hands>,
}

#[derive(Clone, Copy, Debug)]
struct Hands {
    wall: Timestamp,
    monotonic: Instant,
}

impl SimClock {
    /// A clock that shows this wall time.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "an `Instant` can only be got from the system; it is only ever added to"
    )]
    pub fn at(wall: Timestamp) -> Self {
        Self { hands: Mutex::new(Hands { wall, monotonic: Instant::now() }) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands.lock();
        hands.wall = hands.wall.after(by);
        hands.monotonic += by;
    }

    /// Sets the wall clock, forwards or back, as an administrator may; the monotonic clock is left as it is.
    pub fn set_wall(&self, wall: Timestamp) {
        self.hands.lock().wall = wall;
    }
}

impl Default for SimClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::from_millis(1_767_225_600_000))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.hands.lock().wall
    }

    fn instant(&self) -> Instant {
        self.hands.lock().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_wall_clock_does_not_move_deadlines() {
        let clock = SimClock::default();
        let start = clock.instant();
        clock.advance(Duration::from_secs(5));
        clock.set_wall(Timestamp::from_millis(7));
        assert_eq!(clock.instant() - start, Duration::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_millis(7));
        assert_eq!(SimClock::default().now().to_string(), "2026-01-01T00:00:00.000Z");
    }
}
