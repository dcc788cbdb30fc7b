//! One node's engine: mailboxes, activations, group commit, feeds, hub, timers.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::{ActorHost, Clock, Dispatcher, Entropy, ExternalRegistration, Operator, Store};
use callboard_core::topic::TopicRules;
use callboard_core::{Error, Name};

/// Knobs of the runtime.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// The system's name.
    pub system: Name,
    /// How topics are kept.
    pub topics: Arc<TopicRules>,
}

/// What the runtime stands on.
#[derive(Clone)]
#[allow(missing_debug_implementations)]
pub struct Ports {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
}

/// A running engine.
#[derive(Clone)]
#[allow(missing_debug_implementations)]
pub struct Runtime {
    dispatcher: Arc<dyn Dispatcher>,
    operator: Arc<dyn Operator>,
}

impl Runtime {
    /// Starts the engine: takes the shards, registers the actors, goes on where the store stands.
    ///
    /// # Errors
    /// `InvalidPayload` for a wrong declaration, `Unavailable` when the store cannot be used.
    pub async fn start(
        config: RuntimeConfig,
        hosts: Vec<Arc<dyn ActorHost>>,
        externals: Vec<ExternalRegistration>,
        ports: Ports,
    ) -> Result<Self, Error> {
        let _ = (config, hosts, externals, ports);
        Err(Error::new(callboard_core::Code::Internal, "under construction"))
    }

    /// Invokes, publishes, subscribes.
    #[must_use]
    pub fn dispatcher(&self) -> Arc<dyn Dispatcher> {
        Arc::clone(&self.dispatcher)
    }

    /// Lists, explains, retries.
    #[must_use]
    pub fn operator(&self) -> Arc<dyn Operator> {
        Arc::clone(&self.operator)
    }

    /// Stops: takes no new work, lets accepted work end within the time, writes what waits, ends.
    pub async fn stop(&self, within: Duration) {
        let _ = within;
    }
}
