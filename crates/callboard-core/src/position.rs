//! Where things stand: [`Position`] in a topic, [`Mark`] in a store's commit order, [`Revision`] of a state.

use std::fmt;

/// The life of a log or the term of a shard's owner; it only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The place of a publication in its topic, contiguous from 1. Zero stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first publication.
    pub const ZERO: Self = Self(0);

    /// The one that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A place in one topic's log.
///
/// Two positions are comparable only within one epoch: a new epoch means that the log was lost or cut at its head, and
/// the same number names another publication. `PartialOrd` is therefore not implemented; use [`Position::follows`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which life of the log.
    pub epoch: Epoch,
    /// The place in it.
    pub seq: Seq,
}

impl Position {
    /// A position from its two numbers.
    #[must_use]
    pub const fn new(epoch: u64, seq: u64) -> Self {
        Self { epoch: Epoch(epoch), seq: Seq(seq) }
    }

    /// Whether this stands after `other` in the same epoch.
    #[must_use]
    pub fn follows(self, other: Self) -> bool {
        self.epoch == other.epoch && self.seq > other.seq
    }

    /// Reads the form that `Display` writes: `epoch-seq`, e.g. `1-42`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.split_once('-')?;
        let digits = |t: &str| -> Option<u64> { t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse().ok())? };
        Some(Self::new(digits(epoch)?, digits(seq)?))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch.0, self.seq.0)
    }
}

/// A place in the commit order of one store, over all its topics: what was committed later has the greater mark.
///
/// Marks order publications of different topics of one store, which positions do not. They are not contiguous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u64);

impl Mark {
    /// Before everything.
    pub const ZERO: Self = Self(0);
}

/// How often an actor's stored state changed: 0 is "never", and each commit that writes a state or tags adds one, with no
/// holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Never written.
    pub const ZERO: Self = Self(0);

    /// The one that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_different_epochs_do_not_follow_each_other() {
        assert!(Position::new(1, 5).follows(Position::new(1, 4)));
        assert!(!Position::new(2, 5).follows(Position::new(1, 4)));
        assert!(!Position::new(1, 4).follows(Position::new(1, 4)));
    }

    #[test]
    fn a_position_reads_back_what_it_writes_and_nothing_else() {
        assert_eq!(Position::parse(&Position::new(3, 42).to_string()), Some(Position::new(3, 42)));
        for bad in ["", "1", "-", "1-", "-1", "1-+2", "a-b", "1-2-3", "99999999999999999999-1"] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
    }
}
