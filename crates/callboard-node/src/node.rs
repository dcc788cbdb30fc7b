//! [`Node`]: start order and stop order, each written once, top to bottom.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;
use callboard_core::port::{ActorHost, Channel, Clock, Dispatcher, Entropy, ExternalRegistration, Operator, Store};
use callboard_core::topic::TopicRules;
use callboard_core::{Code, Error, Name};
use callboard_gateway::{Doors, Gateway, GatewayConfig, GatewayError, GatewayHandle};
use callboard_runtime::{Ports, Runtime, RuntimeConfig};
use callboard_store_sqlite::{OpenError, SqliteConfig, SqliteStore};
use callboard_wire::descriptors::{Descriptors, DescriptorsError};

use crate::clock::{OsEntropy, SystemClock};
use crate::page::{self, Page};
use crate::telemetry::{Metrics, record_store};

/// What a node is made of.
pub struct Parts {
    /// The system's name. Stored data belongs to it.
    pub system: Name,
    /// The actors' code.
    pub hosts: Vec<Arc<dyn ActorHost>>,
    /// In-process code that hears topics without being an actor.
    pub externals: Vec<ExternalRegistration>,
    /// How topics are kept.
    pub topics: TopicRules,
    /// Where everything durable is.
    pub store: StoreChoice,
    /// Where clients connect; `None` for a node without doors.
    pub gateway: Option<GatewayConfig>,
    /// What clients outside may join.
    pub channels: Vec<Arc<dyn Channel>>,
    /// What the application shows in a browser.
    pub pages: Vec<Page>,
    /// Compiled protobuf descriptors (encoded `FileDescriptorSet`s), by which payloads become JSON and back.
    pub descriptors: Vec<Bytes>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { system, hosts, store, gateway, .. } = self;
        f.debug_struct("Parts")
            .field("system", system)
            .field("hosts", &hosts.len())
            .field("store", store)
            .field("gateway", gateway)
            .finish_non_exhaustive()
    }
}

/// Where everything durable is.
pub enum StoreChoice {
    /// The embedded store in this folder, which is made if it is not there.
    Sqlite(PathBuf),
    /// A store that somebody else made.
    Ready(Arc<dyn Store>),
}

impl std::fmt::Debug for StoreChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(folder) => f.debug_tuple("Sqlite").field(folder).finish(),
            Self::Ready(_) => f.debug_tuple("Ready").finish(),
        }
    }
}

/// Why a node does not start. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The address cannot be listened on, e.g. because another program does.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The store cannot be opened: in use by another process, read-only, full, written by a newer version.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The descriptors cannot be read.
    #[error(transparent)]
    Descriptors(#[from] DescriptorsError),
    /// The engine refuses a declaration, or the store failed under it.
    #[error("{}", .0.message())]
    Runtime(Error),
}

/// A running node. Dropping it cuts what is under way; [`Node::stop`] lets it end.
pub struct Node {
    runtime: Runtime,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    address: Option<SocketAddr>,
    // Taken by the first to stop.
    gateway: Mutex<Option<GatewayHandle>>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Node {
    /// Starts a node. When this returns it takes calls and clients; what was left from an earlier run has begun.
    ///
    /// Addresses are taken first, so that a second node fails before it touches anything; clients are let in last.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`NodeError`]; then nothing is left running.
    pub async fn start(parts: Parts) -> Result<Self, NodeError> {
        let Parts { system, mut hosts, externals, topics, store, gateway, channels, pages, descriptors } = parts;
        let pages = page::routes(pages).map_err(|wrong| NodeError::Runtime(Error::new(Code::InvalidPayload, wrong)))?;
        let bound = gateway.map(Gateway::bind).transpose()?;
        // What clients acknowledge is kept by an actor.
        hosts.extend(bound.as_ref().map(|_| callboard_gateway::consumers::host()));
        let descriptors = Arc::new(Descriptors::new(descriptors)?);
        // Counters are made when the engine starts, so the recorder has to be there before it.
        let metrics = bound.as_ref().and_then(|_| metrics());
        let (store, embedded) = open(store).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy::new());
        let ports = Ports { store, clock: Arc::clone(&clock), entropy: Arc::clone(&entropy) };
        let config = RuntimeConfig { topics: Arc::new(topics), ..RuntimeConfig::new(system.clone()) };
        let runtime = Runtime::start(config, hosts, externals, ports).await.map_err(NodeError::Runtime)?;
        let metrics = metrics.map_or_else(Router::new, |metrics| metrics_route(metrics, system.clone(), embedded));
        let doors = Doors {
            dispatcher: runtime.dispatcher(),
            operator: runtime.operator(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            descriptors,
            system,
            channels: channels.into(),
        };
        let gateway = bound.map(|bound| bound.with_metrics(metrics).serve(doors, pages));
        let address = gateway.as_ref().map(GatewayHandle::local_addr);
        Ok(Self { runtime, clock, entropy, address, gateway: Mutex::new(gateway) })
    }

    /// Stops, in the reverse order: no new clients and requests, those under way are answered; then accepted work ends, and what
    /// waits is written. Each of the two steps gets the time; what has not ended then is cut, and was not acknowledged.
    ///
    /// A second call returns when there is nothing left to do.
    pub async fn stop(&self, within: Duration) {
        let gateway = self.gateway().take();
        if let Some(gateway) = gateway {
            gateway.stop(within).await;
        }
        self.runtime.stop(within).await;
    }

    /// Waits until a part of the node ends that should not, which only a defect can bring about. Says which.
    ///
    /// *Cancel safety*: can be dropped and called again.
    pub async fn failed(&self) -> String {
        std::future::poll_fn(|context| match self.gateway().as_mut() {
            Some(gateway) => pin!(gateway.failed()).poll(context),
            None => Poll::Pending,
        })
        .await
    }

    /// Invokes, publishes, subscribes.
    #[must_use]
    pub fn dispatcher(&self) -> Arc<dyn Dispatcher> {
        self.runtime.dispatcher()
    }

    /// Lists, explains, retries.
    #[must_use]
    pub fn operator(&self) -> Arc<dyn Operator> {
        self.runtime.operator()
    }

    /// The node's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The node's randomness.
    #[must_use]
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.entropy)
    }

    /// Where clients connect, with the port that was taken; `None` for a node without doors.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    fn gateway(&self) -> MutexGuard<'_, Option<GatewayHandle>> {
        // What is behind the lock is moved as a whole; a panic elsewhere cannot leave half of it.
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store, and once more as what it is if it is the embedded one.
async fn open(store: StoreChoice) -> Result<(Arc<dyn Store>, Option<Arc<SqliteStore>>), NodeError> {
    match store {
        StoreChoice::Ready(store) => Ok((store, None)),
        StoreChoice::Sqlite(folder) => {
            // Recovery after a crash reads the log from the disk.
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(SqliteConfig::new(folder))).await;
            let store = opened.map_err(|error| NodeError::Runtime(Error::new(Code::Internal, error.to_string())))??;
            let store = Arc::new(store);
            Ok((Arc::<SqliteStore>::clone(&store), Some(store)))
        }
    }
}

fn metrics() -> Option<Metrics> {
    match Metrics::install() {
        Ok(metrics) => Some(metrics),
        Err(error) => {
            tracing::warn!(%error, "/metrics is not offered");
            None
        }
    }
}

fn metrics_route(metrics: Metrics, system: Name, embedded: Option<Arc<SqliteStore>>) -> Router {
    let render = move || {
        if let Some(store) = &embedded {
            record_store(&system, &store.stats());
        }
        let text = metrics.render();
        async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text) }
    };
    Router::new().route("/metrics", get(render))
}
