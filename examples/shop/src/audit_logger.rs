//! Writes down what happened.

use callboard::prelude::*;
use serde::Serialize;

use crate::email_service::heard;
use crate::journal::Journal;
use crate::messages::{AuditLog, OrderCreated, OrderUpdated, SecurityBreach, SystemAlert, UserCreated, at};

/// Writes down whatever is announced about users, orders and security, one line for each publication.
#[derive(Debug)]
pub struct AuditLogger {
    /// Where to.
    pub journal: Journal,
}

/// One line.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    time: String,
    category: &'static str,
    topic: String,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[actor(
    name = "audit_logger",
    stateful = false,
    channels = [
        ("order.*", "log_order_event"),
        ("user.*", "log_user_event"),
        ("audit.>", "log_audit_event"),
        ("security.>", "log_security_event"),
    ]
)]
impl AuditLogger {
    #[action(name = "log_order_event")]
    async fn log_order_created(&self, ctx: &Context, event: OrderCreated) -> Result<()> {
        let OrderCreated { order_id, user_id, .. } = event;
        let entry = Entry { order_id: Some(order_id), user_id: Some(user_id), ..Entry::default() };
        self.write(ctx, "ORDER", entry).await
    }

    #[action(name = "log_order_event")]
    async fn log_order_updated(&self, ctx: &Context, event: OrderUpdated) -> Result<()> {
        let OrderUpdated { order_id, user_id, old_status, new_status, .. } = event;
        let note = Some(format!("{old_status} -> {new_status}"));
        let entry = Entry { order_id: Some(order_id), user_id: Some(user_id), note, ..Entry::default() };
        self.write(ctx, "ORDER", entry).await
    }

    /// Takes what no other handler of the action takes: events of types that are not known here, too, are written down.
    #[action(name = "log_order_event")]
    async fn log_any_order_event(&self, ctx: &Context, _event: AnyPayload) -> Result<()> {
        self.write(ctx, "ORDER", Entry::default()).await
    }

    #[action]
    async fn log_user_event(&self, ctx: &Context, event: AnyPayload) -> Result<()> {
        let user_id = if event.is::<UserCreated>() { Some(event.read::<UserCreated>()?.user_id) } else { None };
        self.write(ctx, "USER", Entry { user_id, ..Entry::default() }).await
    }

    #[action]
    async fn log_audit_event(&self, ctx: &Context, event: AuditLog) -> Result<()> {
        let AuditLog { action, user_id, .. } = event;
        self.write(ctx, "AUDIT", Entry { user_id: Some(user_id), note: Some(action), ..Entry::default() }).await
    }

    /// Not only written down: everyone who listens to alerts is told.
    #[action]
    async fn log_security_event(&self, ctx: &Context, event: SecurityBreach) -> Result<Value> {
        let SecurityBreach { user_id, what } = event;
        let message = format!("{user_id}: {what}");
        self.write(ctx, "SECURITY", Entry { user_id: Some(user_id), note: Some(what), ..Entry::default() }).await?;
        let alert = SystemAlert { level: "critical".to_owned(), message, timestamp: at(ctx.now()) };
        Ok(Value::of().broadcast(Broadcast::to(topic!("system.alerts"), alert)))
    }

    async fn write(&self, ctx: &Context, category: &'static str, entry: Entry) -> Result<()> {
        let heard = heard(ctx)?;
        let (time, topic) = (heard.time.to_string(), heard.topic.to_string());
        let event = heard.payload.type_name().as_str();
        let event = event.rsplit_once('.').map_or(event, |(_, name)| name).to_owned();
        self.journal.append(heard.id, &Entry { time, category, topic, event, ..entry }).await?;
        Ok(())
    }
}
