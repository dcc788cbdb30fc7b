//! What goes to the client.

use serde_json::{Map, Value};

use super::{FIELD_LEN_MAX, Reference, Version, reference};
use crate::session::{Data, Encoded, Outbox, envelope};

/// Where a message belongs. A reply has a `reference`; a broadcast has no `join_ref`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) version: Version,
    /// Whether binary frames arrive.
    pub(super) binary: bool,
    pub(super) join_ref: Option<&'a Reference>,
    pub(super) reference: Option<&'a Reference>,
    pub(super) topic: &'a str,
}

const PUSH: u8 = 0;
const REPLY: u8 = 1;
const BROADCAST: u8 = 2;

impl Message<'_> {
    /// A text frame whose payload `write` writes.
    pub(super) fn text(&self, event: &str, payload_len: usize, write: impl FnOnce(&mut String)) -> String {
        let mut out = String::with_capacity(self.topic.len() + event.len() + payload_len + 64);
        match self.version {
            Version::V1 => {
                out.push_str("{\"topic\":");
                envelope::string(&mut out, self.topic);
                out.push_str(",\"event\":");
                envelope::string(&mut out, event);
                out.push_str(",\"payload\":");
                write(&mut out);
                out.push_str(",\"ref\":");
                reference::write(&mut out, self.reference);
                out.push('}');
            }
            Version::V2 => {
                out.push('[');
                reference::write(&mut out, self.join_ref);
                out.push(',');
                reference::write(&mut out, self.reference);
                out.push(',');
                envelope::string(&mut out, self.topic);
                out.push(',');
                envelope::string(&mut out, event);
                out.push(',');
                write(&mut out);
                out.push(']');
            }
        }
        out
    }

    /// A text frame with a payload that is a JSON object.
    pub(super) fn with(&self, event: &str, payload: &str) -> String {
        self.text(event, payload.len(), |out| out.push_str(payload))
    }

    /// A binary push or broadcast; `None` for clients that don't understand one, and for names that don't fit into one.
    pub(super) fn binary(&self, event: &str, data: &[u8]) -> Option<Vec<u8>> {
        match self.join_ref {
            Some(join_ref) => self.frame(PUSH, &[join_ref.as_str(), self.topic, event], data),
            None => self.frame(BROADCAST, &[self.topic, event], data),
        }
    }

    /// A reply with data.
    pub(super) fn reply(&self, status: &str, response: &Data) -> Encoded {
        let text = |response: &str| {
            Encoded::Text(self.text("phx_reply", response.len() + 32, |out| {
                out.push_str("{\"status\":");
                envelope::string(out, status);
                out.push_str(",\"response\":");
                out.push_str(response);
                out.push('}');
            }))
        };
        match response {
            Data::Json(json) => text(json),
            Data::Binary(bytes) => {
                let field = |reference: Option<&'_ Reference>| reference.map_or("", Reference::as_str).to_owned();
                let (join_ref, reference) = (field(self.join_ref), field(self.reference));
                match self.frame(REPLY, &[&join_ref, &reference, self.topic, status], bytes) {
                    Some(frame) => Encoded::Binary(frame),
                    None => text(&base64(bytes)),
                }
            }
        }
    }

    fn frame(&self, kind: u8, fields: &[&str], data: &[u8]) -> Option<Vec<u8>> {
        let understood = self.binary && self.version == Version::V2;
        if !understood || fields.iter().any(|field| field.len() > FIELD_LEN_MAX) {
            return None;
        }
        let mut out = Vec::with_capacity(1 + fields.iter().map(|field| field.len() + 1).sum::<usize>() + data.len());
        out.push(kind);
        for field in fields {
            out.push(u8::try_from(field.len()).ok()?);
        }
        for field in fields {
            out.extend_from_slice(field.as_bytes());
        }
        out.extend_from_slice(data);
        Some(out)
    }
}

/// Bytes for clients that take none: `{"value":"<base64>"}`.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    Value::Object(Map::from_iter([("value".to_owned(), Value::from(text))])).to_string()
}

/// Writes a JSON text as an object: a payload that is none breaks clients, so it becomes `{"value": ...}`.
pub(super) fn write_object(out: &mut String, json: &str) {
    if json.starts_with('{') {
        out.push_str(json);
        return;
    }
    out.push_str("{\"value\":");
    out.push_str(json);
    out.push('}');
}

/// Sends what was encoded.
pub(super) fn post(out: &mut Outbox, encoded: Encoded) {
    match encoded {
        Encoded::Text(text) => out.send(text),
        Encoded::Binary(bytes) => out.send_binary(bytes),
    }
}
