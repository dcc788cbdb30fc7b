use std::sync::Arc;

use callboard_core::port::{Start, StreamEvent};
use callboard_core::{
    Code, Encoding, Error, Headers, Mark, MessageId, Payload, Position, Publication, Timestamp, Topic,
};
use callboard_gateway::GatewayConfig;
use http_body_util::BodyExt;
use serde_json::json;

use crate::client::{Reading, Served, config, serve, serve_with};
use crate::fake::Feed;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

// The n-th publication of a topic: `shop.v1.OrderCreated { order_id: "o<n>" }`, with mark 100 + n.
fn publication(topic: &str, n: u64) -> StreamEvent {
    let id = format!("o{n}");
    let mut bytes = vec![0x0a, u8::try_from(id.len()).unwrap()];
    bytes.extend_from_slice(id.as_bytes());
    StreamEvent::Publication(Arc::new(Publication {
        id: MessageId::from_bits(u128::from(n)),
        topic: Topic::parse(topic).unwrap(),
        position: Position::new(1, n),
        mark: Mark(100 + n),
        time: NOW,
        payload: Payload::new("shop.v1.OrderCreated", Encoding::Protobuf, bytes),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    }))
}

async fn follow(served: &Served, path: &str) -> (Reading, Start, Feed) {
    follow_as(served, path, "application/x-ndjson", "").await
}

async fn follow_as(served: &Served, path: &str, accept: &str, last: &str) -> (Reading, Start, Feed) {
    let response = served.get(path).header("accept", accept).header("last-event-id", last).open().await;
    assert_eq!(response.headers()["content-type"], accept);
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let (request, feed) = served.fake.subscription().await;
    (Reading::of(response), request.start, feed)
}

async fn send(feed: &Feed, events: impl IntoIterator<Item = StreamEvent>) {
    for event in events {
        feed.send(Ok(event)).await.unwrap();
    }
}

#[tokio::test]
async fn publications_come_as_lines_of_json_with_everything_that_happens_between() {
    let served = serve();
    let (mut reading, start, feed) = follow(&served, "/v1/topics/order.*?from=beginning").await;
    assert_eq!(start, Start::Beginning);
    let topic = Topic::parse("order.a").unwrap();
    let gap = StreamEvent::Gap { topic, after: Position::new(1, 1), next: Position::new(2, 5) };
    send(&feed, [publication("order.a", 1), gap, StreamEvent::CaughtUp]).await;
    assert_eq!(
        reading.line().await.unwrap(),
        json!({
            "event": "publication",
            "topic": "order.a",
            "position": "1-1",
            "cursor": "order.a:1-1:101",
            "id": "00000000-0000-0000-0000-000000000001",
            "time": "2026-01-01T00:00:00.000Z",
            "type": "shop.v1.OrderCreated",
            "payload": { "orderId": "o1" },
        })
    );
    let gap = reading.line().await.unwrap();
    assert_eq!(gap, json!({ "event": "gap", "topic": "order.a", "after": "1-1", "next": "2-5" }));
    assert_eq!(reading.line().await.unwrap(), json!({ "event": "caught-up" }));
    // It goes on, live, until the other side ends it.
    send(&feed, [publication("order.b", 2)]).await;
    assert_eq!(reading.line().await.unwrap()["topic"], "order.b");
    feed.send(Err(Error::new(Code::Overloaded, "the reader is too slow"))).await.unwrap();
    let last = reading.line().await.unwrap();
    let facts = (last["event"].clone(), last["code"].clone(), last["retry"].clone());
    assert_eq!(facts, ("problem".into(), "Overloaded".into(), "safe".into()));
    assert!(reading.line().await.is_none());
    served.stop().await;
}

#[tokio::test]
async fn server_sent_events_carry_the_place_to_resume_from() {
    let served = serve();
    let events = "text/event-stream";
    let (mut reading, start, feed) = follow_as(&served, "/v1/topics/order.a", events, "").await;
    assert_eq!(start, Start::Live);
    send(&feed, [StreamEvent::CaughtUp, publication("order.a", 7)]).await;
    assert_eq!(reading.until("\n\n").await.unwrap(), "event: caught-up\ndata: {}");
    let event = reading.until("\n\n").await.unwrap();
    let data = event.strip_prefix("id: 1-7\ndata: ").unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap()["payload"], json!({ "orderId": "o7" }));

    // The client's connection broke: it asks again for the same and says what it has seen.
    let (_, start, _) = follow_as(&served, "/v1/topics/order.a?from=beginning", events, "1-7").await;
    let Start::After { positions, others } = start else { panic!() };
    assert_eq!((positions[&Topic::parse("order.a").unwrap()], others), (Position::new(1, 7), None));

    // For a pattern the place holds the commit order too, so that no other topic loses anything.
    let (mut reading, _, feed) = follow_as(&served, "/v1/topics/order.*", events, "").await;
    send(&feed, [publication("order.b", 9)]).await;
    let event = reading.until("\n\n").await.unwrap();
    let id = event.lines().next().unwrap().strip_prefix("id: ").unwrap();
    let (_, start, _) = follow_as(&served, "/v1/topics/order.*", events, id).await;
    let Start::After { positions, others } = start else { panic!() };
    assert_eq!((positions[&Topic::parse("order.b").unwrap()], others), (Position::new(1, 9), Some(Mark(109))));
    served.stop().await;
}

