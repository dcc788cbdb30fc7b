//! What each metric means, as `/metrics` explains it.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// What the embedded store counts itself; see [`super::record_store`].
pub(super) const STORE_FLUSHES: &str = "callboard_store_flushes_total";
pub(super) const STORE_FLUSH_MICROSECONDS: &str = "callboard_store_flush_microseconds_total";
pub(super) const STORE_REFUSED: &str = "callboard_store_refused_total";
pub(super) const STORE_LOG_BYTES: &str = "callboard_store_log_bytes";
pub(super) const STORE_READ_ONLY: &str = "callboard_store_read_only";

/// Counters: what happened since the process started.
const COUNTERS: &[(&str, &str)] = &[
    ("callboard_turns_total", "Actions that ran, by declared actor and outcome."),
    ("callboard_activations_total", "Actors that were brought into memory, by declared actor."),
    ("callboard_deliveries_skipped_total", "Publications that no handler of the actor takes, by declared actor."),
    ("callboard_commits_total", "Transactions of the store."),
    ("callboard_commit_errors_total", "Transactions that the store could not write."),
    ("callboard_publications_total", "Publications that got a position."),
    ("callboard_ephemeral_dropped_total", "Publications of ephemeral topics that a slow subscriber missed."),
    ("callboard_subscriber_overflows_total", "Live subscribers that were too slow and went back to the log."),
    ("callboard_dead_letters_total", "Deliveries and effects that were set aside."),
    ("callboard_parked_total", "Subscriptions that stopped at a publication."),
    ("callboard_delivery_retries_total", "Deliveries and effects that were tried again."),
    ("callboard_service_restarts_total", "Services of the engine that ended and were started again."),
    (
        "callboard_entity_changes_total",
        "Changes of entities that the entity broadcaster was told of, and what became of some: coalesced, throttled, reload_only, \
         refused, load_failed.",
    ),
    ("callboard_entity_broadcasts_total", "Messages that the entity broadcaster announced."),
    ("callboard_external_errors_total", "Publications that an external subscriber refused."),
    (STORE_FLUSHES, "Flushed transactions of the embedded store."),
    (STORE_FLUSH_MICROSECONDS, "The time that its flushes took."),
    (STORE_REFUSED, "Decisions that it refused because another one came first or a shard moved."),
];

/// Gauges: how it is now.
const GAUGES: &[(&str, &str)] = &[
    ("callboard_active_actors", "Actors in memory."),
    ("callboard_active_feeds", "Durable subscriptions that are not caught up."),
    ("callboard_live_subscribers", "Live subscribers, streams of clients included."),
    (STORE_LOG_BYTES, "The length of the embedded store's write-ahead log."),
    (STORE_READ_ONLY, "1 when the embedded store's folder cannot be written."),
];

/// Histograms: how it is spread.
const HISTOGRAMS: &[(&str, Unit, &str)] = &[
    ("callboard_commit_seconds", Unit::Seconds, "How long a transaction took, flush included."),
    ("callboard_commit_batches", Unit::Count, "Decisions that shared one transaction."),
];

/// Tells the recorder.
pub(super) fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(*name, *text);
    }
    for (name, text) in GAUGES {
        describe_gauge!(*name, *text);
    }
    for (name, unit, text) in HISTOGRAMS {
        describe_histogram!(*name, *unit, *text);
    }
}
