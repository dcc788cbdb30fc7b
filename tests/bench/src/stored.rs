//! Actors that are already in a store when the node starts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use callboard::{ActorId, Message as _, Sqlite, System};
use callboard_core::batch::Fence;
use callboard_core::port::{ActivationPhase, CommitError};
use callboard_core::port::{Operator, StateAt, Store as _};
use callboard_core::{Batch, Code, Headers, NodeId, Payload, Revision, Shard, Timestamp, Write};
use callboard_store_sqlite::{SqliteConfig, SqliteStore};

use crate::actors::{STORED_RECORD, StoredRecord};
use crate::measure::{Run, Targets, each_once};

/// The system to which the stored actors belong.
const SYSTEM: &str = "bench";
/// Actors in one transaction.
const CHUNK_LEN: usize = 5000;

/// A prime: neighbours in number are stored far from each other, so that calling them in order reads all over the file.
const SCATTER: usize = 7_368_787;

/// The stored actor of a number. Neighbours in number are strangers in the order of names, as with random ids.
pub(crate) fn id(number: usize) -> anyhow::Result<ActorId> {
    // An odd factor and two shifts: every number gets a name of its own.
    let mut mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^= mixed >> 32;
    Ok(ActorId::instance(STORED_RECORD, &format!("{mixed:016x}"))?)
}

/// Stores so many actors with states of so many bytes, of which half repeat.
pub(crate) async fn prepare(folder: &Path, actors: usize, state_len: usize) -> anyhow::Result<()> {
    let store = SqliteStore::open(SqliteConfig::new(folder))?;
    let mut fences = store.acquire(NodeId(1), Shard::all().collect()).await?;
    fences.sort_by_key(|fence| fence.shard);
    for first in (0..actors).step_by(CHUNK_LEN) {
        let places = first..actors.min(first + CHUNK_LEN);
        let numbers = places.map(|place| place * SCATTER % actors);
        let batches = numbers.map(|number| batch(number, state_len, &fences)).collect::<anyhow::Result<Vec<_>>>()?;
        let answers = store.commit(batches).await;
        answers.into_iter().collect::<Result<Vec<_>, CommitError>>()?;
        if (first + CHUNK_LEN).is_multiple_of(100_000) {
            eprintln!("  {} of {actors} actors stored", first + CHUNK_LEN);
        }
    }
    Ok(())
}

fn batch(number: usize, state_len: usize, fences: &[Fence]) -> anyhow::Result<Batch> {
    let actor = id(number)?;
    let fence = fences[usize::from(Shard::of_actor(SYSTEM, &actor).number())];
    let write = Write::State { revision: Revision(1), state: Some(state(number, state_len)?), tags: Headers::new() };
    let now = Timestamp::from_millis(1_700_000_000_000);
    Ok(Batch { fence, actor: Some(actor), key: None, now, writes: vec![write] })
}

fn state(number: usize, len: usize) -> anyhow::Result<Payload> {
    let mut random = Targets::new(number as u64 + 1);
    let bytes = (0..len).map(|n| if n % 2 == 0 { b'x' } else { u8::try_from(random.next(256)).unwrap_or(0) });
    Ok(bytes.collect::<Vec<u8>>().into_payload()?)
}

/// Starts a system on the stored actors, which leave memory when they were idle for so long.
pub(crate) async fn start(folder: &Path, idle: Duration) -> anyhow::Result<System> {
    Ok(System::builder(SYSTEM).actor(StoredRecord(idle)).store(Sqlite::at(folder)).start().await?)
}

/// Calls each of the stored actors in a range once, and checks that each shows a state of its length.
pub(crate) async fn get_each(
    system: &System,
    in_flight: usize,
    numbers: std::ops::Range<usize>,
    state_len: usize,
) -> anyhow::Result<Run> {
    let wrong = Arc::new(AtomicU64::new(0));
    let (caller, failed) = (system.clone(), Arc::clone(&wrong));
    let run = each_once(in_flight, numbers, move |number| {
        let (system, wrong) = (caller.clone(), Arc::clone(&failed));
        async move {
            let got = match id(number) {
                Ok(id) => system.invoke::<bytes::Bytes>(id, "get", ()).await.map_or(0, |record| record.len()),
                Err(_) => 0,
            };
            if got != state_len {
                wrong.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    match wrong.load(Ordering::Relaxed) {
        0 => Ok(run),
        wrong => bail!("{wrong} calls did not show the state that is stored"),
    }
}

/// Waits until none of these actors is in memory.
pub(crate) async fn until_passive(
    operator: &Arc<dyn Operator>,
    numbers: impl Iterator<Item = usize>,
) -> anyhow::Result<()> {
    for number in numbers {
        loop {
            match operator.state(id(number)?, StateAt::Latest).await {
                Ok(state) if state.phase == ActivationPhase::Passive => break,
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                // It is on its way out.
                Err(error) if error.code() == Code::Unavailable => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
