//! The one place where the messages of the protobuf API become domain values, and back.
//!
//! What comes from outside is checked here, against the limits of [`callboard_core::limits`]; what leaves is only renamed.

pub mod actors;
pub mod error;
pub mod payload;
pub mod system;
pub mod time;
pub mod topics;

use std::collections::BTreeMap;

use callboard_core::{ActorId, Code, Error, Headers, MessageId, Name, Position, limits};

use super::v1;

impl From<Position> for v1::Position {
    fn from(position: Position) -> Self {
        Self { epoch: position.epoch.0, seq: position.seq.0 }
    }
}

impl From<v1::Position> for Position {
    fn from(wire: v1::Position) -> Self {
        Self::new(wire.epoch, wire.seq)
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidPayload, message)
}

/// An actor by its text form, or by its parent and its name.
///
/// # Errors
/// `InvalidPayload` when it is not an actor's name.
pub fn actor_id(actor: &str, parent: &str) -> Result<ActorId, Error> {
    if parent.is_empty() { Ok(ActorId::parse(actor)?) } else { Ok(ActorId::instance(parent, actor)?) }
}

/// The id of a publication, an effect or a dead letter.
///
/// # Errors
/// `InvalidPayload` when it is not a UUID.
pub fn message_id(text: &str) -> Result<MessageId, Error> {
    // Longer than any form of a UUID: not worth a look.
    let parsed = if text.len() > 64 { None } else { MessageId::parse(text) };
    parsed.ok_or_else(|| invalid("the id is not a UUID; write it as it was listed"))
}

/// What travels with a message, its names lower-cased.
///
/// # Errors
/// `TooLarge` over the limits; `InvalidPayload` for an empty name.
pub fn headers(wire: BTreeMap<String, String>) -> Result<Headers, Error> {
    if wire.is_empty() {
        return Ok(Headers::new());
    }
    if wire.len() > limits::HEADERS_LEN_MAX {
        let text = format!("{} headers are too many; the most is {}", wire.len(), limits::HEADERS_LEN_MAX);
        return Err(Error::new(Code::TooLarge, text));
    }
    let checked = wire.into_iter().map(|(mut name, value)| {
        let bytes = name.len() + value.len();
        if name.is_empty() {
            return Err(invalid("a header has no name"));
        }
        if bytes > limits::HEADER_BYTES_MAX {
            let most = limits::HEADER_BYTES_MAX;
            return Err(Error::new(
                Code::TooLarge,
                format!("a header of {bytes} bytes is too large; the most is {most}"),
            ));
        }
        name.make_ascii_lowercase();
        Ok((Name::from(name), Name::from(value)))
    });
    checked.collect()
}

fn headers_to_wire(headers: &Headers) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// How many rows a page has: 100 when the client does not say, never more than the limit.
#[must_use]
pub fn page_len(wanted: u32) -> usize {
    const DEFAULT: usize = 100;
    match usize::try_from(wanted) {
        Ok(0) => DEFAULT,
        Ok(wanted) => wanted.min(limits::PAGE_LEN_MAX),
        Err(_) => limits::PAGE_LEN_MAX,
    }
}

#[cfg(test)]
mod tests;
