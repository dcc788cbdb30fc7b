//! The traits at which the runtime, the stores, the actors' hosts and the doors meet.
//!
//! Each method says its *Ordering*, *Durability*, *Cancel safety* and *Errors* where they are not obvious. Every
//! implementation of a port passes the port's contract suite in the test kit.

use std::future::Future;
use std::pin::Pin;

mod answer;
mod channel;
mod clock;
mod dispatcher;
mod external;
mod host;
mod log;
mod operator;
mod peers;
mod placement;
mod store;

pub use answer::{Answer, Awaited};
pub use channel::{Channel, ChannelDeclaration, ChannelEvent, History, Inbound, JoinRequest, Joined};
pub use clock::{Clock, Entropy};
pub use dispatcher::{Dispatcher, Events, Start, StreamEvent, SubscribeRequest};
pub use external::{ExternalRegistration, ExternalSubscriber};
pub use host::{ActorHost, Instance, Turn, TurnAction};
pub use log::{BroadcastLog, LogBounds};
pub use operator::{
    ActivationPhase, ActorState, Catalogue, Health, Hearer, HearerKind, LiveCounts, Operator, StateAt, TopicExplanation,
};
pub use peers::Peers;
pub use placement::{Owner, Placement};
pub use store::{
    ActorQuery, ActorSummary, CommitError, EffectPlace, Receipt, Snapshot, Store, StoreError, SweepReport,
    SweepRequest, TimerPlace, TopicQuery, TopicSummary,
};

/// A future behind a pointer: one allocation at a crate border, next to I/O.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
