//! Statuses that the gRPC library gives by itself, before our code is asked, carry no code of ours: here they get one.

use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use callboard_core::{Code, Error};
use callboard_wire::pb::status_from_error;
use futures_util::TryFutureExt as _;
use futures_util::future::MapOk;
use tonic::Status;
use tower::Service;

use super::MESSAGE_LEN_MAX;

/// A service whose answers have our codes.
#[derive(Clone)]
pub(super) struct Mend<S>(pub(super) S);

impl<S: Service<Request, Response = Response>> Service<Request> for Mend<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Response) -> Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request).map_ok(mend)
    }
}

/// Replaces a status of the library that is really about the request by one with Callboard's code and details.
fn mend(response: Response) -> Response {
    // Only an answer that is nothing but a status has it in its headers; others have passed through our hands.
    let headers = response.headers();
    if !headers.contains_key(Status::GRPC_STATUS) || headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return response;
    }
    match Status::from_header_map(headers).and_then(|status| mended(&status)) {
        Some(error) => status_from_error(&error).into_http(),
        None => response,
    }
}

/// What a status of the library means, where it does not say it well.
pub(super) fn mended(status: &Status) -> Option<Error> {
    match status.code() {
        // What cannot be decoded is the sender's fault, although gRPC calls it internal.
        tonic::Code::Internal => {
            let text = format!("the request is not the message that this method takes: {}", status.message());
            Some(Error::new(Code::InvalidPayload, text))
        }
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => Some(Error::new(
            Code::TooLarge,
            format!(
                "the message is larger than {MESSAGE_LEN_MAX} bytes; keep large things outside and send a reference"
            ),
        )),
        tonic::Code::Unimplemented if status.message().is_empty() => Some(Error::new(
            Code::ActionNotFound,
            "there is no such service or method; server reflection lists what there is",
        )),
        _ => None,
    }
}
