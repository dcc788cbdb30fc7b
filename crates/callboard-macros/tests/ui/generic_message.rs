use callboard::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Message, Serialize, Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

#[derive(Message, Serialize, Deserialize)]
#[message(name = "shop order")]
struct Order {
    id: String,
}

fn main() {}
