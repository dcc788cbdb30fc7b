//! [`MemoryStore`]: everything that a store promises except durability, as plainly as it can be written.
//!
//! It is the reference for the contract suite and the store of tests: one lock, no thread, no timer, and every future is
//! ready when it is first polled, so that it works under paused time.

use std::sync::Arc;

use callboard_core::batch::{
    DeadLetter, Fence, OutboxEntry, Parked, RecordedReply, Registration, SubscriptionId, TimerEntry,
};
use callboard_core::port::{
    ActorQuery, ActorSummary, BoxFuture, BroadcastLog, CommitError, EffectPlace, LogBounds, Receipt, Snapshot, Store,
    StoreError, SweepReport, SweepRequest, TimerPlace, TopicQuery, TopicSummary,
};
use callboard_core::{
    ActorId, Batch, Mark, MessageId, Name, NodeId, Pattern, Position, Publication, Revision, Seq, Shard, Timestamp,
    Topic,
};
use parking_lot::Mutex;

mod commit;
mod read;
mod register;
mod sweep;
mod table;
mod tables;

use tables::Tables;

/// A store that forgets everything when it is dropped, and otherwise does what [`Store`] says.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<'a, T: Send + 'a>(&'a self, work: impl FnOnce(&mut Tables) -> T + Send + 'a) -> BoxFuture<'a, T> {
        Box::pin(async move { work(&mut self.tables.lock()) })
    }

    fn ok<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Tables) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        self.with(move |tables| Ok(work(tables)))
    }
}

impl BroadcastLog for MemoryStore {
    fn bounds(&self, topic: &Topic) -> BoxFuture<'_, Result<Option<LogBounds>, StoreError>> {
        let topic = topic.clone();
        self.ok(move |tables| tables.bounds(&topic))
    }

    fn read(
        &self,
        topic: &Topic,
        after: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<Publication>>, StoreError>> {
        let topic = topic.clone();
        self.ok(move |tables| tables.read(&topic, after, limit))
    }

    fn tail(&self, after: Mark, limit: usize) -> BoxFuture<'_, Result<Vec<Arc<Publication>>, StoreError>> {
        self.ok(move |tables| tables.tail(after, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.ok(|tables| tables.head)
    }

    fn mark_before(&self, time: Timestamp) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.ok(move |tables| tables.mark_before(time))
    }
}

impl Store for MemoryStore {
    fn acquire(&self, node: NodeId, shards: Vec<Shard>) -> BoxFuture<'_, Result<Vec<Fence>, StoreError>> {
        self.ok(move |tables| tables.acquire(node, &shards))
    }

    fn register(
        &self,
        actors: Vec<Registration>,
        externals: Vec<(Name, Pattern)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ok(move |tables| tables.register(actors, externals, now))
    }

    fn commit(&self, batches: Vec<Batch>) -> BoxFuture<'_, Vec<Result<Receipt, CommitError>>> {
        self.with(move |tables| batches.into_iter().map(|batch| tables.commit(batch)).collect())
    }

    fn load(&self, actor: &ActorId) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let actor = actor.clone();
        self.ok(move |tables| tables.load(&actor))
    }

    fn at_revision(&self, actor: &ActorId, revision: Revision) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let actor = actor.clone();
        self.ok(move |tables| tables.at_revision(&actor, revision))
    }

    fn at_time(&self, actor: &ActorId, time: Timestamp) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let actor = actor.clone();
        self.ok(move |tables| tables.at_time(&actor, time))
    }

    fn recorded(&self, actor: &ActorId, key: &str) -> BoxFuture<'_, Result<Option<RecordedReply>, StoreError>> {
        let key = (actor.clone(), Name::from(key.to_owned()));
        self.ok(move |tables| tables.replies.get(&key).map(|(_, reply)| reply.clone()))
    }

    fn actors(&self, query: ActorQuery) -> BoxFuture<'_, Result<Vec<ActorSummary>, StoreError>> {
        self.ok(move |tables| tables.actors(&query))
    }

    fn topics(&self, query: TopicQuery) -> BoxFuture<'_, Result<Vec<TopicSummary>, StoreError>> {
        self.ok(move |tables| tables.topics(&query))
    }

    fn effects(
        &self,
        after: EffectPlace,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OutboxEntry>, StoreError>> {
        self.ok(move |tables| tables.effects(after, until, limit))
    }

    fn next_effect_due(&self, after: EffectPlace) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.ok(move |tables| tables.effects_after(after).next().map(|(due, _)| *due))
    }

    fn timers(&self, after: Option<TimerPlace>, limit: usize) -> BoxFuture<'_, Result<Vec<TimerEntry>, StoreError>> {
        self.ok(move |tables| tables.timers(after, limit))
    }

    fn timers_of(&self, actor: &ActorId) -> BoxFuture<'_, Result<Vec<TimerEntry>, StoreError>> {
        let actor = actor.clone();
        self.ok(move |tables| tables.timers_of(&actor))
    }

    fn cursor(
        &self,
        subscription: &SubscriptionId,
        topic: &Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, StoreError>> {
        let key = (subscription.clone(), topic.clone());
        self.ok(move |tables| tables.cursors.get(&key).copied())
    }

    fn hears_after(&self, subscription: &SubscriptionId) -> BoxFuture<'_, Result<Option<Mark>, StoreError>> {
        let subscription = subscription.clone();
        self.ok(move |tables| tables.hears_after(&subscription))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.ok(|tables| tables.watermark)
    }

    fn dead_letters(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.ok(move |tables| tables.dead_letters(after, limit))
    }

    fn dead_letter(&self, id: MessageId) -> BoxFuture<'_, Result<Option<DeadLetter>, StoreError>> {
        self.ok(move |tables| tables.letters.get(&id).cloned())
    }

    fn parked(&self) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>> {
        self.ok(|tables| tables.parked.values().cloned().collect())
    }

    fn sweep(&self, request: SweepRequest) -> BoxFuture<'_, Result<SweepReport, StoreError>> {
        self.ok(move |tables| tables.sweep(&request))
    }
}
