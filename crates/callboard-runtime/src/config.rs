//! What the engine is given at start.

use std::sync::Arc;

use callboard_core::Name;
use callboard_core::port::{Clock, Entropy, Store};
use callboard_core::topic::TopicRules;

/// Knobs of the engine.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// The system's name; it is part of every actor's identity.
    pub system: Name,
    /// How topics are kept.
    pub topics: Arc<TopicRules>,
    /// Past this many actors in memory, idle ones leave after a quarter of their timeout.
    pub active_max: usize,
}

impl RuntimeConfig {
    /// The defaults for a system: durable topics, a million actors in memory.
    #[must_use]
    pub fn new(system: impl Into<Name>) -> Self {
        Self { system: system.into(), topics: Arc::default(), active_max: 1_000_000 }
    }
}

/// What the engine stands on.
#[derive(Clone)]
pub struct Ports {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// Where time comes from. Its instants must be tokio's.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
