//! [`Inbox`]: what others tell a connection: whispers, presence, that it is time to go.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use callboard_wire::session::{PresenceChange, SubId};

/// Notices that wait for one connection; what comes on top is not kept.
const LEN_MAX: usize = 256;

/// What a connection is told.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    /// Somebody whispered.
    Whispered(SubId, Arc<str>),
    /// Who is there changed.
    Presence(SubId, Arc<[PresenceChange]>),
    /// The node stops, and it is this client's turn.
    Drained,
}

/// A bounded queue that takes memory only while something waits: most connections are never told anything.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    notices: VecDeque<Notice>,
    reader: Option<Waker>,
}

impl Inbox {
    /// Adds a notice; says whether there was room.
    pub(super) fn push(&self, notice: Notice) -> bool {
        let mut waiting = self.lock();
        if waiting.notices.len() >= LEN_MAX {
            return false;
        }
        waiting.notices.push_back(notice);
        let reader = waiting.reader.take();
        drop(waiting);
        if let Some(reader) = reader {
            reader.wake();
        }
        true
    }

    /// The next notice. One task reads.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Notice> {
        let mut waiting = self.lock();
        if let Some(notice) = waiting.notices.pop_front() {
            return Poll::Ready(notice);
        }
        if !waiting.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            waiting.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Each change is one insertion or removal; a panic elsewhere cannot leave half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
