use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use callboard_core::batch::{Subscriber, SubscriptionId};
use callboard_core::declaration::{ActorKind, FailurePolicy};
use callboard_core::port::{BoxFuture, ExternalRegistration, ExternalSubscriber, StateAt, Store};
use callboard_core::{ActorId, Code, Error, Pattern, Publication, Topic, Value};
use parking_lot::Mutex;

use crate::fixture::{Engine, Scripted, announce, keep, read, recorder};

fn lines(topic: &str, range: std::ops::RangeInclusive<u64>) -> String {
    range.map(|n| format!("{topic}@{n} e{n}\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn every_publication_reaches_every_listener_once_in_order_and_passivated_ones_too() {
    let engine =
        Engine::start(vec![recorder("one", &["order.*"]).host(), recorder("two", &["order.>", "x.y"]).host()]).await;
    for n in 1..=300 {
        engine.publish("order.events", &format!("e{n}")).await;
        if n == 150 {
            // Long enough for both to leave memory.
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
    let all = lines("order.events", 1..=300);
    for actor in ["one", "two"] {
        assert_eq!(engine.until(actor, |state| state.len() >= all.len()).await, all);
    }
    assert_eq!(engine.cursor("one", "order.*", "order.events").await, Some(300));
}

#[tokio::test(start_paused = true)]
async fn what_was_published_while_the_node_was_down_is_delivered_when_it_is_up_and_nothing_twice() {
    let engine = Engine::start(vec![recorder("late", &["a.b"]).host()]).await;
    for n in 1..=10 {
        engine.publish("a.b", &format!("e{n}")).await;
    }
    engine.until("late", |state| state.lines().count() == 10).await;
    engine.stop().await;
    // A node without the listener publishes more.
    let other = Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), Vec::new(), Vec::new()).await;
    for n in 11..=100 {
        other.publish("a.b", &format!("e{n}")).await;
    }
    // It even writes its watermark, which must not make the listener miss anything.
    tokio::time::sleep(Duration::from_secs(5)).await;
    other.stop().await;
    let hosts = vec![recorder("late", &["a.b"]).host(), recorder("new", &["a.b"]).host()];
    let again = Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), hosts, Vec::new()).await;
    assert_eq!(again.until("late", |state| state.lines().count() >= 100).await, lines("a.b", 1..=100));
    // A new listener hears what comes after its registration.
    assert_eq!(again.state("new").await, "");
    again.publish("a.b", "e101").await;
    assert_eq!(again.until("new", |state| !state.is_empty()).await, "a.b@101 e101\n");
    assert_eq!(again.until("late", |state| state.lines().count() >= 101).await, lines("a.b", 1..=101));
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_delivery_and_answer_neither_loses_nor_repeats() {
    let store = Engine::start(vec![recorder("r", &["a.b"]).host()]).await;
    for n in 1..=50 {
        store.publish("a.b", &format!("e{n}")).await;
    }
    // Without a stop, the next engine fences the first one off in the middle of its deliveries.
    let again = Engine::start_on(
        Arc::clone(&store.store),
        Arc::clone(&store.clock),
        vec![recorder("r", &["a.b"]).host()],
        Vec::new(),
    )
    .await;
    assert_eq!(again.until("r", |state| state.lines().count() >= 50).await, lines("a.b", 1..=50));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(again.state("r").await, lines("a.b", 1..=50));
}

fn fails_on(
    name: &'static str,
    bad: &'static str,
    tries: &Arc<AtomicUsize>,
    policy: FailurePolicy,
    mended: &Arc<AtomicBool>,
) -> Scripted {
    let (tries, mended) = (Arc::clone(tries), Arc::clone(mended));
    Scripted::new(name)
        .on("take", move |state, turn| {
            let what = read(&turn.payload);
            if what == bad && !mended.load(Ordering::Relaxed) {
                tries.fetch_add(1, Ordering::Relaxed);
                return Err(Error::new(Code::ActionFailed, "it is bad"));
            }
            state.push_str(&what);
            Ok(keep(state, ""))
        })
        .listens("t.>", "take", policy)
}

#[tokio::test(start_paused = true)]
async fn a_failing_delivery_is_set_aside_after_five_attempts_and_can_be_retried() {
    let (tries, mended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let engine = Engine::start(vec![fails_on("a", "2", &tries, FailurePolicy::DeadLetter, &mended).host()]).await;
    for what in ["1", "2", "3"] {
        engine.publish("t.x", what).await;
    }
    assert_eq!(engine.until("a", |state| state.contains('3')).await, "13");
    assert_eq!(tries.load(Ordering::Relaxed), 5);
    let letters = engine.operator().dead_letters(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].attempts, letters[0].message.as_str(), read(&letters[0].payload)),
        (5, "it is bad", "2".to_owned())
    );
    mended.store(true, Ordering::Relaxed);
    engine.operator().retry_dead_letter(letters[0].id).await.unwrap();
    assert_eq!(engine.until("a", |state| state.contains('2')).await, "132");
    assert!(engine.operator().dead_letters(None, 10).await.unwrap().is_empty());
    assert_eq!(engine.operator().retry_dead_letter(letters[0].id).await.unwrap_err().code(), Code::InvalidPayload);
}

