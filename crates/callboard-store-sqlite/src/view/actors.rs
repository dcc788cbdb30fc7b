use callboard_core::batch::{RecordedReply, StoreKey};
use callboard_core::port::{ActorQuery, ActorSummary, Snapshot};
use callboard_core::{ActorId, Headers, Mark, Name, Payload, Revision, Timestamp};

use super::View;
use crate::encode::{Columns, int, read_actor, time};
use crate::fault::Outcome;
use crate::slots::{oldest_kept, ring, slot};

/// The present of an actor, and where its past begins.
struct Present {
    id: u64,
    earlier: u64,
    row: Revised,
}

/// One revision.
struct Revised {
    revision: u64,
    time: Timestamp,
    tags: Headers,
    state: Option<Payload>,
}

impl View<'_> {
    pub(crate) fn load(&mut self, id: &ActorId) -> Outcome<Option<Snapshot>> {
        Ok(self.present(id)?.map(|present| snapshot(present.id, present.row)))
    }

    pub(crate) fn at_revision(&mut self, id: &ActorId, revision: Revision) -> Outcome<Option<Snapshot>> {
        let Some(present) = self.present(id)? else { return Ok(None) };
        let Revision(wanted) = revision;
        let actor = present.id;
        if wanted == 0 || wanted > present.row.revision || wanted < oldest_kept(present.row.revision) {
            return Ok(None);
        }
        if wanted == present.row.revision {
            return Ok(Some(snapshot(actor, present.row)));
        }
        let found = match self.archived(actor, wanted)? {
            Some(row) => Some(row),
            None => self.back(&present, |row| row.revision == wanted)?,
        };
        Ok(found.map(|row| snapshot(actor, row)))
    }

    pub(crate) fn at_time(&mut self, id: &ActorId, at: Timestamp) -> Outcome<Option<Snapshot>> {
        let Some(present) = self.present(id)? else { return Ok(None) };
        let actor = present.id;
        if present.row.time <= at {
            return Ok((present.row.revision > 0).then(|| snapshot(actor, present.row)));
        }
        let found = match self.back(&present, |row| row.time <= at)? {
            Some(row) => Some(row),
            // What was archived is older than all that is not.
            None => self.archived_at(actor, oldest_kept(present.row.revision), at)?,
        };
        Ok(found.map(|row| snapshot(actor, row)))
    }

    fn present(&mut self, id: &ActorId) -> Outcome<Option<Present>> {
        let sql = "SELECT id, earlier, revision, time, tags, type, state FROM actor WHERE name = ?1";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([id.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut columns = Columns::of(row);
        let (id, earlier) = (columns.unsigned()?, columns.unsigned()?);
        Ok(Some(Present { id, earlier, row: self.revised(&mut columns)? }))
    }

    /// Goes back through `history` to the first revision that is wanted, while it is kept there.
    fn back(&mut self, present: &Present, is_wanted: impl Fn(&Revised) -> bool) -> Outcome<Option<Revised>> {
        let (mut id, mut revision) = (present.earlier, present.row.revision);
        let oldest = oldest_kept(revision);
        while revision > oldest {
            revision -= 1;
            let sql = "SELECT earlier, revision, time, tags, type, state FROM history \
                       WHERE id = ?1 AND actor = ?2 AND revision = ?3";
            let mut statement = self.db.prepare_cached(sql)?;
            let mut rows = statement.query((int(id), int(present.id), int(revision)))?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let mut columns = Columns::of(row);
            id = columns.unsigned()?;
            let found = self.revised(&mut columns)?;
            if is_wanted(&found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn archived(&mut self, actor: u64, revision: u64) -> Outcome<Option<Revised>> {
        let sql = "SELECT revision, time, tags, type, state FROM archive WHERE slot = ?1 AND revision = ?2";
        self.archive_row(sql, (slot(actor, revision), int(revision)))
    }

    fn archived_at(&mut self, actor: u64, oldest: u64, at: Timestamp) -> Outcome<Option<Revised>> {
        let (first, last) = ring(actor);
        let sql = "SELECT revision, time, tags, type, state FROM archive \
                   WHERE slot BETWEEN ?1 AND ?2 AND revision >= ?3 AND time <= ?4 ORDER BY revision DESC LIMIT 1";
        self.archive_row(sql, (first, last, int(oldest), time(at)))
    }

    fn archive_row(&mut self, sql: &str, parameters: impl rusqlite::Params) -> Outcome<Option<Revised>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        rows.next()?.map(|row| self.revised(&mut Columns::of(row))).transpose()
    }

    /// Reads `revision, time, tags, type, state`.
    fn revised(&mut self, columns: &mut Columns<'_, '_>) -> Outcome<Revised> {
        let (revision, time, tags) = (columns.unsigned()?, columns.time()?, columns.headers()?);
        let (kind, bytes) = (columns.optional()?, columns.optional_blob()?.unwrap_or_default());
        let state = kind.map(|kind| self.payload(kind, bytes)).transpose()?;
        Ok(Revised { revision, time, tags, state })
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
            self.walk_while(declared, &named, &mut listed, |name| name == declared.as_str())?;
        }
        let instances = format!("{declared}/");
        if prefix.starts_with(&instances) {
            self.walk(prefix, query, &mut listed)?;
        } else if instances.starts_with(prefix) {
            self.walk(&instances, query, &mut listed)?;
        }
        Ok(listed)
    }

    fn walk(&self, prefix: &str, query: &ActorQuery, listed: &mut Vec<ActorSummary>) -> Outcome<()> {
        self.walk_while(prefix, query, listed, |name| name.starts_with(prefix))
    }

    fn walk_while(
        &self,
        first: &str,
        query: &ActorQuery,
        listed: &mut Vec<ActorSummary>,
        goes_on: impl Fn(&str) -> bool,
    ) -> Outcome<()> {
        let after = query.after.as_ref().map_or("", ActorId::as_str);
        let is_after = if after >= first { ">" } else { ">=" };
        let sql = format!("SELECT name, id, revision, time, tags FROM actor WHERE name {is_after} ?1 ORDER BY name");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([after.max(first)])?;
        while listed.len() < query.limit {
            let Some(row) = rows.next()? else { return Ok(()) };
            let mut columns = Columns::of(row);
            let name = columns.text()?;
            if !goes_on(name) {
                return Ok(());
            }
            let created = Mark(columns.unsigned()?);
            if query.created_until.is_none_or(|until| created <= until) {
                let (revision, time, tags) = (Revision(columns.unsigned()?), columns.time()?, columns.headers()?);
                listed.push(ActorSummary { id: read_actor(name)?, revision, tags, time, created });
            }
        }
        Ok(())
    }
}

fn snapshot(actor: u64, row: Revised) -> Snapshot {
    let Revised { revision, time, tags, state } = row;
    Snapshot { key: StoreKey(actor), revision: Revision(revision), state, tags, time }
}
