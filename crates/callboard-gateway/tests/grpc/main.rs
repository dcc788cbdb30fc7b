//! The gRPC door, by a real client over a real socket, with a fake node behind it.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

#[path = "../fake/mod.rs"]
mod fake;

mod actors;
mod hostile;
mod raw;
mod services;
mod stream;
mod system;
mod topics;

use std::net::SocketAddr;
use std::sync::Arc;

use callboard_core::{Code, Error, Payload};
use callboard_gateway::doors::{Close, closing};
use callboard_gateway::grpc;
use callboard_testkit::SimClock;
use callboard_wire::pb::error_from_status;
use callboard_wire::pb::v1::actors_client::ActorsClient;
use callboard_wire::pb::v1::system_client::SystemClient;
use callboard_wire::pb::v1::topics_client::TopicsClient;
use callboard_wire::pb::v1::{self, payload::Content};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::Channel;

use fake::Fake;

/// A server on a free port, and everything that a test needs of it.
struct Server {
    node: Arc<Fake>,
    clock: Arc<SimClock>,
    address: SocketAddr,
    close: Close,
    stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let (node, clock) = (Fake::new(), Arc::new(SimClock::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closing) = closing();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = grpc::routes(&node.doors(&clock), closing);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let stopped = async { drop(stopped.await) };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap();
        });
        Self { node, clock, address, close, stop, tasks }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn actors(&self) -> ActorsClient<Channel> {
        ActorsClient::new(self.channel().await)
            .max_encoding_message_size(usize::MAX)
            .max_decoding_message_size(usize::MAX)
    }

    async fn topics(&self) -> TopicsClient<Channel> {
        TopicsClient::new(self.channel().await)
    }

    async fn system(&self) -> SystemClient<Channel> {
        SystemClient::new(self.channel().await)
    }

    /// Stops the server; returns when its last connection is gone.
    async fn stop(mut self) {
        self.close.close();
        let _ = self.stop.send(());
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The error behind a status, which must be one of ours, with details.
fn error<T>(result: Result<T, Status>) -> Error {
    let Err(status) = result else { panic!("a success, where an error was due") };
    assert!(!status.details().is_empty(), "a status without details: {status:?}");
    error_from_status(&status)
}

fn code<T>(result: Result<T, Status>) -> Code {
    error(result).code()
}

/// A JSON payload, as a caller with nothing but grpcurl writes it.
fn json(value: &serde_json::Value) -> Option<v1::Payload> {
    let text = Payload::new("json", callboard_core::Encoding::Json, value.to_string());
    let descriptors = callboard_wire::descriptors::Descriptors::new([]).unwrap();
    let mut payload = callboard_wire::pb::convert::payload::json(&text, &descriptors);
    payload.r#type = String::new();
    assert!(matches!(payload.content, Some(Content::Json(_))));
    Some(payload)
}

/// What is in a JSON payload.
fn from_json(payload: Option<v1::Payload>) -> serde_json::Value {
    assert!(matches!(payload.as_ref().unwrap().content, Some(Content::Json(_))), "{payload:?}");
    let payload = callboard_wire::pb::convert::payload::received(payload).unwrap();
    serde_json::from_slice(payload.bytes()).unwrap()
}

fn bytes(content: &'static [u8]) -> Option<v1::Payload> {
    let content = Some(Content::Bytes(bytes::Bytes::from_static(content)));
    Some(v1::Payload { content, r#type: "blob".to_owned() })
}

fn ask(actor: &str, action: &str) -> v1::InvokeRequest {
    v1::InvokeRequest { actor: actor.into(), action: action.into(), ..Default::default() }
}
