//! Passivation: who was idle for long enough leaves memory. One sweep over the activations instead of a timer for each.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::Clock;

use crate::hosts::Hosts;
use crate::metrics::EngineMetrics;
use crate::registry::Registry;

/// How often the sweeper looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    period: Duration,
}

impl Schedule {
    /// Often enough for the shortest timeout declared, and at least once a second.
    pub(crate) fn new(hosts: &Hosts) -> Self {
        let shortest = hosts.sorted().iter().map(|host| host.declaration.deactivate_timeout).min();
        let period = shortest.unwrap_or(Duration::from_secs(4)) / 4;
        Self { period: period.clamp(Duration::from_millis(10), Duration::from_secs(1)) }
    }

    /// How many rounds a timeout lasts, rounded up: never less than the time declared.
    pub(crate) fn ticks(&self, timeout: Duration) -> u32 {
        let rounds = timeout.as_nanos().div_ceil(self.period.as_nanos());
        u32::try_from(rounds).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// Sweeps until it is dropped. Past `active_max` activations, those idle for a quarter of their timeout leave too.
/// It also answers mail that waited past its deadline.
pub(crate) async fn run(registry: Arc<Registry>, clock: Arc<dyn Clock>, schedule: Schedule, active_max: usize) {
    let metrics = EngineMetrics::new();
    let mut rounds = tokio::time::interval(schedule.period);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let tick = registry.advance_tick();
        registry.expire(clock.instant());
        let crowded = registry.len() > active_max;
        registry.each(|cell| {
            let timeout = schedule.ticks(cell.host.declaration.deactivate_timeout);
            let timeout = if crowded { timeout / 4 } else { timeout };
            if cell.idle_ticks(tick) >= timeout {
                cell.mailbox.suggest_idle();
            }
        });
        metrics.active_actors.set(registry.len() as f64);
    }
}
