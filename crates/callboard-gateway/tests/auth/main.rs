//! Who is let in and who is not, at every door, over a real socket; and that no log has a token in it.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may unwrap; the client of other tests has more than is needed here"
)]

#[path = "../http/client.rs"]
mod client;
#[path = "../fake/mod.rs"]
mod fake;

mod grpc;
mod http;
mod logs;
mod tokens;
