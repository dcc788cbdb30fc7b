//! The machine's clock, for how long things took and when they were acknowledged.

use std::time::Instant;

/// Now.
#[expect(clippy::disallowed_methods, reason = "the harness measures a process from outside, in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
