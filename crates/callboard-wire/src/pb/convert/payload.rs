//! Payloads in their forms.

use callboard_core::{Encoding, Error, Name, Payload, TypeRef, value};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::invalid;
use crate::descriptors::{Descriptors, JSON_TYPE, TYPE_URL_PREFIX, type_name};
use crate::pb::v1::payload::Content;
use crate::pb::{Any, v1};

/// Levels of JSON that a `google.protobuf.Value` may have. Each is three messages, and receivers stop at 100.
const VALUE_DEPTH_MAX: usize = 24;

/// Integers beyond it are not exact as a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The type name of opaque bytes of which nobody said what they are.
const BYTES_TYPE: Name = Name::from_static("bytes");

/// A payload as a client sent it.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// It says its type.
    Typed(Payload),
    /// JSON whose type is still to be found.
    Json {
        /// The value.
        value: serde_json::Value,
        /// The type's name, if the client gave one.
        type_name: Option<String>,
    },
}

/// Reads a payload of a request. None is [`Payload::empty`].
///
/// # Errors
/// `InvalidPayload` when it has no content, or its type is not a type's name, or a JSON text is not JSON; `TooLarge`.
pub fn read(wire: Option<v1::Payload>) -> Result<Sent, Error> {
    let Some(v1::Payload { content, r#type }) = wire else { return Ok(Sent::Typed(Payload::empty())) };
    let named = |default: Name| match r#type.as_str() {
        "" => Ok(default),
        given => Ok::<Name, Error>(type_name(given)?.to_owned().into()),
    };
    let payload = match content {
        None => {
            return Err(invalid(
                "the payload is empty; fill one of message, json, json_text and bytes, or leave it out",
            ));
        }
        Some(Content::Message(Any { type_url, value })) => {
            Payload::new(type_name(&type_url)?.to_owned(), Encoding::Protobuf, value)
        }
        Some(Content::Json(value)) => {
            let type_name = (!r#type.is_empty()).then_some(r#type);
            return Ok(Sent::Json { value: value_to_json(value)?, type_name });
        }
        Some(Content::JsonText(text)) => {
            crate::json::check(&text).map_err(|error| invalid(format!("json_text is not JSON: {error}")))?;
            Payload::new(named(JSON_TYPE)?, Encoding::Json, text)
        }
        Some(Content::Bytes(bytes)) => Payload::new(named(BYTES_TYPE)?, Encoding::Bytes, bytes),
    };
    value::check_len(&payload)?;
    Ok(Sent::Typed(payload))
}

impl Sent {
    /// Whether it came as `json`.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        matches!(self, Self::Json { .. })
    }

    /// The payload. `choose` finds the type of JSON.
    ///
    /// # Errors
    /// Those of `choose` and of [`Descriptors::from_json`].
    pub fn into_payload(
        self,
        descriptors: &Descriptors,
        choose: impl FnOnce(Option<&str>, &serde_json::Value) -> Result<TypeRef, Error>,
    ) -> Result<Payload, Error> {
        match self {
            Self::Typed(payload) => Ok(payload),
            Self::Json { value, type_name } => {
                let wanted = choose(type_name.as_deref(), &value)?;
                descriptors.from_json(&wanted, &value)
            }
        }
    }
}

/// The form that a request asks for; unspecified is JSON when the request itself was JSON.
///
/// # Errors
/// `InvalidPayload` for a form that there is not.
pub fn wants_json(format: i32, request_was_json: bool) -> Result<bool, Error> {
    match v1::PayloadFormat::try_from(format) {
        Ok(v1::PayloadFormat::Unspecified) => Ok(request_was_json),
        Ok(v1::PayloadFormat::Native) => Ok(false),
        Ok(v1::PayloadFormat::Json) => Ok(true),
        Err(_) => Err(invalid(format!("there is no payload format {format}; use NATIVE (1) or JSON (2)"))),
    }
}

/// A payload as it is stored.
#[must_use]
pub fn native(payload: &Payload) -> v1::Payload {
    let name = payload.type_name();
    let bytes = || Content::Bytes(payload.to_bytes());
    let (content, r#type) = match payload.encoding() {
        Encoding::Protobuf => {
            let type_url = [TYPE_URL_PREFIX, name].concat();
            (Content::Message(Any { type_url, value: payload.to_bytes() }), String::new())
        }
        Encoding::Json => {
            let text = std::str::from_utf8(payload.bytes());
            (text.map_or_else(|_| bytes(), |text| Content::JsonText(text.to_owned())), name.to_string())
        }
        Encoding::Bytes => (bytes(), name.to_string()),
    };
    v1::Payload { content: Some(content), r#type }
}

/// A payload as JSON; what cannot be that is sent in the nearest form.
#[must_use]
pub fn json(payload: &Payload, descriptors: &Descriptors) -> v1::Payload {
    let Ok(value) = descriptors.to_json(payload) else { return native(payload) };
    let content =
        json_to_value(&value, VALUE_DEPTH_MAX).map_or_else(|| Content::JsonText(value.to_string()), Content::Json);
    v1::Payload { content: Some(content), r#type: payload.type_name().to_string() }
}

/// A payload in one of the two forms.
#[must_use]
pub fn write(payload: &Payload, as_json: bool, descriptors: &Descriptors) -> v1::Payload {
    if as_json { json(payload, descriptors) } else { native(payload) }
}

/// Reads a payload of a response, in whichever form it came; none is [`Payload::empty`].
///
/// # Errors
/// As [`read`].
pub fn received(wire: Option<v1::Payload>) -> Result<Payload, Error> {
    match read(wire)? {
        Sent::Typed(payload) => Ok(payload),
        Sent::Json { value, type_name } => {
            let name = type_name.map_or(JSON_TYPE, Name::from);
            Ok(Payload::new(name, Encoding::Json, value.to_string()))
        }
    }
}

// As deep as the decoder let it be, which is bounded.
fn value_to_json(value: Value) -> Result<serde_json::Value, Error> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(bool)) => bool.into(),
        Some(Kind::NumberValue(number)) => number_to_json(number)?,
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => {
            list.values.into_iter().map(value_to_json).collect::<Result<Vec<_>, _>>()?.into()
        }
        Some(Kind::StructValue(members)) => {
            let members = members.fields.into_iter().map(|(name, value)| Ok((name, value_to_json(value)?)));
            serde_json::Value::Object(members.collect::<Result<_, Error>>()?)
        }
    })
}

