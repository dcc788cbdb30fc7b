//! Publications at a steady pace: how long until each client has the last byte.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Crowd, Producer};
use super::{CLIENTS, Event, Server};
use crate::Plan;
use crate::measure::{Run, now};

/// `per_second` publications from within the server's process, for 2 seconds at least.
pub(super) async fn run(plan: Plan, server: Arc<Server>, crowd: Crowd, per_second: u32) -> anyhow::Result<Run> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    let (before, start) = (crowd.received(), now());
    let mut published = 0_u64;
    crowd.note();
    while now() - start < plan.time.max(Duration::from_secs(2)) {
        pace.tick().await;
        server.publish(&Event::at(crowd.time().max(1))).await?;
        published += 1;
    }
    wait(&crowd, before + published * CLIENTS as u64).await;
    Ok(Run::new(published, now() - start, crowd.noted()))
}

/// `per_second` publications over HTTP.
pub(super) async fn over_http(
    plan: Plan,
    mut producer: Producer,
    crowd: Crowd,
    per_second: u32,
) -> anyhow::Result<Run> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    let (before, start) = (crowd.received(), now());
    let mut published = 0_u64;
    crowd.note();
    while now() - start < plan.time.max(Duration::from_secs(3)) {
        pace.tick().await;
        producer.publish(&serde_json::to_string(&Event::at(crowd.time().max(1)))?).await?;
        published += 1;
    }
    wait(&crowd, before + published * CLIENTS as u64).await;
    Ok(Run::new(published, now() - start, crowd.noted()))
}

async fn wait(crowd: &Crowd, received: u64) {
    while crowd.received() < received {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
