//! Phoenix Channels to the byte: what a client writes, what it is answered, and what the gateway is asked meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

mod binary;
mod delivery;
mod ends;
mod joins;
mod presence;
mod pushes;
mod transcript;
mod v1;

use transcript::{v1, v2, v2_without_binary};
