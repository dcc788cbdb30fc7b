use callboard::prelude::*;

struct Counter;

#[actor(name = "shop/counter")]
impl Counter {
    #[action]
    fn add(&self) {}
}

fn main() {}