fn number_to_json(number: f64) -> Result<serde_json::Value, Error> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be an integer within the range")]
    if number.fract() == 0.0 && number.abs() < EXACT_MAX {
        return Ok((number as i64).into());
    }
    let number = serde_json::Number::from_f64(number);
    number.map(Into::into).ok_or_else(|| invalid("JSON has no infinite numbers; write \"Infinity\" or \"NaN\" as text"))
}

// `None` when the value would not be the same, or could not be read by its receiver.
fn json_to_value(json: &serde_json::Value, depth_left: usize) -> Option<Value> {
    let left = depth_left.checked_sub(1)?;
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(bool) => Kind::BoolValue(*bool),
        serde_json::Value::Number(number) => {
            let double = number.as_f64()?;
            let exact = number.is_f64() || double.abs() < EXACT_MAX;
            exact.then_some(Kind::NumberValue(double))?
        }
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(items) => {
            let values = items.iter().map(|item| json_to_value(item, left)).collect::<Option<_>>()?;
            Kind::ListValue(ListValue { values })
        }
        serde_json::Value::Object(members) => {
            let fields = members.iter().map(|(name, member)| Some((name.clone(), json_to_value(member, left)?)));
            Kind::StructValue(Struct { fields: fields.collect::<Option<_>>()? })
        }
    };
    Some(Value { kind: Some(kind) })
}
