//! [`System`]: the actors of a service on a node, with a store on disk and doors for clients.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callboard_core::port::{self, ActorHost, ExternalRegistration, Store};
use callboard_core::topic::{TopicPolicy, TopicRules};
use callboard_core::{Code, Name, Pattern};
pub use callboard_node::{GatewayConfig, NodeError, Page, auth};
use callboard_node::{Node, Parts, StoreChoice};

use crate::channel::{Channel, check_names};
use crate::client::{Caller, Client};
use crate::external::External;
use crate::handle::Handle;
use crate::{Actor, CallError, host};

/// How long [`System::run_until_signal`] lets accepted work end.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A running system. It is a [`Handle`]: call its actors, publish, subscribe, look. Cheap to clone; all clones are the same
/// system, which runs until it is stopped.
///
/// ```no_run
/// use callboard::prelude::*;
/// use callboard::{Gateway, Sqlite, System, ephemeral};
///
/// struct Greeter;
///
/// #[actor(name = "greeter")]
/// impl Greeter {
///     #[action]
///     fn greet(&self, name: String) -> Value<String> {
///         Value::response(format!("Hello, {name}"))
///     }
/// }
///
/// fn main() -> Result<()> {
///     callboard::runtime().build()?.block_on(async {
///         let hall = System::builder("hall")
///             .store(Sqlite::at("data"))
///             .actor(Greeter)
///             .topic("metrics.>", ephemeral())
///             .gateway(Gateway::on("127.0.0.1:4000").open())
///             .start()
///             .await?;
///         println!("{}", Greeter::at(&hall).greet("Ada".to_owned()).await?);
///         hall.run_until_signal().await?;
///         Ok(())
///     })
/// }
/// ```
#[derive(Clone, Debug)]
pub struct System {
    handle: Handle,
    node: Arc<Node>,
    channels: Channels,
}

/// What clients outside may join.
#[derive(Clone)]
struct Channels(Arc<[Arc<dyn port::Channel>]>);

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|channel| &channel.declaration().name)).finish()
    }
}

impl System {
    /// A system of this name, without actors, with its store in the folder `data`, without doors.
    ///
    /// The name is part of every actor's identity: stored data belongs to it.
    pub fn builder(name: impl Into<Name>) -> SystemBuilder {
        SystemBuilder {
            parts: Parts {
                system: name.into(),
                hosts: Vec::new(),
                externals: Vec::new(),
                topics: TopicRules::default(),
                store: StoreChoice::Sqlite(PathBuf::from("data")),
                gateway: None,
                channels: Vec::new(),
                pages: Vec::new(),
                descriptors: Vec::new(),
            },
            wrong: None,
        }
    }

    /// Where clients connect, with the port that was taken; `None` for a system without doors.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.node.address()
    }

    /// What clients outside may join, one for each name of a channel.
    #[must_use]
    pub fn channels(&self) -> &[Arc<dyn port::Channel>] {
        &self.channels.0
    }

    /// Stops: takes no new work, lets accepted work end within the time, writes what waits. What could not end in time was not
    /// acknowledged, or goes on at the next start.
    pub async fn stop(&self, within: Duration) {
        self.node.stop(within).await;
    }

    /// Runs until the process is told to end (SIGTERM, SIGINT, Ctrl-C), then stops; a second signal cuts what is under way.
    ///
    /// # Errors
    /// `Internal` when a part of the node ended that should not; `Unavailable` when signals cannot be heard.
    pub async fn run_until_signal(&self) -> Result<(), CallError> {
        let mut signals = Signals::new()?;
        let failed = tokio::select! {
            () = signals.next() => None,
            what = self.node.failed() => Some(what),
        };
        tokio::select! {
            () = self.stop(STOP_WITHIN) => {}
            () = signals.next() => tracing::warn!("told to end twice: what was under way is cut"),
        }
        failed.map_or(Ok(()), |what| Err(CallError::new(Code::Internal, what)))
    }
}

impl Deref for System {
    type Target = Handle;
    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Caller for System {
    fn client(&self) -> Client {
        self.handle.client()
    }
}

/// What a [`System`] is made of. What is wrong is kept and told by [`SystemBuilder::start`].
#[must_use = "a system runs once it is started"]
#[derive(Debug)]
pub struct SystemBuilder {
    parts: Parts,
    wrong: Option<CallError>,
}

impl SystemBuilder {
    /// Adds an actor.
    pub fn actor(self, actor: impl Actor) -> Self {
        self.host(host(actor))
    }

    /// Adds code that runs actors in a way of its own.
    pub fn actor_host(self, host: Arc<dyn ActorHost>) -> Self {
        self.host(Ok(host))
    }

