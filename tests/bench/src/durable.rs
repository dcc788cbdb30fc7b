//! Durable invocations: the reply comes after the flush.

use std::sync::Arc;
use std::time::Duration;

use callboard::{Sqlite, System};

use crate::Plan;
use crate::actors::DurableRecord;
use crate::baseline::{PlainStore, PlainWriter};
use crate::measure::{Run, Targets, closed_loop, micros_since, now, runtime};
use crate::report::Line;

const ACTORS: usize = 10_000;
const CALLERS: usize = 256;

/// What each call writes: 300 bytes of which half repeat.
pub(crate) fn record(seed: usize) -> Vec<u8> {
    let mut random = Targets::new(seed as u64 + 1);
    (0..300).map(|n| if n % 2 == 0 { b'x' } else { u8::try_from(random.next(256)).unwrap_or(0) }).collect()
}

/// 256 callers over 10,000 actors.
pub(crate) fn many(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        theirs.push(runtime(2).block_on(plain(plan, CALLERS))?.rate);
        let run = runtime(2).block_on(callboard_durable(plan, CALLERS))?;
        eprintln!("  {:.0}/s, p50 {:.0} us, p99 {:.0} us", run.rate, run.percentile(50.0), run.percentile(99.0));
        ours.push(run.rate);
    }
    Ok(vec![Line::rate(
        "durable invoke, 256 callers over 10k actors, against plain SQLite group commit of the same rows",
        &ours,
        &theirs,
        0.55,
    )])
}

/// One caller, against one commit of one row.
pub(crate) fn single(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        theirs.push(commits_alone(plan)?.percentile(50.0));
        ours.push(runtime(2).block_on(callboard_durable(plan, 1))?.percentile(50.0));
    }
    Ok(vec![Line::latency("durable invoke, one caller, p50, against one SQLite commit", &ours, &theirs, 1.5)])
}

async fn callboard_durable(plan: Plan, callers: usize) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir_in(".")?;
    let system = System::builder("bench").actor(DurableRecord).store(Sqlite::at(folder.path())).start().await?;
    let actors: Arc<Vec<_>> = Arc::new((0..ACTORS).map(|n| DurableRecord::at(&system, n.to_string())).collect());
    // Both sides write to actors that are known.
    let warm = Arc::clone(&actors);
    closed_loop(CALLERS, ACTORS, Duration::from_secs(1), move |target| {
        let actors = Arc::clone(&warm);
        async move {
            let _ = actors[target].keep(record(target).into()).await;
        }
    })
    .await;
    let run = closed_loop(callers, ACTORS, plan.time, move |target| {
        let actors = Arc::clone(&actors);
        async move {
            if let Err(error) = actors[target].keep(record(target).into()).await {
                eprintln!("a durable call failed: {error}");
            }
        }
    })
    .await;
    system.stop(Duration::from_secs(5)).await;
    Ok(run)
}

async fn plain(plan: Plan, callers: usize) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir_in(".")?;
    let store = PlainStore::open(folder.path(), ACTORS)?;
    let warm = store.clone();
    closed_loop(CALLERS, ACTORS, Duration::from_secs(1), move |target| {
        let store = warm.clone();
        async move { store.write(target, record(target)).await }
    })
    .await;
    let run = closed_loop(callers, ACTORS, plan.time, move |target| {
        let store = store.clone();
        async move { store.write(target, record(target)).await }
    })
    .await;
    Ok(run)
}

fn commits_alone(plan: Plan) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir_in(".")?;
    let mut writer = PlainWriter::open(folder.path(), ACTORS)?;
    let mut targets = Targets::new(1);
    let mut latencies = Vec::new();
    let start = now();
    while now() - start < plan.time {
        let target = targets.next(ACTORS);
        let record = record(target);
        let began = now();
        writer.write_one(i64::try_from(target)?, &record)?;
        latencies.push(micros_since(began));
    }
    Ok(Run::new(latencies.len() as u64, now() - start, latencies))
}
