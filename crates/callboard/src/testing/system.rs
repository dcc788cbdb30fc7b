use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::{ActorHost, Clock, Entropy, ExternalRegistration, Store, StoreError};
use callboard_core::topic::{TopicPolicy, TopicRules};
use callboard_core::{Code, Name, NodeId, Pattern, Shard};
use callboard_runtime::{Ports, Runtime, RuntimeConfig};
use callboard_testkit::{MemoryStore, SeededEntropy};

use super::{PausedClock, Probe};
use crate::client::{Caller, Client};
use crate::external::External;
use crate::handle::Handle;
use crate::{Actor, CallError, host};

/// A whole system for one test: the real engine, a store in memory, time that stands still, the same ids on every run.
///
/// It is a [`Handle`]: call, publish, subscribe as anywhere.
#[derive(Clone, Debug)]
pub struct TestSystem {
    handle: Handle,
    runtime: Runtime,
}

impl TestSystem {
    /// A system without actors.
    pub fn builder() -> TestBuilder {
        TestBuilder {
            name: Name::from_static("test"),
            hosts: Vec::new(),
            externals: Vec::new(),
            rules: TopicRules::default(),
            store: None,
            wrong: None,
        }
    }

    /// Looks at what is published on the topics of a pattern, from the beginning of the test.
    #[must_use]
    pub fn probe(&self, pattern: &str) -> Probe {
        Probe::new(self.handle.clone(), pattern)
    }

    /// Lets time pass. Everything that falls due on the way happens at its time.
    pub async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
        self.settle().await;
    }

    /// Waits until everything that can happen now has happened: deliveries, effects, what they cause. At most a millisecond
    /// of the test's time passes.
    pub async fn settle(&self) {
        // Time only moves when no task can.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Stops it as a node stops: what was accepted ends. To test a restart, start another one on the same
    /// [`TestBuilder::store`].
    pub async fn stop(self) {
        self.runtime.stop(Duration::from_secs(10)).await;
    }
}

impl Deref for TestSystem {
    type Target = Handle;
    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Caller for TestSystem {
    fn client(&self) -> Client {
        self.handle.client()
    }
}

/// What a [`TestSystem`] is made of.
#[must_use = "a test system runs once it is started"]
pub struct TestBuilder {
    name: Name,
    hosts: Vec<Arc<dyn ActorHost>>,
    externals: Vec<ExternalRegistration>,
    rules: TopicRules,
    store: Option<Arc<dyn Store>>,
    // The first thing that was wrong.
    wrong: Option<CallError>,
}

impl TestBuilder {
    /// Adds an actor.
    pub fn actor(mut self, actor: impl Actor) -> Self {
        match host(actor) {
            Ok(host) => self.hosts.push(host),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds an external subscriber.
    pub fn external_subscriber(mut self, external: External) -> Self {
        match external.build() {
            Ok(registration) => self.externals.push(registration),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Says how the topics of a pattern are kept.
    pub fn topic(mut self, pattern: &str, policy: TopicPolicy) -> Self {
        match Pattern::parse(pattern) {
            Ok(pattern) => self.rules.declare(pattern, policy),
            Err(error) => self.fail(error.into()),
        }
        self
    }

    /// Stands on this store, for instance the one of a system that was stopped before.
    pub fn store(self, store: Arc<dyn Store>) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Starts it.
    ///
    /// # Panics
    /// When a declaration is wrong, with what to write instead.
    pub async fn start(self) -> TestSystem {
        match self.try_start().await {
            Ok(system) => system,
            Err(error) => panic!("the test system does not start: {error:?}"),
        }
    }

    /// Starts it, for a test of what is refused.
    ///
    /// # Errors
    /// `InvalidPayload` or `InvalidTopic` when a declaration is wrong, `Unavailable` when the store is.
    pub async fn try_start(self) -> Result<TestSystem, CallError> {
        if let Some(error) = self.wrong {
            return Err(error);
        }
        let clock: Arc<dyn Clock> = Arc::new(PausedClock::default());
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let seed = seed(store.as_ref()).await.map_err(|error| CallError::new(Code::Unavailable, error.to_string()))?;
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let config = RuntimeConfig { topics: Arc::new(self.rules), ..RuntimeConfig::new(self.name) };
        let ports = Ports { store, clock: Arc::clone(&clock), entropy: Arc::clone(&entropy) };
        let runtime = Runtime::start(config, self.hosts, self.externals, ports).await?;
        let handle = Handle::new(runtime.dispatcher(), runtime.operator(), clock, entropy);
        Ok(TestSystem { handle, runtime })
    }

    fn fail(&mut self, error: CallError) {
        self.wrong.get_or_insert(error);
    }
}

/// A seed that depends on how often systems were started on this store: the same on every run of a test, another for each of its
/// systems, so that none gives ids that an earlier one gave.
async fn seed(store: &dyn Store) -> Result<u64, StoreError> {
    if store.is_read_only() {
        return Ok(0);
    }
    let fences = store.acquire(NodeId(0), Shard::all().take(1).collect()).await?;
    Ok(fences.first().map_or(0, |fence| fence.epoch.0))
}

impl fmt::Debug for TestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBuilder").field("name", &self.name).field("wrong", &self.wrong).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use callboard_core::MessageId;

    use super::*;

    /// The ids of what a system publishes, from the beginning of the store.
    async fn ids(store: &Arc<dyn Store>, events: usize) -> Vec<MessageId> {
        let system = TestSystem::builder().store(Arc::clone(store)).start().await;
        system.publish("hall.news", "open".to_owned()).await.unwrap();
        let mut probe = system.probe("hall.news");
        let mut ids = Vec::new();
        while ids.len() < events {
            ids.push(probe.expect::<String>().await.publication().id);
        }
        system.stop().await;
        ids
    }

    #[test]
    fn systems_on_one_store_give_ids_of_their_own_and_the_same_on_every_run() {
        let run = || {
            crate::testing::run(async {
                let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
                ids(&store, 1).await;
                ids(&store, 2).await
            })
        };
        let both = run();
        assert_ne!(both[0], both[1]);
        assert_eq!(run(), both);
    }
}
