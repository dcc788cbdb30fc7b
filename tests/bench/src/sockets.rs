//! One topic to many WebSocket clients, against a bare axum broadcaster that sends the same frames.
//!
//! Ours is what a user gets: a durable topic on the embedded store, Phoenix's protocol with positions. The baseline has a broadcast
//! queue in memory, and 4 KiB buffers per socket.

mod baseline;
mod client;
pub(crate) mod many;
mod paced;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use callboard::{Sqlite, System};
use callboard_gateway::{AuthConfig, GatewayConfig};

use crate::Plan;
use crate::measure::{now, runtime};
use crate::report::Line;
use client::{Crowd, Producer};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

const CLIENTS: usize = 1000;
/// Publications that are under way at most, so that nobody's queue overflows.
const WINDOW: u64 = 200;
/// Publications that wait for their flush at one time.
const PUBLISHERS: usize = 32;
/// The topic that everybody follows.
const TOPIC: &str = "bench.events";

/// A server with something to publish on.
enum Server {
    Callboard(System),
    Plain(baseline::Broadcaster),
}

impl Server {
    fn address(&self) -> anyhow::Result<SocketAddr> {
        match self {
            Self::Callboard(system) => system.address().context("the system has no address"),
            Self::Plain(plain) => Ok(plain.address()),
        }
    }

    async fn publish(&self, event: &Event) -> anyhow::Result<()> {
        match self {
            Self::Callboard(system) => {
                system.publish(TOPIC, event.clone()).await?;
            }
            Self::Plain(plain) => plain.publish(event)?,
        }
        Ok(())
    }
}

/// What is published: when, in microseconds since the run began, and some text.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize, callboard::Message)]
struct Event {
    t: u64,
    text: String,
}

impl Event {
    fn at(t: u64) -> Self {
        // 256 bytes with its frame.
        Self { t, text: "x".repeat(100) }
    }
}

async fn callboard(folder: &Path) -> anyhow::Result<Server> {
    let mut gateway = GatewayConfig::on(([127, 0, 0, 1], 0).into());
    gateway.auth = AuthConfig::open();
    gateway.connections_max = 20_000;
    gateway.clients.per_address_max = 20_000;
    gateway.clients.accepts_per_second = 20_000;
    let builder = System::builder("bench").store(Sqlite::at(folder));
    Ok(Server::Callboard(builder.gateway(gateway).start().await?))
}

/// 1,000 clients at the highest rate; at 100 publications a second; and 10 a second over HTTP.
pub(crate) fn run(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir_in(".")?;
    let (plain, ours) = (runtime(1), runtime(1));
    let theirs = Arc::new(Server::Plain(plain.block_on(baseline::Broadcaster::start())?));
    let mine = Arc::new(ours.block_on(callboard(folder.path()))?);
    let load = runtime(1);
    let (mut fast, mut fast_base) = (Vec::new(), Vec::new());
    let (mut paced, mut paced_base) = (Vec::new(), Vec::new());
    let (mut http, mut http_base) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        for (server, of, rates, latencies, over_http) in [
            (&theirs, &plain, &mut fast_base, &mut paced_base, &mut http_base),
            (&mine, &ours, &mut fast, &mut paced, &mut http),
        ] {
            let crowd = load.block_on(Crowd::connect(server.address()?, CLIENTS))?;
            let rate = of.block_on(flat_out(plan, Arc::clone(server), crowd.clone()))?;
            let run = of.block_on(paced::run(plan, Arc::clone(server), crowd.clone(), 100))?;
            eprintln!(
                "  {}: {rate:.0} deliveries/s; at 100/s p50 {:.0} us, p95 {:.0} us",
                if matches!(**server, Server::Plain(_)) { "axum" } else { "callboard" },
                run.percentile(50.0),
                run.percentile(95.0)
            );
            rates.push(rate);
            latencies.push(run);
            let producer = load.block_on(Producer::connect(server.address()?))?;
            over_http.push(load.block_on(paced::over_http(plan, producer, crowd.clone(), 10))?);
            load.block_on(crowd.leave());
        }
    }
    let percentiles =
        |runs: &[crate::measure::Run], percent| runs.iter().map(|run| run.percentile(percent)).collect::<Vec<_>>();
    Ok(vec![
        Line::rate(
            "fan-out to 1,000 WebSocket clients at the highest rate, deliveries, against a bare axum broadcaster",
            &fast,
            &fast_base,
            0.7,
        ),
        Line::latency(
            "1,000 clients at 100 publications/s, p50",
            &percentiles(&paced, 50.0),
            &percentiles(&paced_base, 50.0),
            1.2,
        ),
        Line::latency(
            "1,000 clients at 100 publications/s, p95",
            &percentiles(&paced, 95.0),
            &percentiles(&paced_base, 95.0),
            1.5,
        ),
        Line::latency(
            "one producer over HTTP, 10 publications/s to 1,000 clients, p50",
            &percentiles(&http, 50.0),
            &percentiles(&http_base, 50.0),
            1.2,
        ),
        Line::latency(
            "one producer over HTTP, 10 publications/s to 1,000 clients, p95",
            &percentiles(&http, 95.0),
            &percentiles(&http_base, 95.0),
            1.3,
        ),
    ])
}

/// Publishes as fast as the clients follow; deliveries per second.
async fn flat_out(plan: Plan, server: Arc<Server>, crowd: Crowd) -> anyhow::Result<f64> {
    let before = crowd.received();
    let start = now();
    let mut published = 0_u64;
    let event = Event::at(0);
    let mut publishing = FuturesUnordered::new();
    while now() - start < plan.time {
        // A durable publication waits for its flush; the others behind it need not.
        while publishing.len() < PUBLISHERS {
            publishing.push(server.publish(&event));
            published += 1;
        }
        if let Some(result) = publishing.next().await {
            result?;
        }
        while published * CLIENTS as u64 - (crowd.received() - before) > WINDOW * CLIENTS as u64 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    while let Some(result) = publishing.next().await {
        result?;
    }
    while crowd.received() - before < published * CLIENTS as u64 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok((published * CLIENTS as u64) as f64 / (now() - start).as_secs_f64())
}
