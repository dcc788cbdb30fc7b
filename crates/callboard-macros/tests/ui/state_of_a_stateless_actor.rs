use callboard::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Default, Message, Serialize, Deserialize)]
struct Count(u64);

struct Counter;

#[actor(name = "counter", stateful = false)]
impl Counter {
    #[action]
    fn add(&self, state: Count) -> Value<(), Count> {
        Value::of().state(Count(state.0 + 1))
    }
}

struct Looker;

#[actor(name = "looker")]
impl Looker {
    #[action]
    fn look(&self, count: &Count) -> Value<u64> {
        Value::response(count.0)
    }
}

struct Both;

#[actor(name = "both", stateful = false, state = Count)]
impl Both {
    #[action]
    fn nothing(&self) {}
}

fn main() {}
