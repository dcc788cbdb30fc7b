use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callboard_core::declaration::{ActorKind, Durability};
use callboard_core::{ActorId, Code, Error, Invocation};
use tokio::sync::Notify;

use crate::fixture::{Engine, Scripted, announce, keep, key, read};

fn counter() -> Scripted {
    Scripted::new("counter")
        .on("add", |state, turn| {
            let n: u64 = state.parse().unwrap_or(0);
            *state = (n + read(&turn.payload).parse::<u64>().unwrap_or(1)).to_string();
            Ok(keep(state, state.clone()))
        })
        .on("fail", |state, _| {
            state.push_str("spoiled");
            Err(Error::new(Code::ActionFailed, "no"))
        })
        .on("panic", |state, _| {
            state.push_str("spoiled");
            panic!("boom")
        })
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_state_is_there_after_a_restart() {
    let engine = Engine::start(vec![counter().host()]).await;
    for n in 1..=5_u64 {
        let reply = engine.reply("counter", "add", "1").await.unwrap();
        assert_eq!((read(&reply.payload), reply.revision.0), (n.to_string(), n));
    }
    // No graceful stop: the second engine takes the shards and finds what was acknowledged.
    let again =
        Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), vec![counter().host()], Vec::new())
            .await;
    assert_eq!(again.call("counter", "add", "1").await.unwrap(), "6");
    // The first one was fenced off: it can no longer commit.
    assert_eq!(engine.call("counter", "add", "1").await.unwrap_err().code(), Code::Fenced);
    assert_eq!(again.call("counter", "add", "1").await.unwrap(), "7");
}

#[tokio::test(start_paused = true)]
async fn a_failed_or_panicked_action_leaves_the_state_as_it_was() {
    let engine = Engine::start(vec![counter().host()]).await;
    engine.call("counter", "add", "3").await.unwrap();
    assert_eq!(engine.call("counter", "fail", "").await.unwrap_err().code(), Code::ActionFailed);
    assert_eq!(engine.call("counter", "add", "1").await.unwrap(), "4");
    let error = engine.call("counter", "panic", "").await.unwrap_err();
    assert_eq!((error.code(), error.detail()), (Code::ActionPanicked, Some("boom")));
    assert_eq!(engine.call("counter", "add", "1").await.unwrap(), "5");
    assert_eq!(engine.reply("counter", "add", "1").await.unwrap().revision.0, 4);
}

#[tokio::test(start_paused = true)]
async fn actions_are_found_without_case_and_the_state_is_answered_without_user_code() {
    let engine = Engine::start(vec![counter().host()]).await;
    assert_eq!(engine.call("counter", "Add", "2").await.unwrap(), "2");
    for get in ["get", "GetState", "get_state"] {
        assert_eq!(engine.call("counter", get, "").await.unwrap(), "2");
    }
    let error = engine.call("counter", "multiply", "").await.unwrap_err();
    assert_eq!(error.code(), Code::ActionNotFound);
    assert!(error.message().contains("add, fail, panic"), "{error}");
    assert_eq!(engine.call("nobody", "add", "").await.unwrap_err().code(), Code::ActorNotFound);
    assert_eq!(engine.call("counter/1", "add", "").await.unwrap_err().code(), Code::ActorNotFound);
}

