//! [`StoreStats`]: what the store has done, for whoever wants to show it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Transactions that were flushed.
    pub commits: u64,
    /// Batches in them.
    pub batches: u64,
    /// Batches that a guard or a fence refused.
    pub refused: u64,
    /// The time that the flushes took, in microseconds; divided by `commits` it is the mean.
    pub flush_micros: u64,
    /// How long the log was at the last commit; it begins anew when all of it was moved into the database file.
    pub wal_bytes: u64,
    /// Whether the folder could not be opened for writing.
    pub is_read_only: bool,
}

/// The counters behind [`StoreStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    batches: AtomicU64,
    refused: AtomicU64,
    flush_micros: AtomicU64,
    wal_frames: AtomicU64,
}

// A page and the head of its frame.
const FRAME_BYTES: u64 = 4096 + 24;

impl Counters {
    /// Counts a flush while it runs.
    #[expect(clippy::disallowed_methods, reason = "measures the disk, which no simulated clock moves")]
    pub(crate) fn flush<T, E>(&self, flush: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let start = Instant::now();
        let done = flush()?;
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.flush_micros.fetch_add(micros, Ordering::Relaxed);
        Ok(done)
    }

    pub(crate) fn count_batches(&self, committed: u64, refused: u64) {
        self.batches.fetch_add(committed, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }

    pub(crate) fn set_wal_frames(&self, frames: u64) {
        self.wal_frames.store(frames, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, is_read_only: bool) -> StoreStats {
        StoreStats {
            commits: self.commits.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            flush_micros: self.flush_micros.load(Ordering::Relaxed),
            wal_bytes: self.wal_frames.load(Ordering::Relaxed) * FRAME_BYTES,
            is_read_only,
        }
    }
}
