use callboard_core::{Code, limits};
use callboard_wire::pb::v1::{self, payload::Content};
use prost::Message as _;

use crate::{Server, ask, bytes, code, error, json, raw};

const INVOKE: &str = "/callboard.v1.Actors/Invoke";

async fn still_serves(server: &Server) {
    server.actors().await.invoke(ask("clerk", "echo")).await.unwrap();
}

#[tokio::test]
async fn bytes_that_are_no_message_are_the_callers_fault() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let not_utf8 = [0x0a, 2, 0xff, 0xfe];
    let cut_short = [0x0a, 100, b'x'];
    for garbage in [b"\xff\xff\xff\xff".as_slice(), &not_utf8, &cut_short] {
        let error = error(raw::call(channel.clone(), INVOKE, garbage.to_vec()).await);
        assert_eq!(error.code(), Code::InvalidPayload, "{error}");
    }
    // An Any in an Any, far too deep, is not even looked into; a Value in a Value is.
    let field = |tag: u8, content: &[u8]| {
        let mut bytes = vec![tag << 3 | 2];
        prost::encode_length_delimiter(content.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(content);
        bytes
    };
    let list = (0..10_000).fold(Vec::new(), |inner, _| field(6, &field(1, &inner)));
    let mut deep = ask("clerk", "echo").encode_to_vec();
    deep.extend(field(3, &field(2, &list)));
    assert_eq!(code(raw::call(channel, INVOKE, deep).await), Code::InvalidPayload);
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    let sized = |len| {
        let content = Some(Content::Bytes(vec![0; len].into()));
        let payload = Some(v1::Payload { content, r#type: "blob".into() });
        v1::InvokeRequest { payload, ..ask("clerk", "echo") }
    };
    let response = actors.invoke(sized(limits::PAYLOAD_LEN_MAX)).await.unwrap().into_inner();
    assert!(response.encoded_len() > limits::PAYLOAD_LEN_MAX);
    assert_eq!(code(actors.invoke(sized(limits::PAYLOAD_LEN_MAX + 1)).await), Code::TooLarge);
    assert_eq!(code(actors.invoke(sized(100 * 1024 * 1024)).await), Code::TooLarge);
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn names_of_every_wrong_kind_get_their_code() {
    let server = Server::start().await;
    let (mut actors, mut topics) = (server.actors().await, server.topics().await);
    let long = "x".repeat(1_000_000);
    for actor in ["", "/", "a/", "a\nb", &long] {
        assert_eq!(code(actors.invoke(ask(actor, "echo")).await), Code::InvalidPayload, "{actor:.10}");
    }
    for action in ["", &long] {
        assert_eq!(code(actors.invoke(ask("clerk", action)).await), Code::InvalidPayload);
    }
    for topic in ["", ".", "a..b", "a.*", "a.>", "a b", "a\u{0}", &"a.".repeat(10_000), &long] {
        let request = v1::PublishRequest { topic: (*topic).into(), payload: bytes(b"x"), ..Default::default() };
        assert_eq!(code(topics.publish(request).await), Code::InvalidTopic, "{topic:.10}");
    }
    let typed = v1::Payload { r#type: "shop.v1.Item".into(), ..json(&serde_json::json!({ "child": {} })).unwrap() };
    let request = v1::PublishRequest { topic: "a".into(), payload: Some(typed), ..Default::default() };
    assert_eq!(code(topics.publish(request).await), Code::InvalidPayload);
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let no_method = raw::call(channel.clone(), "/callboard.v1.Actors/Explode", bytes::Bytes::new()).await;
    assert_eq!(code(no_method), Code::ActionNotFound);
    let no_service = raw::call(channel, "/callboard.v9.Actors/Invoke", bytes::Bytes::new()).await;
    assert_eq!(code(no_service), Code::ActionNotFound);
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn binary_metadata_is_not_looked_at() {
    let server = Server::start().await;
    let mut request = tonic::Request::new(ask("clerk", "echo"));
    let value = tonic::metadata::MetadataValue::from_bytes(&[0, 255, 10]);
    request.metadata_mut().insert_bin("traceparent-bin", value);
    server.actors().await.invoke(request).await.unwrap();
    assert!(server.node.last_invoked().headers.is_empty());
    server.stop().await;
}
