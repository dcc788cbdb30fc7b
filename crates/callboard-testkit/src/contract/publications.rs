use std::sync::Arc;

use callboard_core::port::{LogBounds, Store};
use callboard_core::publication::Announcement;
use callboard_core::trace::TraceContext;
use callboard_core::{Encoding, Epoch, Headers, Mark, Payload, Position, Seq, Write};

use super::fixture::{ALL, Fixture, Shown, actor, at, id, publish, publish_at, seqs, state, texts, topic};

pub(super) async fn each_topic_counts_from_one_without_a_hole(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("", 1, vec![publish("a.b", "1"), publish("a.c", "2"), publish("a.b", "3")]).await;
    let batches = ["4", "5"].map(|text| fx.batch("", 1, vec![publish("a.b", text)]));
    fx.store.commit(batches.into()).await;
    fx.write("", 1, vec![publish("a.c", "6")]).await;
    for (name, expected) in [("a.b", vec!["1", "3", "4", "5"]), ("a.c", vec!["2", "6"])] {
        let read = fx.store.read(&topic(name), Seq::ZERO, ALL).await.unwrap();
        assert_eq!(texts(&read), expected);
        assert_eq!(seqs(&read), (1..=expected.len() as u64).collect::<Vec<_>>());
        let epoch = read[0].position.epoch;
        assert!(read.iter().all(|publication| publication.position.epoch == epoch && epoch > Epoch(0)));
    }
}

pub(super) async fn marks_grow_in_commit_order_over_all_topics(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.store.head().await.unwrap(), Mark::ZERO);
    let mut expected = Vec::new();
    for round in 0..5 {
        let batches = (0..3).map(|n| {
            let text = |k: usize| format!("{round}{n}{k}");
            expected.extend([text(0), text(1)]);
            fx.batch(
                &format!("order/{round}-{n}"),
                1,
                vec![publish(["a.a", "a.b", "z"][n], &text(0)), state(1, "x"), publish("m", &text(1))],
            )
        });
        let batches: Vec<_> = batches.collect();
        let answers = fx.store.commit(batches).await;
        let last = answers.last().unwrap().as_ref().unwrap().publications.last().unwrap().mark;
        assert!(fx.store.head().await.unwrap() >= last);
    }
    let tail = fx.tail(Mark::ZERO).await;
    assert_eq!(texts(&tail), expected);
    assert!(tail.windows(2).all(|pair| pair[0].mark < pair[1].mark) && tail[0].mark > Mark::ZERO);
    // Page by page it is the same.
    let (mut after, mut paged) = (Mark::ZERO, Vec::new());
    loop {
        let page = fx.store.tail(after, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 7);
        after = last.mark;
        paged.extend(page);
    }
    assert_eq!(texts(&paged), expected);
    assert!(fx.tail(fx.store.head().await.unwrap()).await.is_empty());
}

pub(super) async fn a_publication_is_read_as_it_was_announced(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let announcement = Announcement {
        id: id(u128::MAX),
        topic: topic("order.events"),
        time: at(123_456_789),
        payload: Payload::new("shop.v1.Created", Encoding::Protobuf, vec![0, 159, 146, 150]),
        headers: Headers::new().with("causation-id", "x").with("ü", ""),
        trace: Some(TraceContext { trace_id: 1 << 127, span_id: 1 << 63, sampled: false }),
        publisher: Some(actor("order/ü/1")),
    };
    let plain = Announcement {
        payload: Payload::empty(),
        headers: Headers::new(),
        trace: None,
        publisher: None,
        ..announcement.clone()
    };
    let writes = vec![Write::Publish(announcement.clone()), Write::Publish(plain.clone())];
    let receipt = fx.write("order/ü/1", 5, writes).await;
    let [first, second] = receipt.publications.as_slice() else { panic!("both are in the receipt") };
    assert_eq!(first.shown(), announcement.at(first.position, first.mark).shown());
    assert_eq!(second.shown(), plain.at(second.position, second.mark).shown());
    let read = fx.store.read(&topic("order.events"), Seq::ZERO, ALL).await.unwrap();
    assert_eq!(read.shown(), receipt.publications.shown());
    assert_eq!(fx.tail(Mark::ZERO).await.shown(), receipt.publications.shown());
}

pub(super) async fn a_log_is_read_from_any_place_in_pages(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("", 1, (1..=10).map(|n| publish("a.b", &n.to_string())).collect()).await;
    fx.write("", 1, vec![publish("a.b.c", "longer"), publish("a", "shorter")]).await;
    let read = async |after, limit| seqs(&fx.store.read(&topic("a.b"), Seq(after), limit).await.unwrap());
    assert_eq!(read(0, 3).await, [1, 2, 3]);
    assert_eq!(read(3, 100).await, [4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(read(9, 1).await, [10]);
    assert!(read(10, 5).await.is_empty() && read(u64::MAX, 5).await.is_empty() && read(0, 0).await.is_empty());
    assert!(fx.store.read(&topic("unknown"), Seq::ZERO, 5).await.unwrap().is_empty());
}

pub(super) async fn the_bounds_of_a_log_are_its_first_and_its_newest(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.store.bounds(&topic("a.b")).await.unwrap(), None);
    let receipt = fx.write("", 1, vec![publish("a.b", "1"), publish("a.b", "2")]).await;
    let newest = &receipt.publications[1];
    fx.write("", 1, vec![publish("a.c", "other")]).await;
    let Position { epoch, seq } = newest.position;
    let bounds = LogBounds { epoch, first: Seq(1), head: seq, head_mark: newest.mark };
    assert_eq!(fx.store.bounds(&topic("a.b")).await.unwrap(), Some(bounds));
}

pub(super) async fn a_time_finds_the_mark_before_everything_at_or_after_it(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.store.mark_before(at(5)).await.unwrap(), Mark::ZERO);
    // The clock of the third stood behind: what counts is that nothing at or after the time is missed.
    for (ms, text) in [(100, "a"), (300, "b"), (200, "c"), (300, "d"), (400, "e")] {
        fx.write("", ms, vec![publish_at("t", ms, text)]).await;
    }
    for (ms, expected) in [
        (0, vec!["a", "b", "c", "d", "e"]),
        (100, vec!["a", "b", "c", "d", "e"]),
        (101, vec!["b", "c", "d", "e"]),
        (300, vec!["b", "c", "d", "e"]),
        (301, vec!["e"]),
        (400, vec!["e"]),
        (401, vec![]),
    ] {
        let mark = fx.store.mark_before(at(ms)).await.unwrap();
        assert_eq!(texts(&fx.tail(mark).await), expected, "from {ms}");
    }
    fx.write("order/1", 500, vec![state(1, "x")]).await;
    assert_eq!(fx.store.mark_before(at(401)).await.unwrap(), fx.store.head().await.unwrap());
}

pub(super) async fn the_watermark_never_moves_back(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.store.watermark().await.unwrap(), Mark::ZERO);
    let receipt = fx.write("", 1, vec![publish("a", "1"), publish("a", "2")]).await;
    let [first, second] = [0, 1].map(|n: usize| receipt.publications[n].mark);
    for (mark, stands_at) in [(second, second), (first, second), (Mark::ZERO, second)] {
        fx.write("", 1, vec![Write::Watermark(mark)]).await;
        assert_eq!(fx.store.watermark().await.unwrap(), stands_at);
    }
}
