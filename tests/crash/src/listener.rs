//! [`Listener`]: instances that hear a topic from their creation on.

use callboard::prelude::*;

use crate::heard::{Begins, Heard};

/// The topic.
pub const TOPIC: &str = "chatter.events";

/// Hears [`TOPIC`] as every instance that somebody greeted.
#[derive(Debug)]
pub struct Listener;

#[actor(name = "listener", kind = unnamed, state = Heard, channels = [("chatter.events", "hear")])]
impl Listener {
    /// Creates the instance: from its commit on it hears.
    #[action]
    fn hello(&self, heard: Heard) -> Value<u64, Heard> {
        Value::response(heard.wrong).state(heard)
    }

    #[action]
    fn hear(&self, ctx: &Context, mut heard: Heard, _event: AnyPayload) -> Result<Value<(), Heard>> {
        heard.note(ctx, Begins::Anywhere)?;
        Ok(Value::of().state(heard))
    }
}
