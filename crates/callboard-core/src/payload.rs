//! Typed bytes: [`Payload`], its [`TypeRef`], and [`Headers`].

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::Name;

mod octets;

pub use octets::INLINE_LEN_MAX;
use octets::Octets;

/// How the bytes of a payload are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// A protobuf message of the payload's type.
    Protobuf,
    /// A JSON text (UTF-8).
    Json,
    /// Opaque.
    Bytes,
}

/// A type by its name and its encoding, e.g. `shop.v1.OrderCreated` in protobuf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeRef {
    /// The full name, without a URL prefix.
    pub name: Name,
    /// How its bytes are read.
    pub encoding: Encoding,
}

/// A typed message: type name, encoding and bytes. Cheap to clone; the bytes are shared.
#[derive(Clone)]
pub struct Payload {
    type_name: Name,
    encoding: Encoding,
    bytes: Octets,
}

/// The protobuf message that carries nothing.
pub const EMPTY_TYPE: Name = Name::from_static("google.protobuf.Empty");

impl Payload {
    /// A payload of the given type.
    #[must_use]
    pub fn new(type_name: impl Into<Name>, encoding: Encoding, bytes: impl Into<Bytes>) -> Self {
        Self { type_name: type_name.into(), encoding, bytes: Octets::from(bytes.into()) }
    }

    /// The same from bytes that are copied: up to [`INLINE_LEN_MAX`] of them cost no allocation.
    #[must_use]
    pub fn copied(type_name: impl Into<Name>, encoding: Encoding, bytes: &[u8]) -> Self {
        Self { type_name: type_name.into(), encoding, bytes: Octets::from(bytes) }
    }

    /// The payload that carries nothing: `google.protobuf.Empty`.
    #[must_use]
    pub const fn empty() -> Self {
        Self { type_name: EMPTY_TYPE, encoding: Encoding::Protobuf, bytes: Octets::EMPTY }
    }

    /// The full type name, without a URL prefix.
    #[must_use]
    pub const fn type_name(&self) -> &Name {
        &self.type_name
    }

    /// How the bytes are to be read.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// The bytes, shared where there are many of them.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.bytes.to_bytes()
    }

    /// The type as a value.
    #[must_use]
    pub fn type_ref(&self) -> TypeRef {
        TypeRef { name: self.type_name.clone(), encoding: self.encoding }
    }

    /// Whether this is [`Payload::empty`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty() && self.type_name == EMPTY_TYPE
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.encoding == other.encoding && self.type_name == other.type_name && self.bytes() == other.bytes()
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} {:?}, {} bytes)", self.type_name, self.encoding, self.bytes().len())
    }
}

/// Small metadata that travels with a message: correlation, causation, what a caller adds. Cheap to clone.
///
/// Names are compared exactly; the doors lower-case them. Bounded by [`crate::limits::HEADERS_LEN_MAX`] at the doors.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Vec<(Name, Name)>>>);

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The first value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Name> {
        self.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Adds or replaces one header.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<Name>) {
        let (name, value) = (name.into(), value.into());
        let list = Arc::make_mut(self.0.get_or_insert_default());
        match list.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => list.push((name, value)),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Name>) -> Self {
        self.set(name, value);
        self
    }

    /// All headers in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = &(Name, Name)> {
        self.0.iter().flat_map(|list| list.iter())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |list| list.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(k, v)| (k, v))).finish()
    }
}

impl FromIterator<(Name, Name)> for Headers {
    fn from_iter<T: IntoIterator<Item = (Name, Name)>>(iter: T) -> Self {
        let list: Vec<_> = iter.into_iter().collect();
        Self((!list.is_empty()).then(|| Arc::new(list)))
    }
}
