//! What an actor's file imports: `use callboard::prelude::*;`.

pub use callboard_core::{ActorId, Code, MessageId, Timestamp};

pub use crate::actor::{Actor, Stateless};
pub use crate::client::Caller;
pub use crate::entity::{Broadcastable, Change, EntityChanges};
pub use crate::error::{CallError, Error, Result};
pub use crate::external::External;
pub use crate::message::{AnyPayload, Json};
pub use crate::received::Received;
pub use crate::value::{Broadcast, Broadcasts, Effect, Respond, Unchanged, Value};
pub use crate::{Context, Message, actor, topic};
pub use callboard_macros::Broadcastable;
