//! The HTTP/JSON door and the listener, through a real socket, with a real client, before a node that records what it is asked.

#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

#[path = "../fake/mod.rs"]
mod fake;

mod actors;
mod client;
mod hostile;
mod invoke;
mod listener;
mod observed;
mod openapi;
mod streams;
mod system;
mod topics;
