//! JSON texts as bytes: read with the place of what is wrong, written without a tree where none is needed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use callboard_core::value::check_len;
use callboard_core::{Code, Encoding, Payload, Timestamp, TypeRef};
use prost_reflect::{DeserializeOptions, DynamicMessage, SerializeOptions};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::descriptors::{Descriptors, JSON_DEPTH_MAX, TYPE_URL_PREFIX};
use crate::problem::Problem;

/// Reads a JSON text.
///
/// # Errors
/// A problem with line and column.
pub fn parse(text: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(text).map_err(|error| unreadable(text, &error))
}

/// Whether [`parse`] would read a JSON text, without keeping what is read. Whoever follows a topic reads what one client sent, so a
/// text is not passed on when a string in it is no text (half of a surrogate pair) or a number is beyond what a double holds.
///
/// # Errors
/// Where it goes wrong, and why.
pub(crate) fn check(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str(text).map(|Readable| ())
}

/// Any value, read as [`Value`] would be; serde's `IgnoredAny` passes over strings and numbers without reading them.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while let Some(Self) = items.next_element()? {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while let Some((Self, Self)) = members.next_entry()? {}
        Ok(self)
    }
}

fn unreadable(text: &[u8], error: &serde_json::Error) -> Problem {
    if let Err(wrong) = std::str::from_utf8(text) {
        let detail = format!("the body is not UTF-8: the byte at offset {} begins no character", wrong.valid_up_to());
        return Problem::new(Code::InvalidPayload, detail);
    }
    let (line, column) = (error.line(), error.column());
    // The library repeats the place at the end of its text; ours stands in members of its own as well.
    Problem::new(Code::InvalidPayload, format!("the body is not JSON: {error}")).at(line, column)
}

/// A JSON text without what stands between its tokens, so that it takes one line. What is given has been read as JSON before.
#[must_use]
pub fn squeeze(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    write_squeezed(&mut out, text);
    out
}

// Copies a JSON text without the blanks between its tokens, in pieces as long as possible.
fn write_squeezed(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.extend_from_slice(&text[copied..at]);
                at += 1;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&text[copied..]);
}

