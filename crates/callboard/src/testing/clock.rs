use std::time::Instant;

use callboard_core::Timestamp;
use callboard_core::port::Clock;

/// A clock that follows tokio's, which a test stops: both its hands stand still until everything waits, and then jump.
#[derive(Clone, Copy, Debug)]
pub struct PausedClock {
    began: Instant,
    wall: Timestamp,
}

impl PausedClock {
    /// A clock whose wall time is `wall` now. Make it inside the test's runtime.
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        Self { began: tokio_now(), wall }
    }
}

impl Default for PausedClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::from_millis(1_767_225_600_000))
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        self.wall.after(tokio_now().duration_since(self.began))
    }

    fn instant(&self) -> Instant {
        tokio_now()
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of tests is tokio's")]
fn tokio_now() -> Instant {
    tokio::time::Instant::now().into_std()
}
