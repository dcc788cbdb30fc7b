//! Test doubles, contract suites and generators for Callboard's ports.
//!
//! * [`MemoryStore`]: a complete store in memory, the reference that the others are compared with.
//! * [`contract`]: the laws of a store, as tests that every store runs.
//! * [`FaultyStore`]: a store that fails when the test says so.
//! * [`SimClock`], [`SeededEntropy`]: time and randomness as the test wants them.

pub mod clock;
pub mod contract;
pub mod entropy;
pub mod faulty;
pub mod memory_store;

pub use clock::SimClock;
pub use entropy::SeededEntropy;
pub use faulty::{Fault, FaultyStore};
pub use memory_store::MemoryStore;
