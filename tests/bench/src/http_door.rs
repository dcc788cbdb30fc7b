//! Durable invocations over HTTP/JSON, against a plain axum handler that does the same group commit.

use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::extract::{Path, State};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use bytes::Bytes;
use callboard::{Gateway, Sqlite, System};
use callboard_core::port::BoxFuture;
use tokio::net::TcpListener;

use crate::Plan;
use crate::actors::{JsonRecord, NewRecord, Record};
use crate::baseline::PlainStore;
use crate::durable::record;
use crate::http_client::{self, HttpClient};
use crate::measure::{Run, closed_loop, each_once, runtime, spawn};
use crate::report::Line;

const ACTORS: usize = 10_000;
const CONNECTIONS: usize = 64;
/// Between the turns of the two servers.
const PAUSE: Duration = Duration::from_millis(300);

/// What one server gave: many callers at once, and one.
struct Both {
    many: Run,
    one: Run,
}

pub(crate) fn run(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir_in(".")?;
    let (plain, ours) = (runtime(2), runtime(2));
    let plain_address = plain.block_on(serve_plain(folder.path()))?;
    let system = ours.block_on(serve_callboard(folder.path()))?;
    let address = system.address().context("the system has no address")?;
    // The same load for both, on a runtime of its own, by turns: what disturbs the machine disturbs both.
    let (results, baselines) = runtime(1).block_on(async {
        let (baseline, ours) = (Load::connect(plain_address).await?, Load::connect(address).await?);
        let (mut results, mut baselines) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            baselines.push(baseline.both(plan.time).await?);
            results.push(ours.both(plan.time).await?);
            if let (Some(ours), Some(baseline)) = (results.last(), baselines.last()) {
                eprintln!("  ours {}; baseline {}", told(ours), told(baseline));
            }
        }
        anyhow::Ok((results, baselines))
    })?;
    ours.block_on(system.stop(Duration::from_secs(5)));
    let rates = |runs: &[Both]| runs.iter().map(|run| run.many.rate).collect::<Vec<_>>();
    let alone = |runs: &[Both]| runs.iter().map(|run| run.one.percentile(50.0)).collect::<Vec<_>>();
    let many = "durable invoke over HTTP/JSON, 64 keep-alive connections, 10k actors, against a plain axum handler";
    let one = "durable invoke over HTTP/JSON, one caller, p50, against the same handler";
    Ok(vec![
        Line::rate(many, &rates(&results), &rates(&baselines), 0.5),
        Line::latency(one, &alone(&results), &alone(&baselines), 1.5),
    ])
}

fn told(Both { many, one }: &Both) -> String {
    let (rate, median, tail) = (many.rate, many.percentile(50.0), many.percentile(99.0));
    format!("{rate:.0}/s, p50 {median:.0} us, p99 {tail:.0} us; one caller p50 {:.0} us", one.percentile(50.0))
}

async fn serve_callboard(folder: &FilePath) -> anyhow::Result<System> {
    let builder = System::builder("bench").actor(JsonRecord).store(Sqlite::at(folder.join("callboard")));
    Ok(builder.gateway(Gateway::on("127.0.0.1:0").open()).start().await?)
}

async fn serve_plain(folder: &FilePath) -> anyhow::Result<SocketAddr> {
    let store = PlainStore::open(folder, ACTORS)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let routes = Router::new().route("/v1/actors/json_record/{number}/keep", post(keep)).with_state(store);
    spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

/// The handler that somebody would write by hand.
async fn keep(
    State(store): State<PlainStore>,
    Path(number): Path<usize>,
    Json(new): Json<NewRecord>,
) -> Json<NewRecord> {
    let record = Record { name: new.name.clone(), text: new.text.clone(), amount: new.amount };
    // A record of plain fields can always be written.
    store.write(number, serde_json::to_vec(&record).unwrap_or_default()).await;
    Json(new)
}

/// Connections to one server, and what is asked of it.
struct Load {
    client: Arc<HttpClient>,
    calls: Arc<Vec<Call>>,
    wrong: Arc<OnceLock<anyhow::Error>>,
}

impl Load {
    /// Connects, and asks once about every actor: both sides write to actors that are known.
    async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let this = Self {
            client: Arc::new(HttpClient::connect(address, CONNECTIONS).await?),
            calls: Arc::new((0..ACTORS).map(Call::of).collect::<anyhow::Result<Vec<_>>>()?),
            wrong: Arc::default(),
        };
        each_once(CONNECTIONS, 0..ACTORS, this.call()).await;
        this.checked(())?;
        Ok(this)
    }

    async fn both(&self, time: Duration) -> anyhow::Result<Both> {
        // What the other server still had to write is done.
        tokio::time::sleep(PAUSE).await;
        let many = closed_loop(CONNECTIONS, ACTORS, time, self.call()).await;
        let one = closed_loop(1, ACTORS, time, self.call()).await;
        self.checked(Both { many, one })
    }

    fn call(&self) -> impl Fn(usize) -> BoxFuture<'static, ()> + Clone + Send + Sync + 'static {
        let Self { client, calls, wrong } = self;
        let (client, calls, wrong) = (Arc::clone(client), Arc::clone(calls), Arc::clone(wrong));
        move |target| {
            let (client, calls, wrong) = (Arc::clone(&client), Arc::clone(&calls), Arc::clone(&wrong));
            Box::pin(async move {
                if let Err(error) = calls[target].make(&client).await {
                    let _ = wrong.set(error);
                }
            })
        }
    }

    fn checked<T>(&self, result: T) -> anyhow::Result<T> {
        self.wrong.get().map_or(Ok(result), |error| bail!("a call failed: {error}"))
    }
}

/// A request, and the answer that it has to get.
struct Call {
    request: Bytes,
    answer: Bytes,
}

impl Call {
    fn of(target: usize) -> anyhow::Result<Self> {
        // Letters that repeat by half, as much as the other durable benchmarks write.
        let text = record(target).into_iter().map(|byte| char::from(b'a' + byte % 26)).take(240).collect();
        let record = NewRecord { name: format!("record {target}"), text, amount: target as u64 };
        let json = serde_json::to_string(&record)?;
        let request = http_client::post(&format!("/v1/actors/json_record/{target}/keep"), &json);
        Ok(Self { request, answer: json.into() })
    }

    async fn make(&self, client: &HttpClient) -> anyhow::Result<()> {
        let answer = client.send(&self.request).await?;
        anyhow::ensure!(answer == self.answer, "the server answered {answer:?}, not {:?}", self.answer);
        Ok(())
    }
}
