//! Errors as gRPC statuses with details, and back.

use std::collections::HashMap;

use callboard_core::{Code, Error};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::pb::v1;
use crate::status::{nearest_code, parse_retry, retry_pause, wire_status};

/// The domain of the error details: by it a client knows that the reason is one of Callboard's codes.
pub const ERROR_DOMAIN: &str = "callboard";

/// The status of an error: its public text, and in the details a `google.rpc.ErrorInfo` (reason: the code; domain:
/// [`ERROR_DOMAIN`]; metadata: `retry`, `blame`) and, when trying again is safe, a `google.rpc.RetryInfo`. What only the
/// log may say is left out.
#[must_use]
pub fn status_from_error(error: &Error) -> Status {
    let metadata = HashMap::from([
        ("retry".to_owned(), error.retry().as_str().to_owned()),
        ("blame".to_owned(), error.blame().as_str().to_owned()),
    ]);
    let mut details = ErrorDetails::with_error_info(error.code().as_str(), ERROR_DOMAIN, metadata);
    if let Some(pause) = retry_pause(error.retry()) {
        details.set_retry_info(Some(pause));
    }
    Status::with_error_details(wire_status(error.code()).grpc, error.message(), details)
}

/// The error behind a status. One without Callboard's details (of a proxy, or of the transport) becomes the code that
/// its own comes nearest to.
#[must_use]
pub fn error_from_status(status: &Status) -> Error {
    let info = status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN);
    let known = info.and_then(|info| Some((Code::parse(&info.reason)?, info)));
    let Some((code, info)) = known else {
        return Error::new(nearest_code(status.code()), status.message());
    };
    let error = Error::new(code, status.message());
    match info.metadata.get("retry").and_then(|text| parse_retry(text)) {
        Some(retry) => error.with_retry(retry),
        None => error,
    }
}

impl From<&Error> for v1::Error {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            retry: error.retry().as_str().to_owned(),
            blame: error.blame().as_str().to_owned(),
        }
    }
}

/// An error out of a stream. A code that this version does not know is `Internal`.
impl From<v1::Error> for Error {
    fn from(wire: v1::Error) -> Self {
        let error = Self::new(Code::parse(&wire.code).unwrap_or(Code::Internal), wire.message);
        match parse_retry(&wire.retry) {
            Some(retry) => error.with_retry(retry),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_core::Retry;

    #[test]
    fn every_code_survives_the_way_to_the_client() {
        for code in Code::ALL {
            for retry in [Retry::Never, Retry::Safe, Retry::MayRepeat] {
                let error = Error::new(*code, "what to do").with_detail("secret").with_retry(retry);
                let status = status_from_error(&error);
                let back = error_from_status(&status);
                assert_eq!((back.code(), back.message(), back.retry()), (*code, "what to do", retry));
                assert_eq!(back.detail(), None, "the log's text stays at home");
                assert_eq!(status.get_details_retry_info().is_some(), retry == Retry::Safe);
                let back = Error::from(v1::Error::from(&error));
                assert_eq!((back.code(), back.message(), back.retry()), (*code, "what to do", retry));
            }
        }
    }

    #[test]
    fn a_status_of_somebody_else_comes_to_the_nearest_code() {
        let back = error_from_status(&Status::unavailable("connection refused"));
        assert_eq!((back.code(), back.message()), (Code::Unavailable, "connection refused"));
        let foreign = ErrorDetails::with_error_info("ActorNotFound", "example.com", HashMap::new());
        let status = Status::with_error_details(tonic::Code::PermissionDenied, "no", foreign);
        assert_eq!(error_from_status(&status).code(), Code::Denied);
    }
}
