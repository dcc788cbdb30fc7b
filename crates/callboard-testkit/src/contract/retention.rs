use std::sync::Arc;
use std::time::Duration;

use callboard_core::limits::REPLY_KEPT;
use callboard_core::port::{LogBounds, Store, SweepReport, SweepRequest};
use callboard_core::topic::{Retention, TopicPolicy, TopicRules};
use callboard_core::{Epoch, Mark, Seq, Write};

use super::fixture::{ALL, Fixture, actor, at, park, parked, pattern, publish, publish_at, reply, topic, unpark};

fn keep(rules: &mut TopicRules, selected: &str, age_ms: u64, len: u64) {
    let retention = Retention { age: Duration::from_millis(age_ms), len };
    rules.declare(pattern(selected), TopicPolicy::Durable(retention));
}

fn request(rules: &TopicRules, now: u64, watermark: Mark) -> SweepRequest {
    SweepRequest { rules: Arc::new(rules.clone()), now: at(now), watermark, after: None, topics: ALL, rows: ALL }
}

/// Sweeps until a round finds nothing to do.
async fn sweep(fx: &Fixture, mut request: SweepRequest) -> SweepReport {
    let mut sum = SweepReport::default();
    loop {
        let report = fx.store.sweep(request.clone()).await.unwrap();
        assert!(report.publications + report.replies <= request.rows as u64, "a step keeps to its rows");
        (sum.publications, sum.replies) = (sum.publications + report.publications, sum.replies + report.replies);
        if report.next.is_none() && report.publications + report.replies == 0 {
            return sum;
        }
        request.after = report.next;
    }
}

pub(super) async fn what_is_too_old_or_too_much_leaves_the_log(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let mut rules = TopicRules::default();
    keep(&mut rules, "short.>", 1_000_000, 3);
    keep(&mut rules, "young.>", 100, 1_000);
    for n in 1..=10_u64 {
        let write = |topic| publish_at(topic, n * 100, &n.to_string());
        fx.write("", n * 100, vec![write("short.a"), write("young.a"), write("other")]).await;
    }
    let head = fx.store.head().await.unwrap();
    let report = sweep(&fx, request(&rules, 1000, head)).await;
    assert_eq!(report.publications, 7 + 8);
    assert_eq!(fx.log("short.a").await, ["8", "9", "10"]);
    assert_eq!(fx.log("young.a").await, ["9", "10"], "what is exactly as old as allowed stays");
    assert_eq!(fx.log("other").await.len(), 10, "the default keeps a day and ten thousand");
    assert_eq!(fx.tail(Mark::ZERO).await.len(), 3 + 2 + 10);
}

pub(super) async fn a_swept_log_keeps_its_numbers(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let mut rules = TopicRules::default();
    keep(&mut rules, ">", 0, 0);
    fx.write("", 1, (1..=3).map(|n| publish("a.b", &n.to_string())).collect()).await;
    let before = fx.store.head().await.unwrap();
    sweep(&fx, request(&rules, 2, before)).await;
    let empty = LogBounds { epoch: Epoch(1), first: Seq(4), head: Seq(3), head_mark: Mark::ZERO };
    let bounds = fx.store.bounds(&topic("a.b")).await.unwrap().unwrap();
    assert_eq!(LogBounds { epoch: Epoch(1), ..bounds }, empty, "nothing is kept, but the count goes on");
    assert!(fx.store.head().await.unwrap() >= before);
    assert_eq!(fx.store.mark_before(at(0)).await.unwrap(), fx.store.head().await.unwrap());
    let receipt = fx.write("", 9, vec![publish("a.b", "4")]).await;
    let next = &receipt.publications[0];
    assert_eq!((next.position.seq, next.position.epoch), (Seq(4), bounds.epoch), "a sweep does not end a log's life");
    assert!(next.mark > before, "marks are never used again");
}

pub(super) async fn what_a_subscriber_has_not_seen_is_never_swept(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let mut rules = TopicRules::default();
    keep(&mut rules, ">", 0, 0);
    let writes = ["a.a", "a.b", "a.a", "a.b", "a.a"].map(|topic| publish(topic, "x"));
    let marks: Vec<Mark> = fx.write("", 1, writes.into()).await.publications.iter().map(|p| p.mark).collect();
    for (watermark, kept) in [(Mark::ZERO, 5), (marks[0], 4), (marks[0], 4), (marks[3], 1), (marks[4], 0)] {
        sweep(&fx, request(&rules, 9, watermark)).await;
        assert_eq!(fx.tail(Mark::ZERO).await.len(), kept);
    }
}

