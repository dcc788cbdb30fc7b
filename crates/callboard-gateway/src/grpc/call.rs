//! [`Door`]: what the services share; [`Call`]: what every call goes through, and what its metadata says.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_core::trace::TraceContext;
use callboard_core::{Blame, Code, Declaration, Error, Grants, Name, Principal};
use callboard_wire::pb::convert::actors;
use callboard_wire::pb::status_from_error;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::meters::{Meters, Method};
use crate::auth::{Authenticator, credentials, expired, permit};
use crate::doors::{Closing, Doors};

const AUTHORIZATION: &str = "authorization";
const TRACEPARENT: &str = "traceparent";
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// What the services share.
pub(super) struct Door {
    pub(super) doors: Doors,
    auth: Arc<Authenticator>,
    // Who asks before it is known who asks.
    nobody: Arc<Principal>,
    pub(super) closing: Closing,
    pub(super) meters: Meters,
    /// The declared actors by name; they do not change after the start.
    pub(super) declared: HashMap<Name, Arc<Declaration>>,
}

impl Door {
    pub(super) fn new(doors: Doors, auth: Arc<Authenticator>, closing: Closing) -> Self {
        let catalogue = doors.operator.catalogue();
        let declared = catalogue.into_iter().map(|declaration| (declaration.name.clone(), declaration)).collect();
        let nobody = Arc::new(Principal::anonymous(Grants::default()));
        Self { doors, auth, nobody, closing, meters: Meters::new(), declared }
    }
}

/// One call: who asks, its deadline, its trace, its meters.
pub(super) struct Call<'a> {
    door: &'a Door,
    method: Method,
    started: Instant,
    span: tracing::Span,
    /// Who asks.
    pub(super) principal: Arc<Principal>,
    /// How long the caller waits, if it says.
    pub(super) asked: Option<Duration>,
    /// The trace, below the caller's span; a new one when the caller has none.
    pub(super) trace: TraceContext,
}

impl<'a> Call<'a> {
    /// Reads the metadata, and refuses who may not ask.
    pub(super) fn of<T>(door: &'a Door, method: Method, request: &Request<T>) -> Result<Self, Status> {
        let metadata = request.metadata();
        let trace = trace(metadata, &door.doors);
        let span = tracing::debug_span!(
            "grpc",
            method = method.label(),
            trace_id = format_args!("{:032x}", trace.trace_id),
            code = tracing::field::Empty
        );
        let started = door.doors.clock.instant();
        let principal = Arc::clone(&door.nobody);
        let mut call = Call { door, method, started, span, principal, asked: None, trace };
        match call.read(metadata) {
            Ok(()) => Ok(call),
            Err(error) => Err(call.refuse(error)),
        }
    }

    fn read(&mut self, metadata: &MetadataMap) -> Result<(), Error> {
        self.principal = known(&self.door.auth, &self.door.doors, metadata)?;
        if self.method.is_for_operators() {
            permit::operate(&self.principal)?;
        }
        self.asked = asked(metadata)?;
        Ok(())
    }

    /// Resolves when the caller's credentials end.
    pub(super) fn credentials_end(&self) -> impl Future<Output = ()> + Send + use<> {
        expired(self.principal.expires, Arc::clone(&self.door.doors.clock))
    }

    /// When the answer is no longer wanted, capped.
    pub(super) fn deadline(&self) -> Instant {
        self.started + actors::timeout(self.asked)
    }

    /// Waits for a port that keeps the deadline itself, and answers.
    pub(super) async fn wait<T>(self, work: impl Future<Output = Result<T, Error>>) -> Result<Response<T>, Status> {
        let result = work.instrument(self.span.clone()).await;
        self.answer(result)
    }

    /// Waits for ports that have no deadline of their own, and answers.
    pub(super) async fn run<T>(self, work: impl Future<Output = Result<T, Error>>) -> Result<Response<T>, Status> {
        let limit = actors::timeout(self.asked);
        let result = tokio::time::timeout(limit, work.instrument(self.span.clone())).await;
        self.answer(result.unwrap_or_else(|_| {
            Err(Error::new(Code::DeadlineExceeded, format!("the answer took longer than {} ms", limit.as_millis())))
        }))
    }

    /// The response, or the status, with the trace that the call belonged to.
    pub(super) fn answer<T>(self, result: Result<T, Error>) -> Result<Response<T>, Status> {
        let took = self.door.doors.clock.instant().saturating_duration_since(self.started);
        self.door.meters.answered(self.method, &result, took);
        match result {
            Ok(message) => {
                let mut response = Response::new(message);
                insert_trace(response.metadata_mut(), self.trace);
                Ok(response)
            }
            Err(error) => {
                self.span.record("code", error.code().as_str());
                let mut status = self.span.in_scope(|| refused(&error));
                insert_trace(status.metadata_mut(), self.trace);
                Err(status)
            }
        }
    }

    fn refuse(self, error: Error) -> Status {
        match self.answer::<()>(Err(error)) {
            Err(status) => status,
            Ok(_) => Status::internal("an error became a success"),
        }
    }
}

/// Who asks.
pub(super) fn known(auth: &Authenticator, doors: &Doors, metadata: &MetadataMap) -> Result<Arc<Principal>, Error> {
    let value = metadata.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok(auth.authenticate(value.and_then(credentials::bearer_of), doors.clock.now())?)
}

/// The status of an error on its way out; what only the log may say is logged here.
pub(super) fn refused(error: &Error) -> Status {
    log(error);
    status_from_error(error)
}

/// Logs an error on its way out: loudly only when the platform is to blame.
pub(super) fn log(error: &Error) {
    let detail = error.detail().unwrap_or_default();
    match error.blame() {
        Blame::Platform => tracing::warn!(code = %error.code(), detail, "{}", error.message()),
        Blame::Actor | Blame::Caller => tracing::debug!(code = %error.code(), detail, "{}", error.message()),
    }
}

fn trace(metadata: &MetadataMap, doors: &Doors) -> TraceContext {
    // Zero ids are not valid.
    let span_id = doors.entropy.next().max(1);
    let parent = metadata.get(TRACEPARENT).and_then(|text| TraceContext::parse(text.to_str().ok()?));
    parent.map_or_else(
        || TraceContext { trace_id: doors.entropy.next_u128().max(1), span_id, sampled: false },
        |parent| parent.child(span_id),
    )
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
