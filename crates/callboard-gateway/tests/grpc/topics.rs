use std::collections::BTreeMap;
use std::sync::Arc;

use callboard_core::port::{Clock as _, Start, StreamEvent, TopicSummary};
use callboard_core::{Code, Encoding, Error, Headers, Mark, MessageId, Payload, Position, Publication, Seq, Topic};
use callboard_gateway::AuthConfig;
use callboard_gateway::auth::Authenticator;
use callboard_wire::pb::v1::subscribe_request::Start as WireStart;
use callboard_wire::pb::v1::subscribe_response::Event;
use callboard_wire::pb::v1::{self, SubscribeRequest};
use http_body_util::BodyExt as _;
use prost::Message as _;
use serde_json::json;
use tokio_stream::StreamExt as _;
use tonic::Status;
use tower::Service as _;

use crate::{Server, bytes, code, error, fake, from_json, json};

fn publish(topic: &str, payload: Option<v1::Payload>) -> v1::PublishRequest {
    v1::PublishRequest { topic: topic.into(), payload, headers: BTreeMap::new() }
}

#[tokio::test]
async fn a_publication_gets_an_id_a_position_and_a_time() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    let headers = BTreeMap::from([("Correlation-Id".into(), "c".into())]);
    let request = v1::PublishRequest { headers, ..publish("order.events", bytes(b"x")) };
    let response = topics.publish(request).await.unwrap().into_inner();
    assert_eq!(response.position, Some(v1::Position { epoch: 1, seq: 1 }));
    let published = server.node.published();
    assert_eq!(published[0].id, MessageId::parse(&response.id).unwrap());
    assert_eq!((published[0].topic.as_str(), published[0].time), ("order.events", server.clock.now()));
    assert_eq!(published[0].headers, Headers::new().with("correlation-id", "c"));
    assert!(published[0].trace.is_some());
    assert_eq!(published[0].publisher, None);
    server.stop().await;
}

#[tokio::test]
async fn json_is_published_as_the_type_that_it_names() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    let typed = v1::Payload { r#type: "shop.v1.OrderCreated".into(), ..json(&json!({ "orderId": "1" })).unwrap() };
    topics.publish(publish("order.events", Some(typed))).await.unwrap();
    topics.publish(publish("order.events", json(&json!({ "@type": "my.Event", "n": 1 })))).await.unwrap();
    topics.publish(publish("order.events", json(&json!([1])))).await.unwrap();
    let published = server.node.published();
    let seen: Vec<_> = published.iter().map(|p| (p.payload.type_name().as_str(), p.payload.encoding())).collect();
    assert_eq!(
        seen,
        [("shop.v1.OrderCreated", Encoding::Protobuf), ("my.Event", Encoding::Json), ("json", Encoding::Json)]
    );
    assert_eq!(published[1].payload.bytes(), br#"{"n":1}"#);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_is_published_as_a_whole_or_not_at_all() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    let batch = |topics: &[&str]| v1::PublishBatchRequest {
        publications: topics.iter().map(|topic| publish(topic, bytes(b"x"))).collect(),
    };
    let response = topics.publish_batch(batch(&["a", "b", "a"])).await.unwrap().into_inner();
    assert_eq!(response.publications.iter().map(|p| p.position.unwrap().seq).collect::<Vec<_>>(), [1, 2, 3]);
    let refused = error(topics.publish_batch(batch(&["a", "b..c"])).await);
    assert_eq!(refused.code(), Code::InvalidTopic);
    assert!(refused.message().starts_with("publications[1]"), "{refused}");
    assert_eq!(server.node.published().len(), 3, "nothing of the second batch");
    assert!(topics.publish_batch(batch(&[])).await.unwrap().into_inner().publications.is_empty());
    let many = v1::PublishBatchRequest { publications: vec![publish("a", None); 10_001] };
    assert_eq!(code(topics.publish_batch(many).await), Code::TooLarge);
    server.node.fail_with(Some(Error::new(Code::Unavailable, "the disk is full")));
    assert_eq!(code(topics.publish_batch(batch(&["a"])).await), Code::Unavailable);
    server.stop().await;
}

