//! The test kit: whole systems on a store in memory and time that stands still, and single actors as functions.
//!
//! ```
//! use callboard::prelude::*;
//! use callboard::testing::{TestSystem, Turn};
//!
//! struct Greeter;
//!
//! #[actor(name = "greeter", state = u64)]
//! impl Greeter {
//!     #[action]
//!     fn greet(&self, count: u64, name: String) -> Value<String, u64> {
//!         let greeting = format!("Hello, {name}, my guest number {}", count + 1);
//!         Value::response(greeting.clone()).state(count + 1).broadcast(Broadcast::to("hall.greetings", greeting))
//!     }
//! }
//!
//! // Nothing is started: the Value in hand.
//! # callboard::testing::run(async {
//! let value = Turn::of(&Greeter).action("greet").state(6).payload("Ada".to_owned()).run().await.unwrap();
//! assert_eq!(value.state(), &7);
//! assert_eq!(value.broadcast::<String>("hall.greetings"), "Hello, Ada, my guest number 7");
//! # });
//!
//! // A whole system. In a test crate: `#[callboard::test(hall)] async fn guests_are_greeted(hall: TestSystem) { ... }`.
//! # callboard::testing::run(async {
//! let hall = TestSystem::builder().actor(Greeter).start().await;
//! Greeter::at(&hall).greet("Ada".to_owned()).await.unwrap();
//! let greeting = hall.probe("hall.greetings").expect::<String>().await;
//! assert_eq!(greeting.event, "Hello, Ada, my guest number 1");
//! # });
//! ```

use std::future::Future;

mod clock;
mod probe;
mod system;
mod turn;

pub use callboard_testkit::MemoryStore;

pub use crate::channel::{Visit, Visited};

pub use clock::PausedClock;
pub use probe::Probe;
pub use system::{TestBuilder, TestSystem};
pub use turn::{Decided, Turn};

/// Runs a test on one thread with time that stands still and jumps to the next thing that waits for it. What `#[callboard::test]`
/// writes.
///
/// # Panics
/// When the machine cannot start a runtime.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(test),
        Err(error) => panic!("the machine cannot start a runtime: {error}"),
    }
}
