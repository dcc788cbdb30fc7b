//! Earlier revisions: appended in commit order, cleared away from the front.

use callboard_core::limits::REVISIONS_KEPT;

use super::memory::ActorMemory;
use super::transaction::Transaction;
use crate::encode::{Columns, int};
use crate::fault::Outcome;
use crate::slots::{oldest_kept, ring, slot};

/// What `history` may hold before its front is cleared although much of it is still readable. Until then revisions of hot
/// actors leave it without ever being moved.
pub(super) const HISTORY_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Rows that are appended between two looks at the front.
const LOOK_EVERY: u64 = 1024;

/// Rows that are looked at first.
const SAMPLE_LEN: u64 = 256;

/// Rows that are cleared after each look, as long as it is worth it: more than came in meanwhile, so that it catches up.
const CLEARED_AT_ONCE: u64 = 3 * LOOK_EVERY;

/// Rows that are cleared with one transaction, so that no commit waits long for it.
const CLEARED_PER_TRANSACTION: u64 = 512;

/// What a row holds beside its state.
const ROW_BYTES: u64 = 64;

/// Rows of a deleted actor that are removed with it; what is older is not readable and goes with the front.
const DELETED_MAX: u64 = 10 * REVISIONS_KEPT;

/// A row at the front.
struct Front {
    id: u64,
    actor: u64,
    revision: u64,
    bytes: u64,
    is_readable: bool,
}

impl Transaction<'_> {
    /// Appends the present revision of an actor, which is about to be replaced, and says where.
    pub(super) fn archive_present(&mut self, actor: ActorMemory) -> Outcome<u64> {
        if actor.revision == 0 {
            return Ok(0);
        }
        let row = self.memory.history.next;
        let sql = "INSERT INTO history (id, actor, revision, earlier, time, tags, type, state) \
                   SELECT ?1, id, revision, earlier, time, tags, type, state FROM actor WHERE id = ?2";
        self.execute(sql, (int(row), int(actor.id)))?;
        self.memory.history.next += 1;
        Ok(row)
    }

    /// Removes an actor's earlier revisions.
    pub(super) fn forget_history(&mut self, actor: ActorMemory) -> Outcome<()> {
        self.execute("DELETE FROM archive WHERE slot BETWEEN ?1 AND ?2", ring(actor.id))?;
        let (mut row, mut revision) = (actor.earlier, actor.revision);
        for _ in 0..DELETED_MAX {
            revision = revision.saturating_sub(1);
            let sql = "DELETE FROM history WHERE id = ?1 AND actor = ?2 AND revision = ?3 RETURNING earlier";
            match self.number(sql, (int(row), int(actor.id), int(revision)))? {
                Some(earlier) => row = earlier.unsigned_abs(),
                None => break,
            }
        }
        Ok(())
    }

    /// Clears some of the front of `history` with the transaction that is under way, when that is worth it.
    pub(super) fn clear_history(&mut self) -> Outcome<()> {
        if self.memory.history.next >= self.memory.history.look_at + LOOK_EVERY {
            self.memory.history.look_at = self.memory.history.next;
            self.memory.history.to_clear = CLEARED_AT_ONCE;
        }
        let rows = self.memory.history.to_clear.min(CLEARED_PER_TRANSACTION);
        if rows > 0 {
            let cleared = self.clear_front(rows)?;
            let to_clear = self.memory.history.to_clear - rows;
            self.memory.history.to_clear = if cleared < rows { 0 } else { to_clear };
        }
        Ok(())
    }

    /// Clears the front up to the last row that nobody can read any more, if most rows until there are like it; those
    /// between that can be read move to the archive. Says how many rows it cleared.
    fn clear_front(&mut self, rows: u64) -> Outcome<u64> {
        let mut front = self.front(rows.min(SAMPLE_LEN))?;
        if !self.is_worth_it(&front) {
            return Ok(0);
        }
        if rows > SAMPLE_LEN {
            front = self.front(rows)?;
        }
        if !self.is_too_long(&front) {
            let gone = front.iter().rposition(|row| !row.is_readable).map_or(0, |last| last + 1);
            front.truncate(gone);
        }
        let Some(last) = front.last().map(|row| row.id) else { return Ok(0) };
        for row in front.iter().filter(|row| row.is_readable) {
            let sql = "INSERT OR REPLACE INTO archive (slot, revision, time, tags, type, state) \
                       SELECT ?1, revision, time, tags, type, state FROM history WHERE id = ?2";
            self.execute(sql, (slot(row.actor, row.revision), int(row.id)))?;
        }
        self.execute("DELETE FROM history WHERE id <= ?1", [int(last)])?;
        self.memory.history.first = last + 1;
        Ok(front.len() as u64)
    }

    fn is_worth_it(&self, front: &[Front]) -> bool {
        let gone = front.iter().filter(|row| !row.is_readable).count();
        2 * gone > front.len() || self.is_too_long(front)
    }

    /// Whether the whole history is too long, as far as its front shows.
    fn is_too_long(&self, front: &[Front]) -> bool {
        let bytes: u64 = front.iter().map(|row| row.bytes + ROW_BYTES).sum();
        let history = &self.memory.history;
        let rows = history.next - history.first.min(history.next);
        (bytes / (front.len() as u64).max(1)).saturating_mul(rows) > history.bytes_max
    }

    fn front(&self, rows: u64) -> Outcome<Vec<Front>> {
        let sql = "SELECT id, actor, revision, ifnull(length(state), 0) + ifnull(length(tags), 0) FROM history \
                   WHERE id >= ?1 ORDER BY id LIMIT ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut found = statement.query((int(self.memory.history.first), int(rows)))?;
        let mut front = Vec::new();
        while let Some(row) = found.next()? {
            let mut columns = Columns::of(row);
            let (id, actor, revision) = (columns.unsigned()?, columns.unsigned()?, columns.unsigned()?);
            let present = self.number("SELECT revision FROM actor WHERE id = ?1", [int(actor)])?;
            let is_readable = present.is_some_and(|present| revision >= oldest_kept(present.unsigned_abs()));
            front.push(Front { id, actor, revision, bytes: columns.unsigned()?, is_readable });
        }
        Ok(front)
    }
}

