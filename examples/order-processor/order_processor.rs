//! An action answers, remembers and announces in one Value.

use std::collections::BTreeMap;

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// Asks for an order.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "shop.OrderData")]
pub struct OrderData {
    /// Who orders.
    pub user_id: String,
    /// What it costs, in cents.
    pub amount: u64,
}

/// An order as it stands.
#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "shop.Order")]
pub struct Order {
    /// Its name.
    pub id: String,
    /// Who ordered.
    pub user_id: String,
    /// What it costs, in cents.
    pub amount: u64,
    /// `created`, then whatever it is set to.
    pub status: String,
}

/// Sets the status of an order.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "shop.StatusUpdate")]
pub struct StatusUpdate {
    /// Which order.
    pub order_id: String,
    /// The new status; with `done` it leaves the book.
    pub status: String,
}

/// Announced on `order.events`.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "shop.OrderCreated")]
pub struct OrderCreated {
    /// Which order.
    pub order_id: String,
    /// Who ordered.
    pub user_id: String,
    /// What it costs, in cents.
    pub amount: u64,
}

/// Announced on `order.status`.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "shop.OrderUpdated")]
pub struct OrderUpdated {
    /// Which order.
    pub order_id: String,
    /// What it was.
    pub old_status: String,
    /// What it is.
    pub new_status: String,
}

/// The open orders.
#[derive(Clone, Debug, Default, Message, Serialize, Deserialize)]
#[message(name = "shop.OpenOrders")]
pub struct OpenOrders {
    orders: BTreeMap<String, Order>,
}

/// Open orders at one time. A state is written as a whole at each change, so it has an end.
pub const OPEN_LEN_MAX: usize = 1000;

/// Takes orders and announces them.
#[derive(Debug)]
pub struct OrderProcessor;

#[actor(name = "order_processor", state = OpenOrders)]
impl OrderProcessor {
    /// The state comes in by value and goes out with the Value; an early `?` leaves it as it was.
    #[action]
    fn create_order(&self, ctx: &Context, mut open: OpenOrders, data: OrderData) -> Result<Value<Order, OpenOrders>> {
        if data.amount == 0 {
            return Err(Error::invalid("an order has an amount; give at least 1"));
        }
        if open.orders.len() >= OPEN_LEN_MAX {
            return Err(Error::new(Code::Overloaded, "too many orders are open; try again when some are done"));
        }
        let OrderData { user_id, amount } = data;
        let order = Order { id: ctx.new_id().to_string(), user_id, amount, status: "created".to_owned() };
        let Order { id: order_id, user_id, .. } = order.clone();
        open.orders.insert(order_id.clone(), order.clone());
        let created = OrderCreated { order_id, user_id, amount };
        Ok(Value::response(order).state(open).broadcast(Broadcast::to("order.events", created)))
    }

    #[action]
    fn update_order_status(&self, mut open: OpenOrders, update: StatusUpdate) -> Result<Value<Order, OpenOrders>> {
        let StatusUpdate { order_id, status } = update;
        let mut order =
            open.orders.remove(&order_id).ok_or_else(|| Error::invalid(format!("no open order {order_id}")))?;
        let old_status = std::mem::replace(&mut order.status, status);
        if order.status != "done" {
            open.orders.insert(order_id.clone(), order.clone());
        }
        let updated = OrderUpdated { order_id, old_status, new_status: order.status.clone() };
        Ok(Value::response(order).state(open).broadcast(Broadcast::to("order.status", updated)))
    }

    /// Only looks: the state is borrowed, and nothing is written.
    #[action]
    fn count(&self, open: &OpenOrders) -> Value<u32> {
        Value::response(u32::try_from(open.orders.len()).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use callboard::testing::{TestBuilder, TestSystem};

    use super::*;

    fn shop() -> TestBuilder {
        TestSystem::builder().actor(OrderProcessor)
    }

    fn data() -> OrderData {
        OrderData { user_id: "user_123".to_owned(), amount: 100 }
    }

    #[callboard::test(shop())]
    async fn order_creation_is_announced(shop: TestSystem) {
        let order = OrderProcessor::at(&shop).create_order(data()).await.unwrap();
        let event = shop.probe("order.events").expect::<OrderCreated>().await.event;
        assert_eq!((event.order_id, event.user_id, event.amount), (order.id, "user_123".to_owned(), 100));
    }

    #[callboard::test(shop())]
    async fn a_refused_order_is_neither_kept_nor_announced(shop: TestSystem) {
        let orders = OrderProcessor::at(&shop);
        let error = orders.create_order(OrderData { amount: 0, ..data() }).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidPayload);
        assert_eq!(orders.count().await.unwrap(), 0);
        shop.probe(">").expect_none().await;
    }

    #[callboard::test(shop())]
    async fn an_order_that_is_done_leaves_the_book(shop: TestSystem) {
        let orders = OrderProcessor::at(&shop);
        let order_id = orders.create_order(data()).await.unwrap().id;
        for (status, open) in [("paid", 1), ("done", 0)] {
            let update = StatusUpdate { order_id: order_id.clone(), status: status.to_owned() };
            assert_eq!(orders.update_order_status(update).await.unwrap().status, status);
            assert_eq!(orders.count().await.unwrap(), open);
        }
        let mut probe = shop.probe("order.status");
        assert_eq!(probe.expect::<OrderUpdated>().await.event.new_status, "paid");
        assert_eq!(probe.expect::<OrderUpdated>().await.event.old_status, "paid");
    }
}
