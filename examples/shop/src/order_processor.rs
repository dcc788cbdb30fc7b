//! Takes orders, remembers them and announces them.

use std::collections::VecDeque;

use callboard::prelude::*;
use futures_util::future::try_join_all;

use crate::filed_order::FiledOrder;
use crate::messages::{Item, Order, OrderBook, OrderCreated, OrderData, OrderQuery, OrderUpdated, StatusUpdate, at};

/// Orders in the book. A state is written as a whole, so it is kept small: when the book is full, the older half is filed.
pub const BOOK_LEN_MAX: usize = 32;
/// Items of one order.
pub const ITEMS_LEN_MAX: usize = 100;
/// Bytes of an order's name, of a SKU and of a status.
pub const NAME_LEN_MAX: usize = 64;
/// Of one item in one order.
pub const QUANTITY_MAX: u32 = 1_000_000;

/// Takes orders and announces them.
///
/// An order is in the book or filed as `order/<order id>`, and the book goes before the file. It leaves the book only after it
/// was filed, so there is no moment at which it is in neither.
#[derive(Debug)]
pub struct OrderProcessor;

#[actor(name = "order_processor", state = OrderBook)]
impl OrderProcessor {
    /// Accepts an order. The same order id again: the order that is there, or a conflict when it has another content.
    #[action]
    async fn create_order(
        &self,
        ctx: &Context,
        mut book: OrderBook,
        data: OrderData,
    ) -> Result<Value<Order, OrderBook>> {
        let named = !data.order_id.is_empty();
        let order = accept(ctx, data)?;
        // A name that was made here is new.
        if named && let Some(known) = lookup(ctx, &book, &order.order_id).await? {
            return same(known, &order);
        }
        make_room(ctx, &mut book).await?;
        book.created = book.created.saturating_add(1);
        book.newest.push(order.clone());
        let created = OrderCreated {
            order_id: order.order_id.clone(),
            user_id: order.user_id.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            items: order.items.clone(),
            created_at: order.created_at,
            version: order.version,
        };
        Ok(Value::response(order).state(book).broadcast(Broadcast::to(topic!("order.events"), created)))
    }

    /// Sets the status of an order.
    #[action]
    async fn update_order_status(
        &self,
        ctx: &Context,
        mut book: OrderBook,
        update: StatusUpdate,
    ) -> Result<Value<Order, OrderBook>> {
        name("status", &update.status)?;
        let mut order = find(ctx, &book, &update.order_id).await?;
        if !update.old_status.is_empty() && update.old_status != order.status {
            let StatusUpdate { order_id, old_status, .. } = update;
            return Err(Error::conflict(format!("order {order_id} is {}, not {old_status}", order.status)));
        }
        if update.status == order.status {
            return Ok(Value::response(order));
        }
        let old_status = std::mem::replace(&mut order.status, update.status);
        order.updated_at = at(ctx.now());
        order.version += 1;
        match book.newest.iter_mut().find(|known| known.order_id == order.order_id) {
            Some(known) => known.clone_from(&order),
            None => {
                make_room(ctx, &mut book).await?;
                book.newest.push(order.clone());
            }
        }
        let updated = OrderUpdated {
            order_id: order.order_id.clone(),
            user_id: order.user_id.clone(),
            old_status,
            new_status: order.status.clone(),
            updated_at: order.updated_at,
            version: order.version,
        };
        Ok(Value::response(order).state(book).broadcast(Broadcast::to(topic!("order.status"), updated)))
    }

    /// Answers an order, of whatever age. It only looks: nothing is written.
    #[action]
    async fn find_order(&self, ctx: &Context, book: &OrderBook, query: OrderQuery) -> Result<Value<Order>> {
        Ok(Value::response(find(ctx, book, &query.order_id).await?))
    }
}

fn accept(ctx: &Context, data: OrderData) -> Result<Order> {
    let OrderData { mut order_id, user_id, amount, mut currency, mut items } = data;
    if order_id.is_empty() {
        order_id = format!("ord_{}", ctx.new_id());
    }
    name("orderId", &order_id)?;
    // It may be filed under this name later.
    ActorId::instance("order", &order_id).map_err(|error| Error::invalid(format!("orderId: {error}")))?;
    name("userId", &user_id)?;
    if !(amount.is_finite() && amount > 0.0) {
        return Err(Error::invalid(format!("amount is {amount}; give more than 0")));
    }
    if currency.is_empty() {
        "USD".clone_into(&mut currency);
    }
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(Error::invalid("currency: give three capital letters, e.g. USD"));
    }
    if items.len() > ITEMS_LEN_MAX {
        return Err(Error::invalid(format!("{} items; an order has at most {ITEMS_LEN_MAX}", items.len())));
    }
    for Item { sku, quantity } in &mut items {
        name("sku", sku)?;
        *quantity = (*quantity).max(1);
        if *quantity > QUANTITY_MAX {
            return Err(Error::invalid(format!("{quantity} of {sku}; give at most {QUANTITY_MAX}")));
        }
    }
    let (status, created_at) = ("created".to_owned(), at(ctx.now()));
    let updated_at = created_at;
    Ok(Order { order_id, user_id, amount, currency, items, status, created_at, updated_at, version: 1 })
}

fn name(what: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.len() > NAME_LEN_MAX {
        return Err(Error::invalid(format!("{what} has {} bytes; give 1 to {NAME_LEN_MAX}", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(format!("{what} has control characters")));
    }
    Ok(())
}

/// Answers an order that came a second time. Nothing is written and nothing announced.
fn same(known: Order, order: &Order) -> Result<Value<Order, OrderBook>> {
    let content = |order: &Order| (order.user_id.clone(), order.amount, order.currency.clone(), order.items.clone());
    if content(&known) == content(order) {
        return Ok(Value::response(known));
    }
    Err(Error::conflict(format!("there is an order {} with another content; choose another orderId", known.order_id)))
}

async fn find(ctx: &Context, book: &OrderBook, order_id: &str) -> Result<Order> {
    name("orderId", order_id)?;
    let found = lookup(ctx, book, order_id).await?;
    // An order of some age is an actor, so its code says it best.
    found.ok_or_else(|| Error::new(Code::ActorNotFound, format!("there is no order {order_id}")))
}

async fn lookup(ctx: &Context, book: &OrderBook, order_id: &str) -> Result<Option<Order>> {
    if let Some(known) = book.newest.iter().rev().find(|known| known.order_id == order_id) {
        return Ok(Some(known.clone()));
    }
    Ok(FiledOrder::at(ctx, order_id).show().await?.order)
}

/// Files the older half of a full book. Filing happens before this turn is committed, and may happen again if it never is;
/// that changes nothing, because a file keeps the newest version of its order.
async fn make_room(ctx: &Context, book: &mut OrderBook) -> Result<()> {
    if book.newest.len() < BOOK_LEN_MAX {
        return Ok(());
    }
    let mut orders = VecDeque::from(std::mem::take(&mut book.newest));
    let oldest = orders.drain(..BOOK_LEN_MAX / 2);
    try_join_all(oldest.map(|order| {
        let filing = FiledOrder::at(ctx, &order.order_id).file(order);
        async move { filing.await }
    }))
    .await?;
    book.newest = orders.into();
    Ok(())
}
