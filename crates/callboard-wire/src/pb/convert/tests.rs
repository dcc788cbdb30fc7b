use std::sync::Arc;

use bytes::Bytes;
use callboard_core::port::{StateAt, StreamEvent};
use callboard_core::publication::CORRELATION;
use callboard_core::trace::TraceContext;
use callboard_core::{Encoding, Mark, Payload, Publication, Reply, Revision, Timestamp, Topic};
use serde_json::json;

use super::actors::Asked;
use super::payload::Sent;
use super::*;
use crate::descriptors::Descriptors;
use crate::pb::Any;
use crate::pb::v1::payload::Content;

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    result.unwrap_err().code()
}

fn none() -> Descriptors {
    Descriptors::new([]).unwrap()
}

fn ask(actor: &str, parent: &str) -> v1::InvokeRequest {
    v1::InvokeRequest { actor: actor.into(), parent: parent.into(), action: "act".into(), ..Default::default() }
}

#[test]
fn an_actor_is_addressed_by_its_text_form_or_by_parent_and_name() {
    let target = |actor, parent| Asked::try_from(ask(actor, parent)).map(|asked| asked.target.to_string());
    assert_eq!(target("order_processor", "").unwrap(), "order_processor");
    assert_eq!(target("user/u1", "").unwrap(), "user/u1");
    assert_eq!(target("u1", "user").unwrap(), "user/u1");
    assert_eq!(target("a/b", "user").unwrap(), "user/a/b");
    for (actor, parent) in [("", ""), ("", "user"), ("user/", ""), ("a", "b/c"), ("a\u{0}", "")] {
        assert_eq!(code(target(actor, parent)), Code::InvalidPayload, "{actor:?} {parent:?}");
    }
    assert_eq!(code(target(&"x".repeat(256), "")), Code::InvalidPayload);
}

