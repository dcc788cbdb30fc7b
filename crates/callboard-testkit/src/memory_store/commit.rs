use std::sync::Arc;

use callboard_core::batch::{OutboxEntry, Parked, RecordedReply, Subscriber, SubscriptionId};
use callboard_core::limits::{REPLIES_PER_ACTOR_MAX, REVISIONS_KEPT};
use callboard_core::port::{CommitError, Receipt};
use callboard_core::publication::Announcement;
use callboard_core::{
    ActorId, Batch, Mark, MessageId, Name, Position, Publication, Revision, Seq, Timestamp, Topic, Write,
};

use super::tables::{LOG_EPOCH, StateRow, Tables, revisions_of};

impl Tables {
    /// Applies one batch or leaves everything as it was.
    pub(super) fn commit(&mut self, batch: Batch) -> Result<Receipt, CommitError> {
        let (head, watermark, replies_given) = (self.head, self.watermark, self.replies_given);
        let answer = self.apply(batch);
        if answer.is_ok() {
            self.keep();
        } else {
            self.undo();
            (self.head, self.watermark, self.replies_given) = (head, watermark, replies_given);
        }
        answer
    }

    fn apply(&mut self, batch: Batch) -> Result<Receipt, CommitError> {
        let fence = batch.fence;
        if self.fences.get(&fence.shard) != Some(&(fence.owner, fence.epoch)) {
            return Err(CommitError::Fenced(fence.shard));
        }
        let mut publications = Vec::new();
        let actor = batch.actor;
        self.create_rows(actor.as_ref(), &batch.writes, batch.now);
        for write in batch.writes {
            match write {
                Write::Publish(announcement) => publications.push(self.publish(announcement)),
                write => self.write(actor.as_ref(), batch.now, write)?,
            }
        }
        let key = actor.and_then(|id| self.actors.get(&id)).map(|row| row.key());
        Ok(Receipt { key, publications })
    }

    /// An actor that is stored for the first time takes its mark before the batch's publications, so that it hears them.
    fn create_rows(&mut self, actor: Option<&ActorId>, writes: &[Write], now: Timestamp) {
        if writes.iter().any(|write| matches!(write, Write::DeleteActor)) {
            return;
        }
        for write in writes {
            let id = match write {
                Write::State { .. } | Write::Reply(_) => actor,
                Write::ArmTimer(timer) => Some(&timer.actor),
                Write::Cursor { subscription: SubscriptionId { subscriber: Subscriber::Actor(id), .. }, .. } => {
                    Some(id)
                }
                _ => None,
            };
            if let Some(id) = id {
                self.actor_row(id, now);
            }
        }
    }

    fn write(&mut self, actor: Option<&ActorId>, now: Timestamp, write: Write) -> Result<(), CommitError> {
        match write {
            Write::State { revision, state, tags } => {
                let id = actor.ok_or(CommitError::Conflict)?;
                self.state(id, revision, StateRow { state, tags, time: now })
            }
            Write::Publish(announcement) => {
                self.publish(announcement);
                Ok(())
            }
            Write::Effect(entry) => {
                self.effect(entry);
                Ok(())
            }
            Write::CancelEffect(id) => {
                if self.outbox.get(&id).is_some_and(|entry| entry.origin.as_ref() == actor) {
                    self.take_effect(id);
                }
                Ok(())
            }
            Write::ConsumeEffect(id) => guard(self.take_effect(id)),
            Write::Cursor { subscription, topic, position } => self.move_cursor(subscription, topic, position, now),
            Write::ArmTimer(timer) => {
                self.actor_row(&timer.actor, now);
                if !self.timers.contains_key(&(timer.actor.clone(), timer.name.clone())) {
                    self.arm(timer);
                }
                Ok(())
            }
            Write::RearmTimer { name, fired, next } => self.rearm(actor, name, fired, next),
            Write::DropTimer(name) => {
                if let Some(id) = actor {
                    self.disarm(id, &name);
                }
                Ok(())
            }
            Write::Reply(reply) => self.reply(actor.ok_or(CommitError::Conflict)?, reply, now),
            Write::DeadLetter(letter) => {
                if !self.letters.contains_key(&letter.id) {
                    self.letters.put(letter.id, *letter);
                }
                Ok(())
            }
            Write::DropDeadLetter(id) => guard(self.letters.take(&id)),
            Write::Park(parked) => {
                self.park(*parked);
                Ok(())
            }
            Write::Unpark { subscription, topic } => guard(self.parked.take(&(subscription, topic))),
            Write::DeleteActor => self.delete(actor.ok_or(CommitError::Conflict)?),
            Write::Watermark(mark) => {
                self.watermark = self.watermark.max(mark);
                Ok(())
            }
        }
    }

