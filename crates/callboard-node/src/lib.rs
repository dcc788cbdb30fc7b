//! The composition root of a Callboard node.
//!
//! * [`node`]: start order and stop order, each written once.
//! * [`config`]: the one typed [`Config`].
//! * [`clock`]: the one place where clocks are read and random bits are drawn.
//! * [`page`]: what an application shows in a browser.
//! * [`telemetry`]: logs and metrics of the process.

pub mod clock;
pub mod config;
pub mod node;
pub mod page;
pub mod telemetry;

pub use callboard_gateway::{AuthConfig, ClientsConfig, GatewayConfig, GatewayError, auth};
pub use clock::{OsEntropy, SystemClock};
pub use config::{Config, ConfigError};
pub use node::{Node, NodeError, Parts, StoreChoice};
pub use page::Page;
