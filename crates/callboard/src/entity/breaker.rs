use std::time::Duration;

use callboard_core::Timestamp;
use serde::{Deserialize, Serialize};

/// A circuit breaker: after some failures in a row it opens, for a while nothing is tried, then one attempt is; if that succeeds it
/// is closed again. Time is an argument.
#[derive(Clone, Debug)]
pub struct Breaker {
    failures_max: u32,
    pause: Duration,
    failures: u32,
    open_until: Option<Timestamp>,
}

/// How a [`Breaker`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything is tried.
    Closed,
    /// The pause is over: the next attempt decides.
    HalfOpen,
    /// Nothing is tried.
    Open,
}

impl Breaker {
    /// A closed one that opens after so many failures in a row (at least 1), for so long.
    #[must_use]
    pub fn new(failures_max: u32, pause: Duration) -> Self {
        Self { failures_max: failures_max.max(1), pause, failures: 0, open_until: None }
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.open_until {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Whether to try.
    #[must_use]
    pub fn lets_through(&self, now: Timestamp) -> bool {
        self.state(now) != BreakerState::Open
    }

    /// It went well: closed.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
        self.open_until = None;
    }

    /// It failed. Says whether it is open now and was not before.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        let was_open = self.open_until.is_some();
        // The one attempt behind a pause is enough to know that nothing has changed.
        if was_open || self.failures >= self.failures_max {
            self.open_until = Some(now.after(self.pause));
        }
        !was_open && self.open_until.is_some()
    }

    /// Failures in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_again_by_one_success() {
        let at = Timestamp::from_millis;
        let mut breaker = Breaker::new(3, Duration::from_millis(100));
        assert!(!breaker.failed(at(0)) && !breaker.failed(at(1)));
        breaker.succeeded();
        assert!(!breaker.failed(at(2)) && !breaker.failed(at(3)), "a success in between begins anew");
        assert!(breaker.failed(at(4)));
        assert!(!breaker.lets_through(at(103)));
        assert_eq!(breaker.state(at(104)), BreakerState::HalfOpen);
        assert!(breaker.lets_through(at(104)));
        assert!(!breaker.failed(at(104)), "it was open before");
        assert_eq!(breaker.state(at(203)), BreakerState::Open, "one failure is enough to wait again");
        breaker.succeeded();
        assert_eq!((breaker.state(at(203)), breaker.failures()), (BreakerState::Closed, 0));
    }
}
