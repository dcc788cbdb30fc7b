use std::collections::BTreeMap;

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Message, Serialize, Deserialize)]
struct OrderCreated { order_id: String, items: BTreeMap<String, u32> }

#[derive(Message, Serialize, Deserialize)]
struct StockChanged { order_id: String }

#[derive(Clone, Default, Message, Serialize, Deserialize)]
struct Levels { ordered: BTreeMap<String, u32> }

/// Counts what was ordered, and says so.
struct Stock;

#[actor(name = "stock", state = Levels, channels = [("order.events", "order_created")])]
impl Stock {
    #[action]
    async fn order_created(&self, mut levels: Levels, event: OrderCreated) -> Value<(), Levels> {
        for (sku, quantity) in event.items {
            *levels.ordered.entry(sku).or_default() += quantity;
        }
        let changed = StockChanged { order_id: event.order_id };
        Value::of().state(levels).broadcast(Broadcast::to("stock.events", changed))
    }
}
