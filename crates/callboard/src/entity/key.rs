use std::borrow::Cow;
use std::sync::Arc;

use callboard_core::{Code, MessageId, Name, Topic};

use crate::CallError;
use crate::value::IntoTopic;

/// What can stand in a scope's topic or be an entity's id: numbers, texts, ids, and `Option`s of these. A type of your own
/// implements it in one line.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a scope or be an entity's id",
    label = "neither a number nor a text",
    note = "implement `callboard::entity::KeyPart` for it: `fn text(&self) -> Option<Cow<'_, str>> {{ Some(self.0.to_string().into()) }}`"
)]
pub trait KeyPart {
    /// It as a text; `None` for nothing.
    fn text(&self) -> Option<Cow<'_, str>>;
}

macro_rules! shown {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn text(&self) -> Option<Cow<'_, str>> {
                Some(self.to_string().into())
            }
        }
    )*};
}
shown!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize bool MessageId);

macro_rules! borrowed {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn text(&self) -> Option<Cow<'_, str>> {
                let text: &str = self;
                Some(text.into())
            }
        }
    )*};
}
borrowed!(str String Box<str> Arc<str> Name);

impl<T: KeyPart + ?Sized> KeyPart for &T {
    fn text(&self) -> Option<Cow<'_, str>> {
        T::text(self)
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn text(&self) -> Option<Cow<'_, str>> {
        self.as_ref()?.text()
    }
}

/// The topics on which an entity's changes are announced.
#[must_use = "scopes are what `Broadcastable::scopes` returns"]
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    topics: Vec<Topic>,
    // The first one that is wrong; it is the change's error.
    error: Option<CallError>,
}

impl Scopes {
    /// None yet.
    pub const fn new() -> Self {
        Self { topics: Vec::new(), error: None }
    }

    /// One topic. A text that is none is an error of the change.
    pub fn of(topic: impl IntoTopic) -> Self {
        Self::new().and(topic)
    }

    /// One more.
    pub fn and(mut self, topic: impl IntoTopic) -> Self {
        match topic.into_topic() {
            Ok(topic) if self.topics.contains(&topic) => {}
            Ok(topic) => self.topics.push(topic),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// One more, of texts with an entity's keys between them. No topic if a key is `None`; a key that is no single token of a
    /// topic is an error of the change. What the derive macro writes.
    pub fn and_filled(mut self, texts: &[&str], keys: &[&dyn KeyPart]) -> Self {
        let mut topic = String::new();
        for (at, text) in texts.iter().enumerate() {
            topic.push_str(text);
            let Some(key) = keys.get(at) else { continue };
            let Some(key) = key.text() else { return self };
            if key.contains(['.', '*', '>']) {
                let message = format!("{key:?} cannot stand in the topic {topic:?}..: a key is one token of it");
                self.error.get_or_insert_with(|| CallError::new(Code::InvalidTopic, message));
                return self;
            }
            topic.push_str(&key);
        }
        self.and(topic)
    }

    pub(super) fn into_parts(self) -> (Vec<Topic>, Option<CallError>) {
        (self.topics, self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(keys: &[&dyn KeyPart]) -> Result<Vec<String>, Code> {
        let (topics, error) = Scopes::new().and_filled(&["campaign.", ".fight-", ""], keys).into_parts();
        error.map_or_else(|| Ok(topics.iter().map(ToString::to_string).collect()), |error| Err(error.code()))
    }

    #[test]
    fn a_scope_is_filled_with_keys_and_is_left_out_without_one() {
        assert_eq!(filled(&[&7, &"a"]).unwrap(), ["campaign.7.fight-a"]);
        assert_eq!(filled(&[&Some(7_u64), &String::from("a")]).unwrap(), ["campaign.7.fight-a"]);
        assert!(filled(&[&7, &None::<u64>]).unwrap().is_empty());
    }

    #[test]
    fn a_key_cannot_reach_beyond_its_token() {
        for key in ["a.b", "*", ">", "a b"] {
            assert_eq!(filled(&[&key, &1]).unwrap_err(), Code::InvalidTopic, "{key}");
        }
        assert_eq!(filled(&[&"", &1]).unwrap_err(), Code::InvalidTopic);
    }
}
