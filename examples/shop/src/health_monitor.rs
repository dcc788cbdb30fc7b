//! Looks after the parts of the system, every 30 seconds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use callboard::prelude::*;

use crate::messages::{ComponentStatus, HealthState, HealthStatusUpdate, SystemAlert, at};

/// Checks one part: `Err` says what is wrong.
type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Checks what it was given, announces how it is, and raises an alert when that changes.
#[derive(Default)]
pub struct HealthMonitor {
    components: Vec<(&'static str, Check)>,
}

impl HealthMonitor {
    /// Checks this part too.
    #[must_use]
    pub fn with<F, E>(mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let check: Check = Box::new(move || {
            let checking = check();
            Box::pin(async move { checking.await.map_err(|error| error.to_string()) })
        });
        self.components.push((name, check));
        self
    }
}

impl fmt::Debug for HealthMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.components.iter().map(|(name, _)| name)).finish()
    }
}

const HEALTHY: &str = "healthy";
const UNHEALTHY: &str = "unhealthy";

#[actor(name = "health_monitor", state = HealthState)]
impl HealthMonitor {
    /// Runs by itself, and can be called.
    #[action(timer = "30s", catch_up = skip)]
    async fn check_health(&self, ctx: &Context, before: HealthState) -> Value<HealthStatusUpdate, HealthState> {
        let mut components = Vec::new();
        for (name, check) in &self.components {
            let found = check().await;
            let (healthy, detail) = (found.is_ok(), found.err().unwrap_or_default());
            components.push(ComponentStatus { name: (*name).to_owned(), healthy, detail });
        }
        let well = components.iter().all(|component| component.healthy);
        let now = if well { HEALTHY } else { UNHEALTHY };
        let timestamp = at(ctx.now());
        let alert = |level: &str, message: &str| {
            let (level, message) = (level.to_owned(), message.to_owned());
            Broadcast::to(topic!("system.alerts"), SystemAlert { level, message, timestamp })
        };
        let alerts = match (before.overall_status.as_str(), now) {
            (HEALTHY | "", UNHEALTHY) => alert("critical", "System health degraded"),
            (UNHEALTHY, HEALTHY) => alert("info", "System health recovered"),
            _ => Broadcast::new(),
        };
        let update = HealthStatusUpdate {
            timestamp,
            overall_status: now.to_owned(),
            previous_status: before.overall_status,
            components: components.clone(),
        };
        let checks = before.checks.saturating_add(1);
        let state = HealthState { overall_status: now.to_owned(), checks, checked_at: timestamp, components };
        Value::response(update.clone()).state(state).broadcast(alerts.to(topic!("health.events"), update))
    }
}
