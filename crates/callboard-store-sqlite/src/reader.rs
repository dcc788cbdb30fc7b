//! The threads that read: each has a connection, and takes whatever read is next.

use std::sync::Arc;

use callboard_core::port::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::view::Names;

/// One read, which answers by itself.
pub(crate) type ReadJob = Box<dyn FnOnce(&mut Reader) + Send>;

/// Reads that may wait; more of them wait in their callers.
pub(crate) const READ_QUEUE_LEN_MAX: usize = 1024;

/// A reader's connection and what it remembers.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) db: Connection,
    pub(crate) names: Names,
}

impl Reader {
    /// Works until every sender is gone. The readers take turns at the queue: one waits for the next read, the others for it.
    pub(crate) fn run(mut self, queue: &Arc<Mutex<mpsc::Receiver<ReadJob>>>) {
        loop {
            let next = queue.lock().blocking_recv();
            let Some(job) = next else { return };
            job(&mut self);
        }
    }
}

/// What a call gets when the thread that should answer is gone.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable(
        "the store is closed, or one of its threads ended with a panic that the log shows".to_owned(),
    )
}
