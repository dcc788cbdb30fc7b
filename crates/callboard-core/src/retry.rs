//! The back-off schedule: [`backoff`].

use std::time::Duration;

/// The pause before attempt `attempt + 1`, after `attempt` attempts failed (from 1): doubling from 50 ms to 30 s, and
/// spread over its upper half by `entropy`, so that many who failed together do not come back together.
#[must_use]
pub fn backoff(attempt: u32, entropy: u64) -> Duration {
    const FIRST_MS: u64 = 50;
    const MOST_MS: u64 = 30_000;
    let full = FIRST_MS.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(MOST_MS);
    let half = full / 2;
    Duration::from_millis(half + entropy % (full - half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        for attempt in 1..100 {
            for entropy in [0, 1, 7919, u64::MAX] {
                let full = (50_u64 << (attempt - 1).min(20)).min(30_000);
                let pause = backoff(attempt, entropy).as_millis();
                assert!(pause >= u128::from(full / 2) && pause <= u128::from(full), "{attempt} {entropy}: {pause}");
            }
        }
    }
}
