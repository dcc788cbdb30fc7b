//! Long-poll: how Phoenix clients speak where no WebSocket gets through, on `/socket/longpoll`.
//!
//! * `GET` without a session's token begins a session: `{"status":410,"token":"..."}`. With it, it waits for messages: 200 with them, or
//!   204 when none came within the window. `POST` brings messages, one per line. The HTTP status is always 200; the one that counts is
//!   in the body.
//! * A session's token is a secret: whoever has it speaks for the client. It has 128 random bits and is never shown.
//! * A client that does not ask again within one and a half windows is gone; what waits for it goes with it, and it comes back with its
//!   position.
//!
//! A session is served by a task of its own, as a socket is; here the gateway owns the tasks.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::auth::credentials::Credentials;
use crate::connection::Peer;
use crate::live::{Connection, Live};

mod line;

use line::{Heard, Line, PollTransport, Undelivered};

/// How the tokens of sessions begin, so that they are told from tokens that say who somebody is.
const TOKEN_PREFIX: &str = "lp_";
/// Where clients from 1.9 on give a session's token.
const TOKEN_HEADER: &str = "x-phoenix-longpoll-token";
/// Bytes of one request's messages together.
const BODY_LEN_MAX: usize = 1024 * 1024;

/// The route.
pub(crate) fn routes(live: &Arc<Live>) -> Router {
    let polls = Arc::new(LongPolls { live: Arc::clone(live), lines: Mutex::default(), tasks: Mutex::default() });
    let handler = move |request: Request| {
        let polls = Arc::clone(&polls);
        async move { polls.answer(request).await }
    };
    Router::new().route("/socket/longpoll", any(handler))
}

/// Every session.
struct LongPolls {
    live: Arc<Live>,
    lines: Mutex<HashMap<Arc<str>, Arc<Line>>>,
    // They end with the gateway.
    tasks: Mutex<JoinSet<()>>,
}

impl fmt::Debug for LongPolls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LongPolls").finish_non_exhaustive()
    }
}

