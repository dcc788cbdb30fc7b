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
use std::time::Duration;

use callboard_core::{Code, Error, Payload};
use callboard_gateway::{AuthConfig, Gateway, GatewayConfig, GatewayHandle, Stopped};
use callboard_testkit::SimClock;
use callboard_wire::pb::error_from_status;
use callboard_wire::pb::v1::actors_client::ActorsClient;
use callboard_wire::pb::v1::system_client::SystemClient;
use callboard_wire::pb::v1::topics_client::TopicsClient;
use callboard_wire::pb::v1::{self, payload::Content};
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::Channel;

use fake::Fake;

/// A gateway on a free port, and everything that a test needs of it.
struct Server {
    node: Arc<Fake>,
    clock: Arc<SimClock>,
    address: SocketAddr,
    gateway: Option<GatewayHandle>,
    stopping: JoinSet<Stopped>,
}

impl Server {
    async fn start() -> Self {
        let (node, clock) = (Fake::new(), Arc::new(SimClock::default()));
        let config = GatewayConfig::on("127.0.0.1:0".parse().unwrap()).with_auth(AuthConfig::open());
        let bound = Gateway::bind(config).unwrap();
        let address = bound.local_addr();
        let gateway = Some(bound.serve(node.doors(&clock), axum::Router::new()));
        Self { node, clock, address, gateway, stopping: JoinSet::new() }
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

    /// Begins to stop: what is under way may end.
    fn begin_stop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.stopping.spawn(gateway.stop(Duration::from_secs(60)));
        }
    }

    /// Stops the server; returns when its last connection is gone. None had to be cut.
    async fn stop(mut self) {
        self.begin_stop();
        let stopped = self.stopping.join_next().await.unwrap().unwrap();
        assert_eq!(stopped, Stopped { cut: 0 });
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