fn publication(seq: u64) -> StreamEvent {
    let payload =
        fake::descriptors().from_json(&fake::protobuf("shop.v1.OrderCreated"), &json!({ "orderId": seq.to_string() }));
    StreamEvent::Publication(Arc::new(Publication {
        id: MessageId::from_bits(u128::from(seq)),
        topic: Topic::parse("order.events").unwrap(),
        position: Position::new(1, seq),
        mark: Mark(seq * 10),
        time: callboard_core::Timestamp::from_millis(1000),
        payload: payload.unwrap(),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    }))
}

fn follow(pattern: &str, start: Option<WireStart>) -> SubscribeRequest {
    SubscribeRequest { pattern: pattern.into(), start, format: v1::PayloadFormat::Json.into() }
}

#[tokio::test]
async fn a_subscriber_sees_history_gaps_and_what_is_published_as_it_comes() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    let mut events = topics.subscribe(follow("order.>", Some(WireStart::Beginning(true)))).await.unwrap().into_inner();
    let (request, feed) = server.node.subscription().await;
    assert_eq!((request.pattern.as_str(), request.start), ("order.>", Start::Beginning));
    let (after, next) = (Position::new(1, 1), Position::new(1, 5));
    feed.send(Ok(StreamEvent::Gap { topic: Topic::parse("order.events").unwrap(), after, next })).await.unwrap();
    feed.send(Ok(publication(5))).await.unwrap();
    feed.send(Ok(StreamEvent::CaughtUp)).await.unwrap();
    let mut event = async || events.next().await.unwrap().unwrap().event.unwrap();
    let Event::Gap(gap) = event().await else { panic!("no gap") };
    assert_eq!((gap.topic.as_str(), gap.after, gap.next), ("order.events", Some(after.into()), Some(next.into())));
    let Event::Publication(seen) = event().await else { panic!("no publication") };
    assert_eq!((seen.topic.as_str(), seen.position, seen.mark), ("order.events", Some(next.into()), 50));
    assert_eq!(from_json(seen.payload), json!({ "orderId": "5" }));
    assert!(matches!(event().await, Event::CaughtUp(_)));
    // One at a time: each arrives without another one behind it.
    for seq in 6..9 {
        feed.send(Ok(publication(seq))).await.unwrap();
        let Event::Publication(seen) = event().await else { panic!("no publication") };
        assert_eq!(seen.position.unwrap().seq, seq);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_subscription_is_taken_up_again_after_what_was_seen() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    let positions = BTreeMap::from([("order.events".to_owned(), v1::Position { epoch: 2, seq: 9 })]);
    let after = WireStart::After(v1::AfterPositions { positions, others: Some(77) });
    let _events = topics.subscribe(follow("order.*", Some(after))).await.unwrap();
    let (request, _feed) = server.node.subscription().await;
    let Start::After { positions, others } = request.start else { panic!("not after") };
    assert_eq!(
        positions.into_iter().collect::<Vec<_>>(),
        [(Topic::parse("order.events").unwrap(), Position::new(2, 9))]
    );
    assert_eq!(others, Some(Mark(77)));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_forgotten() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    let events = topics.subscribe(follow(">", None)).await.unwrap();
    let (_, feed) = server.node.subscription().await;
    assert!(!feed.is_closed());
    drop(events);
    feed.closed().await;
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_fills_nothing_but_its_own_window() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    let mut events = topics.subscribe(follow(">", None)).await.unwrap().into_inner();
    let (_, feed) = server.node.subscription().await;
    let large = |seq| {
        let StreamEvent::Publication(publication) = publication(seq) else { unreachable!() };
        let payload = Payload::new("blob", Encoding::Bytes, vec![0; 512 * 1024]);
        Ok(StreamEvent::Publication(Arc::new(Publication { payload, ..(*publication).clone() })))
    };
    // Far less than this goes into the windows of the connection; then the server stops asking for more.
    let mut sent = 0;
    while let Ok(permit) = feed.try_reserve() {
        permit.send(large(sent + 1));
        sent += 1;
        tokio::task::yield_now().await;
        assert!(sent < 1000, "the server buffers without a bound");
    }
    for seq in 1..=sent {
        let Some(Event::Publication(seen)) = events.next().await.unwrap().unwrap().event else {
            panic!("no publication")
        };
        assert_eq!(seen.position.unwrap().seq, seq);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_subscription_ends_with_the_reason() {
    let mut server = Server::start().await;
    let mut topics = server.topics().await;
    let mut events = topics.subscribe(follow("metrics.>", None)).await.unwrap().into_inner();
    let (_, feed) = server.node.subscription().await;
    feed.send(Err(Error::new(Code::Overloaded, "the reader is too slow"))).await.unwrap();
    assert_eq!(code(events.next().await.unwrap()), Code::Overloaded);
    assert!(events.next().await.is_none());
    let mut events = topics.subscribe(follow("metrics.>", None)).await.unwrap().into_inner();
    let (_, feed) = server.node.subscription().await;
    server.begin_stop();
    assert_eq!(code(events.next().await.unwrap()), Code::Unavailable);
    feed.closed().await;
    server.stop().await;
}

#[tokio::test]
async fn a_subscription_ends_at_the_time_that_its_caller_gave_it() {
    // Without a client in between, which would end the call by a clock of its own.
    let node = fake::Fake::new();
    let (_close, closing) = callboard_gateway::doors::closing();
    let auth = Arc::new(Authenticator::new(&AuthConfig::open()).unwrap());
    let mut door = callboard_gateway::grpc::routes(&node.doors(&Arc::default()), &auth, closing);
    let message = follow("a", None).encode_to_vec();
    let frame = [vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message].concat();
    let request = http::Request::post("/callboard.v1.Topics/Subscribe")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "1n")
        .body(axum::body::Body::from(frame))
        .unwrap();
    let response = door.call(request).await.unwrap();
    let trailers = response.into_body().collect().await.unwrap().trailers().cloned().unwrap();
    assert_eq!(code::<()>(Err(Status::from_header_map(&trailers).unwrap())), Code::DeadlineExceeded);
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_at_once() {
    let server = Server::start().await;
    let mut topics = server.topics().await;
    for pattern in ["", "a..b", "a.>.b", "a b", &"a.".repeat(10_000)] {
        assert_eq!(code(topics.subscribe(follow(pattern, None)).await), Code::InvalidTopic, "{pattern:.20}");
    }
    server.node.fail_with(Some(Error::new(Code::Unavailable, "the node is stopping")));
    assert_eq!(code(topics.subscribe(follow("a", None)).await), Code::Unavailable);
    server.stop().await;
}

#[tokio::test]
async fn topics_are_listed_by_pattern() {
    let server = Server::start().await;
    let row =
        |text: &str| TopicSummary { topic: Topic::parse(text).unwrap(), head: Position::new(1, 9), first: Seq(3) };
    let names = ["order.events", "order.status", "user.events"];
    server.node.topics.lock().unwrap().extend(names.map(row));
    let mut topics = server.topics().await;
    let request = v1::ListTopicsRequest { page_size: 2, ..Default::default() };
    let page = topics.list(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.topics.iter().map(|row| row.topic.as_str()).collect::<Vec<_>>(), names[..2]);
    assert_eq!((page.topics[0].head, page.topics[0].first_seq), (Some(v1::Position { epoch: 1, seq: 9 }), 3));
    let rest = v1::ListTopicsRequest { page_token: page.next_page_token, ..request.clone() };
    let rest = topics.list(rest).await.unwrap().into_inner();
    assert_eq!((rest.topics.len(), rest.next_page_token.as_str()), (1, ""));
    let orders = v1::ListTopicsRequest { pattern: "order.*".into(), ..request };
    assert_eq!(topics.list(orders).await.unwrap().into_inner().topics.len(), 2);
    let bad = v1::ListTopicsRequest { pattern: "a..b".into(), ..Default::default() };
    assert_eq!(code(topics.list(bad).await), Code::InvalidTopic);
    server.stop().await;
}
