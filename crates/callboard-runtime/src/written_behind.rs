//! What a `snapshot` actor has replied but not yet written: [`WrittenBehind`].

use std::time::Instant;

use callboard_core::publication::Announcement;
use callboard_core::{Headers, Payload, Revision, Timestamp, Write};

/// Turns that may wait in memory; past this they are written at once.
const TURNS_MAX: usize = 256;

/// The turns since the last write. They are committed together, under one revision.
pub(crate) struct WrittenBehind {
    due: Instant,
    now: Timestamp,
    turns: usize,
    stores_state: bool,
    writes: Vec<Write>,
    ephemeral: Vec<Announcement>,
}

impl WrittenBehind {
    pub(crate) const fn new(due: Instant) -> Self {
        Self {
            due,
            now: Timestamp::from_millis(0),
            turns: 0,
            stores_state: false,
            writes: Vec::new(),
            ephemeral: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, now: Timestamp, stores_state: bool, writes: Vec<Write>, ephemeral: Vec<Announcement>) {
        self.now = now;
        self.turns += 1;
        self.stores_state |= stores_state;
        self.writes.extend(writes);
        self.ephemeral.extend(ephemeral);
    }

    /// When it is to be written.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Writing failed and is tried again.
    pub(crate) const fn postpone(&mut self, due: Instant) {
        self.due = due;
    }

    /// When the last turn ran.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) const fn stores_state(&self) -> bool {
        self.stores_state
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.turns >= TURNS_MAX
    }

    /// Everything that is to be committed, with the state as it is now.
    pub(crate) fn writes(&self, revision: Revision, state: Option<&Payload>, tags: &Headers) -> Vec<Write> {
        let state = self.stores_state.then(|| Write::State { revision, state: state.cloned(), tags: tags.clone() });
        state.into_iter().chain(self.writes.iter().cloned()).collect()
    }

    /// What is announced on ephemeral topics once the rest is committed.
    pub(crate) fn into_ephemeral(self) -> Vec<Announcement> {
        self.ephemeral
    }
}
