//! Phoenix Channels: serializers V1 and V2.

use std::sync::Arc;

use callboard_core::Publication;

use crate::session::{Delivery, Encoded, envelope};

/// How a publication goes to a Phoenix client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PhoenixWrap {
    /// The version of the serializer: 1 or 2.
    pub version: u8,
    /// Set when it is a push to one join and not a broadcast to all of the topic.
    pub join_ref: Option<Arc<str>>,
    /// The client's topic.
    pub topic: Arc<str>,
    /// The event's name.
    pub event: Arc<str>,
    /// Whether the data has its envelope.
    pub envelope: Option<Delivery>,
}

impl PhoenixWrap {
    /// The message for a publication whose payload is `json`.
    #[must_use]
    pub fn encode(&self, publication: &Publication, json: &str) -> Encoded {
        let mut out = String::with_capacity(self.topic.len() + json.len() + 128);
        let v1 = self.version == 1;
        if v1 {
            out.push_str("{\"topic\":");
        } else {
            out.push('[');
            match &self.join_ref {
                Some(join_ref) => envelope::string(&mut out, join_ref),
                None => out.push_str("null"),
            }
            out.push_str(",null,");
        }
        envelope::string(&mut out, &self.topic);
        out.push_str(if v1 { ",\"event\":" } else { "," });
        envelope::string(&mut out, &self.event);
        out.push_str(if v1 { ",\"payload\":" } else { "," });
        match self.envelope {
            Some(delivery) => envelope::write(&mut out, publication, json, delivery),
            // A payload that is not an object breaks clients.
            None if json.starts_with('{') => out.push_str(json),
            None => {
                out.push_str("{\"value\":");
                out.push_str(json);
                out.push('}');
            }
        }
        out.push_str(if v1 { ",\"ref\":null}" } else { "]" });
        Encoded::Text(out)
    }
}
