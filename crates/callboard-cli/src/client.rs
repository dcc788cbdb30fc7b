//! [`Client`]: the connection to a running node.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use callboard_wire::pb::v1::actors_client::ActorsClient;
use callboard_wire::pb::v1::system_client::SystemClient;
use callboard_wire::pb::v1::topics_client::TopicsClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::exit::{Exit, Failure};
use crate::progress::waiting;

/// How long the node may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a question to the operator's API may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A page of listed payloads can be larger than one payload.
const MESSAGE_LEN_MAX: usize = 256 * 1024 * 1024;
/// Rows of a page.
pub(crate) const PAGE_LEN: u32 = 500;

/// A connection to a node.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    transport: Transport,
}

/// A connection on which each request says who asks.
pub(crate) type Transport = InterceptedService<Channel, Bearer>;

/// Who asks.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

impl Bearer {
    fn of(token: Option<&str>) -> Result<Self, Failure> {
        let Some(token) = token.map(str::trim).filter(|token| !token.is_empty()) else { return Ok(Self(None)) };
        let wrong = |_| Failure::new(Exit::Usage, "--token: a token is one line of letters, digits and `.-_`");
        let mut value = MetadataValue::try_from(format!("Bearer {token}")).map_err(wrong)?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl Client {
    /// Connects. An address without a scheme is read as `http://`.
    pub(crate) async fn connect(url: &str, token: Option<&str>) -> Result<Self, Failure> {
        let bearer = Bearer::of(token)?;
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let wrong =
            |why: &str| Failure::new(Exit::Usage, format!("--url {url}: {why}; write e.g. http://127.0.0.1:4000"));
        if !url.starts_with("http://") {
            return Err(wrong("only http:// is spoken here; for TLS put a proxy in between"));
        }
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|error| wrong(&error.to_string()))?;
        let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).http2_adaptive_window(true);
        let connected = waiting(&format!("connecting to {url}"), endpoint.connect()).await;
        let channel = connected.map_err(|error| {
            Failure::new(Exit::Unavailable, format!("cannot reach a node at {url}: {}", innermost(&error)))
                .advise("start one with `callboard serve`, or name another with --url or CALLBOARD_URL")
        })?;
        Ok(Self { transport: InterceptedService::new(channel, bearer) })
    }

    pub(crate) fn actors(&self) -> ActorsClient<Transport> {
        ActorsClient::new(self.transport.clone()).max_decoding_message_size(MESSAGE_LEN_MAX)
    }

    pub(crate) fn topics(&self) -> TopicsClient<Transport> {
        TopicsClient::new(self.transport.clone()).max_decoding_message_size(MESSAGE_LEN_MAX)
    }

    pub(crate) fn system(&self) -> SystemClient<Transport> {
        SystemClient::new(self.transport.clone()).max_decoding_message_size(MESSAGE_LEN_MAX)
    }
}

/// A request that is answered soon or not at all.
pub(crate) fn question<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER_TIMEOUT);
    request
}

/// The size of the next page when at most `left` more rows are wanted.
pub(crate) fn page_size(left: Option<usize>) -> u32 {
    left.and_then(|left| u32::try_from(left).ok()).map_or(PAGE_LEN, |left| left.min(PAGE_LEN))
}

// The outer layers only say that something failed.
fn innermost(error: &tonic::transport::Error) -> String {
    let mut source = error.source();
    let mut text = error.to_string();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}
