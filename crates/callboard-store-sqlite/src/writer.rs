//! The one thread that writes: takes commit calls from a bounded queue, several to a transaction, one flush for all.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use callboard_core::batch::{Fence, Registration};
use callboard_core::limits::COMMIT_BATCHES_MAX;
use callboard_core::port::{CommitError, Receipt, StoreError, SweepReport, SweepRequest};
use callboard_core::{Batch, Name, NodeId, Pattern, Shard, Timestamp};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::FRAMES_BETWEEN;
use crate::fault::{Fault, Outcome};
use crate::stats::Counters;

mod apply;
mod guards;
mod history;
mod interning;
mod memory;
mod plan;
mod registrations;
mod sweep;
mod transaction;

use memory::Memory;
use transaction::Transaction;

/// What the writer is asked to do, with where the answer goes.
pub(crate) enum WriteJob {
    Commit { batches: Vec<Batch>, answer: oneshot::Sender<Vec<Result<Receipt, CommitError>>> },
    Acquire { node: NodeId, shards: Vec<Shard>, answer: oneshot::Sender<Result<Vec<Fence>, StoreError>> },
    Register { registrations: Registrations, answer: oneshot::Sender<Result<(), StoreError>> },
    Sweep { request: SweepRequest, answer: oneshot::Sender<Result<SweepReport, StoreError>> },
}

/// The arguments of `register`.
pub(crate) struct Registrations {
    pub(crate) actors: Vec<Registration>,
    pub(crate) externals: Vec<(Name, Pattern)>,
    pub(crate) now: Timestamp,
}

/// A commit call whose batches were taken out of it.
type Call = (usize, oneshot::Sender<Vec<Result<Receipt, CommitError>>>);

pub(crate) struct Writer {
    db: Connection,
    database: PathBuf,
    gate: Arc<Mutex<()>>,
    counters: Arc<Counters>,
    remembered: usize,
    // `None` until it is read: at the start, and after a transaction that failed, of which nothing may be remembered.
    memory: Option<Memory>,
    // Whether the last transaction failed: a disk that stays full is told of once.
    is_failing: bool,
}

impl Writer {
    pub(crate) fn new(
        mut db: Connection,
        database: PathBuf,
        gate: Arc<Mutex<()>>,
        counters: Arc<Counters>,
        remembered: usize,
        checkpoints: SyncSender<i32>,
    ) -> rusqlite::Result<Self> {
        let frames = Arc::clone(&counters);
        let mut told = 0;
        db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, log_len: i32| {
            frames.set_wal_frames(u64::try_from(log_len).unwrap_or(0));
            if log_len < told {
                told = 0;
            }
            if log_len - told >= FRAMES_BETWEEN {
                told = log_len;
                // When it is still at work it will see the longer log by itself.
                let _ = checkpoints.try_send(log_len);
            }
            Ok(())
        }))?;
        Ok(Self { db, database, gate, counters, remembered, memory: None, is_failing: false })
    }

    /// Works until every sender is gone.
    pub(crate) fn run(mut self, queue: &mut mpsc::Receiver<WriteJob>) {
        let mut next = queue.blocking_recv();
        while let Some(job) = next.take() {
            match job {
                WriteJob::Commit { batches, answer } => next = self.commit(batches, answer, queue),
                WriteJob::Acquire { node, shards, answer } => {
                    let _ = answer.send(self.transact(|transaction| transaction.acquire(node, &shards)));
                }
                WriteJob::Register { registrations, answer } => {
                    let _ = answer.send(self.transact(|transaction| transaction.register(registrations)));
                }
                WriteJob::Sweep { request, answer } => {
                    let _ = answer.send(self.transact(|transaction| transaction.sweep(&request)));
                }
            }
            if next.is_none() {
                next = queue.blocking_recv();
            }
        }
    }

    /// Commits a call together with those that wait behind it; gives back the job that could not join them.
    fn commit(
        &mut self,
        mut batches: Vec<Batch>,
        answer: oneshot::Sender<Vec<Result<Receipt, CommitError>>>,
        queue: &mut mpsc::Receiver<WriteJob>,
    ) -> Option<WriteJob> {
        let mut calls: Vec<Call> = vec![(batches.len(), answer)];
        let mut left_over = None;
        while batches.len() < COMMIT_BATCHES_MAX {
            match queue.try_recv() {
                Ok(WriteJob::Commit { batches: more, answer }) => {
                    calls.push((more.len(), answer));
                    batches.extend(more);
                }
                Ok(other) => {
                    left_over = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let count = batches.len();
        let answers = self.transact(|transaction| transaction.commit(batches));
        let answers = answers.unwrap_or_else(|error| vec![Err(CommitError::Store(error)); count]);
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        self.counters.count_batches((count - refused) as u64, refused as u64);
        let mut answers = answers.into_iter();
        for (count, answer) in calls {
            // Who gave up waiting is not told.
            let _ = answer.send(answers.by_ref().take(count).collect());
        }
        left_over
    }

    /// Runs work in one transaction: all of it is flushed, or nothing is left of it.
    fn transact<T>(&mut self, work: impl FnOnce(&mut Transaction<'_>) -> Outcome<T>) -> Result<T, StoreError> {
        let gate = Arc::clone(&self.gate);
        let _no_checkpoint_holds_us_up = gate.lock();
        let done = self.try_transact(work);
        if done.is_ok() && std::mem::take(&mut self.is_failing) {
            tracing::info!("transactions are committed again");
        }
        done.map_err(|fault| {
            self.memory = None;
            if !self.db.is_autocommit()
                && let Err(error) = self.run_statement("ROLLBACK")
            {
                tracing::error!(?error, "a transaction that failed could not be taken back");
            }
            let error = fault.to_store_error(&self.database);
            if !std::mem::replace(&mut self.is_failing, true) {
                tracing::warn!(%error, "a transaction was not committed");
            }
            error
        })
    }

    fn try_transact<T>(&mut self, work: impl FnOnce(&mut Transaction<'_>) -> Outcome<T>) -> Outcome<T> {
        self.run_statement("BEGIN IMMEDIATE")?;
        let changes = self.db.total_changes();
        let memory = match &mut self.memory {
            Some(memory) => memory,
            none => none.insert(Memory::read(&self.db, self.remembered)?),
        };
        let done = work(&mut Transaction::new(&self.db, memory))?;
        if self.db.total_changes() == changes {
            // Every batch was refused: there is nothing to flush.
            self.run_statement("COMMIT")?;
        } else {
            self.counters.flush(|| self.run_statement("COMMIT"))?;
        }
        Ok(done)
    }

    fn run_statement(&self, sql: &str) -> Result<(), Fault> {
        self.db.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
