use std::sync::Arc;
use std::time::Duration;

use callboard_core::declaration::Durability;
use callboard_core::port::Store;
use callboard_core::{ActorId, Value};
use callboard_testkit::Fault;

use crate::fixture::{Engine, Scripted, announce, keep, recorder};

fn snapshotting() -> Scripted {
    Scripted::new("s")
        .with(|d| d.durability = Durability::Snapshot(Duration::from_secs(1)))
        .on("add", |state, _| {
            state.push('x');
            let mut value = keep(state, state.clone());
            value.broadcasts.push(announce("s.events", state.clone()));
            Ok(value)
        })
        .on("checkpoint", |state, _| Ok(Value { checkpoint: true, ..keep(state, "") }))
}

async fn stored(engine: &Engine) -> Option<String> {
    let stored = engine.store.load(&ActorId::named("s").unwrap()).await.unwrap()?;
    Some(crate::fixture::read(&stored.state?))
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_actor_replies_first_and_its_broadcasts_wait_for_the_write() {
    let engine = Engine::start(vec![snapshotting().host(), recorder("ear", &["s.events"]).host()]).await;
    for _ in 0..3 {
        engine.call("s", "add", "").await.unwrap();
    }
    assert_eq!((stored(&engine).await, engine.state("ear").await), (None, String::new()));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(stored(&engine).await.as_deref(), Some("xxx"));
    let heard = engine.until("ear", |state| state.lines().count() == 3).await;
    assert_eq!(heard, "s.events@1 x\ns.events@2 xx\ns.events@3 xxx\n");
    // The three turns share one revision, so that revisions have no holes.
    let revision = engine.store.load(&ActorId::named("s").unwrap()).await.unwrap().unwrap().revision;
    assert_eq!(revision.0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_and_a_stop_write_at_once() {
    let engine = Engine::start(vec![snapshotting().host()]).await;
    engine.call("s", "add", "").await.unwrap();
    engine.call("s", "checkpoint", "").await.unwrap();
    assert_eq!(stored(&engine).await.as_deref(), Some("x"));
    engine.call("s", "add", "").await.unwrap();
    engine.stop().await;
    assert_eq!(stored(&engine).await.as_deref(), Some("xx"));
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_at_most_the_interval_and_never_half_of_a_turn() {
    let engine = Engine::start(vec![snapshotting().host()]).await;
    engine.call("s", "add", "").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    engine.call("s", "add", "").await.unwrap();
    let again = Engine::start_on(
        Arc::clone(&engine.store),
        Arc::clone(&engine.clock),
        vec![snapshotting().host(), recorder("ear", &["s.events"]).host()],
        Vec::new(),
    )
    .await;
    assert_eq!(again.call("s", "add", "").await.unwrap(), "xx");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_written_when_the_store_works_again() {
    let engine = Engine::start(vec![snapshotting().host()]).await;
    engine.faults.fail_commits(Fault::Unavailable { from: 1, times: 3 });
    engine.call("s", "add", "").await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(stored(&engine).await.as_deref(), Some("x"));
}
