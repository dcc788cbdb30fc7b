//! A gateway on a free port, and a client of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callboard_core::Error;
use callboard_gateway::{AuthConfig, Gateway, GatewayConfig, GatewayHandle};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use callboard_testkit::SimClock;

use crate::fake::Fake;

/// Longer than any test; nothing waits for it to pass.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A gateway that serves a fake node.
pub(crate) struct Served {
    pub(crate) fake: Arc<Fake>,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) address: SocketAddr,
    pub(crate) handle: GatewayHandle,
    // For HTTP/1.1, and for HTTP/2 with prior knowledge.
    clients: [Hyper<HttpConnector, Full<Bytes>>; 2],
}

pub(crate) fn config() -> GatewayConfig {
    GatewayConfig::on("127.0.0.1:0".parse().unwrap()).with_auth(AuthConfig::open())
}

pub(crate) fn serve() -> Served {
    serve_with(config())
}

pub(crate) fn serve_with(config: GatewayConfig) -> Served {
    let (fake, clock) = (Fake::new(), Arc::new(SimClock::default()));
    let metrics = axum::Router::new().route("/metrics", axum::routing::get(|| async { "# none" }));
    let handle = Gateway::bind(config).unwrap().with_metrics(metrics).serve(fake.doors(&clock), axum::Router::new());
    let address = handle.local_addr();
    let clients = [false, true].map(|only| Hyper::builder(TokioExecutor::new()).http2_only(only).build_http());
    Served { fake, clock, address, handle, clients }
}

impl Served {
    pub(crate) fn get(&self, path: &str) -> Asking {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Asking {
        self.ask(Method::POST, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Asking {
        self.ask(Method::DELETE, path)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Asking {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        Asking { clients: self.clients.clone(), request, body: Bytes::new(), http2: false }
    }

    /// Sends bytes over a connection of their own and reads until the server closes it.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a request to a node whose ports fail.
    pub(crate) async fn failing(&self, error: Error, asking: Asking) -> Answered {
        self.fake.fail_with(Some(error));
        let answer = asking.send().await;
        self.fake.fail_with(None);
        answer
    }

    pub(crate) async fn stop(self) {
        drop(self.clients);
        self.handle.stop(LONG).await;
    }
}

/// A request in the making.
pub(crate) struct Asking {
    clients: [Hyper<HttpConnector, Full<Bytes>>; 2],
    request: http::request::Builder,
    body: Bytes,
    http2: bool,
}

impl Asking {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = http::HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) fn untyped_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Sends it and gives the answer as soon as its headers are there.
    pub(crate) async fn open(self) -> http::Response<Incoming> {
        self.clients[usize::from(self.http2)].request(self.request.body(Full::new(self.body)).unwrap()).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answered {
        let (parts, body) = self.open().await.into_parts();
        Answered { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }
}

/// A whole answer.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON, of an answer that worked.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem document of a refusal, checked for what every one of them has.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {text}", self.status);
        let document: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!((self.status.as_u16(), document["code"].as_str()), (status, Some(code)), "{text}");
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], format!("urn:callboard:problem:{code}"));
        for member in ["title", "detail", "retry", "blame", "traceId"] {
            assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {text}");
        }
        assert!(self.header("traceparent").contains(document["traceId"].as_str().unwrap()));
        document
    }

    /// What is wrong, of a refusal.
    #[track_caller]
    pub(crate) fn detail(&self, status: u16, code: &str) -> String {
        self.problem(status, code)["detail"].as_str().unwrap().to_owned()
    }
}

/// The text of a body that goes on, read piece by piece.
pub(crate) struct Reading {
    body: Incoming,
    text: String,
}

impl Reading {
    pub(crate) fn of(response: http::Response<Incoming>) -> Self {
        assert_eq!(response.status(), 200);
        Self { body: response.into_body(), text: String::new() }
    }

    /// The text up to and without the next `end`; `None` when the body is at its end.
    pub(crate) async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some((before, after)) = self.text.split_once(end) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.text = after;
                return Some(before);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    pub(crate) async fn line(&mut self) -> Option<Value> {
        self.until("\n").await.map(|line| serde_json::from_str(&line).unwrap())
    }
}
