//! Due times of periodic timers: [`next_due`] and [`CatchUp`].

use std::time::Duration;

use crate::Timestamp;

/// What happens to the times that passed while nobody could act on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CatchUp {
    /// They are made up for by one invocation.
    #[default]
    Once,
    /// Each is made up for, in order.
    All,
    /// They are left out.
    Skip,
}

/// What to do with a timer that was due at `due`, at `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Whether the action is invoked for `due`.
    pub fire: bool,
    /// When it is due next.
    pub next: Timestamp,
}

/// Decides the firing of a periodic timer. The grid stays where it was set: a late firing does not move later ones.
///
/// A timer counts as missed when a whole further period has passed since it was due.
#[must_use]
pub fn next_due(due: Timestamp, every: Duration, catch_up: CatchUp, now: Timestamp) -> Firing {
    let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    let late_periods = now.as_millis().saturating_sub(due.as_millis()) / every_ms;
    let after = |periods: u64| {
        let ahead = every_ms.saturating_mul(periods);
        Timestamp::from_millis(due.as_millis().saturating_add(ahead))
    };
    match catch_up {
        CatchUp::All => Firing { fire: true, next: after(1) },
        CatchUp::Once => Firing { fire: true, next: after(late_periods + 1) },
        CatchUp::Skip => Firing { fire: late_periods == 0, next: after(late_periods + 1) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn downtime_is_made_up_for_as_declared_and_the_grid_stays() {
        let every = Duration::from_millis(30);
        for (catch_up, now, fire, next) in [
            (CatchUp::Once, 100, true, 130),
            (CatchUp::Once, 129, true, 130),
            (CatchUp::Once, 1000, true, 1030 - 1030 % 30 + 10),
            (CatchUp::All, 1000, true, 130),
            (CatchUp::Skip, 110, true, 130),
            (CatchUp::Skip, 1000, false, 1000 - 1000 % 30 + 40 - 30),
        ] {
            let firing = next_due(at(100), every, catch_up, at(now));
            assert_eq!(firing.fire, fire, "{catch_up:?} at {now}");
            let ms = firing.next.as_millis();
            assert_eq!((ms - 100) % 30, 0, "{catch_up:?} at {now}: {ms} is off the grid");
            if catch_up == CatchUp::All {
                assert_eq!(ms, next);
            } else {
                assert!(ms > now && ms <= now + 30, "{catch_up:?} at {now}: {ms}");
            }
        }
    }
}
