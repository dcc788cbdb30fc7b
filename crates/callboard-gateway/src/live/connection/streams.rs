//! [`Streams`]: the subscriptions of a connection, as one stream.

use std::task::{Context, Poll, Waker};

use callboard_core::Error;
use callboard_core::port::{Events, StreamEvent};
use callboard_wire::session::SubId;

/// What happened on a stream of a subscription's start.
pub(super) type Tag = (SubId, u32, Result<StreamEvent, Error>);

/// Mostly there are one or two, which is why they stand in a row and each is asked: it costs less than keeping account of which of
/// them woke the connection.
#[derive(Default)]
pub(super) struct Streams {
    streams: Vec<One>,
    // Where the next round begins, so that a busy one does not keep the others waiting.
    next: usize,
}

struct One {
    sub: SubId,
    generation: u32,
    events: Events,
}

impl Streams {
    pub(super) fn push(&mut self, sub: SubId, generation: u32, events: Events) {
        self.streams.push(One { sub, generation, events });
    }

    /// Ends the streams of a subscription.
    pub(super) fn end(&mut self, sub: SubId) {
        self.streams.retain(|stream| stream.sub != sub);
    }

    /// An event that is there.
    pub(super) fn ready(&mut self) -> Option<Tag> {
        match self.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(tag) => Some(tag),
            Poll::Pending => None,
        }
    }

    /// The next event of any of them.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Tag> {
        let count = self.streams.len();
        for step in 0..count {
            let place = (self.next + step) % count;
            let One { sub, generation, events } = &mut self.streams[place];
            let tag = match events.as_mut().poll_next(cx) {
                Poll::Pending => continue,
                Poll::Ready(Some(event)) => (*sub, *generation, event),
                Poll::Ready(None) => {
                    self.streams.swap_remove(place);
                    // Whatever it was, the next round sees all that are left.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            };
            self.next = place + 1;
            return Poll::Ready(tag);
        }
        Poll::Pending
    }
}