#[test]
fn every_text_of_a_request_has_a_bound() {
    let request = || ask("a", "");
    let long = |n| "x".repeat(n);
    let read = |wire: v1::InvokeRequest| code(Asked::try_from(wire));
    assert_eq!(read(v1::InvokeRequest { action: String::new(), ..request() }), Code::InvalidPayload);
    assert_eq!(read(v1::InvokeRequest { action: long(256), ..request() }), Code::InvalidPayload);
    assert_eq!(read(v1::InvokeRequest { idempotency_key: long(256), ..request() }), Code::InvalidPayload);
    assert_eq!(read(v1::InvokeRequest { response_format: 9, ..request() }), Code::InvalidPayload);
    let both = v1::InvokeRequest { r#async: true, idempotency_key: "k".into(), ..request() };
    assert_eq!(read(both), Code::InvalidPayload, "no response is recorded under the key");
    let metadata = (0..65).map(|n| (n.to_string(), String::new())).collect();
    assert_eq!(read(v1::InvokeRequest { metadata, ..request() }), Code::TooLarge);
    let metadata = BTreeMap::from([("k".to_owned(), long(4096))]);
    assert_eq!(read(v1::InvokeRequest { metadata, ..request() }), Code::TooLarge);
    let metadata = BTreeMap::from([("Correlation-Id".to_owned(), "C1".to_owned())]);
    let asked = Asked::try_from(v1::InvokeRequest { metadata, ..request() }).unwrap();
    assert_eq!(asked.headers.get(CORRELATION).map(Name::as_str), Some("C1"), "names are lower-cased, values are not");
}

#[test]
fn payloads_are_read_in_each_form_and_written_as_they_are() {
    let wire = |content, r#type: &str| Some(v1::Payload { content: Some(content), r#type: r#type.to_owned() });
    let any = Any { type_url: "type.googleapis.com/shop.v1.Order".into(), value: Bytes::from_static(b"\x01") };
    let native = [
        (wire(Content::Message(any), ""), Payload::new("shop.v1.Order", Encoding::Protobuf, vec![1])),
        (wire(Content::JsonText("{\"n\":1}".into()), "my.T"), Payload::new("my.T", Encoding::Json, "{\"n\":1}")),
        (wire(Content::Bytes(Bytes::from_static(b"\xff")), "blob"), Payload::new("blob", Encoding::Bytes, vec![255])),
    ];
    for (wire, payload) in native {
        assert_eq!(payload::read(wire.clone()).unwrap(), Sent::Typed(payload.clone()));
        assert_eq!(Some(payload::native(&payload)), wire);
        assert_eq!(payload::received(wire).unwrap(), payload);
    }
    assert_eq!(payload::read(None).unwrap(), Sent::Typed(Payload::empty()));
    let nothing = v1::Payload::default();
    assert_eq!(code(payload::read(Some(nothing))), Code::InvalidPayload);
    // What no reader of JSON takes is refused here, before it is stored and sent to everybody.
    for text in ["{", "", "{} {}", "[1e999]", r#"["\ud800"]"#] {
        assert_eq!(code(payload::read(wire(Content::JsonText(text.into()), ""))), Code::InvalidPayload, "{text}");
    }
    assert_eq!(code(payload::read(wire(Content::Message(Any::default()), ""))), Code::InvalidPayload);
    assert_eq!(code(payload::read(wire(Content::Bytes(Bytes::new()), "a b"))), Code::InvalidPayload);
}

#[test]
fn json_survives_both_ways_or_comes_as_text() {
    let value = json!({ "a": [1, -2.5, "x", null, true, { "b": 9_007_199_254_740_991_u64 }] });
    let payload = Payload::new("my.T", Encoding::Json, value.to_string());
    let wire = payload::json(&payload, &none());
    assert_eq!(wire.r#type, "my.T");
    assert!(matches!(wire.content, Some(Content::Json(_))), "{wire:?}");
    let Sent::Json { value: back, type_name } = payload::read(Some(wire)).unwrap() else { panic!("not JSON") };
    assert_eq!((back, type_name.as_deref()), (value, Some("my.T")));
    // What would not be the same, or could not be decoded by its receiver.
    let inexact = json!({ "n": u64::MAX }).to_string();
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner])).to_string();
    for text in [inexact, deep] {
        let wire = payload::json(&Payload::new("my.T", Encoding::Json, text.clone()), &none());
        assert_eq!(wire.content, Some(Content::JsonText(text)));
    }
    // What is not what it says comes as it is stored.
    let broken = Payload::new("google.protobuf.Duration", Encoding::Protobuf, vec![255]);
    assert_eq!(payload::json(&broken, &none()), payload::native(&broken));
}

#[test]
fn a_response_is_json_when_the_request_was() {
    assert!(payload::wants_json(0, true).unwrap());
    assert!(!payload::wants_json(0, false).unwrap());
    assert!(!payload::wants_json(v1::PayloadFormat::Native.into(), true).unwrap());
    assert!(payload::wants_json(v1::PayloadFormat::Json.into(), false).unwrap());
}

#[test]
fn a_reply_survives_the_way_to_the_client() {
    let positions = vec![Position::new(1, 5), Position::new(2, 1)];
    let reply =
        Reply { payload: Payload::new("a.B", Encoding::Protobuf, vec![8, 1]), revision: Revision(7), positions };
    let back = Reply::try_from(actors::replied(&reply, false, &none())).unwrap();
    assert_eq!((back.payload, back.revision, back.positions), (reply.payload, reply.revision, reply.positions));
    let nothing = Reply { payload: Payload::empty(), revision: Revision::ZERO, positions: Vec::new() };
    assert_eq!(actors::replied(&nothing, true, &none()), v1::InvokeResponse::default());
}

fn publication() -> Publication {
    Publication {
        id: MessageId::from_bits(7),
        topic: Topic::parse("order.events").unwrap(),
        position: Position::new(1, 42),
        mark: Mark(99),
        time: Timestamp::from_millis(1_795_219_199_999),
        payload: Payload::new("a.B", Encoding::Protobuf, vec![8, 1]),
        headers: Headers::new().with(CORRELATION, "c"),
        trace: Some(TraceContext { trace_id: 1, span_id: 2, sampled: true }),
        publisher: Some(ActorId::named("order_processor").unwrap()),
    }
}

