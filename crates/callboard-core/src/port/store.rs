use std::sync::Arc;

use super::BoxFuture;
use crate::batch::{
    Batch, DeadLetter, Fence, OutboxEntry, Parked, RecordedReply, Registration, StoreKey, SubscriptionId, TimerEntry,
};
use crate::payload::{Headers, Payload};
use crate::topic::TopicRules;
use crate::{
    ActorId, Mark, MessageId, Name, NodeId, Pattern, Position, Publication, Revision, Seq, Shard, Timestamp, Topic,
};

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot read or write: disk full, read-only, connection lost. The text says which and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// What is stored cannot be what this version wrote.
    #[error("{0}")]
    Corrupt(String),
}

/// Why one batch was not committed. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The shard has another owner or a newer term.
    #[error("this node no longer owns shard {}", .0.number())]
    Fenced(Shard),
    /// The stored revision is not the one before the batch's, or the actor to delete is not there.
    #[error("the actor's stored revision is not the one that the decision was based on")]
    Conflict,
    /// What the batch would consume (a cursor's position, an effect, a timer, a letter) was consumed before.
    #[error("what caused the decision was handled before")]
    Duplicate,
    /// The store failed; the batch may be tried again.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// What a commit gave.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// The store's handle of the batch's actor, if anything is stored of it.
    pub key: Option<StoreKey>,
    /// The publications of the batch, in their order, at their positions.
    pub publications: Vec<Arc<Publication>>,
}

/// What is stored of an actor's present.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The store's handle.
    pub key: StoreKey,
    /// The revision.
    pub revision: Revision,
    /// The state; `None` when only tags were ever written.
    pub state: Option<Payload>,
    /// The tags.
    pub tags: Headers,
    /// When that revision was committed.
    pub time: Timestamp,
}

/// Which actors to list.
#[derive(Clone, Debug, Default)]
pub struct ActorQuery {
    /// Only instances of this declared actor, or the named actor itself.
    pub declared: Option<Name>,
    /// Only ids that start with this text.
    pub prefix: Option<String>,
    /// Only those created at or before this mark.
    pub created_until: Option<Mark>,
    /// Only ids after this one, in the order of their text.
    pub after: Option<ActorId>,
    /// At most so many.
    pub limit: usize,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorSummary {
    /// Who.
    pub id: ActorId,
    /// How often its state changed.
    pub revision: Revision,
    /// Its tags.
    pub tags: Headers,
    /// When it last changed.
    pub time: Timestamp,
    /// When it was first written: a mark of its own, after every publication that was committed before and before those of its
    /// own first batch.
    pub created: Mark,
}

/// Which durable topics to list.
#[derive(Clone, Debug)]
pub struct TopicQuery {
    /// Only topics of this pattern.
    pub pattern: Pattern,
    /// Only topics after this one, in the order of their text.
    pub after: Option<Topic>,
    /// At most so many.
    pub limit: usize,
}

/// One line of a listing of topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSummary {
    /// Which.
    pub topic: Topic,
    /// The newest publication's position.
    pub head: Position,
    /// The oldest that is kept.
    pub first: Seq,
}

/// Where in the order of due effects a page ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EffectPlace {
    /// The due time.
    pub due: Timestamp,
    /// The id, for those due at the same time. `None` stands before all of them.
    pub id: Option<MessageId>,
}

/// Where in the order of due timers a page ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerPlace {
    /// The due time.
    pub due: Timestamp,
    /// The actor.
    pub actor: ActorId,
    /// The timer.
    pub name: Name,
}

/// One step of housekeeping, small enough not to hold up commits.
#[derive(Clone, Debug)]
pub struct SweepRequest {
    /// How long topics keep publications.
    pub rules: Arc<TopicRules>,
    /// The wall clock.
    pub now: Timestamp,
    /// Publications after this mark are not seen by everyone yet, and stay.
    pub watermark: Mark,
    /// Where the last step ended; that topic is looked at once more, since the step may have run out of rows there.
    pub after: Option<Topic>,
    /// Look at no more topics than this.
    pub topics: usize,
    /// Remove no more rows than this.
    pub rows: usize,
}

/// What a step of housekeeping did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Where to go on; `None` when the round is complete.
    pub next: Option<Topic>,
    /// Publications removed.
    pub publications: u64,
    /// Recorded replies removed.
    pub replies: u64,
}

