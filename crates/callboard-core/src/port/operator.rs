use std::sync::Arc;

use super::{ActorQuery, ActorSummary, BoxFuture, TopicQuery, TopicSummary};
use crate::batch::{DeadLetter, Parked, SubscriptionId, TimerEntry};
use crate::topic::TopicPolicy;
use crate::{ActorId, Declaration, Error, Headers, MessageId, Payload, Position, Revision, Timestamp, Topic};

/// What operators and tools ask: list, look, explain, retry, skip. The doors know the runtime as this and
/// [`super::Dispatcher`].
///
/// *Errors*: `Unavailable` when the store cannot be read; others are named at the methods.
pub trait Operator: Send + Sync + 'static {
    /// The declared actors.
    fn catalogue(&self) -> Catalogue;

    /// The state of an actor, without running its code. The present state of an actor in memory is read there; otherwise the
    /// stored one is, without activating it.
    ///
    /// *Errors*: `ActorNotFound` when nothing is known of it; `Gap` when that revision is no longer (or not yet) kept.
    fn state(&self, actor: ActorId, at: StateAt) -> BoxFuture<'static, Result<ActorState, Error>>;

    /// Stored actors in the order of their ids.
    fn actors(&self, query: ActorQuery) -> BoxFuture<'static, Result<Vec<ActorSummary>, Error>>;

    /// Ends an actor's activation and removes everything stored of it. A named actor can be invoked again and begins anew.
    ///
    /// *Errors*: `ActorNotFound` when nothing is stored of it.
    fn delete(&self, actor: ActorId) -> BoxFuture<'static, Result<(), Error>>;

    /// Durable topics.
    fn topics(&self, query: TopicQuery) -> BoxFuture<'static, Result<Vec<TopicSummary>, Error>>;

    /// Who would hear a topic.
    fn explain(&self, topic: Topic) -> BoxFuture<'static, Result<TopicExplanation, Error>>;

    /// Dead letters, oldest first.
    fn dead_letters(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<DeadLetter>, Error>>;

    /// Sends a dead letter to its actor once more, as an effect.
    ///
    /// *Errors*: `InvalidPayload` when there is no such letter.
    fn retry_dead_letter(&self, id: MessageId) -> BoxFuture<'static, Result<(), Error>>;

    /// Drops a dead letter.
    ///
    /// *Errors*: `InvalidPayload` when there is no such letter.
    fn drop_dead_letter(&self, id: MessageId) -> BoxFuture<'static, Result<(), Error>>;

    /// Every parked subscription.
    fn parked(&self) -> BoxFuture<'static, Result<Vec<Parked>, Error>>;

    /// Lets a parked subscription go on with the publication at which it stopped.
    ///
    /// *Errors*: `InvalidPayload` when it is not parked.
    fn retry_parked(&self, subscription: SubscriptionId, topic: Topic) -> BoxFuture<'static, Result<(), Error>>;

    /// Lets a parked subscription go on behind the publication at which it stopped.
    ///
    /// *Errors*: `InvalidPayload` when it is not parked.
    fn skip_parked(&self, subscription: SubscriptionId, topic: Topic) -> BoxFuture<'static, Result<(), Error>>;

    /// Timers in the order of their due times, or those of one actor.
    fn timers(&self, actor: Option<ActorId>, limit: usize) -> BoxFuture<'static, Result<Vec<TimerEntry>, Error>>;

    /// Whether the node can do its work.
    fn health(&self) -> Health;
}

/// The declared actors, in the order of their names.
pub type Catalogue = Vec<Arc<Declaration>>;

/// Which state of an actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateAt {
    /// The present one.
    #[default]
    Latest,
    /// At a revision.
    Revision(Revision),
    /// At a time.
    Time(Timestamp),
}

/// The state of an actor.
#[derive(Clone, Debug)]
pub struct ActorState {
    /// Who.
    pub id: ActorId,
    /// How often it changed.
    pub revision: Revision,
    /// The state; `None` when it has none yet.
    pub state: Option<Payload>,
    /// The tags.
    pub tags: Headers,
    /// When that revision was committed; `None` for what is in memory only.
    pub time: Option<Timestamp>,
    /// Whether the actor is in memory.
    pub phase: ActivationPhase,
}

/// Whether an actor is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationPhase {
    /// It is.
    Active,
    /// It is not, and will be when it is needed.
    Passive,
}

impl ActivationPhase {
    /// The stable name: `active`, `passive`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// Who would hear a topic, and what is kept of it.
#[derive(Clone, Debug)]
pub struct TopicExplanation {
    /// Which.
    pub topic: Topic,
    /// How it is kept.
    pub policy: TopicPolicy,
    /// The newest position, if anything was published.
    pub head: Option<Position>,
    /// Who hears it.
    pub hearers: Vec<Hearer>,
}

/// One who hears a topic.
#[derive(Clone, Debug)]
pub struct Hearer {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: HearerKind,
    /// Through which pattern.
    pub pattern: crate::Pattern,
    /// The action that handles it, for an actor.
    pub action: Option<crate::Name>,
    /// The last position that it is done with, if it is known.
    pub cursor: Option<Position>,
    /// Whether deliveries to it are parked.
    pub parked: bool,
}

/// What hears a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HearerKind {
    /// A named actor.
    Actor(ActivationPhase),
    /// Every known instance of an unnamed actor.
    Instances,
    /// A named durable external subscriber.
    External,
    /// A live subscriber: in-process code or a client's stream.
    Live,
}

/// Whether the node can do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// It takes work.
    pub ready: bool,
    /// What is wrong, in words.
    pub problems: Vec<String>,
    /// What is in memory.
    pub counts: LiveCounts,
}

/// What is in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Activations.
    pub activations: usize,
    /// Feeds that are not caught up.
    pub feeds: usize,
    /// Live subscribers.
    pub subscribers: usize,
}
