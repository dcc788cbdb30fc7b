//! Points in time and spans of it.

use std::time::Duration;

use callboard_core::{Error, Timestamp};

use super::invalid;

/// A point in time for a client.
#[must_use]
pub fn to_wire(time: Timestamp) -> prost_types::Timestamp {
    let millis = time.as_millis();
    let nanos = i32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
    prost_types::Timestamp { seconds: i64::try_from(millis / 1000).unwrap_or(i64::MAX), nanos }
}

/// A client's point in time, cut to milliseconds.
///
/// # Errors
/// `InvalidPayload` before 1970, or with nanoseconds out of range.
pub fn from_wire(wire: prost_types::Timestamp) -> Result<Timestamp, Error> {
    let seconds = u64::try_from(wire.seconds).ok();
    let nanos = u64::try_from(wire.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let millis = seconds.zip(nanos).and_then(|(s, n)| s.checked_mul(1000)?.checked_add(n / 1_000_000));
    millis
        .map(Timestamp::from_millis)
        .ok_or_else(|| invalid("the time is out of range; send a time after 1970 as in RFC 3339"))
}

/// A span of time for a client; saturates.
#[must_use]
pub fn span_to_wire(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

/// A client's span of time.
///
/// # Errors
/// `InvalidPayload` when it is negative, or its nanoseconds are out of range.
pub fn span_from_wire(wire: prost_types::Duration) -> Result<Duration, Error> {
    let seconds = u64::try_from(wire.seconds).ok();
    let nanos = u32::try_from(wire.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let span = seconds.zip(nanos).map(|(seconds, nanos)| Duration::new(seconds, nanos));
    span.ok_or_else(|| invalid("a timeout is negative or out of range"))
}
