use callboard_core::batch::Subscriber;
use callboard_core::{ActorId, Epoch, Pattern, Payload, Seq, Timestamp, Topic};
use rusqlite::OptionalExtension;

use super::memory::{ActorMemory, TopicMemory};
use super::transaction::Transaction;
use crate::encode::{Columns, encoding, int, subscriber as stored_subscriber, time};
use crate::fault::Outcome;

/// The life of every log here: nothing is ever lost, so it does not end.
const LOG_EPOCH: Epoch = Epoch(1);

/// Rows that are found, or made, by a name. What `known_*` finds is not made.
impl Transaction<'_> {
    pub(super) fn known_actor(&mut self, id: &ActorId) -> Outcome<Option<ActorMemory>> {
        if let Some(known) = self.memory.known.actors.get(id) {
            return Ok(*known);
        }
        let mut statement = self.db.prepare_cached("SELECT id, revision, earlier FROM actor WHERE name = ?1")?;
        let mut rows = statement.query([id.as_str()])?;
        let actor = match rows.next()? {
            Some(row) => {
                let mut columns = Columns::of(row);
                let (id, revision, earlier) = (columns.unsigned()?, columns.unsigned()?, columns.unsigned()?);
                Some(ActorMemory { id, revision, earlier, replies: None })
            }
            None => None,
        };
        self.memory.known.actors.put(id.clone(), actor);
        Ok(actor)
    }

    pub(super) fn remember_actor(&mut self, id: &ActorId, actor: Option<ActorMemory>) {
        match self.memory.known.actors.get(id) {
            Some(known) => *known = actor,
            None => self.memory.known.actors.put(id.clone(), actor),
        }
    }

    /// The actor's row; it gets one, and a mark, with the first thing that is stored of it.
    pub(super) fn actor(&mut self, id: &ActorId, now: Timestamp) -> Outcome<ActorMemory> {
        if let Some(actor) = self.known_actor(id)? {
            return Ok(actor);
        }
        let replies = Some((self.memory.reply_round, 0));
        let actor = ActorMemory { id: self.memory.next_mark(), revision: 0, earlier: 0, replies };
        let row = (int(actor.id), id.as_str(), time(now));
        self.execute("INSERT INTO actor (id, name, revision, earlier, time) VALUES (?1, ?2, 0, 0, ?3)", row)?;
        self.remember_actor(id, Some(actor));
        Ok(actor)
    }

    pub(super) fn known_topic(&mut self, topic: &Topic) -> Outcome<Option<TopicMemory>> {
        if let Some(known) = self.memory.known.topics.get(topic) {
            return Ok(Some(*known));
        }
        let sql = "SELECT id, epoch, max(head, ifnull((SELECT max(seq) FROM publication WHERE topic = topic.id), 0)) \
                   FROM topic WHERE name = ?1";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([topic.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut columns = Columns::of(row);
        let known =
            TopicMemory { id: columns.signed()?, epoch: Epoch(columns.unsigned()?), head: Seq(columns.unsigned()?) };
        self.memory.known.topics.put(topic.clone(), known);
        Ok(Some(known))
    }

    pub(super) fn topic(&mut self, topic: &Topic) -> Outcome<TopicMemory> {
        if let Some(known) = self.known_topic(topic)? {
            return Ok(known);
        }
        let row = (topic.as_str(), int(LOG_EPOCH.0));
        self.execute("INSERT INTO topic (name, epoch, head) VALUES (?1, ?2, 0)", row)?;
        let made = TopicMemory { id: self.db.last_insert_rowid(), epoch: LOG_EPOCH, head: Seq::ZERO };
        self.memory.known.topics.put(topic.clone(), made);
        Ok(made)
    }

    pub(super) fn remember_topic(&mut self, topic: &Topic, now: TopicMemory) {
        match self.memory.known.topics.get(topic) {
            Some(known) => *known = now,
            None => self.memory.known.topics.put(topic.clone(), now),
        }
    }

    pub(super) fn known_pattern(&mut self, pattern: &Pattern) -> Outcome<Option<i64>> {
        if let Some(id) = self.memory.known.patterns.get(pattern) {
            return Ok(Some(*id));
        }
        let found = self.number("SELECT id FROM pattern WHERE text = ?1", [pattern.as_str()])?;
        if let Some(id) = found {
            self.memory.known.patterns.put(pattern.clone(), id);
        }
        Ok(found)
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) -> Outcome<i64> {
        if let Some(id) = self.known_pattern(pattern)? {
            return Ok(id);
        }
        self.execute("INSERT INTO pattern (text) VALUES (?1)", [pattern.as_str()])?;
        let id = self.db.last_insert_rowid();
        self.memory.known.patterns.put(pattern.clone(), id);
        Ok(id)
    }

    /// A named actor or an external subscriber, by its own row.
    pub(super) fn known_declared(&mut self, subscriber: &Subscriber) -> Outcome<Option<i64>> {
        if let Some(id) = self.memory.known.subscribers.get(subscriber) {
            return Ok(Some(*id));
        }
        let sql = "SELECT id FROM subscriber WHERE kind = ?1 AND name = ?2";
        let found = self.number(sql, stored_subscriber(subscriber))?;
        if let Some(id) = found {
            self.memory.known.subscribers.put(subscriber.clone(), id);
        }
        Ok(found)
    }

    pub(super) fn declared(&mut self, subscriber: &Subscriber) -> Outcome<i64> {
        if let Some(id) = self.known_declared(subscriber)? {
            return Ok(id);
        }
        self.execute("INSERT INTO subscriber (kind, name) VALUES (?1, ?2)", stored_subscriber(subscriber))?;
        let id = self.db.last_insert_rowid();
        self.memory.known.subscribers.put(subscriber.clone(), id);
        Ok(id)
    }

    /// The number under which a subscriber's cursors stand.
    pub(super) fn known_listener(&mut self, subscriber: &Subscriber) -> Outcome<Option<i64>> {
        match subscriber {
            Subscriber::Actor(id) if id.parent().is_some() => Ok(self.known_actor(id)?.map(|actor| int(actor.id))),
            declared => Ok(self.known_declared(declared)?.map(|id| -id)),
        }
    }

    pub(super) fn listener(&mut self, subscriber: &Subscriber, now: Timestamp) -> Outcome<i64> {
        match subscriber {
            Subscriber::Actor(id) if id.parent().is_some() => Ok(int(self.actor(id, now)?.id)),
            declared => Ok(-self.declared(declared)?),
        }
    }

    pub(super) fn payload_type(&mut self, payload: &Payload) -> Outcome<i64> {
        let key = (payload.type_name().clone(), payload.encoding());
        if let Some(id) = self.memory.known.types.get(&key) {
            return Ok(*id);
        }
        let row = (key.0.as_str(), encoding(key.1));
        let found = self.number("SELECT id FROM type WHERE name = ?1 AND encoding = ?2", row)?;
        let id = match found {
            Some(id) => id,
            None => {
                self.execute("INSERT INTO type (name, encoding) VALUES (?1, ?2)", row)?;
                self.db.last_insert_rowid()
            }
        };
        self.memory.known.types.put(key, id);
        Ok(id)
    }

    /// The number in the first column of the first row, if there is one.
    pub(super) fn number(&self, sql: &str, parameters: impl rusqlite::Params) -> Outcome<Option<i64>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let found: Option<Option<i64>> = statement.query_row(parameters, |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    /// How many rows a statement changed.
    pub(super) fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> Outcome<usize> {
        Ok(self.db.prepare_cached(sql)?.execute(parameters)?)
    }
}