    /// Adds an external subscriber.
    pub fn external_subscriber(mut self, external: External) -> Self {
        match external.build() {
            Ok(registration) => self.parts.externals.push(registration),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds an external subscriber that was registered by hand.
    pub fn external_registration(mut self, registration: ExternalRegistration) -> Self {
        self.parts.externals.push(registration);
        self
    }

    /// Adds a channel that clients outside join.
    pub fn channel(mut self, channel: Channel) -> Self {
        match channel.build() {
            Ok(channels) => self.parts.channels.extend(channels),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds a page that browsers are shown, beside the doors.
    pub fn page(mut self, page: Page) -> Self {
        self.parts.pages.push(page);
        self
    }

    /// Says how the topics of a pattern are kept: [`crate::ephemeral`], [`crate::durable`]. The rule said last that matches wins.
    pub fn topic(mut self, pattern: &str, policy: TopicPolicy) -> Self {
        match Pattern::parse(pattern) {
            Ok(pattern) => self.parts.topics.declare(pattern, policy),
            Err(error) => self.fail(error.into()),
        }
        self
    }

    /// Where everything durable is: [`Sqlite::at`], or a store of your own.
    pub fn store(mut self, store: impl Into<Storage>) -> Self {
        self.parts.store = store.into().0;
        self
    }

    /// Adds compiled protobuf descriptors (an encoded `FileDescriptorSet`), by which the doors show payloads as JSON and read
    /// them from it.
    pub fn descriptors(mut self, file_descriptor_set: impl Into<Bytes>) -> Self {
        self.parts.descriptors.push(file_descriptor_set.into());
        self
    }

    /// Opens the doors for clients.
    pub fn gateway(mut self, gateway: impl Into<Gateway>) -> Self {
        match gateway.into().0 {
            Ok(config) => self.parts.gateway = Some(config),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Starts it, within a tokio runtime ([`crate::runtime`]). When this returns it takes calls and clients; what was left from
    /// an earlier run has begun.
    ///
    /// # Errors
    /// What is wrong with a declaration; an address that is taken; a store that is in use, read-only or full. The texts say
    /// what to do. Nothing is left running.
    pub async fn start(self) -> Result<System, NodeError> {
        let Self { parts, wrong } = self;
        if let Some(error) = wrong {
            return Err(NodeError::Runtime(error));
        }
        check_names(&parts.channels).map_err(NodeError::Runtime)?;
        let channels = Channels(parts.channels.clone().into());
        let node = Arc::new(Node::start(parts).await?);
        let handle = Handle::new(node.dispatcher(), node.operator(), node.clock(), node.entropy());
        Ok(System { handle, node, channels })
    }

    fn host(mut self, host: Result<Arc<dyn ActorHost>, CallError>) -> Self {
        match host {
            Ok(host) => self.parts.hosts.push(host),
            Err(error) => self.fail(error),
        }
        self
    }

    fn fail(&mut self, error: CallError) {
        self.wrong.get_or_insert(error);
    }
}

/// The embedded store: one folder on a disk of this machine, one process at a time.
#[derive(Clone, Debug)]
pub struct Sqlite(PathBuf);

impl Sqlite {
    /// The store in this folder, which is made if it is not there.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }
}

/// Where everything durable is.
#[derive(Debug)]
pub struct Storage(StoreChoice);

impl From<Sqlite> for Storage {
    fn from(sqlite: Sqlite) -> Self {
        Self(StoreChoice::Sqlite(sqlite.0))
    }
}

impl From<Arc<dyn Store>> for Storage {
    fn from(store: Arc<dyn Store>) -> Self {
        Self(StoreChoice::Ready(store))
    }
}

/// The doors for clients: HTTP/JSON and gRPC on one address.
#[derive(Debug)]
pub struct Gateway(Result<GatewayConfig, CallError>);

impl Gateway {
    /// Doors on this address, e.g. `127.0.0.1:4000`; port 0 takes a free one, which [`System::address`] says.
    #[must_use]
    pub fn on(address: &str) -> Self {
        Self(address.parse().map(GatewayConfig::on).map_err(|_| {
            let message =
                format!("{address:?} is not an address to listen on; write an IP and a port, e.g. \"127.0.0.1:4000\"");
            CallError::new(Code::InvalidPayload, message)
        }))
    }

    /// Whom it lets in, and what they may do. Without it, and by default, nobody.
    #[must_use]
    pub fn auth(self, auth: auth::AuthConfig) -> Self {
        Self(self.0.map(|config| config.with_auth(auth)))
    }

    /// Lets everybody do everything, on an address that only this machine reaches: for tests and demonstrations.
    #[must_use]
    pub fn open(self) -> Self {
        self.auth(auth::AuthConfig::open())
    }
}

impl From<GatewayConfig> for Gateway {
    fn from(config: GatewayConfig) -> Self {
        Self(Ok(config))
    }
}

// What tells the process to end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, CallError> {
        #[cfg(unix)]
        {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let terminate = tokio::signal::unix::signal(kind).map_err(|error| unheard(&error))?;
            Ok(Self { terminate })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(unix)]
fn unheard(error: &std::io::Error) -> CallError {
    CallError::new(Code::Unavailable, format!("the process cannot hear signals: {error}"))
}
