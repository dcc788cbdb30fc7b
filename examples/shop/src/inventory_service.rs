//! Counts what was ordered.

use callboard::prelude::*;

use crate::messages::{InventoryState, OrderCreated};
use crate::order_processor::{ITEMS_LEN_MAX, NAME_LEN_MAX};

/// SKUs with a number of their own; they come from outside, and a state has to end somewhere.
pub const SKUS_LEN_MAX: usize = 1000;
/// The last orders that it names.
pub const LAST_ORDERS_LEN: usize = 20;

/// Counts what was ordered, each order once: what it counted and how far it heard `order.events` are committed together.
#[derive(Debug)]
pub struct InventoryService;

#[actor(name = "inventory_service", state = InventoryState, channels = [("order.events", "handle_order_event")])]
impl InventoryService {
    #[action]
    fn handle_order_event(&self, mut state: InventoryState, event: OrderCreated) -> Result<Value<(), InventoryState>> {
        check(&event)?;
        state.orders = state.orders.saturating_add(1);
        for item in event.items {
            let quantity = u64::from(item.quantity);
            state.things = state.things.saturating_add(quantity);
            let full = state.ordered.len() >= SKUS_LEN_MAX;
            let count = match state.ordered.get_mut(&item.sku) {
                Some(count) => count,
                None if full => &mut state.others,
                None => state.ordered.entry(item.sku).or_default(),
            };
            *count = count.saturating_add(quantity);
        }
        state.last_orders.push(event.order_id);
        let surplus = state.last_orders.len().saturating_sub(LAST_ORDERS_LEN);
        state.last_orders.drain(..surplus);
        Ok(Value::of().state(state))
    }
}

/// Anybody may publish on a topic: what the order processor would not announce is set aside as a dead letter.
fn check(event: &OrderCreated) -> Result<()> {
    let names = event.items.iter().map(|item| &item.sku).chain([&event.order_id]);
    let long = names.map(String::len).any(|len| len > NAME_LEN_MAX);
    if long || event.items.len() > ITEMS_LEN_MAX {
        return Err(Error::invalid("no order that the order processor accepts"));
    }
    Ok(())
}
