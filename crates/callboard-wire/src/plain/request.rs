//! What a client wants, once its message is read.

use callboard_core::{Code, Error, Retry};
use serde::Deserialize;

use crate::session::{Ack, Data, From, Target};

/// Bytes of a reference by which a client knows an answer.
pub(super) const ID_LEN_MAX: usize = 255;
/// Bytes of a subscription's name.
pub(super) const SUB_LEN_MAX: usize = 255;

/// A client's reference: a string or a whole number, given back as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id(Box<str>);

impl Id {
    /// As it was written.
    pub(super) const fn as_json(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whole(i64),
            Text(String),
        }
        let refused = || serde::de::Error::custom("\"id\" is a string of 1 to 255 bytes or a whole number");
        match Written::deserialize(deserializer).map_err(|_| refused())? {
            Written::Whole(number) => Ok(Self(number.to_string().into())),
            Written::Text(text) if (1..=ID_LEN_MAX).contains(&text.len()) => {
                Ok(Self(serde_json::Value::from(text).to_string().into()))
            }
            Written::Text(_) => Err(refused()),
        }
    }
}

/// A message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: Option<Id>,
    pub(super) wish: Wish,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Ping,
    Subscribe {
        sub: String,
        target: Target,
        from: From,
        consumer: Option<String>,
    },
    Unsubscribe {
        sub: String,
    },
    Invoke {
        actor: String,
        action: String,
        data: String,
        key: Option<String>,
    },
    Publish {
        topic: String,
        payload_type: Option<String>,
        data: String,
    },
    /// Something over a subscription.
    Over {
        sub: String,
        deed: Deed,
    },
}

/// What is done over a subscription.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Acknowledge { topic: Option<String>, ack: Ack },
    Perform { event: String, data: Data },
    Whisper { data: String },
    Join { name: Option<String>, info: String },
    Leave,
    List,
}

/// A message that is not done, and what is known of it nevertheless.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) id: Option<Id>,
    pub(super) sub: Option<String>,
    pub(super) error: Error,
}

/// What the client itself has to change.
pub(super) fn wrong(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidPayload, text)
}

/// Too much of something that does not pass by waiting.
pub(super) fn full(text: impl Into<String>) -> Error {
    Error::new(Code::Overloaded, text).with_retry(Retry::Never)
}
