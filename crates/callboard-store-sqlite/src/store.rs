//! [`SqliteStore`]: the port's face of the threads behind it.

use std::borrow::Borrow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use callboard_core::port::{BoxFuture, StoreError};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpointer;
use crate::config::SqliteConfig;
use crate::fault::{Fault, Outcome};
use crate::lock::FolderLock;
use crate::open::{Access, OpenError, Opened, open};
use crate::reader::{READ_QUEUE_LEN_MAX, ReadJob, Reader, closed};
use crate::stats::{Counters, StoreStats};
use crate::view::{Names, View};
use crate::writer::{WriteJob, Writer};

mod log;
mod port;

/// The store of a node that keeps everything in one folder.
///
/// It owns its threads: one that writes, a few that read, one that checkpoints. Dropping it lets the write that is under
/// way finish, closes the database and gives the folder back; that blocks for as long as the disk takes.
pub struct SqliteStore {
    database: PathBuf,
    counters: Arc<Counters>,
    is_read_only: bool,
    // `None` when the folder could not be opened for writing, and while the store is being dropped.
    writes: Option<mpsc::Sender<WriteJob>>,
    reads: Option<mpsc::Sender<ReadJob>>,
    threads: Vec<JoinHandle<()>>,
    // Last, so that the folder is given back when nothing of it is open any more.
    _lock: FolderLock,
}

impl SqliteStore {
    /// Opens or creates the store of a data folder, and brings it to this version's schema. Blocks for a few milliseconds, or
    /// after a crash for as long as reading the log of the last commits takes; it does not grow with what is stored.
    ///
    /// A folder that cannot be written is opened for reading: [`SqliteStore::is_read_only`] says so, and commits answer
    /// `Unavailable`.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and what to do.
    pub fn open(config: impl Borrow<SqliteConfig>) -> Result<Self, OpenError> {
        let config = config.borrow();
        let Opened { lock, access, connection } = open(config)?;
        let database = config.database();
        let mut store = Self {
            database: database.clone(),
            counters: Arc::new(Counters::default()),
            is_read_only: access != Access::ReadWrite,
            writes: None,
            reads: None,
            threads: Vec::new(),
            _lock: lock,
        };
        let failed = |error: rusqlite::Error| OpenError::Database(Fault::Sqlite(error).to_store_error(&database));
        // The first reader is opened before the first connection goes, so that the database stays open throughout.
        let readers = (0..config.readers.max(1)).map(|_| access.reader(config)).collect::<Result<Vec<_>, _>>();
        let readers = readers.map_err(failed)?;
        if access == Access::ReadWrite {
            store.start_writing(connection, config)?;
        }
        let (reads, queue) = mpsc::channel::<ReadJob>(READ_QUEUE_LEN_MAX);
        store.reads = Some(reads);
        let queue = Arc::new(Mutex::new(queue));
        for db in readers {
            let (reader, queue) = (Reader { db, names: Names::new() }, Arc::clone(&queue));
            store.start("read", move || reader.run(&queue))?;
        }
        Ok(store)
    }

    fn start_writing(&mut self, connection: rusqlite::Connection, config: &SqliteConfig) -> Result<(), OpenError> {
        let failed =
            |error: rusqlite::Error| OpenError::Database(Fault::Sqlite(error).to_store_error(&config.database()));
        let gate = Arc::new(Mutex::new(()));
        let (log_grew, log_len) = sync_channel(1);
        let checkpoints = Access::ReadWrite.writer(config).map_err(failed)?;
        // It comes again later instead of waiting for readers.
        checkpoints.busy_timeout(std::time::Duration::ZERO).map_err(failed)?;
        let checkpointer =
            Checkpointer { connection: checkpoints, database: config.database(), gate: Arc::clone(&gate) };
        let counters = Arc::clone(&self.counters);
        let writer = Writer::new(connection, config.database(), gate, counters, config.remembered, log_grew);
        let writer = writer.map_err(failed)?;
        let (writes, mut queue) = mpsc::channel(config.queue_len_max.max(1));
        self.writes = Some(writes);
        self.start("checkpoint", move || checkpointer.run(&log_len))?;
        self.start("commit", move || writer.run(&mut queue))
    }

    fn start(&mut self, work: &str, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let thread = std::thread::Builder::new().name(format!("callboard-{work}")).spawn(run);
        let thread = thread.map_err(|error| {
            let text = format!("the system starts no thread for the store ({error}); raise the limit of threads");
            OpenError::Database(StoreError::Unavailable(text))
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Whether the folder could not be opened for writing, so that every commit is refused and only reads work.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// The database file.
    #[must_use]
    pub const fn database(&self) -> &PathBuf {
        &self.database
    }

    /// What the store has done since it was opened. Costs a few loads.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.counters.stats(self.is_read_only)
    }

    /// Hands a read to the reader threads.
    fn read<'a, T: Send + 'static>(
        &'a self,
        read: impl FnOnce(&mut View<'_>) -> Outcome<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let job = move |reader: &mut Reader| {
                // Who gave up waiting is not told, and costs no read.
                if !answer.is_closed() {
                    let _ = answer.send(View::read(&reader.db, &mut reader.names, read));
                }
            };
            let reads = self.reads.as_ref().ok_or_else(closed)?;
            reads.send(Box::new(job)).await.map_err(|_| closed())?;
            let found = answered.await.map_err(|_| closed())?;
            found.map_err(|fault| fault.to_store_error(&self.database))
        })
    }

    /// Hands a write to the writer thread.
    fn write<'a, T: Send + 'static>(
        &'a self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> WriteJob + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.send_write(job(answer)).await?;
            answered.await.map_err(|_| closed())?
        })
    }

    async fn send_write(&self, job: WriteJob) -> Result<(), StoreError> {
        match &self.writes {
            Some(writes) => writes.send(job).await.map_err(|_| closed()),
            None => Err(StoreError::Unavailable(format!(
                "{} is open for reading only, because its folder cannot be written; give this process write permission \
                 and start it again",
                self.database.display()
            ))),
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Without senders the threads end; a panic in one of them was already reported where it happened.
        self.writes = None;
        self.reads = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("database", &self.database)
            .field("is_read_only", &self.is_read_only)
            .finish_non_exhaustive()
    }
}
