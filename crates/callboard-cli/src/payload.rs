//! Payloads as they are written on the command line and shown on the screen.

use std::io::Read as _;

use callboard_core::{Position, Timestamp};
use callboard_wire::pb::v1;
use callboard_wire::pb::v1::payload::Content;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};

use crate::exit::{Exit, Failure};

/// Reads a payload argument: JSON, `@file`, or `-` for standard input.
pub(crate) fn read(argument: Option<&str>, type_name: Option<String>) -> Result<Option<v1::Payload>, Failure> {
    let Some(argument) = argument else {
        return match type_name {
            None => Ok(None),
            Some(_) => Err(Failure::new(Exit::Usage, "--type needs a payload; write {} for one without fields")),
        };
    };
    let unreadable = |what: &str, error: std::io::Error| Failure::new(Exit::Usage, format!("{what}: {error}"));
    let text = match argument.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| unreadable(file, error))?,
        None if argument == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| unreadable("standard input", error))?;
            text
        }
        None => argument.to_owned(),
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("the payload is not JSON: {error}"))
            .advise("write e.g. '{\"name\": \"Ada\"}' in single quotes, @file, or - for standard input")
    })?;
    let content = Some(Content::Json(to_wire(value)));
    Ok(Some(v1::Payload { content, r#type: type_name.unwrap_or_default() }))
}

/// The largest integer up to which every integer is a double.
const EXACT_MAX: i64 = 1 << 53;

fn to_wire(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        // The wire has doubles only; what they cannot hold is written as protobuf's JSON writes 64-bit integers.
        Value::Number(number) => match number.as_f64() {
            Some(double) if is_exact(&number) => Kind::NumberValue(double),
            _ => Kind::StringValue(number.to_string()),
        },
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.into_iter().map(to_wire).collect() })
        }
        Value::Object(fields) => Kind::StructValue(prost_types::Struct {
            fields: fields.into_iter().map(|(name, value)| (name, to_wire(value))).collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

fn is_exact(number: &Number) -> bool {
    match number.as_i64() {
        Some(integer) => integer.unsigned_abs() <= EXACT_MAX.unsigned_abs(),
        None => number.is_f64(),
    }
}

fn from_wire(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => Value::Number(number_of(number)),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(from_wire).collect()),
        Some(Kind::StructValue(fields)) => {
            Value::Object(fields.fields.into_iter().map(|(name, value)| (name, from_wire(value))).collect())
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "checked to be a whole number in range"
)]
fn number_of(double: f64) -> Number {
    if double.fract() == 0.0 && double.abs() <= EXACT_MAX as f64 {
        return Number::from(double as i64);
    }
    // JSON has no infinities; the wire's JSON mapping does not send them as numbers either.
    Number::from_f64(double).unwrap_or_else(|| Number::from(0))
}

/// The type of a payload and its content as JSON. Nothing is `null`.
pub(crate) fn show(payload: Option<v1::Payload>) -> (String, Value) {
    let Some(payload) = payload else { return (String::new(), Value::Null) };
    let type_name = payload.r#type;
    match payload.content {
        None => (type_name, Value::Null),
        Some(Content::Json(value)) => (type_name, from_wire(value)),
        Some(Content::JsonText(text)) => (type_name, serde_json::from_str(&text).unwrap_or(Value::String(text))),
        Some(Content::Bytes(bytes)) => (type_name, opaque(&bytes)),
        Some(Content::Message(any)) => {
            let name = any.type_url.rsplit('/').next().unwrap_or_default().to_owned();
            (name, opaque(&any.value))
        }
    }
}

/// Bytes that nobody could read.
fn opaque(bytes: &[u8]) -> Value {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    serde_json::json!({ "hex": hex })
}

/// A position as `epoch-seq`.
pub(crate) fn position(wire: &v1::Position) -> String {
    Position::new(wire.epoch, wire.seq).to_string()
}

/// A time in RFC 3339; empty when there is none.
pub(crate) fn time(wire: Option<&prost_types::Timestamp>) -> String {
    wire.map_or_else(String::new, |time| {
        let millis =
            u64::try_from(time.seconds).unwrap_or(0) * 1000 + u64::try_from(time.nanos).unwrap_or(0) / 1_000_000;
        Timestamp::from_millis(millis).to_string()
    })
}

/// Headers or tags as an object.
pub(crate) fn object<'a>(entries: impl IntoIterator<Item = (&'a String, &'a String)>) -> Value {
    let fields: Map<String, Value> =
        entries.into_iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    Value::Object(fields)
}

/// Headers or tags on one line.
pub(crate) fn line<'a>(entries: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let each: Vec<String> = entries.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    each.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_the_way_to_the_node_and_back() {
        let value = serde_json::json!({ "a": [1, 2.5, -3, "x", null, true], "b": { "c": {} } });
        assert_eq!(from_wire(to_wire(value.clone())), value);
    }

    #[test]
    fn integers_that_no_double_can_hold_are_sent_as_text() {
        let sent = from_wire(to_wire(serde_json::json!([9_007_199_254_740_993_i64, u64::MAX, 5])));
        assert_eq!(sent, serde_json::json!(["9007199254740993", "18446744073709551615", 5]));
    }

    #[test]
    fn what_is_not_json_says_how_to_write_it() {
        assert_eq!(read(Some("{name: Ada}"), None).unwrap_err().exit(), Exit::Usage);
        assert_eq!(read(Some("@does-not-exist.json"), None).unwrap_err().exit(), Exit::Usage);
        assert!(read(None, None).unwrap().is_none());
    }
}
