//! Named, owned, counted tasks: [`Tasks`] is the only home of `tokio::spawn`.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The tasks of one runtime. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    live: AtomicUsize,
    none_left: Notify,
}

impl Tasks {
    /// Starts a task. It is counted until it ends, also by a panic.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are started")]
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.live.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&self.0));
        tokio::spawn(async move {
            let _counted = counted;
            task.await;
        });
    }

    /// Waits until no task is left.
    pub(crate) async fn none_left(&self) {
        loop {
            let notified = self.0.none_left.notified();
            if self.0.live.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}
