use std::sync::Arc;

use callboard_core::batch::{DeadLetter, DeadLetterSource, OutboxEntry, Parked, RecordedReply, Subscriber, TimerEntry};
use callboard_core::limits::REPLIES_PER_ACTOR_MAX;
use callboard_core::publication::Announcement;
use callboard_core::{ActorId, Headers, Mark, Payload, Position, Publication, Revision, Timestamp, Write};

use super::transaction::Transaction;
use crate::encode::{bits, catch_up, headers, int, message_id, subscriber, time, trace};
use crate::fault::Outcome;

impl Transaction<'_> {
    /// Writes what was checked.
    pub(super) fn apply(
        &mut self,
        actor: Option<&ActorId>,
        now: Timestamp,
        write: Write,
    ) -> Outcome<Option<Arc<Publication>>> {
        match write {
            Write::Publish(announcement) => return self.publish(announcement).map(Some),
            Write::State { revision, state, tags } => {
                if let Some(id) = actor {
                    self.state(id, revision, state.as_ref(), &tags, now)?;
                }
            }
            Write::Effect(entry) => self.effect(&entry)?,
            Write::CancelEffect(id) => {
                let origin = actor.map(ActorId::as_str);
                self.execute("DELETE FROM effect WHERE id = ?1 AND origin IS ?2", (message_id(id), origin))?;
            }
            Write::ConsumeEffect(id) => {
                self.execute("DELETE FROM effect WHERE id = ?1", [message_id(id)])?;
            }
            Write::Cursor { subscription, topic, position: Position { epoch, seq } } => {
                if let Subscriber::Actor(id) = &subscription.subscriber {
                    self.actor(id, now)?;
                }
                let listener = self.listener(&subscription.subscriber, now)?;
                let (pattern, topic) = (self.pattern(&subscription.pattern)?, self.topic(&topic)?.id);
                let sql = "INSERT OR REPLACE INTO cursor (subscriber, pattern, topic, epoch, seq) \
                           VALUES (?1, ?2, ?3, ?4, ?5)";
                self.execute(sql, (listener, pattern, topic, int(epoch.0), int(seq.0)))?;
            }
            Write::ArmTimer(timer) => {
                self.actor(&timer.actor, now)?;
                self.arm(&timer)?;
            }
            Write::RearmTimer { name, next, .. } => {
                let row = (actor.map(ActorId::as_str), name.as_str(), time(next));
                self.execute("UPDATE timer SET due = ?3 WHERE actor = ?1 AND name = ?2", row)?;
            }
            Write::DropTimer(name) => {
                let row = (actor.map(ActorId::as_str), name.as_str());
                self.execute("DELETE FROM timer WHERE actor = ?1 AND name = ?2", row)?;
            }
            Write::Reply(reply) => {
                if let Some(id) = actor {
                    self.reply(id, &reply, now)?;
                }
            }
            Write::DeadLetter(letter) => self.dead_letter(&letter)?,
            Write::DropDeadLetter(id) => {
                self.execute("DELETE FROM dead_letter WHERE id = ?1", [message_id(id)])?;
            }
            Write::Park(parked) => self.park(&parked)?,
            Write::Unpark { subscription, topic } => {
                let (kind, name) = subscriber(&subscription.subscriber);
                let sql = "DELETE FROM parked WHERE kind = ?1 AND subscriber = ?2 AND pattern = ?3 AND topic = ?4";
                self.execute(sql, (kind, name, subscription.pattern.as_str(), topic.as_str()))?;
            }
            Write::DeleteActor => {
                if let Some(id) = actor {
                    self.delete(id)?;
                }
            }
            Write::Watermark(mark) => {
                self.execute("UPDATE store SET watermark = max(watermark, ?1)", [int(mark.0)])?;
            }
        }
        Ok(None)
    }

    fn state(
        &mut self,
        id: &ActorId,
        revision: Revision,
        state: Option<&Payload>,
        tags: &Headers,
        now: Timestamp,
    ) -> Outcome<()> {
        let mut actor = self.actor(id, now)?;
        let kind = state.map(|state| self.payload_type(state)).transpose()?;
        let bytes = state.map(Payload::bytes);
        actor.earlier = self.archive_present(actor)?;
        actor.revision = revision.0;
        let sql =
            "UPDATE actor SET revision = ?2, earlier = ?3, time = ?4, tags = ?5, type = ?6, state = ?7 WHERE id = ?1";
        let (row, earlier) = (int(actor.id), int(actor.earlier));
        self.execute(sql, (row, int(revision.0), earlier, time(now), headers(tags), kind, bytes))?;
        self.remember_actor(id, Some(actor));
        Ok(())
    }

    fn publish(&mut self, announcement: Announcement) -> Outcome<Arc<Publication>> {
        let mut topic = self.topic(&announcement.topic)?;
        topic.head = topic.head.next();
        let mark = self.memory.next_mark();
        self.memory.horizon = self.memory.horizon.max(announcement.time.as_millis());
        let kind = self.payload_type(&announcement.payload)?;
        let sql = "INSERT INTO publication \
                   (mark, topic, seq, id, time, horizon, type, payload, headers, trace, publisher) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let row = (
            int(mark),
            topic.id,
            int(topic.head.0),
            message_id(announcement.id),
            time(announcement.time),
            int(self.memory.horizon),
            kind,
            announcement.payload.bytes(),
            headers(&announcement.headers),
            trace(announcement.trace),
            announcement.publisher.as_ref().map(ActorId::as_str),
        );
        self.execute(sql, row)?;
        self.remember_topic(&announcement.topic, topic);
        let position = Position { epoch: topic.epoch, seq: topic.head };
        Ok(Arc::new(announcement.at(position, Mark(mark))))
    }

    fn effect(&mut self, entry: &OutboxEntry) -> Outcome<()> {
        let kind = self.payload_type(&entry.payload)?;
        let sql = "INSERT OR IGNORE INTO effect \
                   (id, origin, target, action, type, payload, headers, trace, due) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let row = (
            message_id(entry.id),
            entry.origin.as_ref().map(ActorId::as_str),
            entry.target.as_str(),
            entry.action.as_str(),
            kind,
            entry.payload.bytes(),
            headers(&entry.headers),
            trace(entry.trace),
            time(entry.due),
        );
        self.execute(sql, row)?;
        Ok(())
    }

    /// Arms a timer, if it is not armed.
    pub(super) fn arm(&self, timer: &TimerEntry) -> Outcome<()> {
        let sql = "INSERT OR IGNORE INTO timer (actor, name, due, every, catch_up) VALUES (?1, ?2, ?3, ?4, ?5)";
        let (actor, name) = (timer.actor.as_str(), timer.name.as_str());
        self.execute(sql, (actor, name, time(timer.due), int(timer.every_ms), catch_up(timer.catch_up)))?;
        Ok(())
    }

    fn reply(&mut self, id: &ActorId, reply: &RecordedReply, now: Timestamp) -> Outcome<()> {
        let mut actor = self.actor(id, now)?;
        let kind = self.payload_type(&reply.payload)?;
        let sql = "INSERT OR IGNORE INTO reply (actor, key, fingerprint, type, payload, revision, time) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let row = (
            int(actor.id),
            reply.key.as_str(),
            bits(reply.fingerprint),
            kind,
            reply.payload.bytes(),
            int(reply.revision.0),
            time(reply.time),
        );
        if self.execute(sql, row)? == 0 {
            return Ok(());
        }
        let round = self.memory.reply_round;
        let mut count = match actor.replies {
            Some((as_of, count)) if as_of == round => count + 1,
            Some(_) | None => {
                let counted = self.number("SELECT count(*) FROM reply WHERE actor = ?1", [int(actor.id)])?;
                counted.map_or(1, i64::unsigned_abs)
            }
        };
        while count > REPLIES_PER_ACTOR_MAX {
            let sql = "DELETE FROM reply WHERE id = (SELECT min(id) FROM reply WHERE actor = ?1)";
            self.execute(sql, [int(actor.id)])?;
            count -= 1;
        }
        actor.replies = Some((round, count));
        self.remember_actor(id, Some(actor));
        Ok(())
    }

    fn dead_letter(&mut self, letter: &DeadLetter) -> Outcome<()> {
        let kind = self.payload_type(&letter.payload)?;
        let (source, place) = match &letter.source {
            DeadLetterSource::Effect { id } => (id, None),
            DeadLetterSource::Publication { id, topic, position } => (id, Some((topic, position))),
        };
        let sql = "INSERT OR IGNORE INTO dead_letter (id, target, action, type, payload, headers, source, topic, epoch, \
                   seq, code, message, attempts, time) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        let row = (
            message_id(letter.id),
            letter.target.as_str(),
            letter.action.as_str(),
            kind,
            letter.payload.bytes(),
            headers(&letter.headers),
            message_id(*source),
            place.map(|(topic, _)| topic.as_str()),
            place.map(|(_, position)| int(position.epoch.0)),
            place.map(|(_, position)| int(position.seq.0)),
            letter.code.as_str(),
            letter.message.as_str(),
            letter.attempts,
            time(letter.time),
        );
        self.execute(sql, row)?;
        Ok(())
    }

    fn park(&self, parked: &Parked) -> Outcome<()> {
        let (kind, name) = subscriber(&parked.subscription.subscriber);
        let sql = "INSERT OR REPLACE INTO parked \
                   (kind, subscriber, pattern, topic, epoch, seq, code, message, attempts, time) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let row = (
            kind,
            name,
            parked.subscription.pattern.as_str(),
            parked.topic.as_str(),
            int(parked.position.epoch.0),
            int(parked.position.seq.0),
            parked.code.as_str(),
            parked.message.as_str(),
            parked.attempts,
            time(parked.time),
        );
        self.execute(sql, row)?;
        Ok(())
    }

    fn delete(&mut self, id: &ActorId) -> Outcome<()> {
        let Some(actor) = self.known_actor(id)? else { return Ok(()) };
        self.keep_marks()?;
        let row = int(actor.id);
        self.forget_history(actor)?;
        self.execute("DELETE FROM reply WHERE actor = ?1", [row])?;
        self.execute("DELETE FROM timer WHERE actor = ?1", [id.as_str()])?;
        if id.parent().is_some() {
            self.execute("DELETE FROM cursor WHERE subscriber = ?1", [row])?;
            self.execute("DELETE FROM parked WHERE kind = 0 AND subscriber = ?1", [id.as_str()])?;
        }
        self.execute("DELETE FROM actor WHERE id = ?1", [row])?;
        self.remember_actor(id, None);
        Ok(())
    }

    /// Before rows go by which the last mark would be known: it is written down, so that none is given away twice.
    pub(super) fn keep_marks(&self) -> Outcome<()> {
        self.execute("UPDATE store SET mark = max(mark, ?1)", [int(self.memory.head)])?;
        Ok(())
    }
}
