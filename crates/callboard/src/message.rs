//! [`Message`]: what actors say to each other and to the world, and what they remember.

use callboard_core::{Code, Encoding, Name, Payload, TypeRef};

use crate::CallError;

mod any;
mod json;
mod protobuf;

pub use any::AnyPayload;
pub use json::Json;
#[doc(hidden)]
pub use json::{decode_json, encode_json};

/// A typed message: of an action, a response, an event, a state.
///
/// Every protobuf message that prost generates is one, under its full name (with `enable_type_names()` in the build
/// script). Every serde type becomes one, as JSON, with `#[derive(Message)]`:
///
/// ```
/// use callboard::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Message, Serialize, Deserialize)]
/// #[message(name = "shop.OrderCreated")] // without it: "OrderCreated", wherever the type lives
/// struct OrderCreated {
///     order_id: String,
/// }
///
/// let payload = OrderCreated { order_id: "o1".to_owned() }.to_payload().unwrap();
/// assert_eq!(payload.type_name(), &"shop.OrderCreated");
/// assert_eq!(payload.bytes(), br#"{"order_id":"o1"}"#);
/// ```
///
/// The name is what is stored and sent: renaming the Rust type must not change it, so give one to whatever outlives a release.
/// `()` is the empty message; `String`, `bool`, `Vec<u8>` and numbers are protobuf's wrapper messages.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "derive it: `#[derive(Message, Serialize, Deserialize)]`, or use a type that prost generates with its name \
            (`enable_type_names()`), or take `AnyPayload` or `Json`"
)]
pub trait Message: Sized + Send + 'static {
    /// The type as it is declared, stored and sent; `None` for a type that takes whatever comes.
    const TYPE: Option<TypeRef>;

    /// Encodes it.
    ///
    /// # Errors
    /// `ActionFailed` when the value has no form in its encoding, such as a JSON object with keys that are not text.
    fn to_payload(&self) -> Result<Payload, CallError>;

    /// Encodes it where it is no longer needed.
    ///
    /// # Errors
    /// As [`Message::to_payload`].
    fn into_payload(self) -> Result<Payload, CallError> {
        self.to_payload()
    }

    /// Decodes it. Use [`read`] where the type has not been compared yet.
    ///
    /// # Errors
    /// `InvalidPayload`, with what is wrong and where.
    fn from_payload(payload: &Payload) -> Result<Self, CallError>;

    /// Whether a payload says that it is of this type.
    #[must_use]
    fn accepts(payload: &Payload) -> bool {
        const { &Self::TYPE }
            .as_ref()
            .is_none_or(|wanted| wanted.encoding == payload.encoding() && wanted.name == *payload.type_name())
    }
}

/// Decodes a payload that says that it is of the type.
///
/// # Errors
/// `InvalidPayload` when it is of another type or cannot be read as this one.
pub fn read<T: Message>(payload: &Payload) -> Result<T, CallError> {
    if T::accepts(payload) {
        return T::from_payload(payload);
    }
    Err(CallError::new(
        Code::InvalidPayload,
        format!(
            "the payload is {}, not {}",
            shown(&payload.type_ref()),
            T::TYPE.as_ref().map_or_else(String::new, shown)
        ),
    ))
}

/// A type for a sentence: `shop.Order in JSON`.
pub(crate) fn shown(type_ref: &TypeRef) -> String {
    let encoding = match type_ref.encoding {
        Encoding::Protobuf => "protobuf",
        Encoding::Json => "JSON",
        Encoding::Bytes => "bytes",
    };
    format!("{} in {encoding}", type_ref.name)
}

/// The type name of JSON that says no more of itself: `google.protobuf.Value`, whose JSON form is any JSON.
pub const JSON_VALUE_TYPE: Name = Name::from_static("google.protobuf.Value");
