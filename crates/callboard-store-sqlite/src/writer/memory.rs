use callboard_core::batch::{Fence, Subscriber};
use callboard_core::limits::SHARDS;
use callboard_core::{ActorId, Encoding, Epoch, Name, NodeId, Pattern, Seq, Topic};
use rusqlite::Connection;

use crate::cache::Cache;
use crate::encode::Columns;
use crate::fault::Outcome;
use crate::slots;

use super::history::HISTORY_BYTES_MAX;

/// What the writer knows without asking the database. It alone writes, so what it remembers stays true.
#[derive(Debug)]
pub(super) struct Memory {
    /// The last mark given away.
    pub(super) head: u64,
    /// The latest time of any publication.
    pub(super) horizon: u64,
    pub(super) fences: Vec<Option<(NodeId, Epoch)>>,
    pub(super) known: Known,
    pub(super) history: HistoryMemory,
    /// Grows when replies were removed behind the counts in [`ActorMemory`].
    pub(super) reply_round: u64,
    remembered: usize,
}

/// Rows that were read or written lately.
#[derive(Debug)]
pub(super) struct Known {
    /// `None`: nothing is stored of it.
    pub(super) actors: Cache<ActorId, Option<ActorMemory>>,
    pub(super) topics: Cache<Topic, TopicMemory>,
    pub(super) types: Cache<(Name, Encoding), i64>,
    pub(super) patterns: Cache<Pattern, i64>,
    pub(super) subscribers: Cache<Subscriber, i64>,
}

/// The two ends of `history`, and what is to be cleared of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HistoryMemory {
    /// The row that comes next.
    pub(super) next: u64,
    /// No row stands before this one.
    pub(super) first: u64,
    /// Where the front is looked at again.
    pub(super) look_at: u64,
    /// Rows at the front that are to be cleared with the next transactions.
    pub(super) to_clear: u64,
    /// Past this size the front is cleared although much of it is still readable.
    pub(super) bytes_max: u64,
}

/// A stored actor.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActorMemory {
    pub(super) id: u64,
    pub(super) revision: u64,
    /// Where the revision before stands in `history`; zero when there is none.
    pub(super) earlier: u64,
    /// How many replies it has, as of a round.
    pub(super) replies: Option<(u64, u64)>,
}

/// A topic that has a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopicMemory {
    pub(super) id: i64,
    pub(super) epoch: Epoch,
    pub(super) head: Seq,
}

/// Types, patterns and declared subscribers come from programs: there are few.
const DECLARED_MAX: usize = 10_000;

impl Known {
    fn nothing(remembered: usize) -> Self {
        Self {
            actors: Cache::new(remembered),
            topics: Cache::new(remembered),
            types: Cache::new(DECLARED_MAX),
            patterns: Cache::new(DECLARED_MAX),
            subscribers: Cache::new(DECLARED_MAX),
        }
    }
}

impl Memory {
    pub(super) fn read(db: &Connection, remembered: usize) -> Outcome<Self> {
        let head = slots::head(db)?.0;
        let newest = "SELECT horizon FROM publication ORDER BY mark DESC LIMIT 1";
        let mut newest = db.prepare_cached(newest)?;
        let mut rows = newest.query([])?;
        let horizon = rows.next()?.map(|row| Columns::of(row).unsigned()).transpose()?.unwrap_or(0);
        let ends = "SELECT ifnull((SELECT min(id) FROM history), 1), ifnull((SELECT max(id) FROM history), 0)";
        let (first, last): (i64, i64) = db.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let next = last.unsigned_abs() + 1;
        let first = first.unsigned_abs();
        let history = HistoryMemory { next, first, look_at: next, to_clear: 0, bytes_max: HISTORY_BYTES_MAX };
        let mut fences = vec![None; usize::from(SHARDS)];
        let mut shards = db.prepare_cached("SELECT shard, owner, epoch FROM shard")?;
        let mut rows = shards.query([])?;
        while let Some(row) = rows.next()? {
            let mut columns = Columns::of(row);
            let (shard, owner, epoch) = (columns.unsigned()?, columns.hash()?, columns.unsigned()?);
            if let Some(fence) = usize::try_from(shard).ok().and_then(|shard| fences.get_mut(shard)) {
                *fence = Some((NodeId(owner), Epoch(epoch)));
            }
        }
        Ok(Self { head, horizon, fences, known: Known::nothing(remembered), history, reply_round: 0, remembered })
    }

    pub(super) fn holds(&self, fence: &Fence) -> bool {
        self.fences.get(usize::from(fence.shard.number())) == Some(&Some((fence.owner, fence.epoch)))
    }

    pub(super) fn forget_rows(&mut self) {
        self.known = Known::nothing(self.remembered);
    }

    pub(super) const fn next_mark(&mut self) -> u64 {
        self.head += 1;
        self.head
    }
}
