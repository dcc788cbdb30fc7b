use callboard::prelude::*;

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign..{campaign_id}")]
struct Character {
    id: u64,
    campaign_id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{campaign_id")]
struct Fight {
    id: u64,
    campaign_id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{campaign_id}.>")]
struct Vehicle {
    id: u64,
    campaign_id: u64,
}

fn main() {}
