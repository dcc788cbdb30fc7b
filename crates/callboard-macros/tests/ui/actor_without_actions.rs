use callboard::prelude::*;

struct Counter;

#[actor(name = "counter")]
impl Counter {
    fn add(&self) {}
}

#[actor(name = "counter")]
struct Other;

fn main() {}
