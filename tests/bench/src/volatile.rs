//! Volatile invocations through the typed reference, against plain ractor calls that do the same work.

use std::sync::Arc;

use callboard::System;
use callboard_testkit::MemoryStore;
use ractor::{Actor as RactorActor, ActorProcessingErr, ActorRef, RpcReplyPort};

use crate::Plan;
use crate::actors::VolatileCounter;
use crate::measure::{Run, closed_loop, median, runtime};
use crate::report::Line;

const ACTORS: usize = 10_000;
const IN_FLIGHT: usize = 1000;

pub(crate) fn run(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let (mut ours, mut theirs, mut tails) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let base = runtime(2).block_on(plain_ractor(plan))?;
        let run = runtime(2).block_on(callboard_volatile(plan))?;
        for (side, run) in [("ractor", &base), ("callboard", &run)] {
            let [p50, p99, p999] = [50.0, 99.0, 99.9].map(|percent| run.percentile(percent));
            eprintln!("  {side}: {:.0}/s, p50 {p50:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us", run.rate);
        }
        theirs.push(base.rate);
        ours.push(run.rate);
        tails.push(run.percentile(99.9) / 1000.0);
    }
    Ok(vec![
        Line::rate("volatile invoke, typed reference, 10k actors, 1,000 in flight, 2 workers", &ours, &theirs, 0.8),
        Line::at_most("the same, p99.9", median(tails), "ms", 5.0),
    ])
}

async fn callboard_volatile(plan: Plan) -> anyhow::Result<Run> {
    let store: Arc<dyn callboard_core::port::Store> = Arc::new(MemoryStore::new());
    let system = System::builder("bench").actor(VolatileCounter).store(store).start().await?;
    let actors: Arc<Vec<_>> = Arc::new((0..ACTORS).map(|n| VolatileCounter::at(&system, n.to_string())).collect());
    for actor in actors.iter() {
        actor.add(1).await?;
    }
    let run = closed_loop(IN_FLIGHT, ACTORS, plan.time, move |target| {
        let actors = Arc::clone(&actors);
        async move {
            let _ = actors[target].add(1).await;
        }
    })
    .await;
    system.stop(std::time::Duration::from_secs(5)).await;
    Ok(run)
}

struct Plain;

struct Add(u32, RpcReplyPort<u64>);

#[async_trait::async_trait]
impl RactorActor for Plain {
    type Msg = Add;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Add>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Add>, Add(by, reply): Add, count: &mut u64) -> Result<(), ActorProcessingErr> {
        *count += u64::from(by);
        let _ = reply.send(*count);
        Ok(())
    }
}

async fn plain_ractor(plan: Plan) -> anyhow::Result<Run> {
    let mut actors = Vec::with_capacity(ACTORS);
    for _ in 0..ACTORS {
        actors.push(RactorActor::spawn(None, Plain, ()).await?.0);
    }
    let actors = Arc::new(actors);
    let called = Arc::clone(&actors);
    let run = closed_loop(IN_FLIGHT, ACTORS, plan.time, move |target| {
        let actors = Arc::clone(&called);
        async move {
            let _ = actors[target].call(|reply| Add(1, reply), None).await;
        }
    })
    .await;
    for actor in actors.iter() {
        actor.stop(None);
    }
    Ok(run)
}
