//! [`Connections`]: everybody who is there, and how they are sent away when the node stops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Live;
use super::inbox::{Inbox, Notice};

/// Clients are sent away in batches so far apart.
const BATCH: Duration = Duration::from_millis(50);

/// The connections that serve.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    inboxes: HashMap<u64, Arc<Inbox>>,
}

impl Connections {
    /// A connection came; its number.
    pub(super) fn enter(&self, inbox: &Arc<Inbox>) -> u64 {
        let mut open = self.lock();
        open.next += 1;
        let number = open.next;
        open.inboxes.insert(number, Arc::clone(inbox));
        number
    }

    /// A connection went.
    pub(super) fn leave(&self, number: u64) {
        self.lock().inboxes.remove(&number);
    }

    fn some(&self, most: usize) -> Vec<Arc<Inbox>> {
        let mut open = self.lock();
        let numbers: Vec<u64> = open.inboxes.keys().copied().take(most).collect();
        numbers.iter().filter_map(|number| open.inboxes.remove(number)).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        // Each change is one insertion or removal; a panic elsewhere cannot leave half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Sends every client away, so many per second, so that they do not all come back at the same moment. Returns when everybody was told.
    pub(crate) async fn drain(&self) {
        let per_second = usize::try_from(self.config.clients.drain_per_second).unwrap_or(usize::MAX);
        let most = (per_second / 20).max(1);
        loop {
            let some = self.connections.some(most);
            if some.is_empty() {
                return;
            }
            for inbox in some {
                inbox.push(Notice::Drained);
            }
            tokio::time::sleep(BATCH).await;
        }
    }
}
