use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::BreakerState;
use crate::Message;

/// How an [`EntityBroadcaster`](super::EntityBroadcaster) is, and what it did since the process started.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "callboard.BroadcasterHealth")]
pub struct BroadcasterHealth {
    /// In one word.
    pub status: HealthStatus,
    /// Changes that it was told of.
    pub changes: u64,
    /// Changes of which a later one was announced instead.
    pub coalesced: u64,
    /// Changes that had to wait although they were to be announced at once, because there were too many on their topic.
    pub throttled: u64,
    /// Changes of which only the reload was announced: there was no room for them, or what they show could not be fetched.
    pub reload_only: u64,
    /// Changes that it refused: no topic, no id.
    pub refused: u64,
    /// Entities that could not be fetched.
    pub errors: u64,
    /// Messages that were announced.
    pub broadcasts: u64,
    /// When something was announced last; milliseconds since 1970.
    pub last_broadcast: Option<u64>,
    /// Changes that wait.
    pub pending: usize,
    /// Serialized entities in memory.
    pub cached: usize,
    /// How often one of them was given.
    pub cache_hits: u64,
    /// For each entity that is fetched, whether it is fetched at present.
    pub breakers: BTreeMap<String, BreakerState>,
    /// Whether each announcement is logged.
    pub debug: bool,
}

/// Health in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything is announced as it should be.
    #[default]
    Healthy,
    /// There is a storm, or an entity could not be fetched; clients get reloads instead.
    Degraded,
    /// An entity cannot be fetched, and is not tried at present; clients get reloads instead.
    Broken,
}
