//! [`Gauge`]: replies at once and writes behind. A crash may take its last moves back, and then their announcements as well.

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// How often it moved. The n-th move that lasts is the n-th publication on [`TOPIC`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Moved")]
pub struct Moved {
    /// How often.
    pub number: u64,
}

/// Where moves are announced.
pub const TOPIC: &str = "gauge.events";

/// Moves.
#[derive(Debug)]
pub struct Gauge;

impl Gauge {
    fn moved(before: Moved) -> Value<Moved, Moved> {
        let moved = Moved { number: before.number + 1 };
        Value::response(moved).state(moved).broadcast(Broadcast::to(TOPIC, moved))
    }
}

#[actor(name = "gauge", state = Moved, durability = snapshot("150ms"))]
impl Gauge {
    /// Moves; a crash within the next 150 ms may undo it.
    #[action]
    fn bump(&self, before: Moved) -> Value<Moved, Moved> {
        Self::moved(before)
    }

    /// Moves, and writes before it replies.
    #[action]
    fn keep(&self, before: Moved) -> Value<Moved, Moved> {
        Self::moved(before).checkpoint()
    }
}
