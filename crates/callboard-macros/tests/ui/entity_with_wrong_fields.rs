use callboard::prelude::*;

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{campaign}")]
struct Character {
    id: u64,
    campaign_id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{campaign_id}")]
struct Fight {
    uuid: u64,
    campaign_id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{campaign_id}", id = number)]
struct Vehicle {
    id: u64,
    campaign_id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{campaign_id}", version = revision)]
struct Party {
    id: u64,
    campaign_id: u64,
}

fn main() {}
