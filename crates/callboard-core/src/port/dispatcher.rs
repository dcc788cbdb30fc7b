use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;

use super::{Answer, BoxFuture};
use crate::publication::Announcement;
use crate::{Error, Invocation, Mark, MessageId, Pattern, Position, Publication, Timestamp, Topic};

/// What the doors and the actors ask of the runtime: invoke, publish, subscribe. The gateway knows the runtime as this trait.
pub trait Dispatcher: Send + Sync + 'static {
    /// Invokes an actor and waits for its reply, at most until the invocation's deadline.
    ///
    /// *Ordering*: invocations of one actor from one task that waits for each are run in that order; others in the order
    /// of their arrival.
    /// *Durability*: a reply implies that what was decided is as durable as the actor was declared to be.
    /// *Cancel safety*: dropping the future gives up the answer; the action may still run and commit.
    /// *Errors*: every [`crate::Code`].
    fn invoke(&self, invocation: Invocation) -> Answer;

    /// Accepts an invocation without waiting for it: it is an effect from outside.
    ///
    /// *Durability*: when this returns the invocation is committed and will be tried until it succeeds or is set aside as a
    /// dead letter. Its `deadline` and `key` are not used; the returned id makes it happen once.
    /// *Errors*: `ActorNotFound`, `ActionNotFound`, `Unavailable`.
    fn post(&self, invocation: Invocation) -> BoxFuture<'static, Result<MessageId, Error>>;

    /// Publishes, all or none, in the given order.
    ///
    /// *Durability*: on durable topics the publications are committed when this returns.
    fn publish(&self, announcements: Vec<Announcement>) -> BoxFuture<'static, Result<Vec<Position>, Error>>;

    /// Follows the topics of a pattern. Dropping the stream ends it.
    ///
    /// *Ordering*: history strictly before live; each publication at most once; in order per topic.
    /// *Errors*: the stream ends with `Overloaded` when its reader is too slow for an ephemeral topic's ring; on durable topics
    /// it falls back to the log and misses nothing that is kept.
    fn subscribe(&self, request: SubscribeRequest) -> BoxFuture<'static, Result<Events, Error>>;
}

/// A stream of what happens on the topics of a subscription.
pub type Events = Pin<Box<dyn Stream<Item = Result<StreamEvent, Error>> + Send>>;

/// What to follow, and from where.
#[derive(Clone, Debug)]
pub struct SubscribeRequest {
    /// Which topics.
    pub pattern: Pattern,
    /// From where.
    pub start: Start,
}

/// Where a subscription starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is published from now on.
    Live,
    /// With the oldest publication that is kept.
    Beginning,
    /// With the first publication at or after this time.
    Time(Timestamp),
    /// After these positions, which were the last that the subscriber saw. Topics of the pattern that are not named start at
    /// `others`.
    After {
        /// The last positions seen, by topic.
        positions: HashMap<Topic, Position>,
        /// Where the other topics start: a mark in the commit order; `None` is from now on.
        others: Option<Mark>,
    },
}

/// One thing that happens on a subscription.
#[derive(Clone, Debug)]
pub enum StreamEvent {
    /// A publication.
    Publication(Arc<Publication>),
    /// Publications of a topic between the position asked for and the next one delivered are no longer kept, or the topic
    /// began a new epoch.
    Gap {
        /// Which topic.
        topic: Topic,
        /// The last position that the subscriber had seen.
        after: Position,
        /// The position at which it goes on.
        next: Position,
    },
    /// History is done; what follows is live.
    CaughtUp,
}
