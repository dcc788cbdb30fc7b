//! [`Ticker`]: two timers, and the times at which they were due.

use callboard::prelude::*;
use callboard::{CallError, core};
use serde::{Deserialize, Serialize};

/// The period of the timer that makes up for a downtime by one invocation.
pub const ONCE_MS: u64 = 200;
/// The period of the timer that makes up for each time that was missed.
pub const EACH_MS: u64 = 300;

/// Where ticks are announced.
pub const TOPIC: &str = "clock.events";

/// The times of both timers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Ticks")]
pub struct Ticks {
    /// Of the timer that catches up once.
    pub once: Times,
    /// Of the timer that catches up with each time.
    pub each: Times,
}

/// The times of one timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// How often it fired.
    pub count: u64,
    /// The first due time, in milliseconds since 1970.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// How often a due time did not follow the one before as it should.
    pub wrong: u64,
}

impl Times {
    /// Notes a due time: later than the one before, on the same grid, and the very next one where none may be left out.
    pub fn note(&mut self, due: u64, every: u64, all: bool) {
        if self.count == 0 {
            self.first = due;
        } else {
            let follows = if all { due == self.last + every } else { due > self.last };
            let on_grid = due.abs_diff(self.first).is_multiple_of(every);
            self.wrong += u64::from(!follows || !on_grid);
        }
        self.last = due;
        self.count += 1;
    }
}

/// A timer fired.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Ticked")]
pub struct Ticked {
    /// Which timer.
    pub timer: String,
    /// When it was due.
    pub due: u64,
}

/// Counts ticks.
#[derive(Debug)]
pub struct Ticker;

fn due(ctx: &Context) -> Result<(String, u64)> {
    match ctx.cause() {
        core::Cause::Timer { name, due } => Ok((name.to_string(), due.as_millis())),
        _ => Err(CallError::new(Code::Denied, "only the timer ticks").into()),
    }
}

#[actor(name = "ticker", state = Ticks)]
impl Ticker {
    #[action(timer = "200ms")]
    fn once(&self, ctx: &Context, mut ticks: Ticks) -> Result<Value<(), Ticks>> {
        let (timer, due) = due(ctx)?;
        ticks.once.note(due, ONCE_MS, false);
        Ok(Value::of().state(ticks).broadcast(Broadcast::to(TOPIC, Ticked { timer, due })))
    }

    #[action(timer = "300ms", catch_up = all)]
    fn each(&self, ctx: &Context, mut ticks: Ticks) -> Result<Value<(), Ticks>> {
        let (timer, due) = due(ctx)?;
        ticks.each.note(due, EACH_MS, true);
        Ok(Value::of().state(ticks).broadcast(Broadcast::to(TOPIC, Ticked { timer, due })))
    }
}
