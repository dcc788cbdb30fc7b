//! ActionCable (`actioncable-v1-json`) and AnyCable's extension of it (`actioncable-v1-ext-json`).

use std::sync::Arc;
use std::time::Duration;

use callboard_core::Publication;

mod command;
mod performed;
mod session;

pub use session::CableSession;

use crate::session::{Delivery, Encoded, envelope};

/// Which of the two is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `actioncable-v1-json`: without positions. A client that may have missed something is told to look again.
    V1,
    /// `actioncable-v1-ext-json`: history, positions, restored sessions, whispers, presence.
    Extended,
}

impl Protocol {
    /// The subprotocol's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "actioncable-v1-json",
            Self::Extended => "actioncable-v1-ext-json",
        }
    }
}

/// When a client is told that the server is there; clients that hear nothing for 6 s come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CableConfig {
    /// Between two pings.
    pub ping_interval: Duration,
    /// Until the first, so that clients that came together are not told together.
    pub first_ping: Duration,
}

impl Default for CableConfig {
    fn default() -> Self {
        Self { ping_interval: Duration::from_secs(3), first_ping: Duration::from_secs(3) }
    }
}

/// How a publication goes to an ActionCable client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CableWrap {
    /// The subscription's identifier as a JSON string, exactly as the client wrote it.
    pub identifier: Arc<str>,
    /// Whether `stream_id`, `epoch` and `offset` are added.
    pub positions: bool,
    /// Whether the data has its envelope.
    pub envelope: Option<Delivery>,
}

impl CableWrap {
    /// The message for a publication whose payload is `json`.
    #[must_use]
    pub fn encode(&self, publication: &Publication, json: &str) -> Encoded {
        use std::fmt::Write as _;
        let mut out = String::with_capacity(self.identifier.len() + json.len() + 128);
        out.push_str("{\"identifier\":");
        out.push_str(&self.identifier);
        out.push_str(",\"message\":");
        match self.envelope {
            Some(delivery) => envelope::write(&mut out, publication, json, delivery),
            None => out.push_str(json),
        }
        // Ephemeral topics have no past to go back to.
        if self.positions && publication.mark != callboard_core::Mark::ZERO {
            out.push_str(",\"stream_id\":");
            envelope::string(&mut out, publication.topic.as_str());
            let position = publication.position;
            // Writing to a string does not fail.
            let _ = write!(out, ",\"epoch\":\"{}\",\"offset\":{}", position.epoch.0, position.seq.0);
        }
        out.push('}');
        Encoded::Text(out)
    }
}
