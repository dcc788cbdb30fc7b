use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callboard_core::port::{ActivationPhase, StateAt};
use callboard_core::{ActorId, Code, Error, Retry, Revision, Value};

use crate::fixture::{Engine, Scripted, announce, keep, read, recorder};

#[tokio::test(start_paused = true)]
async fn an_idle_actor_leaves_memory_and_comes_back_with_its_state() {
    let inits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&inits);
    let actor = Scripted::new("a")
        .init(move |state, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            state.push('i');
            Ok(keep(state, ""))
        })
        .on("touch", |state, _| {
            state.push('t');
            Ok(keep(state, state.clone()))
        });
    let engine = Engine::start(vec![actor.host()]).await;
    assert_eq!(engine.call("a", "touch", "").await.unwrap(), "it");
    let phase =
        || async { engine.operator().state(ActorId::named("a").unwrap(), StateAt::Latest).await.unwrap().phase };
    assert_eq!(phase().await, ActivationPhase::Active);
    for _ in 0..10 {
        // Used every five seconds it stays.
        tokio::time::sleep(Duration::from_secs(5)).await;
        engine.call("a", "touch", "").await.unwrap();
    }
    assert_eq!(inits.load(Ordering::Relaxed), 1);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(phase().await, ActivationPhase::Passive);
    assert_eq!(engine.call("a", "touch", "").await.unwrap(), format!("i{}it", "t".repeat(11)));
    assert_eq!(inits.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_init_is_told_to_callers_and_tried_again() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let actor = Scripted::new("a")
        .init(move |_, _| {
            if counted.fetch_add(1, Ordering::Relaxed) < 2 {
                return Err(Error::new(Code::ActionFailed, "no database yet"));
            }
            Ok(Value::default())
        })
        .on("go", |state, _| Ok(keep(state, "went")));
    let engine = Engine::start(vec![actor.host()]).await;
    let error = engine.call("a", "go", "").await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::ActionFailed, "no database yet"));
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _ = engine.call("a", "go", "").await;
    }
    assert_eq!(engine.call("a", "go", "").await.unwrap(), "went");
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_accepted_calls_end_and_refuses_new_ones() {
    let slow = Scripted::new("slow").on_async("work", |state, _| {
        state.push('w');
        let value = keep(state, "done");
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(value)
        })
    });
    let engine = Engine::start(vec![slow.host()]).await;
    let dispatcher = engine.runtime.dispatcher();
    let calls: Vec<_> = (0..2).map(|_| dispatcher.invoke(engine.invocation("slow", "work", ""))).collect();
    let stopping = engine.stop();
    let refused = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        engine.call("slow", "work", "").await.unwrap_err()
    };
    let ((), refused) = tokio::join!(stopping, refused);
    assert_eq!((refused.code(), refused.retry()), (Code::Unavailable, Retry::Safe));
    for call in calls {
        assert_eq!(read(&call.await.unwrap().payload), "done");
    }
    use callboard_core::port::Store;
    let stored = engine.store.load(&ActorId::named("slow").unwrap()).await.unwrap().unwrap();
    assert_eq!(read(&stored.state.unwrap()), "ww");
}

#[tokio::test(start_paused = true)]
async fn past_states_are_read_by_revision_and_deleted_actors_begin_anew() {
    let actor = Scripted::new("a").on("add", |state, turn| {
        state.push_str(&read(&turn.payload));
        Ok(keep(state, state.clone()))
    });
    let engine = Engine::start(vec![actor.host()]).await;
    for what in ["x", "y", "z"] {
        engine.call("a", "add", what).await.unwrap();
    }
    let id = ActorId::named("a").unwrap();
    let operator = engine.operator();
    let past = operator.state(id.clone(), StateAt::Revision(Revision(2))).await.unwrap();
    assert_eq!(read(&past.state.unwrap()), "xy");
    let error = operator.state(id.clone(), StateAt::Revision(Revision(9))).await.unwrap_err();
    assert_eq!(error.code(), Code::Gap);
    operator.delete(id.clone()).await.unwrap();
    assert_eq!(engine.call("a", "add", "new").await.unwrap(), "new");
    let unknown = ActorId::named("b").unwrap();
    assert_eq!(operator.delete(unknown).await.unwrap_err().code(), Code::ActorNotFound);
}

#[tokio::test(start_paused = true)]
async fn ephemeral_topics_reach_listeners_at_most_once_and_touch_no_disk() {
    let speaker = Scripted::new("speaker")
        .on("say", |_, _| Ok(Value { broadcasts: vec![announce("live.x", "hi")], ..Value::default() }));
    let engine = Engine::start(vec![speaker.host(), recorder("ear", &["live.>"]).host()]).await;
    let reply = engine.reply("speaker", "say", "").await.unwrap();
    assert_eq!(reply.positions[0].seq.0, 1);
    assert_eq!(engine.until("ear", |state| !state.is_empty()).await, "live.x@1 hi\n");
    use callboard_core::port::BroadcastLog;
    let topic = callboard_core::Topic::parse("live.x").unwrap();
    assert!(engine.store.bounds(&topic).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_for_the_turn_that_runs_and_nothing_of_the_actor_is_left() {
    let slow = Scripted::new("slow").on_async("work", |state, _| {
        state.push('x');
        let value = keep(state, "done");
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(value)
        })
    });
    let engine = Engine::start(vec![slow.host()]).await;
    let id = || ActorId::named("slow").unwrap();
    engine.call("slow", "work", "").await.unwrap();
    let delete = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        engine.operator().delete(id()).await
    };
    let (worked, deleted) = tokio::join!(engine.call("slow", "work", ""), delete);
    assert_eq!(worked.unwrap(), "done");
    deleted.unwrap();
    assert_eq!(engine.operator().state(id(), StateAt::Latest).await.unwrap_err().code(), Code::ActorNotFound);
    assert_eq!(engine.operator().delete(id()).await.unwrap_err().code(), Code::ActorNotFound);
    engine.call("slow", "work", "").await.unwrap();
    assert_eq!(engine.state("slow").await, "x", "it begins anew");
}
