use super::*;
use callboard_core::trace::TraceContext;
use callboard_core::{Mark, MessageId, Pattern, Revision};

fn descriptors() -> Descriptors {
    Descriptors::new([]).unwrap()
}

fn publication(payload: Payload) -> Publication {
    Publication {
        id: MessageId::from_bits(7),
        topic: Topic::parse("order.events").unwrap(),
        position: Position::new(1, 2),
        mark: Mark(3),
        time: Timestamp::from_millis(1500),
        payload,
        headers: Headers::new().with("correlation-id", "c\"1"),
        trace: TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        publisher: Some(ActorId::named("order_processor").unwrap()),
    }
}

fn line(payload: Payload, pattern: &str) -> Value {
    let (publication, mut out) = (publication(payload), Vec::new());
    let cursor = Cursor::behind(&Pattern::parse(pattern).unwrap(), &publication, Mark::ZERO);
    write_publication(&mut out, &descriptors(), Some("publication"), &publication, &cursor);
    assert!(!out.contains(&b'\n'));
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_publication_is_one_line_with_everything_that_is_known_of_it() {
    let payload = Payload::new("json", Encoding::Json, &b"{\n  \"n\": 1\n}"[..]);
    assert_eq!(
        line(payload, "order.*"),
        json!({
            "event": "publication",
            "topic": "order.events",
            "position": "1-2",
            "cursor": "order.events:1-2:3",
            "id": "00000000-0000-0000-0000-000000000007",
            "time": "1970-01-01T00:00:01.500Z",
            "publisher": "order_processor",
            "headers": { "correlation-id": "c\"1" },
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "type": "json",
            "payload": { "n": 1 },
        })
    );
}

#[test]
fn a_payload_that_cannot_be_read_hides_nothing_else() {
    for (bad, type_name) in [
        (Payload::new("json", Encoding::Json, &b"{\"n\":"[..]), "json"),
        (
            Payload::new("google.protobuf.StringValue", Encoding::Protobuf, &b"{\"n\":"[..]),
            "google.protobuf.StringValue",
        ),
        (Payload::new("shop.v1.Unknown", Encoding::Protobuf, &b"{\"n\":"[..]), "shop.v1.Unknown"),
    ] {
        let document = line(bad, "order.events");
        assert_eq!(document["cursor"], "1-2");
        let opaque = json!({ "@type": format!("type.googleapis.com/{type_name}"), "value": "eyJuIjo=" });
        assert_eq!(document["payload"], opaque);
    }
}

#[test]
fn a_state_says_which_and_since_when() {
    let document = state(
        &descriptors(),
        &ActorState {
            id: ActorId::instance("cart", "7").unwrap(),
            revision: Revision(4),
            state: None,
            tags: Headers::new().with("tier", "gold"),
            time: Some(Timestamp::from_millis(0)),
            phase: ActivationPhase::Passive,
        },
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&document).unwrap(),
        json!({
            "id": "cart/7",
            "revision": 4,
            "phase": "passive",
            "time": "1970-01-01T00:00:00.000Z",
            "tags": { "tier": "gold" },
            "type": null,
            "state": null,
        })
    );
}

#[test]
fn a_parked_subscription_is_named_as_it_is_listed() {
    for subscriber in [Subscriber::Actor(ActorId::instance("saga", "1").unwrap()), Subscriber::External("erp:x".into())]
    {
        let listed = Parked {
            subscription: SubscriptionId { subscriber, pattern: Pattern::parse("order.>").unwrap() },
            topic: Topic::parse("order.events").unwrap(),
            position: Position::new(1, 9),
            code: Code::ActionFailed,
            message: "no".to_owned(),
            attempts: 5,
            time: Timestamp::from_millis(0),
        };
        let mut document = parked(&listed);
        let members = document.as_object_mut().unwrap();
        members.retain(|name, _| name == "subscription" || name == "topic");
        assert_eq!(parse_parked(&document).unwrap(), (listed.subscription, listed.topic));
    }
    let nobody = json!({ "subscription": { "pattern": "a" }, "topic": "a" });
    assert!(parse_parked(&nobody).unwrap_err().message().contains("exactly one"));
    assert!(parse_parked(&json!(7)).unwrap_err().message().contains("write {"));
}

// message Node { repeated Node children = 1; }
fn tree() -> bytes::Bytes {
    use prost_types::field_descriptor_proto::{Label, Type};
    use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
    let children = FieldDescriptorProto {
        name: Some("children".to_owned()),
        number: Some(1),
        label: Some(Label::Repeated.into()),
        r#type: Some(Type::Message.into()),
        type_name: Some(".tree.Node".to_owned()),
        ..Default::default()
    };
    let node = DescriptorProto { name: Some("Node".to_owned()), field: vec![children], ..Default::default() };
    let file = FileDescriptorProto {
        name: Some("tree.proto".to_owned()),
        package: Some("tree".to_owned()),
        message_type: vec![node],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    prost::Message::encode_to_vec(&FileDescriptorSet { file: vec![file] }).into()
}

#[test]
fn types_have_schemas_also_when_they_contain_themselves() {
    let descriptors = Descriptors::new([tree()]).unwrap();
    let mut schemas = Schemas::new(&descriptors);
    for name in ["callboard.v1.Publication", "tree.Node"] {
        let wanted = TypeRef { name: name.into(), encoding: Encoding::Protobuf };
        assert_eq!(schemas.of(&wanted), json!({ "$ref": format!("#/components/schemas/{name}") }));
    }
    let done = schemas.finish();
    let node = json!({ "$ref": "#/components/schemas/tree.Node" });
    assert_eq!(done["tree.Node"]["properties"]["children"], json!({ "type": "array", "items": node }));
    let properties = &done["callboard.v1.Publication"]["properties"];
    assert_eq!(properties["mark"], json!({ "type": ["string", "integer"], "format": "uint64" }));
    assert_eq!(properties["time"], json!({ "type": "string", "format": "date-time" }));
    assert_eq!(properties["headers"], json!({ "type": "object", "additionalProperties": { "type": "string" } }));
    assert_eq!(properties["position"], json!({ "$ref": "#/components/schemas/callboard.v1.Position" }));
    assert!(done.contains_key("callboard.v1.Position"));
}