#[tokio::test(start_paused = true)]
async fn instances_of_a_template_do_not_meet() {
    let template = counter().with(|d| d.kind = ActorKind::Unnamed);
    let engine = Engine::start(vec![template.host()]).await;
    assert_eq!(engine.call("counter/a", "add", "1").await.unwrap(), "1");
    assert_eq!(engine.call("counter/b", "add", "5").await.unwrap(), "5");
    assert_eq!(engine.call("counter/a", "add", "1").await.unwrap(), "2");
    let error = engine.call("counter", "add", "1").await.unwrap_err();
    assert!(error.message().contains("template"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_key_makes_a_call_happen_once_and_tells_misuse() {
    let engine = Engine::start(vec![counter().host()]).await;
    let keyed = |what: &str| Invocation { key: key("k-1"), ..engine.invocation("counter", "add", what) };
    let dispatcher = engine.runtime.dispatcher();
    // Two at once: the second waits for the first and gets its response.
    let (first, second) = tokio::join!(dispatcher.invoke(keyed("2")), dispatcher.invoke(keyed("2")));
    assert_eq!((read(&first.unwrap().payload), read(&second.unwrap().payload)), ("2".to_owned(), "2".to_owned()));
    assert_eq!(dispatcher.invoke(keyed("3")).await.unwrap_err().code(), Code::IdempotencyMismatch);
    engine.stop().await;
    let again =
        Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), vec![counter().host()], Vec::new())
            .await;
    assert_eq!(read(&again.runtime.dispatcher().invoke(keyed("2")).await.unwrap().payload), "2");
    assert_eq!(again.state("counter").await, "2");
}

/// An action that waits until it is let go.
fn gated(gate: &Arc<Notify>, entered: &Arc<Notify>) -> Scripted {
    let (gate, entered) = (Arc::clone(gate), Arc::clone(entered));
    Scripted::new("gated").with(|d| d.mailbox_len_max = 2).on_async("wait", move |_, _| {
        let (gate, entered) = (Arc::clone(&gate), Arc::clone(&entered));
        Box::pin(async move {
            entered.notify_one();
            gate.notified().await;
            Ok(callboard_core::Value::default())
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_answers_overloaded_and_a_late_action_deadline_exceeded() {
    let (gate, entered) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let engine = Engine::start(vec![gated(&gate, &entered).host()]).await;
    let dispatcher = engine.runtime.dispatcher();
    let running = dispatcher.invoke(engine.invocation("gated", "wait", ""));
    entered.notified().await;
    let waiting: Vec<_> = (0..2).map(|_| dispatcher.invoke(engine.invocation("gated", "wait", ""))).collect();
    let error = dispatcher.invoke(engine.invocation("gated", "wait", "")).await.unwrap_err();
    assert_eq!(error.code(), Code::Overloaded);
    gate.notify_one();
    running.await.unwrap();
    for call in waiting {
        gate.notify_one();
        entered.notified().await;
        call.await.unwrap();
    }
    let started = engine.clock.instant();
    let late = Invocation { deadline: started + Duration::from_secs(3), ..engine.invocation("gated", "wait", "") };
    assert_eq!(dispatcher.invoke(late).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(engine.clock.instant() - started, Duration::from_secs(3));
    // The action was cancelled: the actor takes the next call.
    engine.call("gated", "get", "").await.unwrap();
    let next = dispatcher.invoke(engine.invocation("gated", "wait", ""));
    gate.notify_one();
    next.await.unwrap();
}

use callboard_core::port::Clock as _;

fn caller(name: &'static str, callee: &'static str) -> Scripted {
    Scripted::new(name).on_async("call", move |_, turn| {
        Box::pin(async move {
            let target = ActorId::named(callee).unwrap();
            let chain = turn.chain.extend(&turn.actor, &target)?;
            let invocation = Invocation {
                target,
                action: "call".into(),
                payload: turn.payload,
                deadline: turn.deadline,
                key: None,
                headers: turn.headers,
                trace: turn.trace,
                chain,
            };
            let reply = turn.dispatcher.invoke(invocation).await?;
            Ok(callboard_core::Value { response: Some(reply.payload), ..callboard_core::Value::default() })
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_cycle_of_calls_is_answered_at_once_with_its_path() {
    let engine = Engine::start(vec![caller("a", "b").host(), caller("b", "c").host(), caller("c", "a").host()]).await;
    let started = engine.clock.instant();
    let error = engine.call("a", "call", "").await.unwrap_err();
    assert_eq!(error.code(), Code::CallCycle);
    assert!(error.message().contains("a -> b -> c -> a"), "{error}");
    assert_eq!(engine.clock.instant(), started);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_changes_nothing_writes_nothing() {
    let engine =
        Engine::start(vec![Scripted::new("still").on("look", |_, _| Ok(callboard_core::Value::default())).host()])
            .await;
    let reply = engine.reply("still", "look", "").await.unwrap();
    assert_eq!(reply.revision.0, 0);
    use callboard_core::port::Store;
    assert!(engine.store.load(&ActorId::named("still").unwrap()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_volatile_actor_keeps_its_state_only_in_memory_and_its_broadcasts_on_disk() {
    let volatile = Scripted::new("volatile").with(|d| d.durability = Durability::Volatile).on("add", |state, _| {
        state.push('x');
        let mut value = keep(state, state.clone());
        value.broadcasts.push(announce("seen.it", state.clone()));
        Ok(value)
    });
    let engine = Engine::start(vec![volatile.host()]).await;
    assert_eq!(engine.call("volatile", "add", "").await.unwrap(), "x");
    let reply = engine.reply("volatile", "add", "").await.unwrap();
    assert_eq!((reply.revision.0, reply.positions[0].seq.0), (0, 2));
    use callboard_core::port::Store;
    assert!(engine.store.load(&ActorId::named("volatile").unwrap()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_accepted_invocation_is_performed_once_even_if_its_actor_fails_first() {
    let tries = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&tries);
    let shy = Scripted::new("shy").on("do", move |state, turn| {
        if seen.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Error::new(Code::ActionFailed, "not yet"));
        }
        state.push_str(&read(&turn.payload));
        Ok(keep(state, ""))
    });
    let engine = Engine::start(vec![shy.host()]).await;
    engine.runtime.dispatcher().post(engine.invocation("shy", "do", "it")).await.unwrap();
    assert_eq!(engine.until("shy", |state| !state.is_empty()).await, "it");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((engine.state("shy").await, tries.load(Ordering::Relaxed)), ("it".to_owned(), 2));
}
