//! Live external subscribers: each has a queue of the hub and a task that empties it.

use std::sync::Arc;

use callboard_core::port::{ExternalRegistration, ExternalSubscriber};
use futures_util::FutureExt;

use crate::hub::{Hub, LiveEvent, LiveQueue};
use crate::tasks::Tasks;

/// Starts the live ones; those with a name are fed from the log.
pub(crate) fn start(externals: &[ExternalRegistration], hub: &Arc<Hub>, tasks: &Tasks) {
    for external in externals.iter().filter(|external| external.name.is_none()) {
        let queue = hub.subscribe(external.pattern.clone());
        tasks.spawn(listen(queue, Arc::clone(&external.subscriber)));
    }
}

async fn listen(mut queue: LiveQueue, subscriber: Arc<dyn ExternalSubscriber>) {
    let failed = metrics::counter!("callboard_external_errors_total");
    while let Some(event) = queue.next().await {
        // What it was too slow for is gone: a live subscriber hears at most once.
        let LiveEvent::Publication(publication) = event else { continue };
        let received = std::panic::AssertUnwindSafe(async { subscriber.receive(publication).await }).catch_unwind();
        match received.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                failed.increment(1);
                tracing::warn!(%error, "a live external subscriber failed");
            }
            Err(_) => {
                failed.increment(1);
                tracing::error!("a live external subscriber panicked");
            }
        }
    }
}
