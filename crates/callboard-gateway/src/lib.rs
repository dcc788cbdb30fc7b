//! Every door for clients: HTTP/JSON and gRPC on one listener.
//!
//! * [`config`]: where it listens and what it bears. [`serve`]: [`Gateway::bind`], then [`Bound::serve`], then
//!   [`GatewayHandle::stop`].
//! * [`auth`]: who asks, and what it may do.
//! * [`doors`]: everything that the doors know of the node behind them: the ports, and nothing of the runtime.
//! * `connection` on its `socket`: one connection; HTTP/1.1 or HTTP/2 with prior knowledge, HTTP/JSON or gRPC by its content type.
//! * [`consumers`]: the actor that keeps what clients have acknowledged.
//! * `http`: HTTP/JSON. [`grpc`]: `callboard.v1`, health and reflection.
//! * `live`: clients that stay, whatever they speak; `ws`: over WebSockets; `longpoll`: over long-poll.
//! * [`metrics`]: the names of what is counted.

pub mod auth;
pub mod config;
mod connection;
pub mod consumers;
pub mod doors;
pub mod grpc;
mod http;
mod live;
mod longpoll;
pub mod metrics;
pub mod serve;
mod socket;
mod ws;

pub use auth::AuthConfig;
pub use config::{ClientsConfig, GatewayConfig};
pub use doors::Doors;
pub use serve::{Bound, Gateway, GatewayError, GatewayHandle, Stopped};