    fn state(&mut self, id: &ActorId, revision: Revision, state: StateRow) -> Result<(), CommitError> {
        let mut row = self.actor_row(id, state.time);
        if row.revision.next() != revision {
            return Err(CommitError::Conflict);
        }
        row.revision = revision;
        self.actors.put(id.clone(), row);
        self.revisions.put((id.clone(), revision), state);
        if let Some(old) = revision.0.checked_sub(REVISIONS_KEPT) {
            self.revisions.take(&(id.clone(), Revision(old)));
        }
        Ok(())
    }

    fn publish(&mut self, announcement: Announcement) -> Arc<Publication> {
        let topic = announcement.topic.clone();
        let seq = self.topics.get(&topic).copied().unwrap_or(Seq::ZERO).next();
        self.head = Mark(self.head.0 + 1);
        let publication = Arc::new(announcement.at(Position { epoch: LOG_EPOCH, seq }, self.head));
        self.topics.put(topic.clone(), seq);
        self.log.put(self.head, Arc::clone(&publication));
        self.log_by_topic.put((topic, seq), Arc::clone(&publication));
        publication
    }

    fn effect(&mut self, entry: OutboxEntry) {
        if !self.outbox.contains_key(&entry.id) {
            self.outbox_by_due.put((entry.due, entry.id), ());
            self.outbox.put(entry.id, entry);
        }
    }

    fn take_effect(&mut self, id: MessageId) -> bool {
        let Some(due) = self.outbox.get(&id).map(|entry| entry.due) else { return false };
        self.outbox_by_due.take(&(due, id));
        self.outbox.take(&id)
    }

    fn move_cursor(
        &mut self,
        subscription: SubscriptionId,
        topic: Topic,
        position: Position,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        if let Subscriber::Actor(id) = &subscription.subscriber {
            self.actor_row(id, now);
        }
        let key = (subscription, topic);
        let handled = self.cursors.get(&key).is_some_and(|at| at.epoch == position.epoch && !position.follows(*at));
        guard(!handled)?;
        self.cursors.put(key, position);
        Ok(())
    }

    fn rearm(
        &mut self,
        actor: Option<&ActorId>,
        name: Name,
        fired: Timestamp,
        next: Timestamp,
    ) -> Result<(), CommitError> {
        let id = actor.ok_or(CommitError::Duplicate)?;
        let timer = self.timers.get(&(id.clone(), name)).filter(|timer| timer.due == fired).cloned();
        let mut timer = timer.ok_or(CommitError::Duplicate)?;
        self.disarm(id, &timer.name);
        timer.due = next;
        self.arm(timer);
        Ok(())
    }

    fn reply(&mut self, id: &ActorId, reply: RecordedReply, now: Timestamp) -> Result<(), CommitError> {
        self.actor_row(id, now);
        let key = (id.clone(), reply.key.clone());
        if self.replies.contains_key(&key) {
            return Ok(());
        }
        self.replies_given += 1;
        self.replies_by_age.put((id.clone(), self.replies_given), reply.key.clone());
        self.replies.put(key, (self.replies_given, reply));
        let mine = self.replies_by_age.range((id.clone(), 0)..=(id.clone(), u64::MAX));
        let over = mine.clone().count().saturating_sub(usize::try_from(REPLIES_PER_ACTOR_MAX).unwrap_or(usize::MAX));
        let oldest: Vec<_> = mine.take(over).map(|(key, name)| (key.clone(), name.clone())).collect();
        self.drop_replies(oldest);
        Ok(())
    }

    fn drop_replies(&mut self, replies: Vec<((ActorId, u64), Name)>) {
        for ((id, number), name) in replies {
            self.replies_by_age.take(&(id.clone(), number));
            self.replies.take(&(id, name));
        }
    }

    fn park(&mut self, parked: Parked) {
        self.parked.put((parked.subscription.clone(), parked.topic.clone()), parked);
    }

    fn delete(&mut self, id: &ActorId) -> Result<(), CommitError> {
        if !self.actors.take(id) {
            return Err(CommitError::Conflict);
        }
        self.revisions.take_range(revisions_of(id), |_| true);
        let replies = self.replies_by_age.range((id.clone(), 0)..=(id.clone(), u64::MAX));
        let replies: Vec<_> = replies.map(|(key, name)| (key.clone(), name.clone())).collect();
        self.drop_replies(replies);
        for timer in self.timers_of(id) {
            self.disarm(id, &timer.name);
        }
        if id.parent().is_some() {
            let is_mine = |subscription: &SubscriptionId| subscription.subscriber == Subscriber::Actor(id.clone());
            self.cursors.take_range(.., |(subscription, _)| is_mine(subscription));
            self.parked.take_range(.., |(subscription, _)| is_mine(subscription));
        }
        Ok(())
    }
}

fn guard(holds: bool) -> Result<(), CommitError> {
    if holds { Ok(()) } else { Err(CommitError::Duplicate) }
}
