//! [`Gateway`]: one listener for every door, its connections, and its end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use crate::auth::{AuthError, Authenticator};
use crate::config::GatewayConfig;
use crate::connection::{self, Front};
use crate::doors::{Close, Closing, Doors, closing};
use crate::http::operators_only;
use crate::metrics::Connections;

/// Why the gateway does not listen. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A setting is wrong.
    #[error("the gateway's setting {0}")]
    Config(String),
    /// Somebody else listens there.
    #[error(
        "{0} is in use by another program; stop it, or choose another address (port 0 takes a free one). \
         `ss -ltnp` shows who listens"
    )]
    AddressInUse(SocketAddr),
    /// The operating system refuses the address.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a port that this user may open"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The operating system's word.
        source: std::io::Error,
    },
}

/// The listener of every door.
#[derive(Debug)]
pub struct Gateway;

/// A listener that has its address and takes no work yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local_addr: SocketAddr,
    config: GatewayConfig,
    authenticator: Arc<Authenticator>,
    metrics: Router,
}

/// A gateway that serves. Dropping it cuts every connection; [`GatewayHandle::stop`] lets requests under way end.
#[derive(Debug)]
pub struct GatewayHandle {
    local_addr: SocketAddr,
    close: Close,
    stop: oneshot::Sender<Duration>,
    // The one task of the listener. It owns the connections' tasks, so that ending it ends them all.
    task: JoinSet<usize>,
}

/// How a gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were cut because they had not ended in time.
    pub cut: usize,
}

/// Connections that wait for the listener to take them, in the operating system.
const BACKLOG_LEN: u32 = 1024;
/// The pause after the operating system refused a connection for lack of something, e.g. file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Gateway {
    /// Takes the address, so that it is known, and refused if it is taken, before anything else of the node starts.
    ///
    /// # Errors
    /// [`GatewayError`], with what to do.
    pub fn bind(config: GatewayConfig) -> Result<Bound, GatewayError> {
        config.validate()?;
        let authenticator =
            Authenticator::new(&config.auth).map_err(|error| GatewayError::Config(error.to_string()))?;
        let address = config.listen;
        let listener = listen(address).map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => GatewayError::AddressInUse(address),
            _ => GatewayError::Bind { address, source },
        })?;
        let local_addr = listener.local_addr().map_err(|source| GatewayError::Bind { address, source })?;
        Ok(Bound { listener, local_addr, config, authenticator: Arc::new(authenticator), metrics: Router::new() })
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted node takes its port back although the old one's connections are still being forgotten. (On Windows the
    // option would let two programs share the port.)
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // Inherited by every connection: the peer of a quiet stream that vanished is noticed in the end.
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_LEN)
}

impl Bound {
    /// The address, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Adds routes with the node's metrics. They are for operators only, unless
    /// [`AuthConfig::shows_metrics`](crate::AuthConfig::shows_metrics) on this address.
    #[must_use]
    pub fn with_metrics(self, routes: Router) -> Self {
        Self { metrics: routes, ..self }
    }

    /// Starts serving. `extra` are further HTTP routes of the node, for everybody; they must not repeat a path of the gateway's own.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn serve(self, doors: Doors, extra: Router) -> GatewayHandle {
        let (close, closing) = closing();
        let (stop, stopped) = oneshot::channel();
        self.announce();
        let metrics = operators_only(self.metrics, &doors, &self.authenticator, &self.config);
        let front = Front::new(doors, extra.merge(metrics), self.config, self.authenticator, closing.clone());
        let mut task = JoinSet::new();
        task.spawn(accept(self.listener, Arc::new(front), closing, stopped));
        GatewayHandle { local_addr: self.local_addr, close, stop, task }
    }

    fn announce(&self) {
        let (address, auth) = (self.local_addr, &self.config.auth);
        if auth.anonymous.is_none() && !auth.has_keys() {
            tracing::warn!(%address, "{}", AuthError::Closed);
        } else if auth.is_open() && !address.ip().is_loopback() {
            tracing::warn!(%address, "everybody who reaches this address may do everything");
        }
        tracing::info!(%address, "listening for HTTP and gRPC");
    }
}

impl GatewayHandle {
    /// The address that is listened on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops listening, tells streams to end, lets the requests under way be answered, and cuts what has not ended `within`
    /// the time given.
    ///
    /// *Cancel safety*: dropping the future cuts every connection.
    pub async fn stop(mut self, within: Duration) -> Stopped {
        self.close.close();
        // The listener's task is gone only if it panicked; then there is nothing left to stop.
        let _ = self.stop.send(within);
        let ended = self.task.join_next().await;
        Stopped { cut: ended.and_then(Result::ok).unwrap_or(0) }
    }

    /// Waits until the gateway ends without having been asked to, which only a defect can bring about.
    ///
    /// *Cancel safety*: can be dropped and called again.
    pub async fn failed(&mut self) -> String {
        match self.task.join_next().await {
            Some(Err(error)) => format!("the gateway ended: {error}"),
            Some(Ok(_)) | None => "the gateway ended".to_owned(),
        }
    }
}

/// The listener's task: takes connections, owns them, and ends with them.
async fn accept(
    listener: TcpListener,
    front: Arc<Front>,
    closing: Closing,
    mut stopped: oneshot::Receiver<Duration>,
) -> usize {
    let mut connections = JoinSet::new();
    let within = loop {
        tokio::select! {
            biased;
            within = &mut stopped => break within.unwrap_or_default(),
            Some(ended) = connections.join_next() => note(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => take(stream, peer.ip(), &front, &closing, &mut connections),
                Err(error) => pause_after(&error).await,
            },
        }
    };
    drop(listener);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
    };
    let _ = tokio::time::timeout(within, futures_util::future::join(front.live().drain(), drained)).await;
    let cut = connections.len();
    if cut > 0 {
        tracing::warn!(connections = cut, "connections that had not ended in time were cut");
    }
    connections.shutdown().await;
    cut
}

fn take(stream: TcpStream, peer: IpAddr, front: &Arc<Front>, closing: &Closing, connections: &mut JoinSet<()>) {
    // Without it the second half of an answer may wait for the acknowledgement of the first.
    let _ = stream.set_nodelay(true);
    if connections.len() >= front.config().connections_max {
        Connections::refused();
        return connection::refuse(&stream);
    }
    connections.spawn(connection::serve(stream, peer, Arc::clone(front), closing.clone()));
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended by a panic");
    }
}

async fn pause_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    // These are about one connection that is gone before it was taken; the others are about this process.
    if !matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset) {
        tracing::warn!(%error, "a connection could not be taken; is the limit of open files too low?");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
