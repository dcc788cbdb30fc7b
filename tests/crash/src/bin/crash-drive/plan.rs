//! [`Plan`]: what is done to a node in one cycle, drawn by lot.

use std::time::Duration;

use crate::load::Volume;
use crate::random::Random;

/// What is done to a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How it ends.
    pub(crate) end: End,
    /// Whether everything is looked at before the load begins.
    pub(crate) checked: bool,
    /// Whether it starts where the one before was listening, whose connections linger.
    pub(crate) same_address: bool,
    /// How much is asked of it.
    pub(crate) volume: Volume,
}

/// How a node ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// Killed under load, after a while.
    Killed { after: Duration },
    /// Killed while it starts, or soon after, while it takes up what the one before left.
    KilledAtStart { after: Duration },
    /// Told to end under load, and killed while it does.
    KilledAtStop { after: Duration, then: Duration },
    /// Told to end under load; it ends by itself.
    Stopped { after: Duration },
    /// Halted under load for a while, then killed: halted, or some time after it went on.
    Halted { after: Duration, pause: Duration, then: Option<Duration> },
    /// A second process tries the same folder under load; then killed.
    Rivalled { after: Duration },
}

/// Kinds of ends, for the figures.
pub(crate) const KINDS: [&str; 6] = ["under load", "at start", "in a stop", "stopped", "halted", "beside a rival"];

impl End {
    /// Which of [`KINDS`].
    pub(crate) const fn kind(&self) -> usize {
        match self {
            Self::Killed { .. } => 0,
            Self::KilledAtStart { .. } => 1,
            Self::KilledAtStop { .. } => 2,
            Self::Stopped { .. } => 3,
            Self::Halted { .. } => 4,
            Self::Rivalled { .. } => 5,
        }
    }

    /// Whether the process is killed.
    pub(crate) const fn kills(&self) -> bool {
        !matches!(self, Self::Stopped { .. })
    }
}

impl Plan {
    /// Draws a plan. `start` is how long a start takes, `backlog` how much is still on its way.
    pub(crate) fn draw(random: &mut Random, cycle: u64, start: Duration, backlog: u64) -> Self {
        let millis = |random: &mut Random, from, to| Duration::from_millis(random.within(from, to));
        let after = millis(random, 20, 400);
        let end = match random.weighted(&[58, 10, 12, 7, 4, 5, 4]) {
            0 => End::Killed { after },
            1 => End::Killed { after: millis(random, 400, 1500) },
            2 => {
                let most = u64::try_from(start.as_millis()).unwrap_or(u64::MAX).saturating_mul(3) / 2;
                End::KilledAtStart { after: millis(random, 0, most.clamp(10, 5000)) }
            }
            3 => End::KilledAtStop { after, then: millis(random, 0, 60) },
            4 => End::Stopped { after },
            5 => {
                let pause = millis(random, 20, 500);
                let then = (!random.one_in(3)).then(|| millis(random, 1, 200));
                End::Halted { after, pause, then }
            }
            _ => End::Rivalled { after },
        };
        let calm = backlog > 4000 || random.one_in(10);
        let volume = match calm {
            true => Volume { clients: 4, pause: Duration::from_millis(4), bad_parcel: false },
            false => {
                Volume { clients: random.within(32, 64), pause: Duration::ZERO, bad_parcel: cycle.is_multiple_of(5) }
            }
        };
        Self { end, checked: !random.one_in(10), same_address: random.one_in(2), volume }
    }
}
