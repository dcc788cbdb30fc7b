use std::collections::HashMap;
use std::sync::Arc;

use callboard_core::batch::{
    DeadLetter, Fence, OutboxEntry, Parked, RecordedReply, StoreKey, SubscriptionId, TimerEntry,
};
use callboard_core::port::TimerPlace;
use callboard_core::{
    ActorId, Epoch, Headers, Mark, MessageId, Name, NodeId, Pattern, Payload, Position, Publication, Revision, Seq,
    Shard, Timestamp, Topic,
};

use super::table::Table;

/// The whole store: one table per kind of thing, as a database would have it, hence the many fields.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) fences: HashMap<Shard, (NodeId, Epoch)>,
    /// The last mark that was given away.
    pub(super) head: Mark,
    pub(super) watermark: Mark,
    pub(super) actors: Table<ActorId, ActorRow>,
    pub(super) revisions: Table<(ActorId, Revision), StateRow>,
    /// Each reply with its number among all.
    pub(super) replies: Table<(ActorId, Name), (u64, RecordedReply)>,
    pub(super) replies_by_age: Table<(ActorId, u64), Name>,
    pub(super) replies_given: u64,
    /// The head of each topic that was ever published on.
    pub(super) topics: Table<Topic, Seq>,
    pub(super) log: Table<Mark, Arc<Publication>>,
    pub(super) log_by_topic: Table<(Topic, Seq), Arc<Publication>>,
    /// From which mark on a declared actor or an external subscriber hears a pattern.
    pub(super) subscriptions: Table<SubscriptionId, Mark>,
    // Subscriptions that the last registration did not name, and the watermark when that began.
    pub(super) absent: std::collections::BTreeMap<SubscriptionId, Mark>,
    pub(super) cursors: Table<(SubscriptionId, Topic), Position>,
    pub(super) outbox: Table<MessageId, OutboxEntry>,
    pub(super) outbox_by_due: Table<(Timestamp, MessageId), ()>,
    pub(super) timers: Table<(ActorId, Name), TimerEntry>,
    pub(super) timers_by_due: Table<TimerPlace, ()>,
    pub(super) letters: Table<MessageId, DeadLetter>,
    pub(super) parked: Table<(SubscriptionId, Topic), Parked>,
}

/// That an actor is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActorRow {
    /// The mark that its first batch took; also its key.
    pub(super) created: Mark,
    pub(super) time: Timestamp,
    pub(super) revision: Revision,
}

impl ActorRow {
    pub(super) const fn key(self) -> StoreKey {
        StoreKey(self.created.0)
    }
}

/// One revision of one actor.
#[derive(Clone, Debug)]
pub(super) struct StateRow {
    pub(super) state: Option<Payload>,
    pub(super) tags: Headers,
    pub(super) time: Timestamp,
}

/// The life of every log here: nothing is ever lost, so it never ends.
pub(super) const LOG_EPOCH: Epoch = Epoch(1);

impl Tables {
    pub(super) fn acquire(&mut self, node: NodeId, shards: &[Shard]) -> Vec<Fence> {
        let raise = |shard: &Shard| {
            let held = self.fences.entry(*shard).or_insert((node, Epoch(0)));
            *held = (node, Epoch(held.1.0 + 1));
            Fence { shard: *shard, owner: node, epoch: held.1 }
        };
        shards.iter().map(raise).collect()
    }

    /// The row of an actor, which it gets with the first thing that is stored of it.
    pub(super) fn actor_row(&mut self, id: &ActorId, now: Timestamp) -> ActorRow {
        if let Some(row) = self.actors.get(id) {
            return *row;
        }
        self.head = Mark(self.head.0 + 1);
        let row = ActorRow { created: self.head, time: now, revision: Revision::ZERO };
        self.actors.put(id.clone(), row);
        row
    }

    pub(super) fn arm(&mut self, timer: TimerEntry) {
        self.timers_by_due.put(place(&timer), ());
        self.timers.put((timer.actor.clone(), timer.name.clone()), timer);
    }

    pub(super) fn disarm(&mut self, actor: &ActorId, name: &Name) {
        let key = (actor.clone(), name.clone());
        if let Some(place) = self.timers.get(&key).map(place) {
            self.timers_by_due.take(&place);
            self.timers.take(&key);
        }
    }

    /// Where the declaration of a subscription stands: an instance's under its parent's name.
    pub(super) fn declared(&self, subscription: &SubscriptionId) -> Option<Mark> {
        use callboard_core::batch::Subscriber;
        let declared = |pattern: &Pattern, subscriber| SubscriptionId { subscriber, pattern: pattern.clone() };
        match &subscription.subscriber {
            Subscriber::External(_) => self.subscriptions.get(subscription).copied(),
            Subscriber::Actor(id) => {
                let parent = ActorId::named(id.declared()).ok()?;
                self.subscriptions.get(&declared(&subscription.pattern, Subscriber::Actor(parent))).copied()
            }
        }
    }

    pub(super) fn keep(&mut self) {
        self.actors.keep();
        self.revisions.keep();
        self.replies.keep();
        self.replies_by_age.keep();
        self.topics.keep();
        self.log.keep();
        self.log_by_topic.keep();
        self.subscriptions.keep();
        self.cursors.keep();
        self.outbox.keep();
        self.outbox_by_due.keep();
        self.timers.keep();
        self.timers_by_due.keep();
        self.letters.keep();
        self.parked.keep();
    }

    pub(super) fn undo(&mut self) {
        self.actors.undo();
        self.revisions.undo();
        self.replies.undo();
        self.replies_by_age.undo();
        self.topics.undo();
        self.log.undo();
        self.log_by_topic.undo();
        self.subscriptions.undo();
        self.cursors.undo();
        self.outbox.undo();
        self.outbox_by_due.undo();
        self.timers.undo();
        self.timers_by_due.undo();
        self.letters.undo();
        self.parked.undo();
    }
}

/// Where a timer stands in the order of due times.
pub(super) fn place(timer: &TimerEntry) -> TimerPlace {
    TimerPlace { due: timer.due, actor: timer.actor.clone(), name: timer.name.clone() }
}

/// The keys of everything of one actor.
pub(super) fn revisions_of(id: &ActorId) -> std::ops::RangeInclusive<(ActorId, Revision)> {
    (id.clone(), Revision::ZERO)..=(id.clone(), Revision(u64::MAX))
}
