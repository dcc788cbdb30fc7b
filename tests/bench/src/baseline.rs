//! Plain SQLite group commit, as somebody would write it by hand: one writer thread, one transaction for all that wait, the
//! same table and the same settings as the store's, checkpoints from a second connection.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

/// A row to write, and who waits for it.
struct Request {
    actor: i64,
    record: Vec<u8>,
    done: oneshot::Sender<()>,
}

/// The writer. Dropping it ends its threads.
#[derive(Clone)]
pub(crate) struct PlainStore {
    queue: mpsc::SyncSender<Request>,
    _end: Arc<End>,
}

struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

const TABLE: &str = "CREATE TABLE revision (
    actor INTEGER NOT NULL, revision INTEGER NOT NULL, time INTEGER NOT NULL,
    type INTEGER, encoding INTEGER, state BLOB, tags BLOB, PRIMARY KEY (actor, revision)) WITHOUT ROWID";

/// Opens a connection as the store's writer does.
pub(crate) fn connection(folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join("plain.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

const INSERT: &str = "INSERT INTO revision VALUES (?1, ?2, 0, 1, 1, ?3, NULL)";

/// Writes one row in one transaction: what a single caller without a runtime would wait for.
pub(crate) struct PlainWriter {
    connection: Connection,
    revisions: Vec<i64>,
}

impl PlainWriter {
    pub(crate) fn open(folder: &Path, actors: usize) -> anyhow::Result<Self> {
        let connection = connection(folder)?;
        connection.execute_batch(TABLE)?;
        Ok(Self { connection, revisions: vec![0; actors] })
    }

    fn write(&mut self, rows: &[(i64, Vec<u8>)]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for (actor, record) in rows {
                let revision = &mut self.revisions[usize::try_from(*actor).unwrap_or(0)];
                *revision += 1;
                insert.execute((actor, *revision, record))?;
            }
        }
        transaction.commit()
    }

    pub(crate) fn write_one(&mut self, actor: i64, record: &[u8]) -> rusqlite::Result<()> {
        self.write(&[(actor, record.to_vec())])
    }
}

impl PlainStore {
    pub(crate) fn open(folder: &Path, actors: usize) -> anyhow::Result<Self> {
        let mut writer = PlainWriter::open(folder, actors)?;
        let (queue, requests) = mpsc::sync_channel::<Request>(4096);
        std::thread::spawn(move || {
            while let Ok(first) = requests.recv() {
                let mut waiting = Vec::with_capacity(256);
                let mut rows = Vec::with_capacity(256);
                let mut take = |request: Request| {
                    rows.push((request.actor, request.record));
                    waiting.push(request.done);
                };
                take(first);
                requests.try_iter().take(255).for_each(take);
                if writer.write(&rows).is_ok() {
                    for done in waiting {
                        let _ = done.send(());
                    }
                }
            }
        });
        let ended = Arc::new(AtomicBool::new(false));
        let checkpoints = connection(folder)?;
        let end = Arc::clone(&ended);
        std::thread::spawn(move || {
            while !end.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(200));
                let _ = checkpoints.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            }
        });
        Ok(Self { queue, _end: Arc::new(End(ended)) })
    }

    /// Writes a row and waits until it is on disk.
    pub(crate) async fn write(&self, actor: usize, record: Vec<u8>) {
        let (done, written) = oneshot::channel();
        let request = Request { actor: i64::try_from(actor).unwrap_or(0), record, done };
        if self.queue.send(request).is_ok() {
            let _ = written.await;
        }
    }
}
