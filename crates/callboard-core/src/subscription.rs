//! History first, then live: [`CatchUp`], the machine behind every subscription that may start in the past.

use crate::{Mark, Publication};

/// Decides, for one subscriber of one store's publications, what it gets.
///
/// The driver registers for live publications first, then reads history after [`CatchUp::resume_after`] page by page, gives each
/// publication to [`CatchUp::history`], says [`CatchUp::caught_up`] when a page comes back empty, and from then on gives live ones to
/// [`CatchUp::live`]. When the subscriber's live queue overflowed it says [`CatchUp::overflowed`] and reads history again. So what is
/// delivered is in commit order, without overlap and without a hole.
///
/// Publications of ephemeral topics have no mark and are delivered as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUp {
    last: Mark,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    History,
    Live,
}

impl CatchUp {
    /// Starts behind a mark.
    #[must_use]
    pub const fn after(mark: Mark) -> Self {
        Self { last: mark, phase: Phase::History }
    }

    /// Behind which mark the next page of history is to be read.
    #[must_use]
    pub const fn resume_after(&self) -> Mark {
        self.last
    }

    /// Whether live publications are delivered.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// A publication read from the log: whether to deliver it.
    pub fn history(&mut self, publication: &Publication) -> bool {
        let fresh = publication.mark > self.last;
        self.last = self.last.max(publication.mark);
        fresh
    }

    /// Nothing is left to read behind [`CatchUp::resume_after`].
    pub const fn caught_up(&mut self) {
        self.phase = Phase::Live;
    }

    /// A live publication: whether to deliver it. In history it is left to the log.
    pub fn live(&mut self, publication: &Publication) -> bool {
        if publication.mark == Mark::ZERO {
            return true;
        }
        self.phase == Phase::Live && self.history(publication)
    }

    /// Live publications were lost on the way to the subscriber.
    pub const fn overflowed(&mut self) {
        self.phase = Phase::History;
    }
}
