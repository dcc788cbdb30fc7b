//! What a client sends: text frames of both serializers, and binary pushes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::reference::{Reference, Written};
use super::{FIELD_LEN_MAX, Version};
use crate::descriptors::JSON_DEPTH_MAX;
use crate::json::depth_within;
use crate::session::Frame;

/// A message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inbound<'a> {
    pub(super) join_ref: Option<Reference>,
    pub(super) reference: Option<Reference>,
    pub(super) topic: String,
    pub(super) event: String,
    pub(super) payload: Payload<'a>,
}

/// A message's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// Was checked to be JSON.
    Json(&'a str),
    Binary(&'a [u8]),
}

/// Why a frame is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

const NOT_V1: Malformed = Malformed("not an object of topic, event, payload and ref");
const NOT_V2: Malformed = Malformed("not an array of join_ref, ref, topic, event and payload");
const NOT_BINARY: Malformed = Malformed("not a binary push");

impl<'a> Inbound<'a> {
    pub(super) fn read(version: Version, frame: Frame<'a>) -> Result<Self, Malformed> {
        let inbound = match (version, frame) {
            // One level is the frame's own.
            (_, Frame::Text(text)) if !depth_within(text.as_bytes(), JSON_DEPTH_MAX + 1) => {
                return Err(Malformed("nested too deeply"));
            }
            (Version::V1, Frame::Text(text)) => {
                serde_json::from_str::<V1<'_>>(text).map_err(|_| NOT_V1).map(V1::into_inbound)?
            }
            (Version::V2, Frame::Text(text)) => {
                serde_json::from_str::<V2<'_>>(text).map_err(|_| NOT_V2).map(|V2(inbound)| inbound)?
            }
            (Version::V1, Frame::Binary(_)) => return Err(Malformed("vsn 1.0.0 has no binary frames")),
            (Version::V2, Frame::Binary(bytes)) => binary(bytes).ok_or(NOT_BINARY)?,
        };
        if inbound.topic.len() > FIELD_LEN_MAX || inbound.event.len() > FIELD_LEN_MAX {
            return Err(Malformed("a topic or an event has more than 255 bytes"));
        }
        Ok(inbound)
    }
}

#[derive(Deserialize)]
struct V1<'a> {
    topic: String,
    event: String,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(default, rename = "ref")]
    reference: Written,
    #[serde(default)]
    join_ref: Written,
}

impl<'a> V1<'a> {
    fn into_inbound(self) -> Inbound<'a> {
        let Self { topic, event, payload, reference: Written(reference), join_ref: Written(join_ref) } = self;
        // There the join is known by the message that asked for it.
        let join_ref = join_ref.or_else(|| (event == "phx_join").then(|| reference.clone())?);
        Inbound { join_ref, reference, topic, event, payload: Payload::Json(payload.get()) }
    }
}

struct V2<'a>(Inbound<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for V2<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(V2Visitor)
    }
}

struct V2Visitor;

impl<'de> Visitor<'de> for V2Visitor {
    type Value = V2<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NOT_V2.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<V2<'de>, A::Error> {
        let missing = || A::Error::custom(NOT_V2.0);
        let Written(join_ref) = elements.next_element()?.ok_or_else(missing)?;
        let Written(reference) = elements.next_element()?.ok_or_else(missing)?;
        let topic = elements.next_element()?.ok_or_else(missing)?;
        let event = elements.next_element()?.ok_or_else(missing)?;
        let payload: &RawValue = elements.next_element()?.ok_or_else(missing)?;
        // What later versions append is not for us.
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(V2(Inbound { join_ref, reference, topic, event, payload: Payload::Json(payload.get()) }))
    }
}

/// `00 | len(join_ref) len(ref) len(topic) len(event) | join_ref ref topic event | data`
fn binary(bytes: &[u8]) -> Option<Inbound<'_>> {
    let (&[kind, join_ref, reference, topic, event], mut rest) = bytes.split_first_chunk()?;
    let mut field = |len: u8| -> Option<&str> {
        let (field, behind) = rest.split_at_checked(usize::from(len))?;
        rest = behind;
        std::str::from_utf8(field).ok()
    };
    let (join_ref, reference) = (field(join_ref)?, field(reference)?);
    let (topic, event) = (field(topic)?.to_owned(), field(event)?.to_owned());
    (kind == 0).then(|| Inbound {
        join_ref: Reference::text(join_ref),
        reference: Reference::text(reference),
        topic,
        event,
        payload: Payload::Binary(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_frame_is_refused_whatever_it_is() {
        let deep = format!("[null,null,\"t\",\"e\",{}{}]", "[".repeat(5000), "]".repeat(5000));
        let long = format!("[null,null,\"{}\",\"e\",{{}}]", "t".repeat(256));
        let long_ref = format!("[null,\"{}\",\"t\",\"e\",{{}}]", "1".repeat(256));
        for text in [
            "",
            "{}",
            "[]",
            "null",
            "[null,null,\"t\",\"e\"]",
            "[1.5,null,\"t\",\"e\",{}]",
            "[null,null,null,\"e\",{}]",
            "[null,null,\"t\",\"e\",{}] x",
            "[null,null,\"t\",\"e\",{]",
            "[null,[],\"t\",\"e\",{}]",
            &deep,
            &long,
            &long_ref,
        ] {
            assert!(Inbound::read(Version::V2, Frame::Text(text)).is_err(), "{:.60}", text);
        }
        for text in ["[]", "{}", "{\"topic\":\"t\",\"event\":\"e\"}", "{\"topic\":1,\"event\":\"e\",\"payload\":{}}"] {
            assert!(Inbound::read(Version::V1, Frame::Text(text)).is_err(), "{text}");
        }
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\x01\x01\x01",
            b"\0\x01\x01\x01\x0212te",
            b"\x01\0\0\x01\x01te",
            b"\0\0\0\x01\x01\xffe",
        ] {
            assert_eq!(Inbound::read(Version::V2, Frame::Binary(bytes)), Err(NOT_BINARY), "{bytes:?}");
        }
        assert!(Inbound::read(Version::V1, Frame::Binary(b"\0\0\0\x01\x01te")).is_err());
    }

    #[test]
    fn no_bytes_make_a_reader_panic() {
        let seeds: [&[u8]; 3] = [
            b"[\"1\",\"4\",\"campaign:7\",\"speak\",{\"text\":\"hi\\u00e4\"}]",
            b"{\"topic\":\"room:1\",\"event\":\"phx_join\",\"payload\":{},\"ref\":\"1\"}",
            b"\0\x01\x01\x01\x0512tspeak\x01\x02\x03",
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        for round in 0..30_000 {
            let mut bytes = seeds[round % 3].to_vec();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                match next(3) {
                    0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                    1 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, bytes[next(bytes.len())]),
                }
            }
            for version in [Version::V1, Version::V2] {
                let _ = Inbound::read(version, Frame::Binary(&bytes));
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    let _ = Inbound::read(version, Frame::Text(text));
                }
            }
        }
    }
}
