use callboard::prelude::*;

struct Counter;

#[actor(name = "counter")]
impl Counter {
    #[action]
    fn init(&self) {}
}

struct Waiter;

#[actor(name = "waiter")]
impl Waiter {
    #[init]
    fn begin(&self, _order: String) {}

    #[action]
    fn wait(&self) {}
}

fn main() {}
