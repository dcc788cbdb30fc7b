use std::collections::BTreeMap;

use callboard_core::limits::STREAM_WINDOW_LEN;
use callboard_core::port::Clock as _;
use callboard_core::{Code, Error};
use callboard_wire::pb::v1::invoke_stream_response::Outcome;
use callboard_wire::pb::v1::{self, InvokeStreamRequest, InvokeStreamResponse};
use http::uri::PathAndQuery;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::raw::Raw;
use crate::{Server, ask, bytes, code, error};

async fn open(server: &Server) -> (mpsc::Sender<InvokeStreamRequest>, Streaming<InvokeStreamResponse>) {
    let (requests, receiver) = mpsc::channel(1024);
    let mut actors = server.actors().await;
    let answers = actors.invoke_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    (requests, answers)
}

fn numbered(id: u64, action: &str) -> InvokeStreamRequest {
    let invoke = Some(v1::InvokeRequest { payload: bytes(b"x"), ..ask("clerk", action) });
    InvokeStreamRequest { id, invoke, timeout: None }
}

fn failure(answer: InvokeStreamResponse) -> Error {
    match answer.outcome {
        Some(Outcome::Error(error)) => error.into(),
        other => panic!("not an error: {other:?}"),
    }
}

#[tokio::test]
async fn answers_come_as_they_are_there_with_the_ids_of_their_requests() {
    let server = Server::start().await;
    let (requests, mut answers) = open(&server).await;
    requests.send(numbered(1, "wait")).await.unwrap();
    server.node.waits(1).await;
    requests.send(numbered(2, "echo")).await.unwrap();
    let second = answers.next().await.unwrap().unwrap();
    assert_eq!(second.id, 2, "the first still waits");
    assert!(matches!(second.outcome, Some(Outcome::Response(ref response)) if response.revision == 7));
    server.node.release(1);
    assert_eq!(answers.next().await.unwrap().unwrap().id, 1);
    drop(requests);
    assert!(answers.next().await.is_none(), "the stream ends when the client is done and everything is answered");
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_fails_leaves_the_others_alone() {
    let server = Server::start().await;
    let (requests, mut answers) = open(&server).await;
    let fail =
        v1::InvokeRequest { metadata: BTreeMap::from([("code".into(), "Conflict".into())]), ..ask("clerk", "fail") };
    requests.send(InvokeStreamRequest { id: 1, invoke: Some(fail), timeout: None }).await.unwrap();
    let failed = answers.next().await.unwrap().unwrap();
    assert_eq!(failed.id, 1);
    let failed = failure(failed);
    assert_eq!(
        (failed.code(), failed.message(), failed.retry()),
        (Code::Conflict, "it went wrong", Code::Conflict.retry())
    );
    requests.send(InvokeStreamRequest { id: 2, ..Default::default() }).await.unwrap();
    assert_eq!(failure(answers.next().await.unwrap().unwrap()).code(), Code::InvalidPayload);
    let timeout = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    requests.send(InvokeStreamRequest { timeout, ..numbered(3, "echo") }).await.unwrap();
    assert_eq!(failure(answers.next().await.unwrap().unwrap()).code(), Code::InvalidPayload);
    requests.send(numbered(4, "echo")).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().id, 4);
    server.stop().await;
}

#[tokio::test]
async fn each_request_has_its_own_timeout() {
    let server = Server::start().await;
    let (requests, mut answers) = open(&server).await;
    for (id, timeout, seconds) in [(1, None, 60), (2, Some(5), 5), (3, Some(1_000_000), 3600)] {
        let timeout = timeout.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        requests.send(InvokeStreamRequest { timeout, ..numbered(id, "echo") }).await.unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap().id, id);
        assert_eq!((server.node.last_invoked().deadline - server.clock.instant()).as_secs(), seconds);
    }
    server.stop().await;
}

#[tokio::test]
async fn no_more_than_a_window_is_under_way() {
    let server = Server::start().await;
    let (requests, mut answers) = open(&server).await;
    let all = STREAM_WINDOW_LEN + 50;
    for id in 0..all as u64 {
        requests.send(numbered(id, "wait")).await.unwrap();
    }
    server.node.waits(STREAM_WINDOW_LEN).await;
    // Another stream is answered meanwhile, and nothing more of this one was taken.
    let mut other = server.actors().await;
    other.invoke(ask("clerk", "echo")).await.unwrap();
    assert_eq!(server.node.waits_so_far(), STREAM_WINDOW_LEN);
    server.node.release(1);
    answers.next().await.unwrap().unwrap();
    server.node.waits(STREAM_WINDOW_LEN + 1).await;
    server.node.release(all);
    drop(requests);
    let mut rest = 0;
    while let Some(answer) = answers.next().await {
        answer.unwrap();
        rest += 1;
    }
    assert_eq!(rest, all - 1);
    server.stop().await;
}

#[tokio::test]
async fn large_requests_wait_for_each_other() {
    let server = Server::start().await;
    let (requests, mut answers) = open(&server).await;
    let content = v1::payload::Content::Bytes(vec![0; 4 * 1024 * 1024 - 64].into());
    let payload = Some(v1::Payload { content: Some(content), r#type: "blob".into() });
    for id in 0..8 {
        let invoke = Some(v1::InvokeRequest { payload: payload.clone(), ..ask("clerk", "wait") });
        requests.send(InvokeStreamRequest { id, invoke, timeout: None }).await.unwrap();
    }
    server.node.waits(5).await;
    let mut other = server.actors().await;
    other.invoke(ask("clerk", "echo")).await.unwrap();
    assert_eq!(server.node.waits_so_far(), 5, "16 MiB and the one that goes over it");
    server.node.release(8);
    drop(requests);
    let mut count = 0;
    while let Some(answer) = answers.next().await {
        answer.unwrap();
        count += 1;
    }
    assert_eq!(count, 8);
    server.stop().await;
}

#[tokio::test]
async fn garbage_ends_the_stream_after_the_answers_to_what_came_before_it() {
    let server = Server::start().await;
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    grpc.ready().await.unwrap();
    let good = numbered(1, "echo").encode_to_vec();
    let messages = tokio_stream::iter([good.into(), bytes::Bytes::from_static(b"\xff\xff")]);
    let path = PathAndQuery::from_static("/callboard.v1.Actors/InvokeStream");
    let mut answers = grpc.streaming(tonic::Request::new(messages), path, Raw).await.unwrap().into_inner();
    let first = answers.next().await.unwrap().unwrap();
    assert_eq!(InvokeStreamResponse::decode(first).unwrap().id, 1);
    assert_eq!(code(answers.next().await.unwrap()), Code::InvalidPayload);
    assert!(answers.next().await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_answers_what_is_under_way_and_says_that_it_stops() {
    let mut server = Server::start().await;
    let (requests, mut answers) = open(&server).await;
    requests.send(numbered(1, "wait")).await.unwrap();
    server.node.waits(1).await;
    server.begin_stop();
    server.node.release(1);
    assert_eq!(answers.next().await.unwrap().unwrap().id, 1);
    assert_eq!(error(answers.next().await.unwrap()).code(), Code::Unavailable);
    drop(requests);
    server.stop().await;
}
