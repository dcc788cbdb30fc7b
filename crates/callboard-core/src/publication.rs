//! [`Publication`]: what was announced, once it has a position.

use crate::payload::{Headers, Payload};
use crate::trace::TraceContext;
use crate::{ActorId, Mark, MessageId, Position, Timestamp, Topic};

/// The header that names the message that caused this one.
pub const CAUSATION: &str = "causation-id";
/// The header that is handed on unchanged from cause to effect.
pub const CORRELATION: &str = "correlation-id";

/// One announcement on one topic. Everyone who sees the topic sees the same publication at the same position.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Unique; the idempotency key for the outside world.
    pub id: MessageId,
    /// Where it was announced.
    pub topic: Topic,
    /// Its place in the topic, contiguous from 1 within an epoch.
    pub position: Position,
    /// Its place in the store's commit order; zero on ephemeral topics.
    pub mark: Mark,
    /// When the action that announced it ran.
    pub time: Timestamp,
    /// What was announced.
    pub payload: Payload,
    /// Correlation, causation and what the author added.
    pub headers: Headers,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// The actor that announced it; `None` for clients and in-process code.
    pub publisher: Option<ActorId>,
}

/// A publication that has no position yet.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Unique; the idempotency key for the outside world.
    pub id: MessageId,
    /// Where it is to be announced.
    pub topic: Topic,
    /// When the action that announces it ran.
    pub time: Timestamp,
    /// What is announced.
    pub payload: Payload,
    /// Correlation, causation and what the author added.
    pub headers: Headers,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// The actor that announces it.
    pub publisher: Option<ActorId>,
}

impl Announcement {
    /// The publication that this becomes at a position.
    #[must_use]
    pub fn at(self, position: Position, mark: Mark) -> Publication {
        let Self { id, topic, time, payload, headers, trace, publisher } = self;
        Publication { id, topic, position, mark, time, payload, headers, trace, publisher }
    }
}