#[cfg(test)]
mod tests {
    use callboard_core::batch::Fence;
    use callboard_core::{ActorId, Batch, Encoding, Headers, NodeId, Payload, Revision, Shard, Timestamp, Write};
    use rusqlite::Connection;

    use super::super::memory::Memory;
    use super::*;
    use crate::migrate::migrate;
    use crate::view::{Names, View};

    struct Bench {
        db: Connection,
        memory: Memory,
        fence: Fence,
    }

    impl Bench {
        fn new(bytes_max: u64) -> Self {
            let mut db = Connection::open_in_memory().unwrap();
            migrate(&mut db, 0).unwrap();
            let mut memory = Memory::read(&db, 100).unwrap();
            memory.history.bytes_max = bytes_max;
            let shard = Shard::new(0).unwrap();
            let fence = Transaction::new(&db, &mut memory).acquire(NodeId(1), &[shard]).unwrap()[0];
            Self { db, memory, fence }
        }

        fn write(&mut self, id: &ActorId, revision: u64, write: Write) {
            let now = Timestamp::from_millis(revision * 10);
            let batch = Batch { fence: self.fence, actor: Some(id.clone()), key: None, now, writes: vec![write] };
            for answer in Transaction::new(&self.db, &mut self.memory).commit(vec![batch]).unwrap() {
                answer.unwrap();
            }
        }

        fn state(&mut self, id: &ActorId, revision: u64) {
            let state = Payload::new("t", Encoding::Bytes, vec![u8::try_from(revision % 251).unwrap(); 50]);
            let state = Some(state);
            self.write(id, revision, Write::State { revision: Revision(revision), state, tags: Headers::new() });
        }

        fn read<T>(&self, read: impl FnOnce(&mut View<'_>) -> Outcome<T>) -> T {
            View::read(&self.db, &mut Names::new(), read).unwrap()
        }

        fn rows(&self, table: &str) -> i64 {
            self.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        }

        fn assert_readable(&self, id: &ActorId, present: u64) {
            for revision in present.saturating_sub(130).max(1)..=present + 1 {
                let found = self.read(|view| view.at_revision(id, Revision(revision)));
                let kept = revision <= present && revision + 100 > present;
                assert_eq!(found.is_some(), kept, "{id} at {revision} when {present} is the present");
                if let Some(found) = found {
                    assert_eq!(found.time, Timestamp::from_millis(revision * 10));
                    assert_eq!(found.state.unwrap().bytes()[0], u8::try_from(revision % 251).unwrap());
                }
                let then = self.read(|view| view.at_time(id, Timestamp::from_millis(revision * 10 + 5)));
                let expected = (revision + 100 > present).then(|| revision.min(present));
                assert_eq!(then.map(|then| then.revision.0), expected, "{id} at the time of {revision}");
            }
        }
    }

    #[test]
    fn the_past_of_busy_actors_leaves_the_history_without_being_moved() {
        let mut bench = Bench::new(u64::MAX);
        let ids: Vec<ActorId> = (0..3).map(|n| ActorId::instance("order", &n.to_string()).unwrap()).collect();
        for revision in 1..=5000 {
            ids.iter().for_each(|id| bench.state(id, revision));
        }
        assert!(bench.rows("history") < 3000, "{} rows", bench.rows("history"));
        assert_eq!(bench.rows("archive"), 0);
        ids.iter().for_each(|id| bench.assert_readable(id, 5000));
    }

    #[test]
    fn the_past_of_resting_actors_stays_readable_when_the_history_is_too_long() {
        let mut bench = Bench::new(100_000);
        let ids: Vec<ActorId> = (0..40).map(|n| ActorId::instance("order", &n.to_string()).unwrap()).collect();
        for id in &ids {
            (1..=120).for_each(|revision| bench.state(id, revision));
        }
        assert!(bench.rows("archive") > 1000 && bench.rows("history") < 3000);
        ids.iter().for_each(|id| bench.assert_readable(id, 120));
        // One of them wakes up: what is archived of it and what is not are one past.
        (121..=170).for_each(|revision| bench.state(&ids[0], revision));
        bench.assert_readable(&ids[0], 170);
    }

    #[test]
    fn a_deleted_actor_takes_its_past_along() {
        let mut bench = Bench::new(u64::MAX);
        let id = ActorId::named("clerk").unwrap();
        (1..=300).for_each(|revision| bench.state(&id, revision));
        bench.write(&id, 301, Write::DeleteActor);
        assert_eq!((bench.rows("history"), bench.rows("archive"), bench.rows("actor")), (0, 0, 0));
    }
}