#[tokio::test]
async fn a_quiet_event_stream_says_that_it_is_alive() {
    let served = serve_with(GatewayConfig { ping_interval: std::time::Duration::from_millis(1), ..config() });
    let (mut reading, _, feed) = follow_as(&served, "/v1/topics/a", "text/event-stream", "").await;
    assert_eq!(reading.until("\n\n").await.unwrap(), ": ping");
    assert_eq!(reading.until("\n\n").await.unwrap(), ": ping");
    drop(feed);
    served.stop().await;
}

#[tokio::test]
async fn history_alone_ends_and_so_does_a_counted_stream() {
    let served = serve();
    let (mut reading, start, feed) = follow(&served, "/v1/topics/a?follow=false").await;
    assert_eq!(start, Start::Beginning);
    send(&feed, [publication("a", 1), publication("a", 2), StreamEvent::CaughtUp, publication("a", 3)]).await;
    let mut lines = Vec::new();
    while let Some(line) = reading.line().await {
        lines.push(line["event"].clone());
    }
    assert_eq!(lines, ["publication", "publication", "caught-up"]);

    let (mut reading, _, feed) = follow(&served, "/v1/topics/a?limit=3").await;
    send(&feed, (1..=5).map(|n| publication("a", n))).await;
    let mut positions = Vec::new();
    while let Some(line) = reading.line().await {
        positions.push(line["position"].clone());
    }
    assert_eq!(positions, ["1-1", "1-2", "1-3"]);
    assert_eq!(served.get("/v1/topics/a?limit=0").send().await.body.len(), 0);
    served.stop().await;
}

#[tokio::test]
async fn a_stream_starts_where_it_is_told_and_refuses_what_is_no_place() {
    let served = serve();
    for (from, wanted) in [
        ("live", Start::Live),
        ("beginning", Start::Beginning),
        ("2026-01-01T00:00:00Z", Start::Time(NOW)),
        ("1767225600000", Start::Time(NOW)),
    ] {
        let (_, start, _) = follow(&served, &format!("/v1/topics/a?from={from}")).await;
        assert_eq!(start, wanted);
    }
    for (path, word) in [
        ("/v1/topics/a.*?from=1-2", "cursor"),
        ("/v1/topics/a?from=b:1-2:3", "not a place"),
        ("/v1/topics/a?from=tomorrow", "no place"),
        ("/v1/topics/a?from=1-x", "no place"),
        ("/v1/topics/a?limit=-1", "limit"),
        ("/v1/topics/a?follow=maybe", "follow"),
        ("/v1/topics/a?form=live", "form"),
    ] {
        let detail = served.get(path).send().await.detail(400, "InvalidPayload");
        assert!(detail.contains(word), "{path}: {detail}");
    }
    served.get("/v1/topics/a").header("accept", "application/xml").send().await.problem(406, "InvalidPayload");
    served.get("/v1/topics/a.%3E.b").send().await.problem(400, "InvalidTopic");
    let error = Error::new(Code::Unavailable, "the store cannot be read");
    served.failing(error, served.get("/v1/topics/a")).await.problem(503, "Unavailable");
    served.stop().await;
}

#[tokio::test]
async fn streams_have_a_bound_of_their_own_which_is_given_back() {
    let served = serve_with(GatewayConfig { streams_max: 1, ..config() });
    let (mut reading, _, feed) = follow(&served, "/v1/topics/a").await;
    let refused = served.get("/v1/topics/a").send().await;
    refused.problem(429, "Overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    // What is no stream is not held up.
    served.get("/v1/topics").send().await.json();
    drop(feed);
    assert!(reading.line().await.is_none());
    // The end of the body is the end of the stream.
    follow(&served, "/v1/topics/a").await;
    served.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_subscription() {
    let served = serve();
    let (mut reading, _, feed) = follow(&served, "/v1/topics/a").await;
    send(&feed, [publication("a", 1)]).await;
    reading.line().await.unwrap();
    drop(reading);
    // Ends when the node no longer reads the subscription.
    feed.closed().await;
    served.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_does_not_make_the_node_read_ahead() {
    let served = serve();
    let response = served.get("/v1/topics/a").open().await;
    let (_, feed) = served.fake.subscription().await;
    let mut sent = 0;
    // Ends because the connection is full, then the gateway's piece, then the feed itself.
    while let Ok(Ok(())) =
        tokio::time::timeout(std::time::Duration::from_millis(200), feed.send(Ok(publication("a", 1)))).await
    {
        sent += 1;
        assert!(sent < 1_000_000, "the gateway reads without end");
    }
    drop(feed);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), sent);
    served.stop().await;
}

#[tokio::test]
async fn a_reader_that_never_reads_is_cut_off() {
    let served = serve_with(GatewayConfig { write_timeout: std::time::Duration::from_millis(20), ..config() });
    let response = served.get("/v1/topics/a").open().await;
    let (_, feed) = served.fake.subscription().await;
    // Ends when the gateway drops the subscription.
    while feed.send(Ok(publication("a", 1))).await.is_ok() {}
    drop(response);
    served.stop().await;
}
