//! An order of some age, as an actor of its own.

use callboard::prelude::*;

use crate::messages::{Order, OrderFile};

/// `order/<order id>`: out of memory unless somebody asks for it.
#[derive(Debug)]
pub struct FiledOrder;

#[actor(name = "order", kind = unnamed, state = OrderFile)]
impl FiledOrder {
    /// Files an order; an older version than the filed one changes nothing.
    #[action]
    fn file(&self, filed: &OrderFile, order: Order) -> Value<(), OrderFile> {
        if filed.order.as_ref().is_some_and(|known| known.version >= order.version) {
            return Value::of();
        }
        Value::of().state(OrderFile { order: Some(order) })
    }

    /// Answers what is filed.
    #[action]
    fn show(&self, filed: &OrderFile) -> Value<OrderFile> {
        Value::response(filed.clone())
    }
}
