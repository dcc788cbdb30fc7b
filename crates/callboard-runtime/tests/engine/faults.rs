use std::sync::Arc;
use std::time::Duration;

use callboard_core::{Code, Retry};
use callboard_testkit::{Fault, FaultyStore, MemoryStore};

use crate::fixture::{Engine, Scripted, announce, keep, recorder};

fn speaker() -> Scripted {
    Scripted::new("speaker").on("say", |state, _| {
        state.push('x');
        let mut value = keep(state, state.clone());
        value.broadcasts.push(announce("said.it", state.clone()));
        Ok(value)
    })
}

#[tokio::test(start_paused = true)]
async fn nothing_is_announced_or_kept_of_a_decision_that_was_not_committed() {
    let engine = Engine::start(vec![speaker().host(), recorder("ear", &["said.it"]).host()]).await;
    engine.call("speaker", "say", "").await.unwrap();
    engine.until("ear", |state| state.lines().count() == 1).await;
    engine.faults.fail_commits(Fault::Unavailable { from: 1, times: 1 });
    let error = engine.call("speaker", "say", "").await.unwrap_err();
    assert_eq!((error.code(), error.retry()), (Code::Unavailable, Retry::MayRepeat));
    // It works again, and goes on from what was committed.
    assert_eq!(engine.call("speaker", "say", "").await.unwrap(), "xx");
    assert_eq!(engine.until("ear", |state| state.lines().count() == 2).await, "said.it@1 x\nsaid.it@2 xx\n");
}

#[tokio::test(start_paused = true)]
async fn an_actor_whose_state_cannot_be_read_answers_unavailable_and_recovers_by_itself() {
    let engine = Engine::start(vec![speaker().host()]).await;
    engine.faults.fail_reads(Fault::Unavailable { from: 1, times: 1_000_000 });
    assert_eq!(engine.call("speaker", "say", "").await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(engine.call("speaker", "say", "").await.unwrap_err().code(), Code::Unavailable);
    engine.faults.fail_reads(Fault::None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(engine.call("speaker", "say", "").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn deliveries_wait_for_a_store_that_fails_for_a_while() {
    let engine = Engine::start(vec![recorder("ear", &["a.b"]).host()]).await;
    engine.publish("a.b", "1").await;
    engine.faults.fail_commits(Fault::Unavailable { from: 1, times: 40 });
    tokio::time::sleep(Duration::from_secs(2)).await;
    engine.faults.fail_commits(Fault::None);
    engine.publish("a.b", "2").await;
    let heard = engine.until("ear", |state| state.lines().count() == 2).await;
    assert_eq!(heard, "a.b@1 1\na.b@2 2\n");
    assert!(engine.operator().dead_letters(None, 10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_node_on_a_store_that_cannot_be_written_starts_and_answers_reads() {
    let engine = Engine::start(vec![speaker().host(), recorder("ear", &["said.it"]).host()]).await;
    engine.call("speaker", "say", "").await.unwrap();
    engine.until("ear", |state| state.lines().count() == 1).await;
    engine.stop().await;
    let faults = Arc::new(FaultyStore::new(Arc::<MemoryStore>::clone(&engine.store)));
    faults.make_read_only();
    let hosts = vec![speaker().host(), recorder("ear", &["said.it"]).host()];
    let (store, clock) = (Arc::clone(&engine.store), Arc::clone(&engine.clock));
    let reading = Engine::start_with(store, faults, clock, hosts, Vec::new()).await;
    assert_eq!(reading.call("speaker", "get", "").await.unwrap(), "x");
    assert_eq!(reading.state("ear").await, "said.it@1 x\n");
    assert_eq!(reading.call("speaker", "say", "").await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(reading.call("speaker", "get", "").await.unwrap(), "x", "what was refused did not happen");
    let health = reading.operator().health();
    assert!(!health.ready && health.problems[0].contains("can only be read"), "{health:?}");
    reading.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lost_its_shard_answers_fenced() {
    let engine = Engine::start(vec![speaker().host()]).await;
    engine.call("speaker", "say", "").await.unwrap();
    engine.faults.fail_commits(Fault::Fenced);
    let error = engine.call("speaker", "say", "").await.unwrap_err();
    assert_eq!((error.code(), error.retry()), (Code::Fenced, Retry::Safe));
}
