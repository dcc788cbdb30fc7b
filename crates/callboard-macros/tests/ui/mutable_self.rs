use callboard::prelude::*;

struct Counter {
    count: u64,
}

#[actor(name = "counter")]
impl Counter {
    #[action]
    fn add(&mut self) {
        self.count += 1;
    }
}

fn main() {}
