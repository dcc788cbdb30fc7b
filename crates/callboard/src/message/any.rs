use callboard_core::{Name, Payload, TypeRef};

use super::{Message, read};
use crate::CallError;

/// Takes whatever comes: as the payload of an action, as a response, as an event.
///
/// ```
/// use callboard::AnyPayload;
///
/// let any = AnyPayload::of(&"hello".to_owned()).unwrap();
/// assert_eq!(any.type_name(), &"google.protobuf.StringValue");
/// assert!(any.is::<String>() && !any.is::<u32>());
/// assert_eq!(any.read::<String>().unwrap(), "hello");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyPayload(pub Payload);

impl AnyPayload {
    /// The payload of a message.
    ///
    /// # Errors
    /// As [`Message::to_payload`].
    pub fn of<T: Message>(message: &T) -> Result<Self, CallError> {
        message.to_payload().map(Self)
    }

    /// The full name of its type.
    #[must_use]
    pub const fn type_name(&self) -> &Name {
        self.0.type_name()
    }

    /// Whether it says that it is a `T`.
    #[must_use]
    pub fn is<T: Message>(&self) -> bool {
        T::accepts(&self.0)
    }

    /// Reads it as a `T`.
    ///
    /// # Errors
    /// `InvalidPayload` when it is of another type or cannot be read.
    pub fn read<T: Message>(&self) -> Result<T, CallError> {
        read(&self.0)
    }
}

impl From<Payload> for AnyPayload {
    fn from(payload: Payload) -> Self {
        Self(payload)
    }
}

impl From<AnyPayload> for Payload {
    fn from(any: AnyPayload) -> Self {
        any.0
    }
}

impl Message for AnyPayload {
    const TYPE: Option<TypeRef> = None;

    fn to_payload(&self) -> Result<Payload, CallError> {
        Ok(self.0.clone())
    }

    fn into_payload(self) -> Result<Payload, CallError> {
        Ok(self.0)
    }

    fn from_payload(payload: &Payload) -> Result<Self, CallError> {
        Ok(Self(payload.clone()))
    }
}
