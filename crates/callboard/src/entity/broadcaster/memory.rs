//! What a broadcaster knows that may be lost: what waits, what is cached, how fetching goes, what was counted.

use std::collections::BTreeMap;
use std::time::Duration;

use callboard_core::Timestamp;

use super::{BATCH_LEN_MAX, BroadcasterConfig};
use crate::CallError;
use crate::entity::buckets::Buckets;
use crate::entity::pending::Waits;
use crate::entity::{
    Breaker, BreakerState, BroadcasterHealth, Cache, Change, HealthStatus, Operation, Pending, Serialized,
};

/// How long a storm shows in the health.
const TROUBLE_SHOWN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Memory {
    pending: Pending,
    cache: Cache,
    buckets: Buckets,
    breakers: BTreeMap<&'static str, Breaker>,
    counts: Counts,
    trouble: Option<Timestamp>,
    last_broadcast: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Counts {
    changes: u64,
    coalesced: u64,
    throttled: u64,
    reload_only: u64,
    refused: u64,
    errors: u64,
    broadcasts: u64,
    cache_hits: u64,
}

/// Changes by when they are announced.
pub(super) struct Sorted {
    pub(super) at_once: Vec<Change>,
    pub(super) waiting: Vec<Change>,
}

impl Memory {
    pub(super) fn new(config: &BroadcasterConfig) -> Self {
        Self {
            pending: Pending::new(config.pending_len.min(BATCH_LEN_MAX), config.pending_bytes),
            cache: Cache::new(config.cache_for, config.cache_len, config.cache_bytes),
            buckets: Buckets::new(config.per_second, config.burst),
            breakers: BTreeMap::new(),
            counts: Counts::default(),
            trouble: None,
            last_broadcast: None,
        }
    }

    /// Has a breaker for each of these entities.
    pub(super) fn watch(&mut self, entities: &[&'static str], config: &BroadcasterConfig) {
        for entity in entities {
            self.breakers.entry(entity).or_insert_with(|| Breaker::new(config.failures_max, config.pause));
        }
    }

    /// Takes note of changes, and says which are announced at once.
    pub(super) fn sort(&mut self, changes: Vec<Change>, now: Timestamp) -> Sorted {
        let mut sorted = Sorted { at_once: Vec::new(), waiting: Vec::new() };
        for change in changes {
            self.counts.changes += 1;
            count("told", 1);
            let key = change.cache_key();
            match (&change.data, change.operation) {
                (Some(data), Operation::Created | Operation::Updated) => self.cache.put(&key, data.clone(), now),
                _ => drop(self.cache.forget(&key)),
            }
            if change.waits() {
                sorted.waiting.push(change);
            } else if self.buckets.take(change.scopes.iter().map(String::as_str), now) {
                sorted.at_once.push(change);
            } else {
                self.counts.throttled += 1;
                count("throttled", 1);
                self.trouble = Some(now);
                sorted.waiting.push(change);
            }
        }
        sorted
    }

    /// What was announced no longer waits.
    pub(super) fn announced(&mut self, changes: &[Change], superseded: usize) {
        self.coalesced(superseded);
        for change in changes {
            if self.pending.remove(&change.entity, &change.id).is_some() {
                self.coalesced(1);
            }
        }
    }

    /// Has changes wait. `owe` remembers a reload or has no room for it; what it has no room for is given back, to be announced
    /// at once.
    pub(super) fn wait(
        &mut self,
        changes: Vec<Change>,
        now: Timestamp,
        mut owe: impl FnMut(&str, &str) -> bool,
    ) -> Vec<(String, String)> {
        let mut owed: Vec<(String, String)> = Vec::new();
        for change in changes {
            let mut room = true;
            for topic in &change.scopes {
                let reload = (topic.clone(), change.plural.to_string());
                if !owe(topic, &change.plural) {
                    room = false;
                    if !owed.contains(&reload) {
                        owed.push(reload);
                    }
                }
            }
            let waits = if room { self.pending.add(change) } else { Waits::NoRoom };
            match waits {
                Waits::Alone => {}
                Waits::Merged => self.coalesced(1),
                Waits::NoRoom => {
                    self.trouble = Some(now);
                    self.reload_only();
                }
            }
        }
        owed
    }

    pub(super) fn take_waiting(&mut self) -> Vec<Change> {
        self.pending.take()
    }

    pub(super) fn may_load(&self, entity: &str, now: Timestamp) -> bool {
        self.breakers.get(entity).is_none_or(|breaker| breaker.lets_through(now))
    }

    /// Takes note of how a fetch went.
    pub(super) fn loaded(&mut self, entity: &str, loaded: &Result<Option<Change>, CallError>, now: Timestamp) {
        let breaker = self.breakers.get_mut(entity);
        match loaded {
            Ok(change) => {
                if let Some(breaker) = breaker {
                    breaker.succeeded();
                }
                if let Some(change) = change
                    && let Some(data) = &change.data
                {
                    self.cache.put(&change.cache_key(), data.clone(), now);
                }
            }
            Err(_) => {
                self.counts.errors += 1;
                count("load_failed", 1);
                if breaker.is_some_and(|breaker| breaker.failed(now)) {
                    tracing::error!(entity, "an entity cannot be fetched; it is not tried for a while");
                }
            }
        }
    }

    pub(super) fn cached(&mut self, key: &str, now: Timestamp) -> Option<Serialized> {
        let data = self.cache.get(key, now)?.clone();
        self.counts.cache_hits += 1;
        Some(data)
    }

    pub(super) fn forget(&mut self, key: &str) -> bool {
        self.cache.forget(key)
    }

    pub(super) fn broadcast(&mut self, messages: usize, now: Timestamp) {
        self.counts.broadcasts += messages as u64;
        self.last_broadcast = Some(now);
        metrics::counter!("callboard_entity_broadcasts_total").increment(messages as u64);
    }

    pub(super) fn refused(&mut self, changes: usize) {
        self.counts.refused += changes as u64;
        count("refused", changes);
    }

    pub(super) fn reload_only(&mut self) {
        self.counts.reload_only += 1;
        count("reload_only", 1);
    }

    fn coalesced(&mut self, changes: usize) {
        self.counts.coalesced += changes as u64;
        count("coalesced", changes);
    }

    /// How it is; `debug` is not known here.
    pub(super) fn health(&self, now: Timestamp) -> BroadcasterHealth {
        let Counts { changes, coalesced, throttled, reload_only, refused, errors, broadcasts, cache_hits } =
            self.counts;
        BroadcasterHealth {
            status: self.status(now),
            changes,
            coalesced,
            throttled,
            reload_only,
            refused,
            errors,
            broadcasts,
            last_broadcast: self.last_broadcast.map(Timestamp::as_millis),
            pending: self.pending.len(),
            cached: self.cache.len(),
            cache_hits,
            breakers: self
                .breakers
                .iter()
                .map(|(entity, breaker)| ((*entity).to_owned(), breaker.state(now)))
                .collect(),
            debug: false,
        }
    }

    fn status(&self, now: Timestamp) -> HealthStatus {
        if self.breakers.values().any(|breaker| breaker.state(now) == BreakerState::Open) {
            return HealthStatus::Broken;
        }
        let failing = self.breakers.values().any(|breaker| breaker.failures() > 0);
        let storm = self.trouble.is_some_and(|at| now.since(at) < TROUBLE_SHOWN);
        if failing || storm { HealthStatus::Degraded } else { HealthStatus::Healthy }
    }
}

fn count(outcome: &'static str, changes: usize) {
    if changes > 0 {
        metrics::counter!("callboard_entity_changes_total", "outcome" => outcome).increment(changes as u64);
    }
}
