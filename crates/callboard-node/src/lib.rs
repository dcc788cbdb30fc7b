//! The composition root of a Callboard node.
//!
//! * [`config`]: the one typed [`Config`].
//! * [`clock`]: the one place where clocks are read and random bits are drawn.
//! * [`telemetry`]: logs and metrics of the process.

pub mod clock;
pub mod config;
pub mod telemetry;

pub use clock::{OsEntropy, SystemClock};
pub use config::{Config, ConfigError};
