//! [`Batch`]: one decision, ready to commit, as a closed list of [`Write`]s.

use crate::declaration::{ActorKind, FailurePolicy};
use crate::payload::{Headers, Payload};
use crate::publication::Announcement;
use crate::timer::CatchUp;
use crate::trace::TraceContext;
use crate::{
    ActorId, Code, Epoch, Mark, MessageId, Name, NodeId, Pattern, Position, Revision, Shard, Timestamp, Topic,
};

/// The right to commit for a shard: who owns it, since which term. A store refuses a batch whose fence has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    /// Which shard.
    pub shard: Shard,
    /// Its owner.
    pub owner: NodeId,
    /// The owner's term.
    pub epoch: Epoch,
}

/// A store's own handle of a stored actor, so that it need not look up the name again. Opaque to everyone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreKey(pub u64);

/// One decision. A store applies all writes of a batch, in their order, in one transaction, or none.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The right to commit.
    pub fence: Fence,
    /// Whose decision it is; `None` for what no actor decided (a client's publication, an operator's act).
    pub actor: Option<ActorId>,
    /// The store's handle of that actor, from [`crate::port::Snapshot`] or an earlier [`crate::port::Receipt`].
    pub key: Option<StoreKey>,
    /// When it was decided.
    pub now: Timestamp,
    /// What is to be written.
    pub writes: Vec<Write>,
}

/// One write of a [`Batch`]. Those marked *guard* refuse the whole batch when they do not hold.
#[derive(Clone, Debug)]
pub enum Write {
    /// The batch's actor gets a new state, and its revision. *Guard* (`Conflict`): the stored revision is the one before.
    State {
        /// The new revision.
        revision: Revision,
        /// The new state; `None` when only tags are known.
        state: Option<Payload>,
        /// The tags, all of them.
        tags: Headers,
    },
    /// A publication gets the next position of its topic.
    Publish(Announcement),
    /// An effect enters the outbox; one whose id is there already changes nothing.
    Effect(OutboxEntry),
    /// A scheduled effect that the batch's actor asked for leaves the outbox, if it is still there.
    CancelEffect(MessageId),
    /// The effect that caused this batch leaves the outbox. *Guard* (`Duplicate`): it is there.
    ConsumeEffect(MessageId),
    /// The cursor of a subscription in a topic moves. *Guard* (`Duplicate`): it stands before the new position (or in another
    /// epoch).
    Cursor {
        /// Whose cursor.
        subscription: SubscriptionId,
        /// In which topic.
        topic: Topic,
        /// The last publication that is done with.
        position: Position,
    },
    /// A timer of the batch's actor is armed, if it is not.
    ArmTimer(TimerEntry),
    /// A timer that fired is set anew. *Guard* (`Duplicate`): it is still due at `fired`.
    RearmTimer {
        /// Which timer of the batch's actor.
        name: Name,
        /// The due time that fired.
        fired: Timestamp,
        /// When it is due next.
        next: Timestamp,
    },
    /// A timer of the batch's actor is removed, if it is there.
    DropTimer(Name),
    /// The response under the caller's idempotency key; replaces nothing.
    Reply(RecordedReply),
    /// A delivery or an effect is set aside; one whose id is there already changes nothing.
    DeadLetter(Box<DeadLetter>),
    /// A dead letter is dropped. *Guard* (`Duplicate`): it is there.
    DropDeadLetter(MessageId),
    /// Deliveries of a topic to a subscription stop; parking again renews the reason.
    Park(Box<Parked>),
    /// They go on. *Guard* (`Duplicate`): they were stopped.
    Unpark {
        /// Whose deliveries.
        subscription: SubscriptionId,
        /// Of which topic.
        topic: Topic,
    },
    /// Everything stored of the batch's actor is removed: state, revisions, tags, timers, recorded replies, and the cursors and
    /// parked deliveries of an instance. Those of a named actor stay, since its subscriptions go on. *Guard* (`Conflict`): it
    /// is there.
    DeleteActor,
    /// Every durable subscriber is done with everything up to this mark; it never moves back.
    Watermark(Mark),
}

/// Who hears publications durably.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subscriber {
    /// A named actor or an instance.
    Actor(ActorId),
    /// A named external subscriber.
    External(Name),
}

impl std::fmt::Display for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Actor(id) => id.fmt(f),
            Self::External(name) => write!(f, "external:{name}"),
        }
    }
}

/// One durable subscription: a subscriber has as many as it has channels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId {
    /// Who hears.
    pub subscriber: Subscriber,
    /// What.
    pub pattern: Pattern,
}

/// An invocation that waits in the outbox.
#[derive(Clone, Debug)]
pub struct OutboxEntry {
    /// Unique; by it the effect is cancelled, consumed, and known outside.
    pub id: MessageId,
    /// Who asked for it, and may cancel it.
    pub origin: Option<ActorId>,
    /// Who is asked.
    pub target: ActorId,
    /// What is asked.
    pub action: Name,
    /// With what.
    pub payload: Payload,
    /// What travels with it.
    pub headers: Headers,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// When it is to happen.
    pub due: Timestamp,
}

/// A durable timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerEntry {
    /// Whose.
    pub actor: ActorId,
    /// Its name; for declared timer actions the action's.
    pub name: Name,
    /// When it is due.
    pub due: Timestamp,
    /// Its period in milliseconds.
    pub every_ms: u64,
    /// What happens to the times that passed while the node was down.
    pub catch_up: CatchUp,
}

/// The response under an idempotency key.
#[derive(Clone, Debug)]
pub struct RecordedReply {
    /// The caller's key.
    pub key: Name,
    /// Hash of action and payload, to tell a repetition from a misuse of the key.
    pub fingerprint: u64,
    /// The response.
    pub payload: Payload,
    /// The actor's revision after the action.
    pub revision: Revision,
    /// When it was recorded.
    pub time: Timestamp,
}

/// A delivery or an effect that was set aside after its last attempt.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// By which it is retried or dropped.
    pub id: MessageId,
    /// Who failed to handle it.
    pub target: ActorId,
    /// With which action.
    pub action: Name,
    /// What it was.
    pub payload: Payload,
    /// With which headers.
    pub headers: Headers,
    /// Where it came from.
    pub source: DeadLetterSource,
    /// The last error's code.
    pub code: Code,
    /// The last error's text.
    pub message: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was set aside.
    pub time: Timestamp,
}

/// Where a dead letter came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterSource {
    /// A publication.
    Publication {
        /// Its id.
        id: MessageId,
        /// On which topic.
        topic: Topic,
        /// Where.
        position: Position,
    },
    /// An effect.
    Effect {
        /// Its id.
        id: MessageId,
    },
}

/// A subscription whose deliveries of one topic stopped.
#[derive(Clone, Debug)]
pub struct Parked {
    /// Whose deliveries.
    pub subscription: SubscriptionId,
    /// Of which topic.
    pub topic: Topic,
    /// Before which publication they stopped.
    pub position: Position,
    /// The last error's code.
    pub code: Code,
    /// The last error's text.
    pub message: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When they stopped.
    pub time: Timestamp,
}

/// What is kept of a declared actor, so that its subscriptions and timers outlive the process.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The declared name.
    pub name: Name,
    /// What it is.
    pub kind: ActorKind,
    /// What it listens to, and what happens on failure.
    pub channels: Vec<(Pattern, FailurePolicy)>,
    /// Its timers, for a named actor; those already armed keep their due time unless their period changed.
    pub timers: Vec<TimerEntry>,
}
