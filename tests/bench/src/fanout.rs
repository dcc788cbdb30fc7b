//! One publication to many: live subscribers in the process, and actors that hear durably.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use callboard::{Sqlite, System, ephemeral};
use callboard_core::port::{BoxFuture, ExternalRegistration, ExternalSubscriber};
use callboard_core::{Error as CallError, Pattern, Publication};
use callboard_testkit::MemoryStore;
use tokio::sync::mpsc;

use crate::Plan;
use crate::actors::Listener;
use crate::measure::{median, now, runtime, spawn};
use crate::report::Line;

const SUBSCRIBERS: usize = 1000;
const LISTENERS: usize = 100;

/// 1,000 live subscribers of one topic, against a plain queue for each.
pub(crate) fn live(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        theirs.push(runtime(2).block_on(queues(plan)));
        ours.push(runtime(2).block_on(callboard_live(plan))?);
    }
    let what = "broadcast to 1k in-process live subscribers, deliveries, against a plain mpsc queue for each";
    Ok(vec![Line::rate(what, &ours, &theirs, 0.6)])
}

struct Counting(Arc<AtomicU64>);

impl ExternalSubscriber for Counting {
    fn receive(&self, _: Arc<Publication>) -> BoxFuture<'_, Result<(), CallError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn callboard_live(plan: Plan) -> anyhow::Result<f64> {
    let heard = Arc::new(AtomicU64::new(0));
    let store: Arc<dyn callboard_core::port::Store> = Arc::new(MemoryStore::new());
    let mut builder = System::builder("bench").store(store).topic("bench.>", ephemeral());
    for _ in 0..SUBSCRIBERS {
        builder = builder.external_registration(ExternalRegistration {
            pattern: Pattern::parse("bench.events")?,
            name: None,
            subscriber: Arc::new(Counting(Arc::clone(&heard))),
        });
    }
    let system = builder.start().await?;
    let start = now();
    let mut published = 0_u64;
    while now() - start < plan.time {
        system.publish("bench.events", vec![0_u8; 256]).await?;
        published += 1;
        // As fast as the readers follow: nobody's queue overflows.
        while published * SUBSCRIBERS as u64 - heard.load(Ordering::Relaxed) > 500 * SUBSCRIBERS as u64 {
            tokio::task::yield_now().await;
        }
    }
    while heard.load(Ordering::Relaxed) < published * SUBSCRIBERS as u64 {
        tokio::task::yield_now().await;
    }
    let rate = heard.load(Ordering::Relaxed) as f64 / (now() - start).as_secs_f64();
    system.stop(Duration::from_secs(5)).await;
    Ok(rate)
}

async fn queues(plan: Plan) -> f64 {
    let heard = Arc::new(AtomicU64::new(0));
    let mut senders = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let (sender, mut queue) = mpsc::channel::<Arc<Bytes>>(1024);
        let heard = Arc::clone(&heard);
        spawn(async move {
            while queue.recv().await.is_some() {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        });
        senders.push(sender);
    }
    let start = now();
    let mut published = 0_u64;
    while now() - start < plan.time {
        let publication = Arc::new(Bytes::from(vec![0_u8; 256]));
        for sender in &senders {
            let _ = sender.try_send(Arc::clone(&publication));
        }
        published += 1;
        while published * SUBSCRIBERS as u64 - heard.load(Ordering::Relaxed) > 500 * SUBSCRIBERS as u64 {
            tokio::task::yield_now().await;
        }
    }
    while heard.load(Ordering::Relaxed) < published * SUBSCRIBERS as u64 {
        tokio::task::yield_now().await;
    }
    heard.load(Ordering::Relaxed) as f64 / (now() - start).as_secs_f64()
}

/// 100 actors that hear one topic durably: each delivery is a turn, and its cursor is committed.
pub(crate) fn deliveries(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let rates = (0..plan.rounds).map(|_| runtime(2).block_on(callboard_deliveries(plan)));
    let rates = rates.collect::<anyhow::Result<Vec<f64>>>()?;
    Ok(vec![Line::at_least(
        "publication to 100 durable actor subscribers, end to end",
        median(rates),
        "deliveries/s",
        20_000.0,
    )])
}

async fn callboard_deliveries(plan: Plan) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(".")?;
    let heard = Arc::new(AtomicU64::new(0));
    let mut builder = System::builder("bench").store(Sqlite::at(folder.path()));
    for n in 0..LISTENERS {
        builder = builder.actor(Listener(Arc::clone(&heard), format!("listener_{n}")));
    }
    let system = builder.start().await?;
    let start = now();
    let mut published = 0_u64;
    while now() - start < plan.time {
        system.publish("bench.events", published).await?;
        published += 1;
        while published * LISTENERS as u64 - heard.load(Ordering::Relaxed) > 50 * LISTENERS as u64 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    while heard.load(Ordering::Relaxed) < published * LISTENERS as u64 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let rate = heard.load(Ordering::Relaxed) as f64 / (now() - start).as_secs_f64();
    system.stop(Duration::from_secs(5)).await;
    Ok(rate)
}
