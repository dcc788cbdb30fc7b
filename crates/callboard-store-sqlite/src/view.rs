//! [`View`]: one consistent look at what is committed, on a reader's connection.

use bytes::Bytes;
use callboard_core::batch::Subscriber;
use callboard_core::{Encoding, Epoch, Name, Pattern, Payload, Topic};
use rusqlite::{Connection, OptionalExtension};

use crate::cache::Cache;
use crate::encode::{Columns, read_encoding, subscriber as stored_subscriber};
use crate::fault::{Fault, Outcome};

mod actors;
mod letters;
mod log;
mod outbox;
mod subscriptions;
mod timers;

/// Names by their numbers, which never change.
#[derive(Debug)]
pub(crate) struct Names {
    types: Cache<i64, (Name, Encoding)>,
    topics: Cache<i64, (Topic, Epoch)>,
}

/// Names that a reader remembers, of each kind.
const NAMES_MAX: usize = 10_000;

impl Names {
    pub(crate) fn new() -> Self {
        Self { types: Cache::new(NAMES_MAX), topics: Cache::new(NAMES_MAX) }
    }
}

/// A read transaction: all that is read through it is of one moment.
#[derive(Debug)]
pub(crate) struct View<'a> {
    db: &'a Connection,
    names: &'a mut Names,
}

impl<'a> View<'a> {
    /// Reads in one transaction, so that nothing changes between two look-ups.
    pub(crate) fn read<T>(
        db: &'a Connection,
        names: &'a mut Names,
        read: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        let run = |sql| -> Outcome<()> {
            db.prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        run("BEGIN DEFERRED")?;
        let found = read(&mut Self { db, names });
        let ended = run("COMMIT");
        let found = found?;
        ended?;
        Ok(found)
    }

    fn payload(&mut self, kind: i64, bytes: &[u8]) -> Outcome<Payload> {
        let (name, encoding) = self.type_of(kind)?;
        Ok(Payload::new(name, encoding, Bytes::copy_from_slice(bytes)))
    }

    fn type_of(&mut self, id: i64) -> Outcome<(Name, Encoding)> {
        if let Some(known) = self.names.types.get(&id) {
            return Ok(known.clone());
        }
        let mut statement = self.db.prepare_cached("SELECT name, encoding FROM type WHERE id = ?1")?;
        let mut rows = statement.query([id])?;
        let row = rows.next()?.ok_or_else(|| Fault::Corrupt(format!("the payload type {id} is missing")))?;
        let mut columns = Columns::of(row);
        let found = (columns.name()?, read_encoding(columns.signed()?)?);
        self.names.types.put(id, found.clone());
        Ok(found)
    }

    fn topic_of(&mut self, id: i64) -> Outcome<(Topic, Epoch)> {
        if let Some(known) = self.names.topics.get(&id) {
            return Ok(known.clone());
        }
        let mut statement = self.db.prepare_cached("SELECT name, epoch FROM topic WHERE id = ?1")?;
        let mut rows = statement.query([id])?;
        let row = rows.next()?.ok_or_else(|| Fault::Corrupt(format!("the topic {id} is missing")))?;
        let mut columns = Columns::of(row);
        let found = (columns.topic()?, Epoch(columns.unsigned()?));
        self.names.topics.put(id, found.clone());
        Ok(found)
    }

    /// The number in the first column of the first row, if there is one.
    fn number(&self, sql: &str, parameters: impl rusqlite::Params) -> Outcome<Option<i64>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let found: Option<Option<i64>> = statement.query_row(parameters, |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    /// The row of a named actor or an external subscriber.
    fn declared(&self, subscriber: &Subscriber) -> Outcome<Option<i64>> {
        self.number("SELECT id FROM subscriber WHERE kind = ?1 AND name = ?2", stored_subscriber(subscriber))
    }

    fn pattern(&self, pattern: &Pattern) -> Outcome<Option<i64>> {
        self.number("SELECT id FROM pattern WHERE text = ?1", [pattern.as_str()])
    }
}