pub(super) async fn what_a_parked_subscription_waits_for_is_never_swept(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let mut rules = TopicRules::default();
    keep(&mut rules, ">", 0, 0);
    let writes = (1..=5).flat_map(|n| [publish("a.b", &n.to_string()), publish("a.c", &n.to_string())]);
    fx.write("", 1, writes.collect()).await;
    fx.write("", 1, vec![park(parked("order/1", "a.b", 3)), park(parked("order/2", "a.b", 4))]).await;
    let head = fx.store.head().await.unwrap();
    sweep(&fx, request(&rules, 9, head)).await;
    assert_eq!(fx.log("a.b").await, ["3", "4", "5"]);
    assert!(fx.log("a.c").await.is_empty(), "other topics do not wait");
    fx.write("", 1, vec![unpark("order/1", "a.b")]).await;
    sweep(&fx, request(&rules, 9, head)).await;
    assert_eq!(fx.log("a.b").await, ["4", "5"]);
    fx.write("", 1, vec![unpark("order/2", "a.b")]).await;
    sweep(&fx, request(&rules, 9, head)).await;
    assert!(fx.log("a.b").await.is_empty());
}

pub(super) async fn a_sweep_goes_on_in_small_steps_until_it_is_done(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let mut rules = TopicRules::default();
    keep(&mut rules, ">", 1_000_000, 2);
    for n in 0..7 {
        let writes = (0..9).map(|m| publish(&format!("t{n}"), &m.to_string()));
        fx.write("", 1, writes.collect()).await;
    }
    for (topics, rows) in [(1, 3), (2, 1), (3, 1000)] {
        let head = fx.store.head().await.unwrap();
        let step = SweepRequest { topics, rows, ..request(&rules, 2, head) };
        let first = fx.store.sweep(step.clone()).await.unwrap();
        assert!(first.publications <= rows as u64);
        sweep(&fx, step).await;
        for n in 0..7 {
            assert_eq!(fx.log(&format!("t{n}")).await.len(), 2, "topic {n}, steps of {topics} topics and {rows} rows");
            fx.write("", 1, (0..7).map(|m| publish(&format!("t{n}"), &m.to_string())).collect()).await;
        }
    }
}

pub(super) async fn a_topic_whose_rule_became_ephemeral_is_emptied_by_that_rule(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let mut rules = TopicRules::default();
    rules.declare(pattern("metrics.>"), TopicPolicy::Ephemeral { age: Duration::from_secs(1), len: 2 });
    fx.write("", 1, (0..5).map(|n| publish("metrics.cpu", &n.to_string())).collect()).await;
    let head = fx.store.head().await.unwrap();
    sweep(&fx, request(&rules, 2, head)).await;
    assert_eq!(fx.log("metrics.cpu").await, ["3", "4"]);
    sweep(&fx, request(&rules, 99_999, head)).await;
    assert!(fx.log("metrics.cpu").await.is_empty());
}

pub(super) async fn replies_leave_after_a_day(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    for (id, key, ms) in [("order/1", "old", 1_000), ("order/1", "young", 1_001), ("order/2", "old", 999)] {
        fx.write(id, ms, vec![Write::Reply(reply(key, "x", ms))]).await;
    }
    let day = u64::try_from(REPLY_KEPT.as_millis()).unwrap();
    let report = sweep(&fx, request(&TopicRules::default(), 1_001 + day, Mark::ZERO)).await;
    assert_eq!(report.replies, 2);
    let recorded = async |id: &str, key: &str| fx.store.recorded(&actor(id), key).await.unwrap().is_some();
    assert!(recorded("order/1", "young").await, "what is exactly a day old stays");
    assert!(!recorded("order/1", "old").await && !recorded("order/2", "old").await);
    fx.write("order/1", 5, vec![Write::Reply(reply("old", "new", 5))]).await;
    assert!(recorded("order/1", "old").await, "the key can be used again");
}
