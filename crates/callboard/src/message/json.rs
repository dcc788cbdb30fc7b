use std::ops::Deref;

use callboard_core::{Code, Encoding, Name, Payload, TypeRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{JSON_VALUE_TYPE, Message};
use crate::CallError;

/// A JSON text without a type of its own. An action that has one handler for a JSON type takes it as that type.
///
/// ```
/// use callboard::Json;
/// let order = Json(serde_json::json!({"user_id": "u1", "amount": 100}));
/// assert_eq!(order["amount"], 100);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json(pub serde_json::Value);

impl Json {
    /// Reads it as a serde type.
    ///
    /// # Errors
    /// `InvalidPayload`, with what is wrong.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, CallError> {
        serde_json::from_value(self.0).map_err(|error| CallError::new(Code::InvalidPayload, error.to_string()))
    }
}

impl Deref for Json {
    type Target = serde_json::Value;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self(value)
    }
}

impl Message for Json {
    const TYPE: Option<TypeRef> = Some(TypeRef { name: JSON_VALUE_TYPE, encoding: Encoding::Json });

    fn to_payload(&self) -> Result<Payload, CallError> {
        encode_json(&self.0, JSON_VALUE_TYPE)
    }

    fn from_payload(payload: &Payload) -> Result<Self, CallError> {
        decode_json(payload).map(Self)
    }

    // Whatever is JSON can be read without knowing its type.
    fn accepts(payload: &Payload) -> bool {
        payload.encoding() == Encoding::Json
    }
}

/// What `#[derive(Message)]` calls.
#[doc(hidden)]
pub fn encode_json<T: Serialize>(value: &T, name: Name) -> Result<Payload, CallError> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Ok(Payload::new(name, Encoding::Json, bytes)),
        Err(error) => Err(CallError::new(Code::ActionFailed, format!("{name} has no JSON form: {error}"))),
    }
}

/// What `#[derive(Message)]` calls.
#[doc(hidden)]
pub fn decode_json<T: DeserializeOwned>(payload: &Payload) -> Result<T, CallError> {
    if payload.encoding() == Encoding::Json {
        return serde_json::from_slice(payload.bytes()).map_err(|error| {
            CallError::new(Code::InvalidPayload, format!("the payload is not a {}: {error}", payload.type_name()))
        });
    }
    Err(CallError::new(
        Code::InvalidPayload,
        format!("the payload is {}; this type is read from JSON", super::shown(&payload.type_ref())),
    ))
}
