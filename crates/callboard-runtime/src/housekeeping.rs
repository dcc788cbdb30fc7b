//! Housekeeping: asks the store, in small steps, to remove what retention no longer keeps.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::Topic;
use callboard_core::port::SweepRequest;

use crate::router::Router;

/// The pause between two steps; short while there is something to remove.
const PAUSE_BUSY: Duration = Duration::from_millis(100);
const PAUSE_IDLE: Duration = Duration::from_secs(10);
const TOPICS_PER_STEP: usize = 1000;
const ROWS_PER_STEP: usize = 2000;

/// Runs until it is dropped.
pub(crate) async fn run(router: Arc<Router>) {
    let mut after: Option<Topic> = None;
    loop {
        let pause = match step(&router, after.take()).await {
            Some((next, removed)) => {
                after = next;
                if after.is_some() || removed > 0 { PAUSE_BUSY } else { PAUSE_IDLE }
            }
            None => PAUSE_IDLE,
        };
        tokio::time::sleep(pause).await;
    }
}

async fn step(router: &Router, after: Option<Topic>) -> Option<(Option<Topic>, u64)> {
    let store = &router.ports.store;
    let watermark = store.watermark().await.ok()?;
    let rules = Arc::clone(&router.ports.rules);
    let now = router.ports.clock.now();
    let request = SweepRequest { rules, now, watermark, after, topics: TOPICS_PER_STEP, rows: ROWS_PER_STEP };
    match store.sweep(request).await {
        Ok(report) => Some((report.next, report.publications + report.replies)),
        Err(error) => {
            tracing::debug!(%error, "housekeeping waits for the store");
            None
        }
    }
}
