//! [`Doors`]: everything that the doors know of the node behind them; [`Closing`]: how their long-lived streams learn that
//! the server stops.

use std::sync::Arc;

use callboard_core::Name;
use callboard_core::port::{Channel, Clock, Dispatcher, Entropy, Operator};
use callboard_wire::descriptors::Descriptors;
use tokio::sync::watch;

/// The ports that the doors use. Cheap to clone.
#[derive(Clone)]
pub struct Doors {
    /// Invokes, publishes, subscribes.
    pub dispatcher: Arc<dyn Dispatcher>,
    /// Lists, explains, retries.
    pub operator: Arc<dyn Operator>,
    /// For deadlines and the times of publications.
    pub clock: Arc<dyn Clock>,
    /// For ids of publications and spans.
    pub entropy: Arc<dyn Entropy>,
    /// The users' protobuf types, by which payloads become JSON and back.
    pub descriptors: Arc<Descriptors>,
    /// The system's name.
    pub system: Name,
    /// What clients outside may join.
    pub channels: Arc<[Arc<dyn Channel>]>,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").field("system", &self.system).finish_non_exhaustive()
    }
}

/// Tells every [`Closing`] of the server to end. Dropping it does the same.
#[derive(Debug)]
pub struct Close(watch::Sender<bool>);

/// Learns that the server stops, so that streams that would go on for ever end by themselves.
#[derive(Clone, Debug)]
pub struct Closing(watch::Receiver<bool>);

/// A server's end, as a pair: who says it, and who learns it.
#[must_use]
pub fn closing() -> (Close, Closing) {
    let (sender, receiver) = watch::channel(false);
    (Close(sender), Closing(receiver))
}

impl Close {
    /// Says that the server stops.
    pub fn close(&self) {
        self.0.send_replace(true);
    }
}

impl Closing {
    /// Waits until the server stops. *Cancel safety*: can be dropped and called again.
    pub async fn closed(&mut self) {
        // An error means that the sender is gone, which says the same.
        let _ = self.0.wait_for(|closed| *closed).await;
    }
}