impl LongPolls {
    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let origins = self.live.authenticator().origins();
        let Ok(origin) = origins.check(&parts.headers, &parts.uri).map(|origin| origin.cloned()) else {
            return bare(StatusCode::FORBIDDEN);
        };
        let line = session_token(&parts).and_then(|token| self.lines().get(token).cloned().map(|line| (token, line)));
        let mut response = match (&parts.method, line) {
            (&Method::GET, Some((token, line))) => listen(token, &line).await,
            (&Method::GET, None) => self.open(&parts),
            (&Method::POST, Some((_, line))) => self.publish(&parts.headers, body, &line).await,
            (&Method::POST, None) => status(410),
            (&Method::OPTIONS, _) => preflight(&parts.headers),
            _ => return bare(StatusCode::BAD_REQUEST),
        };
        // The origin was looked at, and nothing depends on what a browser adds by itself.
        let origin = origin.unwrap_or(HeaderValue::from_static("*"));
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("origin"));
        response
    }

    /// Begins a session.
    fn open(self: Arc<Self>, parts: &request::Parts) -> Response {
        let live = &self.live;
        let uri = without_session_tokens(&parts.uri);
        let query = uri.query().unwrap_or_default();
        let Some(session) = live.phoenix(query, false) else { return status(403) };
        let credentials = Credentials::of(&parts.headers, &uri);
        let principal = live.authenticator().authenticate(credentials.token.as_deref(), live.doors.clock.now());
        let Ok(principal) = principal else { return status(403) };
        let address = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let full = self.lines().len() >= live.config.connections_max;
        let admitted = match live.admission.admit(address, &principal) {
            Ok(admitted) if !full => admitted,
            // The client tries again by itself, as after a defect.
            Ok(_) | Err(_) => return status(500),
        };
        let opened = live.opened(query, &principal);
        if opened.sid.is_empty() {
            return status(500);
        }
        let token: Arc<str> = format!("{TOKEN_PREFIX}{}", opened.sid).into();
        let (line, messages) = Line::new(Arc::clone(&live.doors.clock), live.config.clients.poll_window);
        self.lines().insert(Arc::clone(&token), Arc::clone(&line));
        let transport = PollTransport::new(line, messages, Arc::clone(&token), Arc::downgrade(&self));
        let connection = Connection::new(live, transport, session, principal);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a connection ended by a panic");
            }
        }
        tasks.spawn(async move {
            let _admitted = admitted;
            Box::pin(connection.run(opened)).await;
        });
        drop(tasks);
        body(&json!({ "status": 410, "token": &*token, "messages": [] }))
    }

    /// Takes messages.
    async fn publish(&self, headers: &HeaderMap, body: Body, line: &Line) -> Response {
        let config = &self.live.config;
        let read = tokio::time::timeout(config.body_read_timeout, to_bytes(body, BODY_LEN_MAX));
        let bytes = match read.await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => return status(413),
            Err(_) => return status(408),
        };
        let Ok(text) = std::str::from_utf8(&bytes) else { return status(400) };
        let by_line =
            headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-ndjson"));
        let messages = if by_line { text.split('\n').collect() } else { vec![text] };
        for message in messages.into_iter().map(str::trim).filter(|message| !message.is_empty()) {
            let message = match message.as_bytes() {
                [b'[' | b'{', ..] => Message::Text(Utf8Bytes::from(message)),
                base64 => match STANDARD.decode(base64) {
                    Ok(bytes) => Message::Binary(bytes.into()),
                    Err(_) => return status(400),
                },
            };
            if message.len() > config.clients.message_len_max {
                return status(413);
            }
            match line.publish(message).await {
                Ok(()) => {}
                Err(Undelivered::Gone) => return status(410),
                Err(Undelivered::Busy) => return status(408),
            }
        }
        status(200)
    }

    fn forget(&self, token: &str) {
        self.lines().remove(token);
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Line>>> {
        // Each change is one insertion or removal; a panic elsewhere cannot leave half of it.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for messages.
async fn listen(token: &str, line: &Line) -> Response {
    match line.listen().await {
        Heard::Messages(messages) => {
            let messages: Vec<&str> = messages.iter().map(Utf8Bytes::as_str).collect();
            body(&json!({ "status": 200, "token": token, "messages": messages }))
        }
        Heard::Nothing => body(&json!({ "status": 204, "token": token, "messages": [] })),
        // Whoever may not come back is refused; everybody else begins anew.
        Heard::Closed(1000 | 1008) => status(403),
        Heard::Closed(_) => status(410),
    }
}

/// The session that a request belongs to: the header's, or the last in the query, behind which the client appends its own.
fn session_token(parts: &request::Parts) -> Option<&str> {
    let in_header = parts.headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok());
    let in_query = || parts.uri.query()?.split('&').rev().find_map(|pair| pair.strip_prefix("token="));
    in_header.or_else(in_query).filter(|token| token.starts_with(TOKEN_PREFIX))
}

/// The same address without sessions that are gone: they say nothing of who asks.
fn without_session_tokens(uri: &Uri) -> Uri {
    let Some(query) = uri.query() else { return uri.clone() };
    let session = |pair: &&str| !pair.strip_prefix("token=").is_some_and(|token| token.starts_with(TOKEN_PREFIX));
    let kept: Vec<&str> = query.split('&').filter(session).collect();
    // What was an address before is one with less in it.
    format!("{}?{}", uri.path(), kept.join("&")).parse().unwrap_or_else(|_| uri.clone())
}

/// A status in the body.
fn status(status: u16) -> Response {
    body(&json!({ "status": status }))
}

fn body(document: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(document.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The browser asks whether a page may ask.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = bare(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

fn bare(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, header: Option<&str>) -> request::Parts {
        let mut request = http::Request::builder().uri(uri);
        if let Some(token) = header {
            request = request.header(TOKEN_HEADER, token);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_session_is_known_by_its_own_token_and_not_by_who_the_client_is() {
        let of = |uri: &str, header| session_token(&parts(uri, header)).map(str::to_owned);
        assert_eq!(of("/socket/longpoll?vsn=2.0.0&", None), None);
        assert_eq!(of("/socket/longpoll?token=eyJ.a.b&vsn=2.0.0", None), None);
        assert_eq!(of("/socket/longpoll?token=eyJ.a.b&vsn=2.0.0&token=lp_7", None), Some("lp_7".to_owned()));
        assert_eq!(of("/socket/longpoll?token=eyJ.a.b", Some("lp_8")), Some("lp_8".to_owned()));
        let uri = "/socket/longpoll?token=eyJ.a.b&vsn=2.0.0&token=lp_7".parse().unwrap();
        assert_eq!(without_session_tokens(&uri), "/socket/longpoll?token=eyJ.a.b&vsn=2.0.0");
    }
}
