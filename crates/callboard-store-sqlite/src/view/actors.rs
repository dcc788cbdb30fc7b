use callboard_core::batch::{RecordedReply, StoreKey};
use callboard_core::port::{ActorQuery, ActorSummary, Snapshot};
use callboard_core::{ActorId, Headers, Mark, Name, Payload, Revision, Timestamp};
use rusqlite::{OptionalExtension, Row};

use super::View;
use crate::encode::{Columns, read_actor, time};
use crate::fault::Outcome;
use crate::slots::{newest, ring, slot};

/// An actor's row.
#[derive(Clone, Copy)]
struct Stored {
    id: u64,
    time: Timestamp,
}

/// A revision's row.
struct Revised {
    revision: Revision,
    time: Timestamp,
    state: Option<Payload>,
    tags: Headers,
}

const REVISION: &str = "SELECT revision, time, type, state, tags FROM revision WHERE slot = ?1";

impl View<'_> {
    pub(crate) fn load(&mut self, id: &ActorId) -> Outcome<Option<Snapshot>> {
        let Some(actor) = self.stored(id)? else { return Ok(None) };
        let newest = self.newest(actor.id)?;
        Ok(Some(newest.map_or_else(|| unwritten(actor), |row| snapshot(actor, row))))
    }

    pub(crate) fn at_revision(&mut self, id: &ActorId, revision: Revision) -> Outcome<Option<Snapshot>> {
        let Some(actor) = self.stored(id)? else { return Ok(None) };
        let row = self.revision(slot(actor.id, revision.0))?;
        Ok(row.filter(|row| row.revision == revision).map(|row| snapshot(actor, row)))
    }

    pub(crate) fn at_time(&mut self, id: &ActorId, at: Timestamp) -> Outcome<Option<Snapshot>> {
        let Some(actor) = self.stored(id)? else { return Ok(None) };
        let (first, last) = ring(actor.id);
        let sql =
            "SELECT slot FROM revision WHERE slot BETWEEN ?1 AND ?2 AND time <= ?3 ORDER BY revision DESC LIMIT 1";
        let Some(slot) = self.number(sql, (first, last, time(at)))? else { return Ok(None) };
        let row = self.revision(slot)?;
        Ok(row.map(|row| snapshot(actor, row)))
    }

    pub(crate) fn recorded(&mut self, id: &ActorId, key: &str) -> Outcome<Option<RecordedReply>> {
        let sql = "SELECT fingerprint, type, payload, revision, time FROM reply \
                   WHERE actor = (SELECT id FROM actor WHERE name = ?1) AND key = ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query((id.as_str(), key))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut columns = Columns::of(row);
        let fingerprint = columns.hash()?;
        let payload = self.payload(columns.signed()?, columns.blob()?)?;
        let (revision, time) = (Revision(columns.unsigned()?), columns.time()?);
        Ok(Some(RecordedReply { key: Name::from(key.to_owned()), fingerprint, payload, revision, time }))
    }

    /// Lists by walking the index of names from the first that can match to the first that cannot.
    pub(crate) fn actors(&mut self, query: &ActorQuery) -> Outcome<Vec<ActorSummary>> {
        let prefix = query.prefix.as_deref().unwrap_or("");
        let mut listed = Vec::new();
        let Some(declared) = &query.declared else {
            self.walk(prefix, query, &mut listed)?;
            return Ok(listed);
        };
        let is_after = query.after.as_ref().is_none_or(|after| declared.as_str() > after.as_str());
        if is_after && declared.starts_with(prefix) && query.limit > 0 {
            let named = ActorQuery { after: None, limit: 1, ..query.clone() };
            self.walk_if(declared, &named, &mut listed, |name| name == declared.as_str())?;
        }
        let instances = format!("{declared}/");
        if prefix.starts_with(&instances) {
            self.walk(prefix, query, &mut listed)?;
        } else if instances.starts_with(prefix) {
            self.walk(&instances, query, &mut listed)?;
        }
        Ok(listed)
    }

    fn walk(&mut self, prefix: &str, query: &ActorQuery, listed: &mut Vec<ActorSummary>) -> Outcome<()> {
        self.walk_if(prefix, query, listed, |name| name.starts_with(prefix))
    }

    fn walk_if(
        &mut self,
        first: &str,
        query: &ActorQuery,
        listed: &mut Vec<ActorSummary>,
        goes_on: impl Fn(&str) -> bool,
    ) -> Outcome<()> {
        let after = query.after.as_ref().map_or("", ActorId::as_str);
        let is_after = if after >= first { ">" } else { ">=" };
        let sql = format!("SELECT name, id, time FROM actor WHERE name {is_after} ?1 ORDER BY name");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([after.max(first)])?;
        while listed.len() < query.limit {
            let Some(row) = rows.next()? else { return Ok(()) };
            let mut columns = Columns::of(row);
            let name = columns.text()?;
            if !goes_on(name) {
                return Ok(());
            }
            let actor = Stored { id: columns.unsigned()?, time: columns.time()? };
            if query.created_until.is_none_or(|until| actor.id <= until.0) {
                listed.push(self.summary(read_actor(name)?, actor)?);
            }
        }
        Ok(())
    }

    fn summary(&mut self, id: ActorId, actor: Stored) -> Outcome<ActorSummary> {
        let slot = slot(actor.id, newest(self.db, actor.id)?.0);
        let mut statement = self.db.prepare_cached("SELECT revision, time, tags FROM revision WHERE slot = ?1")?;
        let mut rows = statement.query([slot])?;
        let created = Mark(actor.id);
        let Some(row) = rows.next()? else {
            return Ok(ActorSummary { id, revision: Revision::ZERO, tags: Headers::new(), time: actor.time, created });
        };
        let mut columns = Columns::of(row);
        let (revision, time, tags) = (Revision(columns.unsigned()?), columns.time()?, columns.headers()?);
        Ok(ActorSummary { id, revision, tags, time, created })
    }

    fn stored(&self, id: &ActorId) -> Outcome<Option<Stored>> {
        let mut statement = self.db.prepare_cached("SELECT id, time FROM actor WHERE name = ?1")?;
        let row: Option<(i64, i64)> =
            statement.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let stored = |(id, time): (i64, i64)| Stored {
            id: id.unsigned_abs(),
            time: Timestamp::from_millis(time.unsigned_abs()),
        };
        Ok(row.map(stored))
    }

    fn newest(&mut self, actor: u64) -> Outcome<Option<Revised>> {
        let newest = newest(self.db, actor)?;
        self.revision(slot(actor, newest.0))
    }

    fn revision(&mut self, slot: i64) -> Outcome<Option<Revised>> {
        let mut statement = self.db.prepare_cached(REVISION)?;
        let mut rows = statement.query([slot])?;
        rows.next()?.map(|row| self.revised(row)).transpose()
    }

    fn revised(&mut self, row: &Row<'_>) -> Outcome<Revised> {
        let mut columns = Columns::of(row);
        let (revision, time) = (Revision(columns.unsigned()?), columns.time()?);
        let (kind, bytes) = (columns.optional()?, columns.optional_blob()?.unwrap_or_default());
        let state = kind.map(|kind| self.payload(kind, bytes)).transpose()?;
        Ok(Revised { revision, time, state, tags: columns.headers()? })
    }
}

fn snapshot(actor: Stored, row: Revised) -> Snapshot {
    let Revised { revision, time, state, tags } = row;
    Snapshot { key: StoreKey(actor.id), revision, state, tags, time }
}

fn unwritten(actor: Stored) -> Snapshot {
    let key = StoreKey(actor.id);
    Snapshot { key, revision: Revision::ZERO, state: None, tags: Headers::new(), time: actor.time }
}
