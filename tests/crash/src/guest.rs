//! [`Guest`]: instances that come, and are deleted.

use callboard::prelude::*;

/// Signs.
#[derive(Debug)]
pub struct Guest;

#[actor(name = "guest", kind = unnamed, state = u64)]
impl Guest {
    #[action]
    fn sign(&self, times: u64) -> Value<u64, u64> {
        Value::response(times + 1).state(times + 1)
    }
}
