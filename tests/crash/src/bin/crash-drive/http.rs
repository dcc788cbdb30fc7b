//! [`Http`]: one keep-alive connection to the node's HTTP/JSON door.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use callboard::core::{Code, Position, Retry};
use callboard_wire::problem::Problem;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long an answer may take; longer than any pause and any queue of this harness.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Why there is no answer to use.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The node says that nothing was done, and that it may be asked again.
    Refused(String),
    /// It may have been done.
    Unknown(String),
    /// An answer that should not be.
    Wrong(String),
}

impl Trouble {
    /// What an error of the node means.
    pub(crate) fn of(code: Code, retry: Retry, message: &str) -> Self {
        let text = format!("{code}: {message}");
        match (code, retry) {
            // Nobody else writes what this harness writes.
            (Code::Conflict | Code::Fenced, _) => Self::Wrong(text),
            (_, Retry::Safe) => Self::Refused(text),
            (Code::Unavailable | Code::DeadlineExceeded, _) => Self::Unknown(text),
            _ => Self::Wrong(text),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(text) => write!(f, "refused ({text})"),
            Self::Unknown(text) => write!(f, "no answer ({text})"),
            Self::Wrong(text) => write!(f, "a wrong answer ({text})"),
        }
    }
}

impl std::error::Error for Trouble {}

/// A connection.
#[derive(Debug)]
pub(crate) struct Http {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    // Drives the connection; ends with it.
    _connection: JoinSet<()>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// The state of an actor.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored<T> {
    /// How often it was written.
    pub(crate) revision: u64,
    /// What it is.
    pub(crate) state: Option<T>,
}

/// A page of topics.
#[derive(Debug, Deserialize)]
pub(crate) struct TopicPage {
    /// The topics.
    pub(crate) topics: Vec<TopicRow>,
}

/// A topic.
#[derive(Debug, Deserialize)]
pub(crate) struct TopicRow {
    /// Its name.
    pub(crate) topic: String,
    /// Its newest position.
    pub(crate) head: String,
}

impl TopicRow {
    /// The newest position.
    pub(crate) fn head(&self) -> Option<Position> {
        Position::parse(&self.head)
    }
}

impl Http {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Trouble> {
        let lost = |error: &dyn std::fmt::Display| Trouble::Unknown(format!("connecting: {error}"));
        let stream = TcpStream::connect(address).await.map_err(|error| lost(&error))?;
        stream.set_nodelay(true).map_err(|error| lost(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // Whoever waits for an answer hears of its end.
            let _ = connection.await;
        });
        Ok(Self { sender, host: address.to_string(), _connection: tasks })
    }

    /// Sends a request and reads the answer; one that is an error of the node is [`Trouble`].
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Reply, Trouble> {
        let reply = tokio::time::timeout(ANSWER_WITHIN, self.exchange(method, path, headers, body)).await;
        let reply = reply.map_err(|_| Trouble::Wrong(format!("{path}: no answer within {ANSWER_WITHIN:?}")))??;
        if reply.status < 400 {
            return Ok(reply);
        }
        Err(match Problem::parse(&reply.body) {
            Some(problem) => {
                let error = problem.error();
                Trouble::of(error.code(), error.retry(), &format!("{path}: {}", error.message()))
            }
            None => Trouble::Wrong(format!("{path}: status {} without a problem document", reply.status)),
        })
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Reply, Trouble> {
        let lost = |error: &dyn std::fmt::Display| Trouble::Unknown(error.to_string());
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).map_err(|error| Trouble::Wrong(error.to_string()))?;
        self.sender.ready().await.map_err(|error| lost(&error))?;
        let response = self.sender.send_request(request).await.map_err(|error| lost(&error))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| lost(&error))?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Gets a document.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Trouble> {
        self.send(Method::GET, path, &[], String::new()).await?.read()
    }

    /// Gets the state of an actor (`name` or `parent/name`); `None` when nothing is known of it.
    pub(crate) async fn state<T: DeserializeOwned>(&mut self, actor: &str) -> Result<Option<Stored<T>>, Trouble> {
        match self.get(&format!("/v1/actors/{actor}")).await {
            Ok(stored) => Ok(Some(stored)),
            Err(Trouble::Wrong(text)) if text.starts_with(Code::ActorNotFound.as_str()) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}

impl Reply {
    /// The body as a document.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Trouble::Wrong(format!("{error} in {}", String::from_utf8_lossy(&self.body))))
    }

    /// The revision that the reply names.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.headers.get("callboard-revision")?.to_str().ok()?.parse().ok()
    }
}
