//! One node's engine: mailboxes, activations, group commit, feeds, hub, timers. No network and no disk of its own.
//!
//! ```text
//!  Dispatcher                 one task per activation             services, supervised by ractor
//!  ----------                 -----------------------             ------------------------------
//!  router --mail--> mailbox --> activation --batch--> committer --> store (one transaction for all that wait)
//!     ^                          |  ^                     |
//!     |                 Instance |  | Committed           | publications, in commit order
//!     |                 (user's  |  |                     +--> hub ----> live queues --> subscription streams
//!     |                  code)   v  |                     +--> feeds --> one feed per (subscription, topic) behind
//!     |                          Value                    |                |  each delivery is mail, its cursor is
//!     +-------------------- mail ------------------------------------------+  committed with what it caused
//!     +-------------------- mail ---------------- relay <-+ effects
//!     +-------------------- mail ---------------- timers<-+ due times
//! ```
//!
//! Every queue is bounded. What does not fit into a caller's queue is answered `Overloaded`; what does not fit into a
//! service's queue is read from the store, where it was committed before.

mod activation;
mod commit;
mod config;
mod decision;
mod due;
mod external;
mod feed;
mod feeds;
mod hosts;
mod housekeeping;
mod hub;
mod mail;
mod mailbox;
mod metrics;
mod operator;
mod passivation;
mod perform;
mod registry;
mod relay;
mod router;
mod runtime;
mod subscription;
mod supervision;
mod tasks;
mod timers;
mod written_behind;

pub use config::{Ports, RuntimeConfig};
pub use runtime::Runtime;
