//! What goes to the client.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callboard_core::{Error, Position};

use super::request::Id;
use crate::session::{Data, Member, envelope};
use crate::status::retry_pause;
use crate::trail::Missed;

/// A message that is being written: an object that begins with its type.
pub(super) struct Message(String);

impl Message {
    pub(super) fn new(kind: &str) -> Self {
        Self(format!("{{\"type\":\"{kind}\""))
    }

    fn name(&mut self, name: &str) {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    /// A member whose value is JSON already.
    pub(super) fn json(mut self, name: &str, json: &str) -> Self {
        self.name(name);
        self.0.push_str(json);
        self
    }

    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        envelope::string(&mut self.0, text);
        self
    }

    pub(super) fn maybe(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub(super) fn flag(self, name: &str, is_set: bool) -> Self {
        self.json(name, if is_set { "true" } else { "false" })
    }

    pub(super) fn number(mut self, name: &str, number: u64) -> Self {
        self.name(name);
        // Writing to a string does not fail.
        let _ = write!(self.0, "{number}");
        self
    }

    pub(super) fn id(self, id: Option<&Id>) -> Self {
        match id {
            Some(id) => self.json("id", id.as_json()),
            None => self,
        }
    }

    pub(super) fn position(self, name: &str, position: Option<Position>) -> Self {
        match position {
            Some(position) => self.json(name, &place(position)),
            None => self.json(name, "null"),
        }
    }

    pub(super) fn error(self, error: &Error) -> Self {
        self.json("error", &failure(error))
    }

    /// The answer to a question.
    pub(super) fn result(self, data: &Data) -> Self {
        match data {
            Data::Json(json) => self.json("result", json),
            Data::Binary(bytes) => self.text("result_base64", &STANDARD.encode(bytes)),
        }
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// `{"epoch":"1","seq":42}`
pub(super) fn place(Position { epoch, seq }: Position) -> String {
    format!("{{\"epoch\":\"{}\",\"seq\":{}}}", epoch.0, seq.0)
}

/// `{"code":"Denied","message":"...","retry":"never"}`
fn failure(error: &Error) -> String {
    let mut out = format!("{{\"code\":\"{}\",\"message\":", error.code());
    envelope::string(&mut out, error.message());
    out.push_str(",\"retry\":\"");
    out.push_str(error.retry().as_str());
    out.push('"');
    if let Some(pause) = retry_pause(error.retry()) {
        // Writing to a string does not fail.
        let _ = write!(out, ",\"retry_after_ms\":{}", pause.as_millis());
    }
    out.push('}');
    out
}

/// Something that could not be done.
pub(super) fn error(id: Option<&Id>, sub: Option<&str>, error: &Error) -> String {
    Message::new("error").id(id).maybe("sub", sub).error(error).end()
}

/// Something is missing.
pub(super) fn gap(sub: &str, missed: &Missed) -> String {
    Message::new("gap")
        .text("sub", sub)
        .maybe("topic", missed.topic.as_ref().map(callboard_core::Topic::as_str))
        .position("after", missed.after)
        .position("next", missed.next)
        .text("reason", missed.reason())
        .text("message", &missed.to_string())
        .end()
}

/// `{"id":"ann","session":"7.1","info":{...},"since":"..."}`
pub(super) fn member(member: &Member) -> String {
    let mut out = String::from("{\"id\":");
    envelope::string(&mut out, &member.id);
    out.push_str(",\"session\":");
    envelope::string(&mut out, &member.session);
    // Writing to a string does not fail.
    let _ = write!(out, ",\"info\":{},\"since\":\"{}\"}}", member.info, member.since);
    out
}
