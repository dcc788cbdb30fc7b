use std::sync::Arc;

use callboard_core::batch::{Registration, TimerEntry};
use callboard_core::declaration::{ActorKind, FailurePolicy};
use callboard_core::port::Store;
use callboard_core::timer::CatchUp;
use callboard_core::{Mark, Write};

use super::fixture::{
    ALL, Fixture, actor, at, cursor, name, pattern, publish, state, subscription, texts, timer, topic,
};

fn registration(declared: &str, channels: &[&str], timers: Vec<TimerEntry>) -> Registration {
    Registration {
        name: name(declared),
        kind: ActorKind::Named,
        channels: channels.iter().map(|channel| (pattern(channel), FailurePolicy::Park)).collect(),
        timers,
    }
}

async fn register(fx: &Fixture, declared: &str, channels: &[&str], timers: Vec<TimerEntry>) {
    fx.store.register(vec![registration(declared, channels, timers)], Vec::new(), at(50)).await.unwrap();
}

/// What a subscription hears of everything that was published.
async fn heard(fx: &Fixture, subscriber: &str, listened: &str) -> Option<Vec<String>> {
    let after = fx.store.hears_after(&subscription(subscriber, listened)).await.unwrap()?;
    Some(texts(&fx.tail(after).await))
}

pub(super) async fn a_new_subscription_hears_what_is_published_after_it(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(heard(&fx, "clerk", "a.>").await, None);
    register(&fx, "early", &["a.>"], vec![]).await;
    fx.write("", 1, vec![publish("a.b", "1")]).await;
    let actors = vec![registration("clerk", &["a.>"], vec![])];
    fx.store.register(actors, vec![(name("bridge"), pattern("a.>"))], at(2)).await.unwrap();
    fx.write("", 1, vec![publish("a.b", "2")]).await;
    assert_eq!(heard(&fx, "early", "a.>").await.unwrap(), ["1", "2"]);
    assert_eq!(heard(&fx, "clerk", "a.>").await.unwrap(), ["2"]);
    assert_eq!(heard(&fx, "external:bridge", "a.>").await.unwrap(), ["2"]);
    for (subscriber, listened) in [("clerk", "a.b"), ("bridge", "a.>"), ("external:clerk", "a.>"), ("other", "a.>")] {
        assert_eq!(heard(&fx, subscriber, listened).await, None, "{subscriber} {listened}");
    }
    assert!(fx.load("clerk").await.is_none(), "a registration alone stores nothing of the actor");
}

pub(super) async fn who_registers_again_goes_on_where_it_stood(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    register(&fx, "clerk", &["a.b"], vec![]).await;
    fx.write("", 1, vec![publish("a.b", "1"), publish("a.c", "2")]).await;
    fx.write("clerk", 1, vec![cursor("clerk", "a.b", 1)]).await;
    register(&fx, "clerk", &["a.b", "a.c"], vec![]).await;
    fx.store.register(vec![], vec![(name("x"), pattern("a.b"))], at(1)).await.unwrap();
    fx.write("", 1, vec![publish("a.b", "3")]).await;
    fx.store.register(vec![], vec![(name("x"), pattern("a.b"))], at(1)).await.unwrap();
    assert_eq!(heard(&fx, "clerk", "a.b").await.unwrap(), ["1", "2", "3"]);
    assert_eq!(heard(&fx, "clerk", "a.c").await.unwrap(), ["3"], "a new channel of an old actor starts now");
    assert_eq!(heard(&fx, "external:x", "a.b").await.unwrap(), ["3"]);
    let position = fx.store.cursor(&subscription("clerk", "a.b"), &topic("a.b")).await.unwrap();
    assert_eq!(position.unwrap().seq.0, 1);
}