#[tokio::test(start_paused = true)]
async fn a_parked_subscription_waits_in_order_while_everyone_else_goes_on() {
    let (tries, mended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let hosts =
        || vec![fails_on("p", "2", &tries, FailurePolicy::Park, &mended).host(), recorder("other", &["t.x"]).host()];
    let engine = Engine::start(hosts()).await;
    for what in ["1", "2", "3", "4"] {
        engine.publish("t.x", what).await;
    }
    engine.publish("t.y", "y").await;
    engine.until("other", |state| state.lines().count() == 4).await;
    // The other topic of the same subscription goes on as well.
    assert_eq!(engine.until("p", |state| state.contains('y')).await.replace('y', ""), "1");
    engine.eventually("it is parked", async || !engine.operator().parked().await.unwrap().is_empty()).await;
    engine.stop().await;

    let engine = Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), hosts(), Vec::new()).await;
    engine.publish("t.x", "5").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(engine.state("p").await.replace('y', ""), "1", "it stays parked over a restart");
    let subscription = SubscriptionId {
        subscriber: Subscriber::Actor(ActorId::named("p").unwrap()),
        pattern: Pattern::parse("t.>").unwrap(),
    };
    mended.store(true, Ordering::Relaxed);
    engine.operator().retry_parked(subscription.clone(), Topic::parse("t.x").unwrap()).await.unwrap();
    assert_eq!(engine.until("p", |state| state.contains('5')).await.replace('y', ""), "12345");
    engine.eventually("it is no longer parked", async || engine.operator().parked().await.unwrap().is_empty()).await;
    let error = engine.operator().skip_parked(subscription, Topic::parse("t.x").unwrap()).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidPayload);
}

#[tokio::test(start_paused = true)]
async fn a_skipped_parked_publication_is_left_out_and_the_rest_delivered() {
    let (tries, mended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let engine = Engine::start(vec![fails_on("p", "2", &tries, FailurePolicy::Park, &mended).host()]).await;
    for what in ["1", "2", "3"] {
        engine.publish("t.x", what).await;
    }
    engine.eventually("it is parked", async || !engine.operator().parked().await.unwrap().is_empty()).await;
    let parked = engine.operator().parked().await.unwrap().remove(0);
    engine.operator().skip_parked(parked.subscription, parked.topic).await.unwrap();
    assert_eq!(engine.until("p", |state| state.contains('3')).await, "13");
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_its_own_actor_and_every_known_instance() {
    let echo = Scripted::new("echo")
        .on("say", |state, turn| {
            let mut value = keep(state, "");
            value.broadcasts = vec![announce("e.1", read(&turn.payload)), announce("e.1", "again")];
            Ok(value)
        })
        .on("hear", |state, turn| {
            state.push_str(&read(&turn.payload));
            Ok(keep(state, ""))
        })
        .listens("e.*", "hear", FailurePolicy::DeadLetter);
    let instance = recorder("each", &["e.1"]).with(|d| d.kind = ActorKind::Unnamed);
    let engine = Engine::start(vec![echo.host(), instance.host()]).await;
    for name in ["each/a", "each/b"] {
        engine.call(name, "record", "born").await.unwrap();
    }
    engine.call("echo", "say", "hello ").await.unwrap();
    assert_eq!(engine.until("echo", |state| state.contains("again")).await, "hello again");
    for name in ["each/a", "each/b"] {
        assert_eq!(engine.until(name, |state| state.contains("again")).await, "born\ne.1@1 hello \ne.1@2 again\n");
    }
    // One that comes later hears what comes later.
    engine.call("each/c", "record", "born").await.unwrap();
    engine.call("echo", "say", "more ").await.unwrap();
    assert_eq!(engine.until("each/c", |state| state.contains("again")).await, "born\ne.1@3 more \ne.1@4 again\n");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_instance_does_not_come_back_by_what_was_on_its_way_to_it() {
    let slow = Scripted::new("slow")
        .on_async("hear", |state, turn| {
            state.push_str(&read(&turn.payload));
            let value = keep(state, "");
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(value)
            })
        })
        .on("look", |_, _| Ok(Value::default()))
        .listens("e.1", "hear", FailurePolicy::DeadLetter)
        .with(|d| d.kind = ActorKind::Unnamed);
    let engine = Engine::start(vec![slow.host()]).await;
    let id = || ActorId::parse("slow/a").unwrap();
    engine.call("slow/a", "hear", "born ").await.unwrap();
    for what in ["1 ", "2 ", "3 "] {
        engine.publish("e.1", what).await;
    }
    assert_eq!(engine.until("slow/a", |state| state.contains('1')).await, "born 1 ");
    engine.operator().delete(id()).await.unwrap();
    // In memory it is there again, with nothing stored.
    engine.call("slow/a", "look", "").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let gone = engine.operator().state(id(), StateAt::Latest).await.unwrap_err();
    assert_eq!(gone.code(), Code::ActorNotFound);
    engine.call("slow/a", "hear", "anew ").await.unwrap();
    engine.publish("e.1", "4 ").await;
    assert_eq!(engine.until("slow/a", |state| state.contains('4')).await, "anew 4 ");
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_leaves_undelivered_is_delivered_after_it_even_when_more_was_announced_meanwhile() {
    let hosts = || {
        let hears = Scripted::new("hears")
            .on_async("hear", |state, turn| {
                state.push_str(&read(&turn.payload));
                let value = keep(state, "");
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(value)
                })
            })
            .listens("e.1", "hear", FailurePolicy::DeadLetter);
        let says = Scripted::new("says").on_async("say", |_, turn| {
            let broadcasts = vec![announce("e.1", read(&turn.payload))];
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(Value { broadcasts, ..Value::default() })
            })
        });
        vec![hears.host(), says.host()]
    };
    let engine = Engine::start(hosts()).await;
    for what in ["1 ", "2 ", "3 "] {
        engine.publish("e.1", what).await;
    }
    // The stop waits for a call that announces something when the deliveries have long stopped.
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        engine.runtime.stop(Duration::from_secs(30)).await;
    };
    let (said, ()) = tokio::join!(engine.call("says", "say", "4 "), stop);
    said.unwrap();
    let again = Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), hosts(), Vec::new()).await;
    assert_eq!(again.until("hears", |state| state.contains('4')).await, "1 2 3 4 ");
}

