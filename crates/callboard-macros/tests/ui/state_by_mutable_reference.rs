use callboard::prelude::*;

struct Counter;

#[actor(name = "counter", state = u64)]
impl Counter {
    #[action]
    fn add(&self, count: &mut u64) {
        *count += 1;
    }
}

fn main() {}