#[test]
fn a_publication_survives_the_way_to_the_client() {
    let sent = publication();
    let wire = topics::event(&StreamEvent::Publication(Arc::new(sent.clone())), false, &none());
    let StreamEvent::Publication(back) = topics::received(wire).unwrap() else { panic!("not a publication") };
    assert_eq!(format!("{back:?}"), format!("{sent:?}"));
    let (after, next) = (Position::new(1, 1), Position::new(1, 9));
    let gap = StreamEvent::Gap { topic: sent.topic, after, next };
    let back = topics::received(topics::event(&gap, false, &none())).unwrap();
    assert_eq!(format!("{back:?}"), format!("{gap:?}"));
    let back = topics::received(topics::event(&StreamEvent::CaughtUp, false, &none())).unwrap();
    assert!(matches!(back, StreamEvent::CaughtUp));
}

#[test]
fn subscriptions_start_where_they_are_asked_to() {
    use callboard_core::port::Start;
    use v1::subscribe_request::Start as Wire;
    let read = |pattern: &str, start| {
        let wire = v1::SubscribeRequest { pattern: pattern.into(), start, ..Default::default() };
        topics::subscription(wire).map(|(request, _)| request.start)
    };
    assert_eq!(read("a.>", None).unwrap(), Start::Live);
    assert_eq!(read("a.>", Some(Wire::Beginning(true))).unwrap(), Start::Beginning);
    assert_eq!(read("a.>", Some(Wire::Beginning(false))).unwrap(), Start::Live);
    let at = prost_types::Timestamp { seconds: 1, nanos: 999_999_999 };
    assert_eq!(read("a.>", Some(Wire::Time(at))).unwrap(), Start::Time(Timestamp::from_millis(1999)));
    let after = |topic: &str, n: usize| {
        let positions = (0..n).map(|n| (format!("{topic}{n}"), v1::Position { epoch: 1, seq: 5 })).collect();
        Some(Wire::After(v1::AfterPositions { positions, others: Some(3) }))
    };
    let Start::After { positions, others } = read("a.>", after("a.", 2)).unwrap() else { panic!("not after") };
    assert_eq!(positions.get("a.1"), Some(&Position::new(1, 5)));
    assert_eq!(others, Some(Mark(3)));
    assert_eq!(code(read("a.>", after("a.", 1001))), Code::TooLarge);
    assert_eq!(code(read("a.>", after("a b", 1))), Code::InvalidTopic);
    assert_eq!(code(read("a..b", None)), Code::InvalidTopic);
    assert_eq!(code(read(&"a.".repeat(10_000), None)), Code::InvalidTopic);
    for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
        let at = prost_types::Timestamp { seconds, nanos };
        assert_eq!(code(read("a", Some(Wire::Time(at)))), Code::InvalidPayload, "{seconds} {nanos}");
    }
}

#[test]
fn states_are_asked_for_as_they_are_or_were() {
    use v1::get_state_request::At;
    let read = |at| {
        let wire = v1::GetStateRequest { actor: "a".into(), at, ..Default::default() };
        actors::state_asked(&wire).map(|(_, at, _)| at)
    };
    assert_eq!(read(None).unwrap(), StateAt::Latest);
    assert_eq!(read(Some(At::Revision(0))).unwrap(), StateAt::Revision(Revision(0)));
    let at = prost_types::Timestamp { seconds: 2, nanos: 0 };
    assert_eq!(read(Some(At::Time(at))).unwrap(), StateAt::Time(Timestamp::from_millis(2000)));
}

#[test]
fn pages_have_a_default_and_a_most() {
    assert_eq!([0, 1, 1000, 1001, u32::MAX].map(page_len), [100, 1, 1000, 1000, 1000]);
}
