//! [`Plan`]: what is done to a node in one cycle, drawn by lot.

use std::time::Duration;

use crate::load::Volume;
use crate::random::Random;

/// With more than this on its way, a node is asked little, so that what is on its way does not grow without end.
const BACKLOG_MOST: u64 = 4000;

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
}

impl Plan {
    /// Draws the plan of a cycle. It depends on the seed and the cycle alone, except where it has to fit the node: `start` is how
    /// long a start takes, `backlog` how much is still on its way.
    pub(crate) fn draw(seed: u64, cycle: u64, start: Duration, backlog: u64) -> Self {
        let mut random = Random::new(seed, cycle);
        let end = End::draw(&mut random, cycle, start);
        let calm = random.one_in(10) || backlog > BACKLOG_MOST;
        let clients = random.within(32, 64);
        let checked = !random.one_in(10);
        let same_address = random.one_in(2);
        let volume = match calm {
            true => Volume { clients: 4, pause: Duration::from_millis(4), bad_parcel: false },
            false => Volume { clients, pause: Duration::ZERO, bad_parcel: cycle.is_multiple_of(3) },
        };
        Self { end, checked, same_address, volume }
    }
}

impl End {
    fn draw(random: &mut Random, cycle: u64, start: Duration) -> Self {
        let millis = |random: &mut Random, from, to| Duration::from_millis(random.within(from, to));
        let after = millis(random, 20, 400);
        // Short runs have some of each too.
        let kind = match cycle % 25 {
            4 => 2,
            9 => 3,
            14 => 4,
            19 => 5,
            24 => 6,
            _ => random.weighted(&[60, 10, 12, 7, 3, 5, 3]),
        };
        match kind {
            0 => Self::Killed { after },
            1 => Self::Killed { after: millis(random, 400, 1500) },
            2 => {
                let most = u64::try_from(start.as_millis()).unwrap_or(u64::MAX).saturating_mul(3) / 2;
                Self::KilledAtStart { after: millis(random, 0, most.clamp(10, 5000)) }
            }
            3 => Self::KilledAtStop { after, then: millis(random, 0, 60) },
            4 => Self::Stopped { after },
            5 => {
                let pause = millis(random, 20, 500);
                let then = (!random.one_in(3)).then(|| millis(random, 1, 200));
                Self::Halted { after, pause, then }
            }
            _ => Self::Rivalled { after },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_cycles_have_some_of_each_end_and_the_same_seed_gives_the_same() {
        let start = Duration::from_millis(100);
        let plans = |seed| (1..=50).map(move |cycle| format!("{:?}", Plan::draw(seed, cycle, start, 0)));
        assert!(plans(7).eq(plans(7)));
        assert!(!plans(7).eq(plans(8)));
        for seed in 0..20 {
            let mut kinds = [0; KINDS.len()];
            (1..=50).for_each(|cycle| kinds[Plan::draw(seed, cycle, start, 0).end.kind()] += 1);
            assert!(kinds.iter().all(|count| *count >= 2), "seed {seed}: {kinds:?}");
        }
    }
}
