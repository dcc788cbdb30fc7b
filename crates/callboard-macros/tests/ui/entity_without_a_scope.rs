use callboard::prelude::*;

#[derive(Broadcastable)]
struct Character {
    id: u64,
}

fn main() {}
