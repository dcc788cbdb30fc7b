use callboard::prelude::*;

struct Monitor;

#[actor(name = "monitor")]
impl Monitor {
    #[action(timer = "30s")]
    fn check(&self, _what: String) {}
}

fn main() {}
