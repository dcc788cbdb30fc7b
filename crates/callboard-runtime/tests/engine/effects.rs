use std::sync::Arc;
use std::time::Duration;

use callboard_core::value::When;
use callboard_core::{Code, Error, Value};

use crate::fixture::{Engine, Scripted, effect, keep, read, recorder};

fn sender() -> Scripted {
    Scripted::new("sender")
        .on("now", |state, turn| {
            let mut value = keep(state, "");
            value.effects = (0..5).map(|n| effect(turn, n, "target", "record", &format!("now{n}"))).collect();
            Ok(value)
        })
        .on("later", |state, turn| {
            let mut later = effect(turn, 9, "target", "record", "later");
            later.when = When::After(Duration::from_secs(10));
            *state = later.id.to_string();
            let mut value = keep(state, state.clone());
            value.effects.push(later);
            Ok(value)
        })
        .on("cancel", |state, _| {
            let mut value = keep(state, "");
            value.cancelled_effects.push(callboard_core::MessageId::parse(state).unwrap());
            Ok(value)
        })
        .on("lost", |_, turn| Ok(Value { effects: vec![effect(turn, 1, "target", "refuse", "x")], ..Value::default() }))
}

fn target() -> Scripted {
    recorder("target", &[]).on("refuse", |_, _| Err(Error::new(Code::ActionFailed, "never")))
}

#[tokio::test(start_paused = true)]
async fn effects_happen_after_the_commit_in_their_order_and_once() {
    let engine = Engine::start(vec![sender().host(), target().host()]).await;
    engine.call("sender", "now", "").await.unwrap();
    assert_eq!(engine.until("target", |s| s.lines().count() >= 5).await, "now0\nnow1\nnow2\nnow3\nnow4\n");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(engine.state("target").await.lines().count(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_effect_comes_at_its_time_over_a_restart_and_not_at_all_when_cancelled() {
    let engine = Engine::start(vec![sender().host(), target().host()]).await;
    engine.call("sender", "later", "").await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(engine.state("target").await, "");
    engine.stop().await;
    let engine = Engine::start_on(
        Arc::clone(&engine.store),
        Arc::clone(&engine.clock),
        vec![sender().host(), target().host()],
        Vec::new(),
    )
    .await;
    assert_eq!(engine.state("target").await, "");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(engine.state("target").await, "later\n");
    engine.call("sender", "later", "").await.unwrap();
    engine.call("sender", "cancel", "").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(engine.state("target").await, "later\n");
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_keeps_failing_is_set_aside() {
    let engine = Engine::start(vec![sender().host(), target().host()]).await;
    engine.call("sender", "lost", "").await.unwrap();
    let letters = async || !engine.operator().dead_letters(None, 10).await.unwrap().is_empty();
    engine.eventually("it is set aside", letters).await;
    let letter = engine.operator().dead_letters(None, 10).await.unwrap().remove(0);
    assert_eq!((letter.target.as_str(), letter.attempts, read(&letter.payload)), ("target", 5, "x".to_owned()));
    engine.operator().drop_dead_letter(letter.id).await.unwrap();
    assert!(engine.operator().dead_letters(None, 10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_effects_than_fit_into_memory_all_happen() {
    let burst = Scripted::new("burst").on("go", |state, turn| {
        let mut value = keep(state, "");
        value.effects = (0..5000).map(|n| effect(turn, n, "count", "one", "")).collect();
        Ok(value)
    });
    let count = Scripted::new("count").on("one", |state, _| {
        *state = (state.parse::<u64>().unwrap_or(0) + 1).to_string();
        Ok(keep(state, ""))
    });
    let engine = Engine::start(vec![burst.host(), count.host()]).await;
    engine.call("burst", "go", "").await.unwrap();
    engine.until("count", |state| state == "5000").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(engine.state("count").await, "5000");
}
