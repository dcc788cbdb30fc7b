//! [`Mill`]: does what was posted to it, and announces it.

use callboard::prelude::*;

use crate::heard::Note;

/// Where it announces what it did.
pub const TOPIC: &str = "mill.events";

/// Grinds.
#[derive(Debug)]
pub struct Mill;

#[actor(name = "mill", state = u64)]
impl Mill {
    #[action]
    fn grind(&self, count: u64, grist: Note) -> Value<u64, u64> {
        Value::response(count + 1).state(count + 1).broadcast(Broadcast::to(TOPIC, grist))
    }
}
