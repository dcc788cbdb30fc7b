//! `callboard-v1-json`: JSON over a WebSocket, for clients that speak none of the other protocols.
//!
//! Every message is an object with a `type`. What clients write and read is described, on one page, in `docs/websocket.md`;
//! [`PlainSession`] is the server's side of one socket.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::{Publication, Timestamp};

use crate::session::{Delivery, Encoded, envelope};
use crate::trail::Stamp;

mod inbound;
mod message;
mod request;
mod session;
mod subscription;

pub use session::PlainSession;

/// The protocol's name, as clients offer it.
pub const PROTOCOL: &str = "callboard-v1-json";

/// What a session is told about itself, for the welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainConfig {
    /// The system's name.
    pub system: Arc<str>,
    /// Who the client is.
    pub subject: Option<Arc<str>>,
    /// When its credentials end, and with them the connection.
    pub expires: Option<Timestamp>,
    /// Bytes of one of its messages.
    pub message_len: usize,
    /// Messages that it may send per second,
    pub messages_per_second: u32,
    /// and how many at once.
    pub messages_burst: u32,
    /// A client of which nothing is heard for so long is given up.
    pub silence_max: Duration,
    /// How long it is to wait before it comes back, when it is sent away.
    pub comeback: Duration,
}

/// How a publication goes to a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlainWrap {
    /// The subscription, as the client named it.
    pub sub: Arc<str>,
    /// Where the client stands behind it; `None` when that cannot be told.
    pub cursor: Option<Stamp>,
    /// See [`envelope`].
    pub delivery: Delivery,
}

impl PlainWrap {
    /// The message for a publication whose payload is `json`.
    #[must_use]
    pub fn encode(&self, publication: &Publication, json: &str) -> Encoded {
        let mut out = String::with_capacity(json.len() + 224);
        out.push_str("{\"type\":\"publication\",\"sub\":");
        envelope::string(&mut out, &self.sub);
        if let Some(cursor) = &self.cursor {
            out.push_str(",\"cursor\":");
            envelope::string(&mut out, &cursor.text(publication));
        }
        out.push_str(",\"publication\":");
        envelope::write(&mut out, publication, json, self.delivery);
        out.push('}');
        Encoded::Text(out)
    }
}
