use callboard_core::batch::{
    DeadLetter, Fence, OutboxEntry, Parked, RecordedReply, Registration, SubscriptionId, TimerEntry,
};
use callboard_core::port::{
    ActorQuery, ActorSummary, BoxFuture, CommitError, EffectPlace, Receipt, Snapshot, Store, StoreError, SweepReport,
    SweepRequest, TimerPlace, TopicQuery, TopicSummary,
};
use callboard_core::{
    ActorId, Batch, Mark, MessageId, Name, NodeId, Pattern, Position, Revision, Shard, Timestamp, Topic,
};
use tokio::sync::oneshot;

use super::SqliteStore;
use crate::reader::closed;
use crate::writer::{Registrations, WriteJob};

impl Store for SqliteStore {
    fn is_read_only(&self) -> bool {
        Self::is_read_only(self)
    }

    fn acquire(&self, node: NodeId, shards: Vec<Shard>) -> BoxFuture<'_, Result<Vec<Fence>, StoreError>> {
        self.write(move |answer| WriteJob::Acquire { node, shards, answer })
    }

    fn register(
        &self,
        actors: Vec<Registration>,
        externals: Vec<(Name, Pattern)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let registrations = Registrations { actors, externals, now };
        self.write(move |answer| WriteJob::Register { registrations, answer })
    }

    fn commit(&self, batches: Vec<Batch>) -> BoxFuture<'_, Vec<Result<Receipt, CommitError>>> {
        Box::pin(async move {
            let count = batches.len();
            let none = |error: StoreError| vec![Err(CommitError::Store(error)); count];
            let (answer, answered) = oneshot::channel();
            if let Err(error) = self.send_write(WriteJob::Commit { batches, answer }).await {
                return none(error);
            }
            answered.await.unwrap_or_else(|_| none(closed()))
        })
    }

    fn load(&self, actor: &ActorId) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let actor = actor.clone();
        self.read(move |view| view.load(&actor))
    }

    fn at_revision(&self, actor: &ActorId, revision: Revision) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let actor = actor.clone();
        self.read(move |view| view.at_revision(&actor, revision))
    }

    fn at_time(&self, actor: &ActorId, time: Timestamp) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        let actor = actor.clone();
        self.read(move |view| view.at_time(&actor, time))
    }

    fn recorded(&self, actor: &ActorId, key: &str) -> BoxFuture<'_, Result<Option<RecordedReply>, StoreError>> {
        let (actor, key) = (actor.clone(), key.to_owned());
        self.read(move |view| view.recorded(&actor, &key))
    }

    fn actors(&self, query: ActorQuery) -> BoxFuture<'_, Result<Vec<ActorSummary>, StoreError>> {
        self.read(move |view| view.actors(&query))
    }

    fn topics(&self, query: TopicQuery) -> BoxFuture<'_, Result<Vec<TopicSummary>, StoreError>> {
        self.read(move |view| view.topics(&query))
    }

    fn effects(
        &self,
        after: EffectPlace,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OutboxEntry>, StoreError>> {
        self.read(move |view| view.effects(after, until, limit))
    }

    fn next_effect_due(&self, after: EffectPlace) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.read(move |view| view.next_effect_due(after))
    }

    fn timers(&self, after: Option<TimerPlace>, limit: usize) -> BoxFuture<'_, Result<Vec<TimerEntry>, StoreError>> {
        self.read(move |view| view.timers(after.as_ref(), limit))
    }

    fn timers_of(&self, actor: &ActorId) -> BoxFuture<'_, Result<Vec<TimerEntry>, StoreError>> {
        let actor = actor.clone();
        self.read(move |view| view.timers_of(&actor))
    }

    fn cursor(
        &self,
        subscription: &SubscriptionId,
        topic: &Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, StoreError>> {
        let (subscription, topic) = (subscription.clone(), topic.clone());
        self.read(move |view| view.cursor(&subscription, &topic))
    }

    fn hears_after(&self, subscription: &SubscriptionId) -> BoxFuture<'_, Result<Option<Mark>, StoreError>> {
        let subscription = subscription.clone();
        self.read(move |view| view.hears_after(&subscription))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.read(|view| view.watermark())
    }

    fn dead_letters(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.read(move |view| view.dead_letters(after, limit))
    }

    fn dead_letter(&self, id: MessageId) -> BoxFuture<'_, Result<Option<DeadLetter>, StoreError>> {
        self.read(move |view| view.dead_letter(id))
    }

    fn parked(&self) -> BoxFuture<'_, Result<Vec<Parked>, StoreError>> {
        self.read(|view| view.parked())
    }

    fn sweep(&self, request: SweepRequest) -> BoxFuture<'_, Result<SweepReport, StoreError>> {
        self.write(move |answer| WriteJob::Sweep { request, answer })
    }
}
