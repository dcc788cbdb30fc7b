//! Where revisions stand in their ring, and where the commit order stands: what the writer and the readers both look up.

use callboard_core::limits::REVISIONS_KEPT;
use callboard_core::{Mark, Revision};
use rusqlite::{Connection, OptionalExtension};

use crate::encode::{Columns, int};
use crate::fault::Outcome;

/// Revisions in an actor's ring. It is part of the file format.
pub(crate) const RING: u64 = 100;
const _: () = assert!(RING >= REVISIONS_KEPT, "the ring keeps what the port promises");

/// The slot of a revision of an actor.
pub(crate) fn slot(actor: u64, revision: u64) -> i64 {
    int(actor.saturating_mul(RING) + revision % RING)
}

/// The slots of an actor, first and last.
pub(crate) fn ring(actor: u64) -> (i64, i64) {
    (slot(actor, 0), slot(actor, RING - 1))
}

/// The newest revision of an actor; zero when it has none.
///
/// The ring holds consecutive revisions, and slot 1 holds one as soon as there is any. From that one on they ascend until
/// the newest, behind which stand older ones or none: the border is found by bisection, at most a dozen look-ups.
pub(crate) fn newest(db: &Connection, actor: u64) -> Outcome<Revision> {
    let mut statement = db.prepare_cached("SELECT revision FROM revision WHERE slot = ?1")?;
    let mut at = |revision: u64| -> Outcome<Option<u64>> {
        let found: Option<i64> = statement.query_row([slot(actor, revision)], |row| row.get(0)).optional()?;
        Ok(found.map(|revision| u64::try_from(revision).unwrap_or(0)))
    };
    let Some(first) = at(1)? else { return Ok(Revision::ZERO) };
    let mut is_there = |ahead: u64| -> Outcome<bool> { Ok(at(first + ahead)? == Some(first + ahead)) };
    // `there` is; find the first that is not.
    let (mut there, mut step) = (0, 1);
    while there + step < RING && is_there(there + step)? {
        there += step;
        step *= 2;
    }
    let mut missing = (there + step).min(RING);
    while missing - there > 1 {
        let middle = there + (missing - there) / 2;
        if is_there(middle)? {
            there = middle;
        } else {
            missing = middle;
        }
    }
    Ok(Revision(first + there))
}

/// The last mark that was given away.
pub(crate) fn head(db: &Connection) -> Outcome<Mark> {
    let sql = "SELECT max((SELECT mark FROM store), \
                          ifnull((SELECT max(mark) FROM publication), 0), \
                          ifnull((SELECT max(id) FROM actor), 0))";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        Some(row) => Columns::of(row).unsigned().map(Mark),
        None => Ok(Mark::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::migrate;

    #[test]
    fn the_newest_revision_is_found_wherever_the_ring_stands() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, 0).unwrap();
        assert_eq!(newest(&db, 7).unwrap(), Revision::ZERO);
        for revision in 1..=350_u64 {
            let sql = "INSERT OR REPLACE INTO revision (slot, revision, time) VALUES (?1, ?2, 0)";
            for actor in [6, 7, 8] {
                db.execute(sql, (slot(actor, revision), int(revision))).unwrap();
            }
            assert_eq!(newest(&db, 7).unwrap(), Revision(revision));
        }
    }
}
