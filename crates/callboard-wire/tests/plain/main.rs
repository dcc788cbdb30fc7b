//! `callboard-v1-json` to the byte: what a client writes, what it is answered, and what the gateway is asked meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

mod delivery;
mod ends;
mod presence;
mod requests;
mod subscriptions;
mod transcript;

use transcript::{play, play_within};