pub(super) async fn who_comes_back_after_an_absence_finds_the_watermark_where_it_left(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let both = || vec![registration("clerk", &["a.b"], vec![]), registration("other", &["a.b"], vec![])];
    let alone = || vec![registration("other", &["a.b"], vec![])];
    fx.store.register(both(), Vec::new(), at(1)).await.unwrap();
    fx.write("", 1, vec![publish("a.b", "1")]).await;
    let left = fx.store.head().await.unwrap();
    fx.write("", 1, vec![Write::Watermark(left)]).await;
    fx.store.register(alone(), Vec::new(), at(2)).await.unwrap();
    fx.write("", 1, vec![publish("a.b", "2")]).await;
    let moved = fx.store.head().await.unwrap();
    fx.write("", 1, vec![Write::Watermark(moved)]).await;
    fx.store.register(alone(), Vec::new(), at(3)).await.unwrap();
    assert_eq!(fx.store.watermark().await.unwrap(), moved, "who was there all the time moves nothing");
    fx.store.register(both(), Vec::new(), at(4)).await.unwrap();
    assert_eq!(fx.store.watermark().await.unwrap(), left);
    fx.write("", 1, vec![Write::Watermark(moved)]).await;
    fx.store.register(both(), Vec::new(), at(5)).await.unwrap();
    assert_eq!(fx.store.watermark().await.unwrap(), moved, "it goes back once");
}

pub(super) async fn an_instance_hears_from_the_later_of_registration_and_its_creation_on(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/old", 1, vec![state(1, "x")]).await;
    fx.write("", 1, vec![publish("a.b", "1")]).await;
    register(&fx, "order", &["a.b"], vec![]).await;
    fx.write("", 1, vec![publish("a.b", "2")]).await;
    // What an instance publishes with its first state reaches it as well.
    fx.write("order/new", 1, vec![publish("a.b", "3"), state(1, "x")]).await;
    fx.write("", 1, vec![publish("a.b", "4")]).await;
    fx.write("order/new", 1, vec![state(2, "x")]).await;
    assert_eq!(heard(&fx, "order/old", "a.b").await.unwrap(), ["2", "3", "4"]);
    assert_eq!(heard(&fx, "order/new", "a.b").await.unwrap(), ["3", "4"]);
    assert_eq!(heard(&fx, "order/not-stored", "a.b").await.unwrap(), ["2", "3", "4"]);
    assert_eq!(heard(&fx, "order/old", "a.c").await, None);
    assert_eq!(heard(&fx, "user/old", "a.b").await, None);
}

pub(super) async fn declared_timers_are_armed_once_and_follow_their_declaration(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let of = async || fx.store.timers_of(&actor("clock")).await.unwrap();
    let (tick, tock) = (timer("clock", "tick", 100), timer("clock", "tock", 100));
    register(&fx, "clock", &[], vec![tick.clone(), tock.clone()]).await;
    assert_eq!(of().await, [tick.clone(), tock.clone()]);
    let loaded = fx.load("clock").await.unwrap();
    assert_eq!((loaded.revision.0, loaded.time), (0, at(50)), "its timers are stored of it");
    // The period is the same: the due time stays. Another period: it is set anew. No longer declared: gone.
    let later = TimerEntry { due: at(900), catch_up: CatchUp::All, ..tick.clone() };
    let faster = TimerEntry { due: at(901), every_ms: 5, ..tock.clone() };
    register(&fx, "clock", &[], vec![later.clone(), faster.clone()]).await;
    let kept = TimerEntry { due: at(100), ..later };
    assert_eq!(of().await, [kept.clone(), faster.clone()]);
    fx.write("clock/instance", 1, vec![Write::ArmTimer(timer("clock/instance", "own", 1))]).await;
    fx.write("watch", 1, vec![Write::ArmTimer(timer("watch", "own", 1))]).await;
    register(&fx, "clock", &[], vec![kept.clone()]).await;
    assert_eq!(of().await, [kept]);
    assert_eq!(fx.store.timers(None, ALL).await.unwrap().len(), 3, "those of others stay");
    register(&fx, "clock", &[], vec![]).await;
    assert!(of().await.is_empty());
}

pub(super) async fn a_registration_commits_nothing_that_others_could_hear(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    register(&fx, "clerk", &["a.b"], vec![timer("clerk", "t", 5)]).await;
    fx.store.register(Vec::new(), Vec::new(), at(1)).await.unwrap();
    assert!(fx.tail(Mark::ZERO).await.is_empty());
    assert!(fx.store.parked().await.unwrap().is_empty());
    assert_eq!(fx.store.watermark().await.unwrap(), Mark::ZERO);
}
