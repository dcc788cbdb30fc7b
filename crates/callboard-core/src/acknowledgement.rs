//! Reliable delivery of one topic to one consumer: [`Pending`], the machine, and [`Acked`], what of it is kept.
//!
//! A consumer has a name and not a socket: what it has acknowledged outlives its connections. Nothing is forgotten before it is
//! acknowledged: it is delivered again after the ack timeout and on the next connection, always with the same sequence number.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use crate::{Epoch, Position, Seq};

/// What a consumer has acknowledged of a topic: everything up to one number, and single ones beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    epoch: Epoch,
    upto: Seq,
    // First and last of each stretch, ascending; none touches another or `upto`.
    beyond: Vec<(Seq, Seq)>,
}

impl Acked {
    /// Stretches beyond the first hole that are remembered.
    pub const STRETCHES_MAX: usize = 1024;

    /// A consumer to which nothing is owed up to a position, and everything behind it.
    #[must_use]
    pub const fn upto(position: Position) -> Self {
        Self { epoch: position.epoch, upto: position.seq, beyond: Vec::new() }
    }

    /// Behind which position delivery starts when the consumer comes back. What of it is acknowledged says
    /// [`Acked::contains`].
    #[must_use]
    pub const fn resume_after(&self) -> Position {
        Position { epoch: self.epoch, seq: self.upto }
    }

    /// Whether a publication of this epoch is acknowledged.
    #[must_use]
    pub fn contains(&self, seq: Seq) -> bool {
        let behind = self.beyond.partition_point(|(first, _)| *first <= seq);
        seq <= self.upto || behind.checked_sub(1).is_some_and(|at| seq <= self.beyond[at].1)
    }

    /// How many are acknowledged beyond the first hole.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        self.beyond.iter().map(|(first, last)| last.0 - first.0 + 1).sum()
    }

    /// Takes everything up to `seq`. Never goes back.
    pub fn take_upto(&mut self, seq: Seq) {
        self.upto = self.upto.max(seq);
        self.close_holes();
    }

    /// Takes exactly one; `false` when it cannot be remembered because there are too many holes before it.
    #[must_use]
    pub fn take_one(&mut self, seq: Seq) -> bool {
        if self.contains(seq) {
            return true;
        }
        let at = self.beyond.partition_point(|(first, _)| *first < seq);
        let joins_left = at > 0 && following(self.beyond[at - 1].1) == seq;
        let joins_right = self.beyond.get(at).is_some_and(|(first, _)| following(seq) == *first);
        match (joins_left, joins_right) {
            (true, true) => {
                self.beyond[at - 1].1 = self.beyond[at].1;
                self.beyond.remove(at);
            }
            (true, false) => self.beyond[at - 1].1 = seq,
            (false, true) => self.beyond[at].0 = seq,
            (false, false) if self.beyond.len() < Self::STRETCHES_MAX => self.beyond.insert(at, (seq, seq)),
            // The first hole is closed by this one, which needs no room.
            (false, false) if seq == following(self.upto) => return self.take_next(seq),
            (false, false) => return false,
        }
        self.close_holes();
        true
    }

    fn take_next(&mut self, seq: Seq) -> bool {
        self.take_upto(seq);
        true
    }

    fn close_holes(&mut self) {
        let mut closed = 0;
        for (first, last) in &self.beyond {
            if *first > following(self.upto) {
                break;
            }
            self.upto = self.upto.max(*last);
            closed += 1;
        }
        self.beyond.drain(..closed);
    }

    /// Reads what `Display` writes; `None` when it is not that.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (position, beyond) = text.split_once('+').map_or((text, None), |(position, rest)| (position, Some(rest)));
        let mut acked = Self::upto(Position::parse(position)?);
        let number = |text: &str| -> Option<Seq> {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Seq))?
        };
        for stretch in beyond.into_iter().flat_map(|rest| rest.split(',')) {
            let (first, last) = stretch.split_once('-').unwrap_or((stretch, stretch));
            let (first, last) = (number(first)?, number(last)?);
            let before = acked.beyond.last().map_or(acked.upto, |(_, last)| *last);
            if first > last || first.0 <= before.0.saturating_add(1) || acked.beyond.len() == Self::STRETCHES_MAX {
                return None;
            }
            acked.beyond.push((first, last));
        }
        Some(acked)
    }
}

// What is read from outside may be as large as a number can be.
const fn following(seq: Seq) -> Seq {
    Seq(seq.0.saturating_add(1))
}

/// `1-41`: everything up to 41 of epoch 1; `1-41+43-45,50`: and these.
impl fmt::Display for Acked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resume_after().fmt(f)?;
        for (at, (first, last)) in self.beyond.iter().enumerate() {
            f.write_str(if at == 0 { "+" } else { "," })?;
            if first == last { write!(f, "{}", first.0) } else { write!(f, "{}-{}", first.0, last.0) }?;
        }
        Ok(())
    }
}

