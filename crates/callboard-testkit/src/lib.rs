//! Test doubles, contract suites and generators for Callboard's ports.
//!
//! * [`MemoryStore`]: a complete store in memory, the reference that the others are compared with.
//! * [`SimClock`], [`SeededEntropy`]: time and randomness as the test wants them.

pub mod clock;
pub mod entropy;
pub mod memory_store;

pub use clock::SimClock;
pub use entropy::SeededEntropy;
pub use memory_store::MemoryStore;
