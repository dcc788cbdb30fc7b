//! Virtual actors with named broadcast channels.

#[cfg(test)]
extern crate self as callboard;

pub mod actor;
pub mod client;
pub mod context;
pub mod declare;
pub mod error;
pub mod external;
pub mod handle;
pub mod host;
pub mod message;
pub mod prelude;
pub mod received;
pub mod retention;
#[cfg(feature = "testing")]
pub mod testing;
pub mod value;

pub use callboard_core as core;
pub use callboard_core::{ActorId, Code, MessageId, Name, Payload, Timestamp, Topic};
#[cfg(feature = "testing")]
pub use callboard_macros::test;
pub use callboard_macros::{Message, actor, topic};

pub use crate::actor::{Actor, ActorTurn, Outcome, Route, State, Stateless};
pub use crate::client::{Call, Caller, Client};
pub use crate::context::Context;
pub use crate::declare::Declare;
pub use crate::error::{CallError, Error, Result};
pub use crate::external::External;
pub use crate::handle::Handle;
pub use crate::host::host;
pub use crate::message::{AnyPayload, Json, Message};
pub use crate::received::Received;
pub use crate::retention::{durable, ephemeral};
pub use crate::value::{Broadcast, Effect, Value};

/// What the macros write, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use std::sync::LazyLock;
    pub use std::time::Duration;

    pub use callboard_core::declaration::{Durability, FailurePolicy};
    pub use callboard_core::timer::CatchUp;
    pub use callboard_core::{Encoding, Name, Topic, TypeRef};

    pub use crate::message::{decode_json, encode_json};
    pub use crate::value::Decide;

    /// A topic that the macro has checked.
    #[must_use]
    pub fn checked_topic(text: &'static str) -> Topic {
        match Topic::parse(text) {
            Ok(topic) => topic,
            Err(error) => unreachable!("checked when it was compiled: {error}"),
        }
    }
}
