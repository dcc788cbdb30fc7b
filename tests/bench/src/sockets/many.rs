//! Many clients of a server in a process of its own: memory, one publication to all, and what one missed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::client::{Crowd, Producer};
use super::{Event, Server};
use crate::Plan;
use crate::measure::{Run, median, now, resident_of, runtime};
use crate::report::Line;

/// The name of the server's process.
pub(crate) const SERVER: &str = "server of sockets";
const CLIENTS: usize = 10_000;
const BEFORE: usize = 500;
const MISSED: u64 = 10_000;
const PUBLICATIONS: usize = 20;
/// How long memory may take to settle.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) fn run(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let (mut memory, mut joined, mut late, mut replayed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let folder = tempfile::tempdir_in(".")?;
        let server = Served::start(folder.path())?;
        let load = runtime(1);
        load.block_on(async {
            let warm = Crowd::connect(server.address, BEFORE).await?;
            tokio::time::sleep(SETTLE).await;
            let before = resident_of(server.child.id());
            let crowd = Crowd::connect(server.address, CLIENTS).await?;
            tokio::time::sleep(SETTLE).await;
            memory.push(resident_of(server.child.id()).saturating_sub(before) as f64 / CLIENTS as f64 / 1000.0);
            joined.push(crowd.connected().as_secs_f64());
            late.push(one_to_all(server.address, &crowd).await?.percentile(95.0) / 1000.0);
            crowd.leave().await;
            warm.leave().await;
            replayed.push(replay(server.address).await?);
            anyhow::Ok(())
        })?;
        eprintln!(
            "  {:.2} KB per connection; connected in {:.2} s; p95 {:.0} ms; replay {:.0}/s",
            memory.last().copied().unwrap_or_default(),
            joined.last().copied().unwrap_or_default(),
            late.last().copied().unwrap_or_default(),
            replayed.last().copied().unwrap_or_default()
        );
        server.stop()?;
    }
    Ok(vec![
        Line::at_most("memory of an idle subscribed WebSocket connection", median(memory), "KB", 12.0),
        Line::at_most("10,000 clients connect and subscribe", median(joined), "s", 5.0),
        Line::at_most("one publication to 10,000 clients, p95 to the last byte", median(late), "ms", 150.0),
        Line::at_least(
            "replay of 10,000 missed publications to one client",
            median(replayed),
            "publications/s",
            200_000.0,
        ),
    ])
}

/// One publication after the other, each to everybody.
async fn one_to_all(address: SocketAddr, crowd: &Crowd) -> anyhow::Result<Run> {
    let mut producer = Producer::connect(address).await?;
    let before = crowd.received();
    crowd.note();
    let start = now();
    for published in 1..=PUBLICATIONS {
        producer.publish(&serde_json::to_string(&Event::at(crowd.time().max(1)))?).await?;
        while crowd.received() < before + (published * CLIENTS) as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(Run::new(PUBLICATIONS as u64, now() - start, crowd.noted()))
}

async fn replay(address: SocketAddr) -> anyhow::Result<f64> {
    let mut producer = Producer::connect(address).await?;
    for _ in 0..MISSED {
        producer.publish(&serde_json::to_string(&Event::at(0))?).await?;
    }
    let mut rates = Vec::new();
    for _ in 0..5 {
        let start = now();
        let crowd = Crowd::behind(address, PUBLICATIONS as u64).await?;
        while crowd.received() < MISSED {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        rates.push(MISSED as f64 / (now() - start).as_secs_f64());
        crowd.leave().await;
    }
    Ok(median(rates))
}

/// A server in a process of its own.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--child", SERVER, "--folder"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("the server said {line:?}"))?;
        Ok(Self { child, address })
    }

    fn stop(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

/// The server's process: says its address, and ends with its input.
pub(crate) fn serve(folder: &Path) -> anyhow::Result<()> {
    let runtime = runtime(2);
    let server = runtime.block_on(super::callboard(folder))?;
    println!("{}", server.address()?);
    std::io::stdout().flush()?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    if let Server::Callboard(system) = server {
        runtime.block_on(system.stop(Duration::from_secs(10)));
    }
    Ok(())
}