/// What was delivered to a consumer over one connection and is not acknowledged.
///
/// The driver delivers what [`Pending::wants`], says [`Pending::sent`] for each, pauses while [`Pending::is_full`], delivers
/// [`Pending::due`] again, and keeps [`Pending::acked`] whenever an acknowledgement changed it. When the consumer comes back, on this node
/// or another, it starts a new one with what was kept.
#[derive(Clone, Debug)]
pub struct Pending {
    acked: Acked,
    head: Seq,
    timeout: Duration,
    most: usize,
    sent: BTreeMap<Seq, Instant>,
    due: BTreeSet<(Instant, Seq)>,
}

/// An acknowledgement that was taken, or had been before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The number that the consumer named.
    pub acked: Seq,
    /// Everything up to here is acknowledged.
    pub upto: Seq,
    /// How many are delivered and not acknowledged.
    pub pending: usize,
    /// Whether [`Pending::acked`] changed.
    pub changed: bool,
}

/// Why an acknowledgement was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// There is no such publication yet.
    #[error("there is no publication with this number; the newest is {}", head.0)]
    UnknownSeq {
        /// The newest that there is.
        head: Seq,
    },
    /// Too many holes are open before it.
    #[error(
        "more than {} stretches are acknowledged beyond the first that is not; acknowledge that first",
        Acked::STRETCHES_MAX
    )]
    Scattered,
}

impl Pending {
    /// Goes on behind what a consumer has acknowledged. `head` is the topic's newest publication, `most` how many may wait for an
    /// acknowledgement.
    #[must_use]
    pub const fn new(acked: Acked, head: Seq, timeout: Duration, most: usize) -> Self {
        Self { acked, head, timeout, most, sent: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// What is to be kept of this.
    #[must_use]
    pub const fn acked(&self) -> &Acked {
        &self.acked
    }

    /// How many are delivered and not acknowledged.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// Whether everything that was delivered is acknowledged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Whether delivery pauses until something is acknowledged.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.sent.len() >= self.most
    }

    /// Whether a publication is to be delivered: it is neither acknowledged nor on its way.
    #[must_use]
    pub fn wants(&self, seq: Seq) -> bool {
        !self.acked.contains(seq) && !self.sent.contains_key(&seq)
    }

    /// The topic has this publication.
    pub fn heard_of(&mut self, head: Seq) {
        self.head = self.head.max(head);
    }

    /// A publication was delivered. `false` when it was not wanted or there is no room, and nothing is remembered of it.
    pub fn sent(&mut self, seq: Seq, now: Instant) -> bool {
        if self.is_full() || !self.wants(seq) {
            return false;
        }
        self.heard_of(seq);
        self.sent.insert(seq, now + self.timeout);
        self.due.insert((now + self.timeout, seq));
        true
    }

    /// The consumer has received everything up to `seq`. Saying so again is no error.
    ///
    /// # Errors
    /// When there is no such publication.
    pub fn acknowledge_upto(&mut self, seq: Seq) -> Result<Acknowledged, AckError> {
        self.check(seq)?;
        let changed = seq > self.acked.upto;
        self.acked.take_upto(seq);
        self.forget_acknowledged();
        Ok(self.acknowledged(seq, changed))
    }

    /// The consumer has received exactly `seq`. Saying so again is no error.
    ///
    /// # Errors
    /// When there is no such publication, or too many before it are not acknowledged.
    pub fn acknowledge_one(&mut self, seq: Seq) -> Result<Acknowledged, AckError> {
        self.check(seq)?;
        let changed = !self.acked.contains(seq);
        if !self.acked.take_one(seq) {
            return Err(AckError::Scattered);
        }
        self.forget(seq);
        Ok(self.acknowledged(seq, changed))
    }

    /// What is no longer kept cannot be delivered any more: nothing before `first` is waited for.
    pub fn lost_before(&mut self, first: Seq) {
        self.acked.take_upto(Seq(first.0.saturating_sub(1)));
        self.forget_acknowledged();
    }

    /// When [`Pending::due`] has something.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// At most `most` publications whose acknowledgement did not come in time, ascending. They count as delivered again now.
    pub fn due(&mut self, now: Instant, most: usize) -> Vec<Seq> {
        let mut late = Vec::new();
        while late.len() < most
            && let Some((at, seq)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            late.push(seq);
        }
        for seq in &late {
            let again = now + self.timeout;
            self.sent.insert(*seq, again);
            self.due.insert((again, *seq));
        }
        late.sort_unstable();
        late
    }

    const fn check(&self, seq: Seq) -> Result<(), AckError> {
        if seq.0 > self.head.0 { Err(AckError::UnknownSeq { head: self.head }) } else { Ok(()) }
    }

    fn acknowledged(&self, acked: Seq, changed: bool) -> Acknowledged {
        Acknowledged { acked, upto: self.acked.upto, pending: self.sent.len(), changed }
    }

    fn forget(&mut self, seq: Seq) {
        if let Some(at) = self.sent.remove(&seq) {
            self.due.remove(&(at, seq));
        }
    }

    fn forget_acknowledged(&mut self) {
        while let Some(seq) = self.sent.first_key_value().map(|(seq, _)| *seq).filter(|seq| *seq <= self.acked.upto) {
            self.forget(seq);
        }
    }
}

#[cfg(test)]
mod tests;
