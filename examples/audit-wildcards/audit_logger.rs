//! Listening to patterns of topics, and taking whatever comes.

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// Somebody tried what they may not. Announced on `security.` and what it is about.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "security.Breach")]
pub struct Breach {
    /// Who.
    pub user_id: String,
}

/// Announced on `system.alerts`.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "system.Alert")]
pub struct Alert {
    /// What happened.
    pub message: String,
}

/// The last lines, newest last, and how many there were.
#[derive(Clone, Debug, Default, Message, Serialize, Deserialize)]
#[message(name = "audit.Log")]
pub struct AuditLog {
    /// How many lines there were.
    pub count: u64,
    /// The last of them.
    pub last: Vec<String>,
}

/// Lines that are kept.
pub const LAST_LEN: usize = 100;

/// Writes down what happens. `*` is one token of a topic, `>` is one or more at its end.
#[derive(Debug)]
pub struct AuditLogger;

#[actor(
    name = "audit_logger",
    state = AuditLog,
    channels = [("user.*", "log_event"), ("order.>", "log_event"), ("security.>", "log_security_event")]
)]
impl AuditLogger {
    /// `AnyPayload` takes events of every type, also of those that nobody has thought of yet.
    #[action]
    fn log_event(&self, ctx: &Context, log: AuditLog, event: AnyPayload) -> Value<(), AuditLog> {
        let topic = ctx.publication().map_or("", |publication| publication.topic.as_str());
        Value::of().state(log.with(format!("{topic} {}", event.type_name())))
    }

    /// What is worth more than a line is announced in turn, in the same commit.
    #[action]
    fn log_security_event(&self, log: AuditLog, event: Breach) -> Value<(), AuditLog> {
        let message = format!("breach by {}", event.user_id);
        let log = log.with(message.clone());
        Value::of().state(log).broadcast(Broadcast::to("system.alerts", Alert { message }))
    }
}

impl AuditLog {
    fn with(mut self, line: String) -> Self {
        self.count += 1;
        self.last.push(line);
        let surplus = self.last.len().saturating_sub(LAST_LEN);
        self.last.drain(..surplus);
        self
    }
}

#[cfg(test)]
mod tests {
    use callboard::testing::TestSystem;

    use super::*;

    #[callboard::test(TestSystem::builder().actor(AuditLogger))]
    async fn what_matches_a_pattern_is_written_down(system: TestSystem) {
        for topic in ["user.events", "user.a.b", "order.events", "order.a.b", "payment.events"] {
            system.publish(topic, topic.to_owned()).await.unwrap();
        }
        system.settle().await;
        let mut log: AuditLog = system.state("audit_logger").await.unwrap().unwrap();
        // Different topics are in no order to each other.
        log.last.sort();
        let lines =
            ["order.a.b", "order.events", "user.events"].map(|topic| format!("{topic} google.protobuf.StringValue"));
        assert_eq!(log.last, lines);
    }

    #[callboard::test(TestSystem::builder().actor(AuditLogger))]
    async fn a_breach_raises_an_alert(system: TestSystem) {
        system.publish("security.login.failed", Breach { user_id: "mallory".to_owned() }).await.unwrap();
        let alert = system.probe("system.alerts").expect::<Alert>().await;
        assert_eq!(alert.event.message, "breach by mallory");
        assert_eq!(alert.publisher.as_ref().unwrap().as_str(), "audit_logger");
    }
}
