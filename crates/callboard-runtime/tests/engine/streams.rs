use std::collections::HashMap;
use std::time::Duration;

use callboard_core::port::{Clock as _, Events, Start, StreamEvent, SubscribeRequest};
use callboard_core::publication::Announcement;
use callboard_core::{MessageId, Pattern, Position, Topic};
use futures_util::StreamExt;

use crate::fixture::{Engine, read};

async fn open(engine: &Engine, pattern: &str, start: Start) -> Events {
    let request = SubscribeRequest { pattern: Pattern::parse(pattern).unwrap(), start };
    engine.runtime.dispatcher().subscribe(request).await.unwrap()
}

async fn next(events: &mut Events) -> String {
    match events.next().await.unwrap().unwrap() {
        StreamEvent::Publication(publication) => {
            format!("{}@{} {}", publication.topic, publication.position.seq.0, read(&publication.payload))
        }
        StreamEvent::Gap { topic, after, next } => format!("gap {topic} {after} {next}"),
        StreamEvent::CaughtUp => "caught up".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn history_comes_strictly_before_live_and_nothing_twice() {
    let engine = Engine::start(Vec::new()).await;
    for n in 1..=3 {
        engine.publish("a.b", &format!("e{n}")).await;
    }
    let mut live = open(&engine, "a.*", Start::Live).await;
    let mut all = open(&engine, "a.>", Start::Beginning).await;
    engine.publish("a.b", "e4").await;
    engine.publish("a.c", "f1").await;
    for expected in ["a.b@4 e4", "a.c@1 f1"] {
        assert_eq!(next(&mut live).await, expected);
    }
    for expected in ["a.b@1 e1", "a.b@2 e2", "a.b@3 e3", "a.b@4 e4", "a.c@1 f1", "caught up"] {
        assert_eq!(next(&mut all).await, expected);
    }
    engine.publish("a.b", "e5").await;
    assert_eq!(next(&mut all).await, "a.b@5 e5");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_resumes_after_its_position_and_is_told_of_what_cannot_be_had() {
    let engine = Engine::start(Vec::new()).await;
    let mut epoch = 0;
    for n in 1..=5 {
        epoch = engine.publish("a.b", &format!("e{n}")).await.epoch.0;
        engine.publish("a.c", &format!("f{n}")).await;
    }
    let after = |seq, epoch| {
        let positions = HashMap::from([(Topic::parse("a.b").unwrap(), Position::new(epoch, seq))]);
        Start::After { positions, others: None }
    };
    let mut resumed = open(&engine, "a.*", after(3, epoch)).await;
    // The other topics of the pattern start live.
    for expected in ["a.b@4 e4", "a.b@5 e5", "caught up"] {
        assert_eq!(next(&mut resumed).await, expected);
    }
    engine.publish("a.c", "f6").await;
    assert_eq!(next(&mut resumed).await, "a.c@6 f6");
    let mut stranger = open(&engine, "a.b", after(3, epoch + 7)).await;
    assert_eq!(next(&mut stranger).await, format!("gap a.b {}-3 {epoch}-1", epoch + 7));
    assert_eq!(next(&mut stranger).await, "a.b@1 e1");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_too_slow_misses_nothing_that_is_kept() {
    let engine = Engine::start(Vec::new()).await;
    let mut slow = open(&engine, ">", Start::Live).await;
    for n in 1..=5000 {
        engine.publish("a.b", &format!("e{n}")).await;
    }
    for n in 1..=5000 {
        assert_eq!(next(&mut slow).await, format!("a.b@{n} e{n}"));
    }
    engine.publish("a.b", "last").await;
    assert_eq!(next(&mut slow).await, "a.b@5001 last");
}

#[tokio::test(start_paused = true)]
async fn an_ephemeral_topic_gives_what_its_ring_keeps_and_then_live() {
    let engine = Engine::start(Vec::new()).await;
    for n in 1..=150 {
        engine.publish("live.x", &format!("e{n}")).await;
    }
    let mut events = open(&engine, "live.x", Start::Beginning).await;
    for n in 51..=150 {
        assert_eq!(next(&mut events).await, format!("live.x@{n} e{n}"));
    }
    assert_eq!(next(&mut events).await, "caught up");
    engine.publish("live.x", "e151").await;
    assert_eq!(next(&mut events).await, "live.x@151 e151");
}

/// Announcements of one moment have identifiers that say nothing of their order.
#[tokio::test(start_paused = true)]
async fn what_a_ring_keeps_comes_in_the_order_in_which_it_was_announced() {
    let engine = Engine::start(Vec::new()).await;
    let ids = [7_u128, 3, 9, 1, 8, 2];
    let batch = ids.iter().zip(1..).map(|(id, n)| {
        let topic = if n % 2 == 0 { "live.x" } else { "live.y" };
        let announcement = engine.announcement(topic, &format!("e{n}"));
        Announcement { id: MessageId::new(engine.clock.now(), *id), ..announcement }
    });
    engine.runtime.dispatcher().publish(batch.collect()).await.unwrap();
    let mut events = open(&engine, "live.*", Start::Beginning).await;
    for expected in ["live.y@1 e1", "live.x@1 e2", "live.y@2 e3", "live.x@2 e4", "live.y@3 e5", "live.x@3 e6"] {
        assert_eq!(next(&mut events).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_an_ephemeral_topic_is_told_what_its_ring_no_longer_keeps() {
    let engine = Engine::start(Vec::new()).await;
    let mut epoch = 0;
    for n in 1..=150 {
        epoch = engine.publish("live.x", &format!("e{n}")).await.epoch.0;
    }
    let after = |seq, epoch| {
        let positions = HashMap::from([(Topic::parse("live.x").unwrap(), Position::new(epoch, seq))]);
        Start::After { positions, others: None }
    };
    let mut soon = open(&engine, "live.x", after(148, epoch)).await;
    for expected in ["live.x@149 e149", "live.x@150 e150", "caught up"] {
        assert_eq!(next(&mut soon).await, expected);
    }
    let mut late = open(&engine, "live.x", after(2, epoch)).await;
    assert_eq!(next(&mut late).await, format!("gap live.x {epoch}-2 {epoch}-51"));
    assert_eq!(next(&mut late).await, "live.x@51 e51");
    let mut stranger = open(&engine, "live.x", after(148, epoch + 1)).await;
    assert_eq!(next(&mut stranger).await, format!("gap live.x {}-148 {epoch}-51", epoch + 1));
    assert_eq!(next(&mut stranger).await, "live.x@51 e51");
}

#[tokio::test(start_paused = true)]
async fn of_an_ephemeral_topic_nothing_comes_that_is_older_than_was_asked_for() {
    let engine = Engine::start(Vec::new()).await;
    engine.publish("live.x", "old").await;
    tokio::time::advance(Duration::from_secs(10)).await;
    let asked = engine.clock.now();
    engine.publish("live.x", "new").await;
    let mut events = open(&engine, "live.x", Start::Time(asked)).await;
    for expected in ["live.x@2 new", "caught up"] {
        assert_eq!(next(&mut events).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_is_forgotten() {
    let engine = Engine::start(Vec::new()).await;
    let events = open(&engine, "a.b", Start::Live).await;
    assert_eq!(engine.operator().health().counts.subscribers, 1);
    drop(events);
    assert_eq!(engine.operator().health().counts.subscribers, 0);
}
