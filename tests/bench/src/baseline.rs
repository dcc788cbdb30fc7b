//! Plain SQLite group commit, as somebody would write it by hand: one writer thread, one transaction for all that wait, the
//! same rows and the same settings as the store's, checkpoints from a second connection.

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

// The rows that the store writes for a durable call: the present of the actor, and the revision before it.
const TABLES: &str = "
    CREATE TABLE actor (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, earlier INTEGER NOT NULL,
        time INTEGER NOT NULL, tags BLOB, type INTEGER, state BLOB) STRICT;
    CREATE TABLE history (
        id INTEGER PRIMARY KEY, actor INTEGER NOT NULL, revision INTEGER NOT NULL, earlier INTEGER NOT NULL,
        time INTEGER NOT NULL, tags BLOB, type INTEGER, state BLOB) STRICT";
const PRESENT: &str = "UPDATE actor SET revision = ?2, earlier = ?3, time = 0, type = 1, state = ?4 WHERE id = ?1";
const PAST: &str =
    "INSERT INTO history SELECT ?2, id, revision, earlier, time, tags, type, state FROM actor WHERE id = ?1";

/// Opens a connection as the store's writer does.
pub(crate) fn connection(folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join("plain.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -65536)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Writes one row in one transaction: what a single caller without a runtime would wait for.
pub(crate) struct PlainWriter {
    connection: Connection,
    // The revision, and the row of the one before.
    revisions: Vec<(i64, i64)>,
    next: i64,
}

impl PlainWriter {
    pub(crate) fn open(folder: &Path, actors: usize) -> anyhow::Result<Self> {
        let mut connection = connection(folder)?;
        connection.execute_batch(TABLES)?;
        let all = connection.transaction()?;
        for actor in 0..actors {
            let row = (i64::try_from(actor)?, format!("durable_record/{actor}"));
            all.execute("INSERT INTO actor VALUES (?1, ?2, 0, 0, 0, NULL, NULL, NULL)", row)?;
        }
        all.commit()?;
        Ok(Self { connection, revisions: vec![(0, 0); actors], next: 1 })
    }

    fn write(&mut self, rows: &[(i64, Vec<u8>)]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut past = transaction.prepare_cached(PAST)?;
            let mut present = transaction.prepare_cached(PRESENT)?;
            for (actor, record) in rows {
                let (revision, earlier) = &mut self.revisions[usize::try_from(*actor).unwrap_or(0)];
                if *revision > 0 {
                    past.execute((actor, self.next))?;
                    *earlier = self.next;
                    self.next += 1;
                }
                *revision += 1;
                present.execute((actor, *revision, *earlier, record))?;
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
