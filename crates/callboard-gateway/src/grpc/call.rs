//! [`Call`]: what the metadata of a call says.

use std::future::Future;
use std::time::{Duration, Instant};

use callboard_core::trace::TraceContext;
use callboard_core::{Code, Error};
use callboard_wire::pb::convert::actors;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use super::refused;
use crate::doors::Doors;

const TRACEPARENT: &str = "traceparent";
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The deadline of a call and the trace that it belongs to.
pub(super) struct Call {
    /// How long the caller waits, if it says.
    pub(super) asked: Option<Duration>,
    /// The trace, below the caller's span; a new one when the caller has none.
    pub(super) trace: TraceContext,
}

impl Call {
    /// Reads the metadata.
    pub(super) fn of<T>(request: &Request<T>, doors: &Doors) -> Result<Self, Status> {
        let metadata = request.metadata();
        let trace = trace(metadata, doors);
        match asked(metadata) {
            Ok(asked) => Ok(Self { asked, trace }),
            Err(error) => Err(with_trace(refused(&error), trace)),
        }
    }

    /// When the answer is no longer wanted, capped.
    pub(super) fn deadline(&self, doors: &Doors) -> Instant {
        doors.clock.instant() + actors::timeout(self.asked)
    }

    /// The response, or the status, with the trace that the call belonged to.
    pub(super) fn answer<T>(&self, result: Result<T, Error>) -> Result<Response<T>, Status> {
        match result {
            Ok(message) => {
                let mut response = Response::new(message);
                insert_trace(response.metadata_mut(), self.trace);
                Ok(response)
            }
            Err(error) => Err(with_trace(refused(&error), self.trace)),
        }
    }

    /// Waits for a port that has no deadline of its own, and answers.
    pub(super) async fn run<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<Response<T>, Status> {
        let limit = actors::timeout(self.asked);
        let result = tokio::time::timeout(limit, work).await;
        self.answer(result.unwrap_or_else(|_| {
            Err(Error::new(Code::DeadlineExceeded, format!("the answer took longer than {} ms", limit.as_millis())))
        }))
    }
}

fn trace(metadata: &MetadataMap, doors: &Doors) -> TraceContext {
    // Never zero, as the standard asks.
    let span_id = doors.entropy.next().max(1);
    let parent = metadata.get(TRACEPARENT).and_then(|text| TraceContext::parse(text.to_str().ok()?));
    parent.map_or_else(
        || TraceContext { trace_id: doors.entropy.next_u128().max(1), span_id, sampled: true },
        |parent| parent.child(span_id),
    )
}

fn with_trace(mut status: Status, trace: TraceContext) -> Status {
    insert_trace(status.metadata_mut(), trace);
    status
}

fn insert_trace(metadata: &mut MetadataMap, trace: TraceContext) {
    if let Ok(value) = MetadataValue::try_from(trace.to_string()) {
        metadata.insert(TRACEPARENT, value);
    }
}

// The protocol's form: 1 to 8 digits and a unit.
fn asked(metadata: &MetadataMap) -> Result<Option<Duration>, Error> {
    let Some(text) = metadata.get(GRPC_TIMEOUT) else { return Ok(None) };
    let parsed = text.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let amount: u64 = match digits.len() {
            1..=8 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        };
        Some(match unit {
            "H" => Duration::from_secs(amount * 3600),
            "M" => Duration::from_secs(amount * 60),
            "S" => Duration::from_secs(amount),
            "m" => Duration::from_millis(amount),
            "u" => Duration::from_micros(amount),
            "n" => Duration::from_nanos(amount),
            _ => return None,
        })
    });
    let invalid = || Error::new(Code::InvalidPayload, "grpc-timeout is not 1 to 8 digits and a unit, e.g. 500m or 10S");
    parsed.map(Some).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_the_protocol_says() {
        let read = |text: &'static str| {
            let mut metadata = MetadataMap::new();
            metadata.insert(GRPC_TIMEOUT, MetadataValue::from_static(text));
            asked(&metadata).ok().flatten()
        };
        assert_eq!(read("500m"), Some(Duration::from_millis(500)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(read("1n"), Some(Duration::from_nanos(1)));
        for bad in ["", "S", "1", "123456789S", "-1S", "1s", "+1S", "1.5S"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(asked(&MetadataMap::new()).unwrap(), None);
    }
}
