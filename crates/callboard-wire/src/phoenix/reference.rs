use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::FIELD_LEN_MAX;
use crate::session::envelope;

/// A client's name of a message or of a join. The usual clients write strings, others integers; it goes back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    text: Arc<str>,
    number: bool,
}

impl Reference {
    /// A string; `None` when it is longer than [`FIELD_LEN_MAX`] or empty, as which binary frames write that there is none.
    #[must_use]
    pub fn text(text: &str) -> Option<Self> {
        (!text.is_empty() && text.len() <= FIELD_LEN_MAX).then(|| Self { text: text.into(), number: false })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether both name the same, however they are written.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Writes a reference, or `null`.
pub(super) fn write(out: &mut String, reference: Option<&Reference>) {
    match reference {
        Some(Reference { text, number: true }) => out.push_str(text),
        Some(Reference { text, number: false }) => envelope::string(out, text),
        None => out.push_str("null"),
    }
}

/// A reference as it stands in a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written(pub(super) Option<Reference>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WrittenVisitor)
    }
}

struct WrittenVisitor;

impl Visitor<'_> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a reference: a string of at most {FIELD_LEN_MAX} bytes, an integer, or null")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Written, E> {
        Ok(Written(None))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Written, E> {
        if text.len() > FIELD_LEN_MAX {
            return Err(E::invalid_length(text.len(), &self));
        }
        Ok(Written(Reference::text(text)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Written, E> {
        Ok(Written(Some(Reference { text: number.to_string().into(), number: true })))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Written, E> {
        Ok(Written(Some(Reference { text: number.to_string().into(), number: true })))
    }
}
