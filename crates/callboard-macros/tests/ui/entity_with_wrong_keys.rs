use callboard::prelude::*;

#[derive(Broadcastable)]
#[broadcastable(topic = "campaign.{id}")]
struct Character {
    id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{id}", entity = "a", entity = "b")]
struct Fight {
    id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{id}", plural = "sheep")]
struct Sheep {
    id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{id}", entity = "a car")]
struct Car {
    id: u64,
}

#[derive(Broadcastable)]
#[broadcastable(scope = "campaign.{id}", class)]
struct Bike {
    id: u64,
}

fn main() {}