// The place behind the string that begins at a quotation mark.
fn string_end(text: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Reads a JSON text as a type without a tree in between. `None` when that is not possible or the text is not plainly of that
/// type: then [`Descriptors::from_json`] reads it, or says what is wrong. A text that says its type itself, by an `"@type"`
/// member, is not to be given.
#[must_use]
pub fn read_plain(descriptors: &Descriptors, wanted: &TypeRef, text: &[u8]) -> Option<Payload> {
    // Read from bytes, strings would be repaired instead of refused.
    let text = std::str::from_utf8(text).ok()?;
    match wanted.encoding {
        Encoding::Protobuf => plain_protobuf(descriptors, wanted, text),
        Encoding::Json => plain_json(wanted, text),
        Encoding::Bytes => None,
    }
}

fn plain_protobuf(descriptors: &Descriptors, wanted: &TypeRef, text: &str) -> Option<Payload> {
    if !depth_within(text.as_bytes(), JSON_DEPTH_MAX) {
        return None;
    }
    let descriptor = descriptors.plain(&wanted.name)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let options = DeserializeOptions::new();
    let message = DynamicMessage::deserialize_with_options(descriptor, &mut reader, &options).ok()?;
    reader.end().ok()?;
    let payload = Payload::new(wanted.name.clone(), Encoding::Protobuf, prost::Message::encode_to_vec(&message));
    check_len(&payload).ok().map(|()| payload)
}

// A JSON type keeps its text, number for number, without the blanks.
fn plain_json(wanted: &TypeRef, text: &str) -> Option<Payload> {
    // The name of a member may be written with escapes, also that of the one which says the type.
    if text.as_bytes().contains(&b'\\') && text.contains("\\u") {
        return None;
    }
    check(text).ok()?;
    Some(Payload::new(wanted.name.clone(), Encoding::Json, squeeze(text.as_bytes())))
}

/// Whether a JSON text has at most so many levels; a scalar has one. What is no JSON may pass.
pub(crate) fn depth_within(text: &[u8], most: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (1_usize, false, false);
    for byte in text {
        match byte {
            b'"' if !escaped => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        // An empty object is one level, as a scalar is: whoever is exactly at the limit is left to the careful reader.
        if depth > most {
            return false;
        }
        escaped = in_string && *byte == b'\\' && !escaped;
    }
    true
}

/// Writes a payload as one line of JSON, in the form of [`Descriptors::to_json`]; a payload that cannot be read as its type
/// becomes `{"@type": ..., "value": "<base64>"}`.
pub fn write_payload(out: &mut Vec<u8>, descriptors: &Descriptors, payload: &Payload) {
    let bytes = payload.bytes();
    if payload.encoding() == Encoding::Json
        && let Ok(text) = std::str::from_utf8(bytes)
        && check(text).is_ok()
    {
        return write_squeezed(out, bytes);
    }
    let begun = out.len();
    if payload.encoding() == Encoding::Protobuf
        && let Some(descriptor) = descriptors.plain(payload.type_name())
        && let Ok(message) = DynamicMessage::decode(descriptor, bytes)
    {
        let options = SerializeOptions::new().skip_default_fields(false);
        if message.serialize_with_options(&mut serde_json::Serializer::new(&mut *out), &options).is_ok() {
            return;
        }
        out.truncate(begun);
    }
    // Writing a value to memory cannot fail.
    let _ = serde_json::to_writer(out, &payload_value(descriptors, payload));
}

/// The same as a value.
pub(super) fn payload_value(descriptors: &Descriptors, payload: &Payload) -> Value {
    descriptors.to_json(payload).unwrap_or_else(|_| {
        let url = format!("{TYPE_URL_PREFIX}{}", payload.type_name());
        json!({ "@type": url, "value": BASE64.encode(payload.bytes()) })
    })
}

/// Reads a time: RFC 3339, or milliseconds since 1970.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(Timestamp::from_millis);
    }
    let time: prost_types::Timestamp = text.parse().ok()?;
    let seconds = u64::try_from(time.seconds).ok()?;
    let millis = u64::try_from(time.nanos).ok()? / 1_000_000;
    seconds.checked_mul(1000)?.checked_add(millis).map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_squeezed_text_is_the_same_json_in_one_line() {
        let text = "{ \"a b\" : [1, 2.50 ,\n\t\"x \\\" \\\\\" , \"\u{e9} \\n\"] }";
        let squeezed = squeeze(text.as_bytes());
        assert_eq!(squeeze(&squeezed), squeezed);
        assert_eq!(squeeze(b"  "), b"");
        assert_eq!(squeeze(br#"  "no end \"#), br#""no end \"#);
        assert_eq!(std::str::from_utf8(&squeezed).unwrap(), "{\"a b\":[1,2.50,\"x \\\" \\\\\",\"\u{e9} \\n\"]}");
        assert_eq!(parse(&squeezed).unwrap(), parse(text.as_bytes()).unwrap());
    }

    #[test]
    fn what_is_not_json_says_where() {
        let problem = parse(b"{\n  \"a\": 1,\n  oops\n}").unwrap_err();
        let document: Value = serde_json::from_slice(&problem.to_json()).unwrap();
        assert_eq!((document["line"].clone(), document["column"].clone()), (3.into(), 3.into()));
        let problem = parse(b"{\"a\": \"\xff\"}").unwrap_err();
        assert!(problem.error().message().contains("not UTF-8"), "{problem:?}");
        // What no reader of numbers or strings would take is not passed on to one.
        assert!(parse(b"[1e999]").is_err() && parse(br#"["\ud800"]"#).is_err());
        // Depth is bounded by the reader; what is deeper is refused, not walked.
        assert!(parse(&[b'['; 100_000]).is_err());
    }

    #[test]
    fn a_text_is_checked_as_it_would_be_read() {
        for text in
            ["null", " true ", "-1", "1e308", "18446744073709551616", r#"{"a":[1,{"\u0041":"\ud83d\ude00"}],"a":{}}"#]
        {
            assert!(check(text).is_ok() && parse(text.as_bytes()).is_ok(), "{text}");
        }
        let deep = ["[".repeat(200), "]".repeat(200)].concat();
        for text in
            ["", "{}{}", "[1e999]", "-1e999", r#"["\ud800"]"#, r#"{"\udc00":1}"#, r#"["\ud800\u0041"]"#, "NaN", &deep]
        {
            assert!(check(text).is_err() && parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_stored_text_that_receivers_could_not_read_goes_out_as_bytes() {
        let descriptors = Descriptors::new([]).unwrap();
        for text in ["[1e999]", r#"["\ud800"]"#] {
            let payload = Payload::new("json", Encoding::Json, text);
            let mut out = Vec::new();
            write_payload(&mut out, &descriptors, &payload);
            assert_eq!(parse(&out).unwrap()["value"], BASE64.encode(text));
        }
    }

    #[test]
    fn what_is_read_and_written_without_a_tree_is_the_same_as_with_one() {
        let descriptors = Descriptors::new([]).unwrap();
        let wanted = TypeRef { name: "callboard.v1.TopicSummary".into(), encoding: Encoding::Protobuf };
        for text in [
            "{}",
            " {\"topic\": \"a\", \"head\": {\"epoch\": \"1\", \"seq\": 2}, \"firstSeq\": 7} ",
            "{\"first_seq\": \"18446744073709551615\", \"topic\": null}",
        ] {
            let payload = read_plain(&descriptors, &wanted, text.as_bytes()).unwrap();
            let value = parse(text.as_bytes()).unwrap();
            assert_eq!(payload, descriptors.from_json(&wanted, &value).unwrap(), "{text}");
            let mut out = Vec::new();
            write_payload(&mut out, &descriptors, &payload);
            assert_eq!(parse(&out).unwrap(), descriptors.to_json(&payload).unwrap());
        }
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        for text in [
            "",
            "7",
            "{\"topic\": 7}",
            "{\"nope\": 1}",
            "{\"@type\": \"x\"}",
            "{} {}",
            "{\"topic\"",
            "{\"topic\": \"\\ud800\"}",
            &deep,
        ] {
            assert!(read_plain(&descriptors, &wanted, text.as_bytes()).is_none(), "{text}");
        }
        assert!(read_plain(&descriptors, &wanted, b"{\"topic\": \"\xff\"}").is_none());
        let json = TypeRef { name: "shop.Order".into(), encoding: Encoding::Json };
        let payload = read_plain(&descriptors, &json, br#" {"a" : 1.50, "b c": "\n d"} "#).unwrap();
        assert_eq!(payload, Payload::new("shop.Order", Encoding::Json, r#"{"a":1.50,"b c":"\n d"}"#));
        for text in ["", "{", "{} {}", "[1e999]", r#"{"\u0040type":"x"}"#] {
            assert!(read_plain(&descriptors, &json, text.as_bytes()).is_none(), "{text}");
        }
        // These are left to the careful reader.
        for name in ["google.protobuf.Any", "google.protobuf.Struct", "callboard.v1.Payload", "shop.v1.Unknown"] {
            let wanted = TypeRef { name: name.into(), encoding: Encoding::Protobuf };
            assert!(read_plain(&descriptors, &wanted, b"{}").is_none(), "{name}");
        }
    }

    #[test]
    fn brackets_in_strings_are_no_levels() {
        assert!(depth_within(br#"{"a":"[[[[\"[[[[\\"}"#, 2));
        assert!(!depth_within(b"[[[1]]]", 3));
        assert!(depth_within(b"[[[1]]]", 4));
        assert!(depth_within(b"[[],[],[]]", 3));
    }

    #[test]
    fn a_time_is_rfc_3339_or_milliseconds() {
        assert_eq!(parse_time("1500"), Some(Timestamp::from_millis(1500)));
        assert_eq!(parse_time("1970-01-01T00:00:01.500Z"), Some(Timestamp::from_millis(1500)));
        assert_eq!(parse_time("1970-01-01T01:00:01.5+01:00"), Some(Timestamp::from_millis(1500)));
        for bad in ["", "yesterday", "-1", "1969-12-31T23:59:59Z", "99999999999999999999999"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }
}
