//! The checkpointer: moves committed pages from the log into the database file, beside the commits.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use crate::fault::Fault;

/// Frames by which the log grows between two checkpoints. Later is cheaper, since pages that are written often are moved
/// once; earlier keeps the log, and with it the recovery after a crash, short.
pub(crate) const FRAMES_BETWEEN: i32 = 8 * 1024;

/// Frames (96 MiB) past which commits wait for a moment, so that the log can begin anew.
const FRAMES_TOO_MANY: i32 = 24 * 1024;

/// Rounds beside the commits before they have to wait: each leaves less to do.
const ROUNDS_MAX: u32 = 3;

/// Frames that came in during a round and are moved quickly enough for the commits to wait for them.
const FEW_FRAMES: i32 = 1024;

pub(crate) struct Checkpointer {
    pub(crate) connection: Connection,
    pub(crate) database: PathBuf,
    /// Held by the writer during each transaction.
    pub(crate) gate: Arc<Mutex<()>>,
}

impl Checkpointer {
    /// Works each time the writer says how long the log is, until the writer is gone.
    pub(crate) fn run(self, log_len: &Receiver<i32>) {
        while log_len.recv().is_ok() {
            if let Err(error) = self.checkpoint() {
                let error = Fault::Sqlite(error).to_store_error(&self.database);
                tracing::warn!(%error, "committed pages could not be moved into the database file; the log grows");
            }
        }
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        let mut log = 0;
        for _ in 0..ROUNDS_MAX {
            let before = log;
            (log, _) = self.pass(CheckpointMode::PASSIVE)?;
            if log - before <= FEW_FRAMES {
                break;
            }
        }
        // When the commits pause the next one begins the log anew by itself, since all of it was moved. Under load there is
        // always something new, so from time to time they are held up while the little that is left is moved.
        if log >= FRAMES_TOO_MANY {
            let _writer_waits = self.gate.lock();
            self.pass(CheckpointMode::RESTART)?;
        }
        Ok(())
    }

    fn pass(&self, mode: CheckpointMode) -> rusqlite::Result<(i32, i32)> {
        match self.connection.wal_checkpoint_v2(None::<&str>, mode) {
            // Somebody reads the log's end; the next time is soon enough.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok((0, 0)),
            result => result,
        }
    }
}
