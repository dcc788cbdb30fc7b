//! A listener that keeps nothing. The event's type picks the handler.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use callboard::MessageId;
use callboard::prelude::*;

pub use crate::order_processor::{OrderCreated, OrderUpdated};

/// The mail service outside. It takes an idempotency key, as most do: a second mail under the same key is not sent.
#[derive(Clone, Debug, Default)]
pub struct Mailer {
    sent: Arc<Mutex<BTreeMap<MessageId, String>>>,
}

impl Mailer {
    /// Sends a mail.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub async fn send(&self, key: MessageId, text: String) -> std::io::Result<()> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(text);
        Ok(())
    }
}

/// Sends mail about orders. What it needs to work is a field; what it remembers is nothing.
///
/// How far it heard is kept for it, so it hears what was announced while it was down. After a crash it may hear the last
/// event twice, under the same publication id: that is the key for the service outside.
#[derive(Debug)]
pub struct EmailService {
    /// The way out.
    pub mailer: Mailer,
}

#[actor(
    name = "email_service",
    stateful = false,
    channels = [("order.events", "handle_order_event"), ("order.status", "handle_order_event")]
)]
impl EmailService {
    #[action]
    async fn handle_order_event(&self, ctx: &Context, event: OrderCreated) -> Result<()> {
        self.mail(ctx, format!("{}: we have your order {}", event.user_id, event.order_id)).await
    }

    /// A second handler of the same action.
    #[action(name = "handle_order_event")]
    async fn handle_order_update(&self, ctx: &Context, event: OrderUpdated) -> Result<()> {
        self.mail(ctx, format!("order {} is {}", event.order_id, event.new_status)).await
    }

    // Not an action: a method like any other. An error brings the event again after a pause, five times, then it is set
    // aside as a dead letter.
    async fn mail(&self, ctx: &Context, text: String) -> Result<()> {
        let key = ctx.publication_id().ok_or_else(|| Error::invalid("publish the event instead of calling"))?;
        Ok(self.mailer.send(key, text).await?)
    }
}

#[cfg(test)]
mod tests {
    use callboard::testing::{TestSystem, Turn};

    use super::*;
    use crate::order_processor::{OrderData, OrderProcessor, StatusUpdate};

    fn mails(mailer: &Mailer) -> Vec<String> {
        mailer.sent.lock().unwrap().values().cloned().collect()
    }

    #[callboard::test]
    async fn orders_and_their_changes_are_mailed() {
        let mailer = Mailer::default();
        let service = EmailService { mailer: mailer.clone() };
        let shop = TestSystem::builder().actor(OrderProcessor).actor(service).start().await;
        let orders = OrderProcessor::at(&shop);
        let order = orders.create_order(OrderData { user_id: "ada".to_owned(), amount: 5 }).await.unwrap();
        let update = StatusUpdate { order_id: order.id.clone(), status: "paid".to_owned() };
        orders.update_order_status(update).await.unwrap();
        shop.settle().await;
        let mut sent = mails(&mailer);
        sent.sort();
        assert_eq!(sent, [format!("ada: we have your order {}", order.id), format!("order {} is paid", order.id)]);
    }

    #[callboard::test]
    async fn an_event_that_comes_twice_is_mailed_once() {
        let service = EmailService { mailer: Mailer::default() };
        for _ in 0..2 {
            let event = OrderCreated { order_id: "o1".to_owned(), user_id: "ada".to_owned(), amount: 5 };
            let turn = Turn::of(&service).action("handle_order_event").heard("order.events", event);
            assert!(turn.run().await.unwrap().changes_nothing());
        }
        assert_eq!(mails(&service.mailer), ["ada: we have your order o1"]);
    }
}
