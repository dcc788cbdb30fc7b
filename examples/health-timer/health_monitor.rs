//! An action that runs by itself, and announces an alert only when something changed.

use std::fmt;

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// How things are, after each check.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "health.StatusUpdate")]
pub struct StatusUpdate {
    /// How they are.
    pub healthy: bool,
    /// How they were.
    pub was_healthy: bool,
}

/// That something changed.
#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "system.Alert")]
pub enum Alert {
    /// For the worse.
    Degraded,
    /// For the better.
    Recovered,
}

/// What the monitor remembers.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "health.State")]
pub struct HealthState {
    healthy: bool,
    checks: u64,
}

// Until the first check has shown otherwise.
impl Default for HealthState {
    fn default() -> Self {
        Self { healthy: true, checks: 0 }
    }
}

/// Checks something every 30 seconds.
pub struct HealthMonitor {
    check: Box<dyn Fn() -> bool + Send + Sync>,
}

impl HealthMonitor {
    /// Checks this.
    pub fn of(check: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { check: Box::new(check) }
    }
}

impl fmt::Debug for HealthMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HealthMonitor")
    }
}

#[actor(name = "health_monitor", state = HealthState)]
impl HealthMonitor {
    /// The timer is durable, and brings the actor back into memory. Of the times that passed while the node was down none is made
    /// up for: `skip`.
    #[action(timer = "30s", catch_up = skip)]
    fn check_health(&self, state: HealthState) -> Value<(), HealthState> {
        let update = StatusUpdate { healthy: (self.check)(), was_healthy: state.healthy };
        let alerts = match (update.was_healthy, update.healthy) {
            (true, false) => Broadcast::to("system.alerts", Alert::Degraded),
            (false, true) => Broadcast::to("system.alerts", Alert::Recovered),
            _ => Broadcast::new(),
        };
        let state = HealthState { healthy: update.healthy, checks: state.checks + 1 };
        Value::of().state(state).broadcast(alerts.to("health.events", update))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use callboard::testing::TestSystem;

    use super::*;

    // Ninety seconds pass in a millisecond.
    #[callboard::test]
    async fn it_checks_every_30_seconds_and_raises_an_alert_when_something_changed() {
        let well = Arc::new(AtomicBool::new(true));
        let looks = Arc::clone(&well);
        let monitor = HealthMonitor::of(move || looks.load(Ordering::SeqCst));
        let system = TestSystem::builder().actor(monitor).start().await;
        for healthy in [true, false, true] {
            well.store(healthy, Ordering::SeqCst);
            system.advance(Duration::from_secs(30)).await;
        }
        let mut alerts = system.probe("system.alerts");
        assert_eq!(alerts.expect::<Alert>().await.event, Alert::Degraded);
        assert_eq!(alerts.expect::<Alert>().await.event, Alert::Recovered);
        alerts.expect_none().await;
        let mut updates = system.probe("health.events");
        for healthy in [true, false, true] {
            assert_eq!(updates.expect::<StatusUpdate>().await.event.healthy, healthy);
        }
        system.stop().await;
    }
}
