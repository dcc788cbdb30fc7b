//! JSON over a WebSocket, for clients that speak none of the other protocols.

use std::sync::Arc;

use callboard_core::Publication;

use crate::session::{Delivery, Encoded, envelope};

/// How a publication goes to a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlainWrap {
    /// The subscription, as the client named it.
    pub sub: Arc<str>,
    /// See [`envelope`].
    pub delivery: Delivery,
}

impl PlainWrap {
    /// The message for a publication whose payload is `json`.
    #[must_use]
    pub fn encode(&self, publication: &Publication, json: &str) -> Encoded {
        let mut out = String::with_capacity(json.len() + 192);
        out.push_str("{\"event\":\"publication\",\"sub\":");
        envelope::string(&mut out, &self.sub);
        out.push_str(",\"publication\":");
        envelope::write(&mut out, publication, json, self.delivery);
        out.push('}');
        Encoded::Text(out)
    }
}