struct Outside(Mutex<Vec<String>>, AtomicUsize);

impl ExternalSubscriber for Outside {
    fn receive(&self, publication: Arc<Publication>) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if self.1.load(Ordering::Relaxed) > 0 {
                self.1.fetch_sub(1, Ordering::Relaxed);
                return Err(Error::new(Code::ActionFailed, "the other side is down"));
            }
            self.0.lock().push(read(&publication.payload));
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_external_subscriber_gets_everything_in_order_over_failures_and_restarts() {
    let outside = Arc::new(Outside(Mutex::default(), AtomicUsize::new(20)));
    let register = || ExternalRegistration {
        pattern: Pattern::parse("a.>").unwrap(),
        name: Some("erp".into()),
        subscriber: Arc::<Outside>::clone(&outside),
    };
    let engine = Engine::start_on(
        Arc::new(callboard_testkit::MemoryStore::new()),
        crate::fixture::clock(),
        Vec::new(),
        vec![register()],
    )
    .await;
    for n in 1..=5 {
        engine.publish("a.b", &n.to_string()).await;
    }
    engine.eventually("five are received", async || outside.0.lock().len() >= 5).await;
    engine.stop().await;
    let other = Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), Vec::new(), Vec::new()).await;
    other.publish("a.b", "6").await;
    other.stop().await;
    let again =
        Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), Vec::new(), vec![register()]).await;
    again.eventually("six are received", async || outside.0.lock().len() >= 6).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(outside.0.lock().join(","), "1,2,3,4,5,6");
}

#[tokio::test(start_paused = true)]
async fn explain_names_everyone_who_would_hear_a_topic() {
    let engine = Engine::start(vec![recorder("one", &["order.>"]).host(), recorder("two", &["user.>"]).host()]).await;
    engine.publish("order.events", "e1").await;
    engine.until("one", |state| !state.is_empty()).await;
    let explained = engine.operator().explain(Topic::parse("order.events").unwrap()).await.unwrap();
    assert_eq!(explained.head.unwrap().seq.0, 1);
    let names: Vec<_> =
        explained.hearers.iter().map(|hearer| (hearer.name.as_str(), hearer.cursor.map(|c| c.seq.0))).collect();
    assert_eq!(names, [("one", Some(1))]);
}

#[tokio::test(start_paused = true)]
async fn the_watermark_follows_what_everyone_is_done_with() {
    let (tries, mended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let engine = Engine::start(vec![fails_on("a", "2", &tries, FailurePolicy::DeadLetter, &mended).host()]).await;
    let before = engine.store.watermark().await.unwrap();
    engine.publish("t.x", "1").await;
    engine.until("a", |state| state == "1").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(engine.store.watermark().await.unwrap() > before);
}
