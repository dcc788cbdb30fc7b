//! Names and labels of the runtime's metrics, in one place. Labels are declared actors' names and fixed words only, so their
//! number is bounded by the program text.

use metrics::{Counter, Gauge, Histogram};

/// Turns of one declared actor, by outcome.
pub(crate) struct ActorMetrics {
    pub(crate) turns_ok: Counter,
    pub(crate) turns_failed: Counter,
    pub(crate) turns_panicked: Counter,
    pub(crate) deliveries_skipped: Counter,
    pub(crate) activations: Counter,
}

impl ActorMetrics {
    pub(crate) fn new(actor: &str) -> Self {
        let actor = actor.to_owned();
        let turns = |outcome: &'static str| metrics::counter!("callboard_turns_total", "actor" => actor.clone(), "outcome" => outcome);
        Self {
            turns_ok: turns("ok"),
            turns_failed: turns("failed"),
            turns_panicked: turns("panicked"),
            deliveries_skipped: metrics::counter!("callboard_deliveries_skipped_total", "actor" => actor.clone()),
            activations: metrics::counter!("callboard_activations_total", "actor" => actor.clone()),
        }
    }
}

/// What the engine as a whole does.
pub(crate) struct EngineMetrics {
    pub(crate) commits: Counter,
    pub(crate) commit_batches: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) commit_errors: Counter,
    pub(crate) publications: Counter,
    pub(crate) ephemeral_dropped: Counter,
    pub(crate) overflows: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) parked: Counter,
    pub(crate) delivery_retries: Counter,
    pub(crate) service_restarts: Counter,
    pub(crate) active_actors: Gauge,
    pub(crate) active_feeds: Gauge,
    pub(crate) live_subscribers: Gauge,
}

impl EngineMetrics {
    pub(crate) fn new() -> Self {
        Self {
            commits: metrics::counter!("callboard_commits_total"),
            commit_batches: metrics::histogram!("callboard_commit_batches"),
            commit_seconds: metrics::histogram!("callboard_commit_seconds"),
            commit_errors: metrics::counter!("callboard_commit_errors_total"),
            publications: metrics::counter!("callboard_publications_total"),
            ephemeral_dropped: metrics::counter!("callboard_ephemeral_dropped_total"),
            overflows: metrics::counter!("callboard_subscriber_overflows_total"),
            dead_letters: metrics::counter!("callboard_dead_letters_total"),
            parked: metrics::counter!("callboard_parked_total"),
            delivery_retries: metrics::counter!("callboard_delivery_retries_total"),
            service_restarts: metrics::counter!("callboard_service_restarts_total"),
            active_actors: metrics::gauge!("callboard_active_actors"),
            active_feeds: metrics::gauge!("callboard_active_feeds"),
            live_subscribers: metrics::gauge!("callboard_live_subscribers"),
        }
    }
}
