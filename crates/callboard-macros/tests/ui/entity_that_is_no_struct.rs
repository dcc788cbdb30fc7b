use callboard::prelude::*;

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{id}")]
enum Character {
    Hero { id: u64 },
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{id}")]
struct Fight(u64);

fn main() {}
