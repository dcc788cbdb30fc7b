//! The routes: from an upgrade request to a session of the protocol that the client speaks.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use callboard_core::Principal;
use callboard_wire::actioncable::Protocol;
use callboard_wire::plain;
use callboard_wire::session::{End, Opened, Session};
use http::{HeaderValue, Method, StatusCode, header, request};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Afterwards, WebSocket};
use crate::auth::AuthError;
use crate::auth::credentials::Credentials;
use crate::connection::Peer;
use crate::live::admission::{Admitted, Crowded};
use crate::live::{Connection, Live};

/// The routes of every WebSocket protocol.
pub(crate) fn routes(live: &Arc<Live>) -> Router {
    let door = |live: &Arc<Live>, door: Door| {
        let live = Arc::clone(live);
        any(move |request: Request| {
            let live = Arc::clone(&live);
            async move { open(&live, door, request) }
        })
    };
    Router::new()
        .route("/cable", door(live, Door::Cable))
        .route("/socket/websocket", door(live, Door::Phoenix))
        .route("/v1/ws", door(live, Door::Plain))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Cable,
    Phoenix,
    Plain,
}

/// A protocol that was agreed on.
struct Spoken {
    session: Box<dyn Session>,
    /// What the answer names.
    subprotocol: Option<HeaderValue>,
}

const CABLE: &str = "actioncable-v1-json";
const CABLE_EXT: &str = "actioncable-v1-ext-json";
// The stock client of Rails understands this as "never come back".
const CABLE_UNSUPPORTED: &str = "actioncable-unsupported";

fn open(live: &Arc<Live>, door: Door, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let Some(key) = handshake(&parts) else {
        return refuse(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket; connect with a WebSocket client");
    };
    let auth = live.authenticator();
    if auth.origins().check(&parts.headers, &parts.uri).is_err() {
        // As Rails and Phoenix do.
        let status = if door == Door::Cable { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
        return refuse(status, "connections from this origin are not allowed; see the setting of allowed origins");
    }
    let credentials = Credentials::of(&parts.headers, &parts.uri);
    let principal = auth.authenticate(credentials.token.as_deref(), live.doors.clock.now());
    let end = principal.as_ref().err().map(AuthError::end);
    let principal = principal.unwrap_or_else(|_| Arc::new(Principal::anonymous(callboard_core::Grants::default())));
    let Some(spoken) = speak(live, door, &parts, &credentials, &principal) else {
        return refuse(StatusCode::BAD_REQUEST, "none of the offered subprotocols or versions is spoken here");
    };
    // Phoenix clients are refused before the upgrade, as Phoenix does.
    if end.is_some() && door == Door::Phoenix {
        return refuse(StatusCode::FORBIDDEN, "");
    }
    let address = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let admitted = match live.admission.admit(address, &principal) {
        Ok(admitted) => admitted,
        Err(Crowded::Rate) => return later(StatusCode::SERVICE_UNAVAILABLE, "too many connections come at once"),
        Err(Crowded::Address) => return later(StatusCode::TOO_MANY_REQUESTS, "this address has too many connections"),
        Err(Crowded::Subject) => return later(StatusCode::TOO_MANY_REQUESTS, "this user has too many connections"),
    };
    let (Some(upgrade), Some(afterwards)) =
        (parts.extensions.remove::<OnUpgrade>(), parts.extensions.remove::<Afterwards>())
    else {
        return refuse(StatusCode::BAD_REQUEST, "WebSockets need HTTP/1.1");
    };
    let Spoken { session, subprotocol } = spoken;
    let opened = live.opened(parts.uri.query().unwrap_or_default(), &principal);
    let client = Client { live: Arc::clone(live), session, principal, opened, end, _admitted: admitted };
    afterwards.set(Box::pin(client.serve(upgrade)));
    switch(&key, subprotocol)
}

/// A client whose upgrade is being answered.
struct Client {
    live: Arc<Live>,
    session: Box<dyn Session>,
    principal: Arc<Principal>,
    opened: Opened,
    end: Option<End>,
    _admitted: Admitted,
}

impl Client {
    async fn serve(self, upgrade: OnUpgrade) {
        let Self { live, session, principal, opened, end, _admitted } = self;
        let Some(socket) = WebSocket::upgraded(upgrade, &live.config.clients).await else { return };
        let connection = Connection::new(&live, socket, session, principal);
        match end {
            Some(end) => connection.refuse(end).await,
            None => connection.run(opened).await,
        }
    }
}

/// The key of a WebSocket handshake, if the request is one.
fn handshake(parts: &request::Parts) -> Option<HeaderValue> {
    let has = |name, token: &str| {
        let values = parts.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
    };
    let version = parts.headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|value| value == "13");
    let asked = has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket");
    (parts.method == Method::GET && version && asked)
        .then(|| parts.headers.get(header::SEC_WEBSOCKET_KEY).cloned())
        .flatten()
}

/// The session that the client's offer asks for.
fn speak(
    live: &Live,
    door: Door,
    parts: &request::Parts,
    credentials: &Credentials,
    principal: &Principal,
) -> Option<Spoken> {
    let query = parts.uri.query().unwrap_or_default();
    let names: &[&'static str] = match door {
        // What this side likes better stands in front only where a client offers both in an order of its own.
        Door::Cable => &[CABLE_EXT, CABLE, CABLE_UNSUPPORTED],
        Door::Phoenix => &["phoenix"],
        Door::Plain => &[plain::PROTOCOL],
    };
    let agreed = credentials.subprotocol(names);
    if agreed.is_none() && credentials.offers_subprotocols() {
        return None;
    }
    let session = match door {
        Door::Phoenix => live.phoenix(query, true)?,
        Door::Cable => {
            live.cable(if agreed == Some(Protocol::Extended.name()) { Protocol::Extended } else { Protocol::V1 })
        }
        Door::Plain => live.plain(principal),
    };
    Some(Spoken { session, subprotocol: agreed.map(HeaderValue::from_static) })
}

fn switch(key: &HeaderValue, subprotocol: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(subprotocol) = subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

fn refuse(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn later(status: StatusCode, text: &'static str) -> Response {
    let mut response = refuse(status, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
