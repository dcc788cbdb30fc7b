//! Many stored actors: how long a start takes, what they cost in memory while they are passive, how fast one comes back.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Plan;
use crate::child::fresh;
use crate::measure::{median, micros_since, now, resident, runtime};
use crate::report::Line;
use crate::stored;

const STATE_LEN: usize = 300;
const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(500);
/// Actors that are called and leave memory again.
const TOUCHED: usize = 10_000;
const IN_FLIGHT: usize = 64;
/// How long freed memory may take to go back to the operating system.
const SETTLE: Duration = Duration::from_secs(2);
const MB: f64 = 1e6;

/// The names of the measurements in fresh processes.
pub(crate) const START: &str = "start on stored actors";
pub(crate) const PASSIVATED: &str = "memory of passivated actors";
pub(crate) const COLD: &str = "cold activation";

pub(crate) fn run(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir_in(".")?;
    let began = now();
    runtime(2).block_on(stored::prepare(folder.path(), plan.stored, STATE_LEN))?;
    eprintln!("  {} actors stored in {:.0} s", plan.stored, (now() - began).as_secs_f64());
    let (mut starts, mut tails) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        starts.push(fresh::<f64>(START, folder.path(), plan)?);
        let cold: Cold = fresh(COLD, folder.path(), plan)?;
        eprintln!("  {cold:?}");
        tails.push(cold.alone_p99_us / 1000.0);
    }
    let memory: Passivated = fresh(PASSIVATED, folder.path(), plan)?;
    eprintln!("  {memory:?}");
    let stored = plan.stored;
    let most = memory.started_mb.max(memory.touched_mb).max(memory.all_mb);
    Ok(vec![
        Line::at_most(&format!("start with {stored} stored actors"), median(starts), "s", 1.0),
        Line::at_most(&format!("memory of a node with {stored} known, passivated actors"), most, "MB", 200.0),
        Line::at_most("cold activation with state from the store, one at a time, p99", median(tails), "ms", 1.0),
    ])
}

/// Seconds from nothing to a system that takes calls.
pub(crate) fn start(folder: &Path) -> anyhow::Result<f64> {
    runtime(2).block_on(async {
        let began = now();
        let system = stored::start(folder, LONG).await?;
        let took = f64::from(micros_since(began)) / 1e6;
        // It does take calls.
        stored::get_each(&system, 1, 0..1, STATE_LEN).await?;
        system.stop(Duration::from_secs(5)).await;
        Ok(took)
    })
}

/// Resident memory of the whole process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Passivated {
    /// After the start.
    started_mb: f64,
    /// After some of the actors were called and left memory.
    touched_mb: f64,
    /// After every actor was called once and left memory.
    all_mb: f64,
}

pub(crate) fn passivated(folder: &Path, plan: Plan) -> anyhow::Result<Passivated> {
    runtime(2).block_on(async {
        let system = stored::start(folder, SHORT).await?;
        let started_mb = settled().await;
        let some = TOUCHED.min(plan.stored);
        stored::get_each(&system, IN_FLIGHT, 0..some, STATE_LEN).await?;
        stored::until_passive(system.operator(), 0..some).await?;
        let touched_mb = settled().await;
        let all = stored::get_each(&system, IN_FLIGHT, some..plan.stored, STATE_LEN).await?;
        eprintln!("  every actor called once: {:.0}/s, p99 {:.0} us", all.rate, all.percentile(99.0));
        let last = plan.stored - some.min(plan.stored)..plan.stored;
        stored::until_passive(system.operator(), last).await?;
        let all_mb = settled().await;
        system.stop(Duration::from_secs(5)).await;
        Ok(Passivated { started_mb, touched_mb, all_mb })
    })
}

async fn settled() -> f64 {
    tokio::time::sleep(SETTLE).await;
    resident() as f64 / MB
}

/// First calls of actors that only the store knows, in microseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Cold {
    alone_p50_us: f64,
    alone_p99_us: f64,
    alone_p999_us: f64,
    /// With [`IN_FLIGHT`] of them at a time.
    many_p50_us: f64,
    many_p99_us: f64,
    many_rate: f64,
}

pub(crate) fn cold(folder: &Path, plan: Plan) -> anyhow::Result<Cold> {
    runtime(2).block_on(async {
        let system = stored::start(folder, LONG).await?;
        let each = TOUCHED.min(plan.stored / 2);
        let alone = stored::get_each(&system, 1, 0..each, STATE_LEN).await?;
        let many = stored::get_each(&system, IN_FLIGHT, each..2 * each, STATE_LEN).await?;
        system.stop(Duration::from_secs(5)).await;
        Ok(Cold {
            alone_p50_us: alone.percentile(50.0),
            alone_p99_us: alone.percentile(99.0),
            alone_p999_us: alone.percentile(99.9),
            many_p50_us: many.percentile(50.0),
            many_p99_us: many.percentile(99.0),
            many_rate: many.rate,
        })
    })
}
