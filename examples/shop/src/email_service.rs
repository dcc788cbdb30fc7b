//! Sends mail about orders and users.

use std::sync::Arc;

use callboard::core::Publication;
use callboard::prelude::*;

use crate::mailer::{Mail, Mailer};
use crate::messages::{OrderCreated, OrderUpdated, UserCreated};

/// Sends mail. It remembers nothing: how far it heard is kept for it, and what it may hear twice after a crash it sends once,
/// because the publication's id goes along as the idempotency key.
#[derive(Debug)]
pub struct EmailService {
    /// The way out.
    pub mailer: Mailer,
}

#[actor(
    name = "email_service",
    stateful = false,
    channels = [
        ("order.events", "handle_order_event"),
        ("order.status", "handle_order_event"),
        ("user.events", "handle_user_event"),
    ]
)]
impl EmailService {
    #[action]
    async fn handle_order_event(&self, ctx: &Context, event: OrderCreated) -> Result<()> {
        let OrderCreated { order_id, user_id, amount, currency, .. } = event;
        self.mail(ctx, user_id, format!("We have your order {order_id} over {amount:.2} {currency}"), Some(order_id))
            .await
    }

    /// A second handler of the same action: the payload's type picks.
    #[action(name = "handle_order_event")]
    async fn handle_order_update(&self, ctx: &Context, event: OrderUpdated) -> Result<()> {
        let OrderUpdated { order_id, user_id, new_status, .. } = event;
        self.mail(ctx, user_id, format!("Your order {order_id} is {new_status}"), Some(order_id)).await
    }

    #[action]
    async fn handle_user_event(&self, ctx: &Context, event: UserCreated) -> Result<()> {
        self.mail(ctx, event.user_id, format!("Welcome, {}", event.email), None).await
    }

    // Not an action: a method like any other.
    async fn mail(&self, ctx: &Context, to: String, text: String, order_id: Option<String>) -> Result<()> {
        let heard = heard(ctx)?;
        self.mailer.send(heard.id, heard.time, &Mail { to, text, order_id }).await?;
        Ok(())
    }
}

/// The publication that a listener heard. Its actions can be called by hand as well, and then there is none.
pub(crate) fn heard(ctx: &Context) -> Result<&Arc<Publication>> {
    ctx.publication().ok_or_else(|| {
        Error::invalid("this action handles what is announced; publish the event on its topic instead of calling it")
    })
}