/// Where everything durable is.
///
/// *Durability*: what a write method acknowledges survives the loss of power. *Ordering*: commits are applied in the order in
/// which the batches are given; reads see every commit that returned before them. *Cancel safety*: dropping a read's
/// future is harmless; a write whose future is dropped is still applied or not as a whole. *Errors*: `Unavailable` may pass;
/// reads go on where the medium allows it.
pub trait Store: super::BroadcastLog {
    /// Whether it was opened for reading only, because its medium cannot be written. Then every write answers `Unavailable`.
    fn is_read_only(&self) -> bool {
        false
    }

    /// Takes the shards for a node: raises each one's epoch and returns the fences under which the node may commit.
    fn acquire(&self, node: NodeId, shards: Vec<Shard>) -> BoxFuture<'_, Result<Vec<Fence>, StoreError>>;

    /// Makes registrations durable. A new subscription starts after the present [`super::BroadcastLog::head`]; one that was
    /// registered before goes on where it stood. Timers that are not armed are armed; those whose period changed are set anew; those of
    /// a registered name that are no longer declared are dropped. External subscribers are registered by their name.
    ///
    /// A call names everything that is declared. A subscription of an earlier call that this one does not name is absent from
    /// now on, and keeps its cursors; when a later call names it again, the watermark goes back to where it stood when the
    /// subscription became absent, so that what is still kept of the time between is delivered.
    fn register(
        &self,
        actors: Vec<Registration>,
        externals: Vec<(Name, Pattern)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Applies each batch in one transaction shared by all, flushed before this returns. The answers stand in the order of the
    /// batches. A batch that is refused leaves the others untouched. When the transaction as a whole cannot be written, each
    /// answer is `CommitError::Store` and nothing was written.
    fn commit(&self, batches: Vec<Batch>) -> BoxFuture<'_, Vec<Result<Receipt, CommitError>>>;

    /// The present of an actor; `None` when nothing was ever stored of it. An actor that only has a row because of its timers,
    /// cursors or recorded replies is at revision zero.
    fn load(&self, actor: &ActorId) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>>;

    /// An actor at a revision, while it is kept ([`crate::limits::REVISIONS_KEPT`]).
    fn at_revision(&self, actor: &ActorId, revision: Revision) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>>;

    /// An actor as it was at a time, while that revision is kept.
    fn at_time(&self, actor: &ActorId, time: Timestamp) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>>;

    /// The response recorded under an idempotency key.
    fn recorded(&self, actor: &ActorId, key: &str) -> BoxFuture<'_, Result<Option<RecordedReply>, StoreError>>;

    /// Stored actors in the order of their ids.
    fn actors(&self, query: ActorQuery) -> BoxFuture<'_, Result<Vec<ActorSummary>, StoreError>>;

    /// Durable topics in the order of their text.
    fn topics(&self, query: TopicQuery) -> BoxFuture<'_, Result<Vec<TopicSummary>, StoreError>>;

    /// Effects after a place and due at or before `until`, in the order of (due, id).
    fn effects(
        &self,
        after: EffectPlace,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OutboxEntry>, StoreError>>;

    /// When the first effect after a place is due.
    fn next_effect_due(&self, after: EffectPlace) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// Timers after a place (`None`: from the first), in the order of (due, actor, name).
    fn timers(&self, after: Option<TimerPlace>, limit: usize) -> BoxFuture<'_, Result<Vec<TimerEntry>, StoreError>>;

    /// The timers of one actor.
    fn timers_of(&self, actor: &ActorId) -> BoxFuture<'_, Result<Vec<TimerEntry>, StoreError>>;

    /// The cursor of a subscription in a topic; `None` when nothing of that topic was handled.
    fn cursor(
        &self,
        subscription: &SubscriptionId,
        topic: &Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, StoreError>>;

    /// The mark after which a subscription hears: its registration, or for an instance the greater of that and its
    /// creation (an instance of which nothing is stored yet has no creation). `None` when it is not registered.
    fn hears_after(&self, subscription: &SubscriptionId) -> BoxFuture<'_, Result<Option<Mark>, StoreError>>;

    /// The mark up to which every durable subscriber is done; see [`crate::Write::Watermark`].
    fn watermark(&self) -> BoxFuture<'_, Result<Mark, StoreError>>;

    /// Dead letters after an id, oldest first.
    fn dead_letters(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>>;

    /// One dead letter.
    fn dead_letter(&self, id: MessageId) -> BoxFuture<'_, Result<Option<DeadLetter>, StoreError>>;

    /// Every parked subscription.
    fn parked(&self) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>>;

    /// One step of housekeeping: removes what retention no longer keeps and replies that are too old. It never removes a
    /// publication after the watermark, nor one that a parked subscription still waits for, nor raises an epoch.
    fn sweep(&self, request: SweepRequest) -> BoxFuture<'_, Result<SweepReport, StoreError>>;
}
