//! Where the revisions of resting actors stand, and where the commit order stands: what the writer and the readers share.

use callboard_core::Mark;
use callboard_core::limits::REVISIONS_KEPT;
use rusqlite::Connection;

use crate::encode::{Columns, int};
use crate::fault::Outcome;

/// Revisions in an actor's ring. It is part of the file format.
pub(crate) const RING: u64 = 100;
const _: () = assert!(RING >= REVISIONS_KEPT, "the ring keeps what the port promises");

/// The slot of a revision of an actor in `archive`.
pub(crate) fn slot(actor: u64, revision: u64) -> i64 {
    int(actor.saturating_mul(RING) + revision % RING)
}

/// The slots of an actor, first and last.
pub(crate) fn ring(actor: u64) -> (i64, i64) {
    (slot(actor, 0), slot(actor, RING - 1))
}

/// The oldest revision that is readable when this one is the present.
pub(crate) const fn oldest_kept(present: u64) -> u64 {
    present.saturating_sub(REVISIONS_KEPT - 1)
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
