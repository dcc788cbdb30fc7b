//! The engine as a whole, on the store in memory and with paused time: what an author, a caller and an operator rely on.

#![allow(clippy::unwrap_used, reason = "a fixture that fails fails its test")]

mod calls;
mod deliveries;
mod effects;
mod faults;
mod fixture;
mod lifecycle;
mod snapshots;
mod streams;
mod timers;
