//! Phoenix Channels: serializers V1 and V2.
//!
//! [`PhoenixSession`] is the server's side of one socket; [`Version::negotiate`] reads `vsn`, with which a socket begins. What clients see
//! is described in `docs/phoenix.md`.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::{Code, Encoding, Error, Name, Publication};

use crate::session::{Delivery, Encoded, envelope};

mod channel;
mod inbound;
mod join;
mod message;
mod presence;
mod push;
mod reference;
mod session;

pub use reference::Reference;
pub use session::PhoenixSession;

use message::Message;

/// Channels of one socket. More are refused with "too many channels joined".
pub const CHANNELS_MAX: usize = 100;

/// Bytes of a topic, an event or a reference: each has one byte for its length in a binary frame.
pub const FIELD_LEN_MAX: usize = 255;

/// Which serializer a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Objects of four members; no references to a join, no binary frames.
    V1,
    /// Arrays of five elements, and binary frames.
    V2,
}

impl Version {
    /// Reads `vsn`; a client that gives none speaks V1. Semantic versions `~> 1.0.0` and `~> 2.0.0` are understood.
    ///
    /// # Errors
    /// `InvalidPayload` when it is no version, or of another serializer.
    pub fn negotiate(vsn: Option<&str>) -> Result<Self, Error> {
        let text = vsn.unwrap_or("1.0.0");
        match serializer(text) {
            Some((1, 0)) => Ok(Self::V1),
            Some((2, 0)) => Ok(Self::V2),
            _ => {
                let shown: String = text.chars().take(64).collect();
                let text = format!("vsn {shown:?} is not understood; use 1.0.0 or 2.0.0");
                Err(Error::new(Code::InvalidPayload, text))
            }
        }
    }
}

/// Major and minor of a semantic version that does not stand before its own release.
fn serializer(text: &str) -> Option<(u64, u64)> {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
    let labels = [build, pre];
    let named =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !labels.into_iter().flatten().flat_map(|labels| labels.split('.')).all(named) {
        return None;
    }
    let number = |text: &str| -> Option<u64> {
        let canonical = text == "0" || !text.starts_with('0');
        (canonical && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let mut numbers = numbers.split('.');
    let (major, minor, patch) = (number(numbers.next()?)?, number(numbers.next()?)?, number(numbers.next()?)?);
    let released = pre.is_none() || patch > 0;
    (numbers.next().is_none() && released).then_some((major, minor))
}

/// What is set of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoenixConfig {
    /// A socket over which nothing came for so long is closed; clients send a heartbeat every 30 s.
    pub idle_timeout: Duration,
    /// Whether the transport carries binary frames to the client; with V1 there are none anyway. Without them bytes go as base64.
    pub binary: bool,
}

impl Default for PhoenixConfig {
    fn default() -> Self {
        Self { idle_timeout: Duration::from_secs(60), binary: true }
    }
}

/// The event under which publications arrive that have their envelope.
pub(crate) const ENVELOPED: Name = Name::from_static("event");
/// The event under which publications arrive as they are.
pub(crate) const BARE: Name = Name::from_static("message");

/// How a publication goes to a Phoenix client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PhoenixWrap {
    /// The serializer.
    pub version: Version,
    /// See [`PhoenixConfig::binary`].
    pub binary: bool,
    /// Set when it is a push to one join and not a broadcast to all of the topic.
    pub join_ref: Option<Reference>,
    /// The client's topic.
    pub topic: Arc<str>,
    /// The event's name.
    pub event: Name,
    /// Whether the data has its envelope.
    pub envelope: Option<Delivery>,
}

impl PhoenixWrap {
    /// The message for a publication whose payload is `json`. Opaque bytes without an envelope become a binary frame where the client
    /// understands one.
    #[must_use]
    pub fn encode(&self, publication: &Publication, json: &str) -> Encoded {
        let message = Message {
            version: self.version,
            binary: self.binary,
            join_ref: self.join_ref.as_ref(),
            reference: None,
            topic: &self.topic,
        };
        let payload = &publication.payload;
        if self.envelope.is_none()
            && payload.encoding() == Encoding::Bytes
            && let Some(frame) = message.binary(&self.event, payload.bytes())
        {
            return Encoded::Binary(frame);
        }
        Encoded::Text(message.text(&self.event, json.len() + 128, |out| match self.envelope {
            Some(delivery) => envelope::write(out, publication, json, delivery),
            None => message::write_object(out, json),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_serializer_is_chosen_as_elixir_chooses_it() {
        for (vsn, version) in [
            (None, Version::V1),
            (Some("1.0.0"), Version::V1),
            (Some("1.0.7"), Version::V1),
            (Some("2.0.0"), Version::V2),
            (Some("2.0.12+build.7"), Version::V2),
            (Some("2.0.1-rc.1"), Version::V2),
        ] {
            assert_eq!(Version::negotiate(vsn).ok(), Some(version), "{vsn:?}");
        }
        for vsn in [
            "",
            "1",
            "2.0",
            "2.0.0.0",
            "2.0.0-rc.1",
            "2.1.0",
            "3.0.0",
            "0.0.1",
            "02.0.0",
            "2.00.0",
            "+2.0.0",
            "2.0.x",
            "2.0.0-",
            "2.0.1-a..b",
            "2.0.0+",
            "v2.0.0",
            " 2.0.0",
            "99999999999999999999.0.0",
        ] {
            assert_eq!(Version::negotiate(Some(vsn)).unwrap_err().code(), Code::InvalidPayload, "{vsn:?}");
        }
    }
}
