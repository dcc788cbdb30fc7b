//! What an idle active actor costs in memory, beside its state.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use callboard::System;
use callboard_testkit::MemoryStore;

use crate::Plan;
use crate::actors::VolatileRecord;
use crate::child::fresh;
use crate::measure::{each_once, median, resident, runtime};
use crate::report::Line;
use crate::stored;

/// Actors that are in memory before the measurement begins, so that what the first ones need is not counted: caches, pools.
const BEFORE: usize = 20_000;
const ACTORS: usize = 200_000;
const STATE_LEN: usize = 1000;
const IN_FLIGHT: usize = 256;
/// How long freed memory may take to go back to the operating system.
const SETTLE: Duration = Duration::from_secs(2);

/// The names of the measurements in fresh processes.
pub(crate) const STORED: &str = "memory of stored actors";
pub(crate) const VOLATILE: &str = "memory of volatile actors";

pub(crate) fn run(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir_in(".")?;
    runtime(2).block_on(stored::prepare(folder.path(), BEFORE + ACTORS, STATE_LEN))?;
    let (mut stored, mut volatile) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        stored.push(fresh::<f64>(STORED, folder.path(), plan)? / 1000.0);
        volatile.push(fresh::<f64>(VOLATILE, folder.path(), plan)? / 1000.0);
    }
    Ok(vec![
        Line::at_most("memory of an idle active durable actor, without its state of 1 KB", median(stored), "KB", 4.0),
        Line::at_most(
            "memory of an idle active volatile actor, without its state of 1 KB",
            median(volatile),
            "KB",
            4.0,
        ),
    ])
}

/// Bytes per actor, of actors that came from the store.
pub(crate) fn stored(folder: &Path) -> anyhow::Result<f64> {
    runtime(2).block_on(async {
        let system = stored::start(folder, Duration::from_secs(3600)).await?;
        stored::get_each(&system, IN_FLIGHT, 0..BEFORE, STATE_LEN).await?;
        let before = settled().await;
        stored::get_each(&system, IN_FLIGHT, BEFORE..BEFORE + ACTORS, STATE_LEN).await?;
        Ok(per_actor(before, settled().await))
    })
}

/// Bytes per actor, of actors that are in memory only.
pub(crate) fn volatile() -> anyhow::Result<f64> {
    runtime(2).block_on(async {
        let store: Arc<dyn callboard_core::port::Store> = Arc::new(MemoryStore::new());
        let system = System::builder("bench").actor(VolatileRecord).store(store).start().await?;
        hold_each(&system, 0..BEFORE).await;
        let before = settled().await;
        hold_each(&system, BEFORE..BEFORE + ACTORS).await;
        let after = settled().await;
        // They are all still there, each with its state.
        let kept: Option<Vec<u8>> = system.state(format!("volatile_record/{BEFORE}").as_str()).await?;
        anyhow::ensure!(kept.is_some_and(|state| state.len() == STATE_LEN), "an actor lost its state");
        Ok(per_actor(before, after))
    })
}

async fn hold_each(system: &System, numbers: std::ops::Range<usize>) {
    let system = system.clone();
    each_once(IN_FLIGHT, numbers, move |number| {
        let actor = VolatileRecord::at(&system, number.to_string());
        async move {
            if let Err(error) = actor.hold(u32::try_from(STATE_LEN).unwrap_or(0)).await {
                eprintln!("a call failed: {error}");
            }
        }
    })
    .await;
}

async fn settled() -> u64 {
    tokio::time::sleep(SETTLE).await;
    resident()
}

fn per_actor(before: u64, after: u64) -> f64 {
    let grown = after.saturating_sub(before) as f64 / ACTORS as f64;
    grown - STATE_LEN as f64
}
