//! Live clients: what every protocol over a socket shares behind its session.
//!
//! ```text
//!  ws, long-poll: Transport <-> Connection <-> wire::Session        one task per client
//!                                   |
//!     catalogue (who may join what) | source (from where)  | encoded (one message per publication and wrap)
//!     asks (perform, invoke, publish) | rooms (presence, whispers) | admission (bounds)
//! ```
//!
//! Nothing is queued for a client beyond what its socket takes: a connection reads its subscriptions no faster than the client reads the
//! socket. A durable topic waits in its log meanwhile, so a slow client costs nobody anything and misses nothing.

use std::sync::Arc;

use callboard_core::port::Channel;

pub(crate) mod admission;
mod asks;
mod catalogue;
mod connection;
mod connections;
mod encoded;
mod inbox;
mod presence;
mod returning;
mod rooms;
mod sessions;
mod source;

pub(crate) use connection::{Closed, Connection, Incoming, Transport};

use crate::auth::Authenticator;
use crate::config::GatewayConfig;
use crate::doors::Doors;
use crate::http::plan::Plans;
use admission::Admission;
use catalogue::Channels;
use connections::Connections;
use encoded::EncodedCache;
use presence::Presence;
use returning::Returning;
use rooms::Rooms;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) doors: Doors,
    pub(crate) config: GatewayConfig,
    authenticator: Arc<Authenticator>,
    pub(crate) admission: Admission,
    channels: Channels,
    plans: Plans,
    encoded: EncodedCache,
    rooms: Rooms,
    presence: Presence,
    connections: Connections,
    returning: Returning,
}

impl Live {
    pub(crate) fn new(doors: Doors, config: GatewayConfig, authenticator: Arc<Authenticator>) -> Arc<Self> {
        let channels: Vec<Arc<dyn Channel>> = doors.channels.to_vec();
        Arc::new(Self {
            channels: Channels::new(channels),
            plans: Plans::new(doors.operator.catalogue()),
            encoded: EncodedCache::default(),
            rooms: Rooms::default(),
            presence: Presence::default(),
            connections: Connections::default(),
            admission: Admission::new(&config.clients),
            returning: Returning::new(doors.clock.instant()),
            doors,
            config,
            authenticator,
        })
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }
}
