//! `score/<table>`: an actor that clients reach through their channel.

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// The points of a table.
#[derive(Clone, Copy, Debug, Default, Message, Serialize, Deserialize)]
#[message(name = "clients.Sum")]
pub(crate) struct Sum {
    sum: i64,
}

/// More of them.
#[derive(Clone, Copy, Debug, Message, Serialize, Deserialize)]
#[message(name = "clients.Points")]
pub(crate) struct Points {
    points: i64,
}

/// Counts the points of a table.
#[derive(Debug)]
pub(crate) struct Score;

#[actor(name = "score", kind = unnamed, state = Sum)]
impl Score {
    /// Adds points. The sum is the answer, and everybody at the table is told.
    #[action]
    fn add(&self, ctx: &Context, state: Sum, more: Points) -> Result<Value<Sum, Sum>> {
        if more.points == 0 {
            return Err(Error::invalid("add something"));
        }
        let sum = Sum { sum: state.sum.saturating_add(more.points) };
        Ok(Value::response(sum).state(sum).broadcast(Broadcast::to(format!("table.{}", ctx.key()), sum)))
    }
}
