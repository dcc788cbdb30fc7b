//! The one table from [`Code`] to what each kind of client understands: HTTP status, gRPC code, WebSocket close code.

use std::time::Duration;

use callboard_core::{Code, Retry};

/// How a code is told to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireStatus {
    /// The HTTP status.
    pub http: u16,
    /// The gRPC status.
    pub grpc: tonic::Code,
    /// The WebSocket close code, for errors that end a connection.
    pub close: u16,
}

/// The row of a code.
#[must_use]
pub const fn wire_status(code: Code) -> WireStatus {
    use tonic::Code as Grpc;
    let (http, grpc, close) = match code {
        Code::ActorNotFound | Code::ActionNotFound => (404, Grpc::NotFound, 1008),
        Code::InvalidPayload => (400, Grpc::InvalidArgument, 1007),
        Code::InvalidTopic => (400, Grpc::InvalidArgument, 1008),
        Code::Unauthenticated => (401, Grpc::Unauthenticated, 1008),
        Code::Denied => (403, Grpc::PermissionDenied, 1008),
        Code::Overloaded => (429, Grpc::ResourceExhausted, 1013),
        Code::DeadlineExceeded => (504, Grpc::DeadlineExceeded, 1011),
        Code::CallCycle => (508, Grpc::FailedPrecondition, 1011),
        Code::ActionFailed => (422, Grpc::FailedPrecondition, 1011),
        Code::ActionPanicked | Code::Internal => (500, Grpc::Internal, 1011),
        Code::Conflict => (409, Grpc::Aborted, 1013),
        Code::IdempotencyMismatch => (422, Grpc::AlreadyExists, 1008),
        Code::Gap => (410, Grpc::OutOfRange, 1008),
        Code::TooLarge => (413, Grpc::InvalidArgument, 1009),
        Code::Fenced | Code::Unavailable => (503, Grpc::Unavailable, 1013),
    };
    WireStatus { http, grpc, close }
}

/// The code that a gRPC status without Callboard's details comes nearest to: one of another server, a proxy or a library.
#[must_use]
pub const fn nearest_code(grpc: tonic::Code) -> Code {
    use tonic::Code as Grpc;
    match grpc {
        Grpc::InvalidArgument | Grpc::Unimplemented => Code::InvalidPayload,
        Grpc::NotFound => Code::ActorNotFound,
        Grpc::Unauthenticated => Code::Unauthenticated,
        Grpc::PermissionDenied => Code::Denied,
        Grpc::ResourceExhausted => Code::Overloaded,
        Grpc::DeadlineExceeded => Code::DeadlineExceeded,
        Grpc::FailedPrecondition => Code::ActionFailed,
        Grpc::Aborted => Code::Conflict,
        Grpc::AlreadyExists => Code::IdempotencyMismatch,
        // The libraries' answer to a message over the receiver's limit; Callboard's own `Gap` carries details.
        Grpc::OutOfRange => Code::TooLarge,
        Grpc::Unavailable | Grpc::Cancelled => Code::Unavailable,
        Grpc::Ok | Grpc::Unknown | Grpc::Internal | Grpc::DataLoss => Code::Internal,
    }
}

/// How long a client waits before it tries again, when trying again is safe.
#[must_use]
pub const fn retry_pause(retry: Retry) -> Option<Duration> {
    match retry {
        Retry::Safe => Some(Duration::from_millis(100)),
        Retry::Never | Retry::MayRepeat => None,
    }
}

/// Reads the stable name of a retry advice.
#[must_use]
pub fn parse_retry(text: &str) -> Option<Retry> {
    [Retry::Never, Retry::Safe, Retry::MayRepeat].into_iter().find(|retry| retry.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_core::Blame;

    #[test]
    fn whoever_is_to_blame_can_be_read_from_the_http_status() {
        for code in Code::ALL {
            let http = wire_status(*code).http;
            match code.blame() {
                Blame::Caller => assert!((400..500).contains(&http), "{code}: {http}"),
                Blame::Actor | Blame::Platform => assert!((400..600).contains(&http), "{code}: {http}"),
            }
        }
    }

    #[test]
    fn no_error_looks_like_a_success() {
        for code in Code::ALL {
            let row = wire_status(*code);
            assert_ne!(row.grpc, tonic::Code::Ok, "{code}");
            assert!((1002..=1014).contains(&row.close), "{code}");
        }
    }
}
