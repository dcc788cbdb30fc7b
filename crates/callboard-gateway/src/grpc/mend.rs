//! Statuses that the gRPC library gives by itself, before our code is asked, carry no code of ours: here they get one.

use axum::response::Response;
use callboard_core::{Code, Error};
use callboard_wire::pb::status_from_error;
use tonic::Status;

use super::MESSAGE_LEN_MAX;

/// Replaces a status of the library that is really about the request by one with Callboard's code and details.
pub(super) async fn mend(response: Response) -> Response {
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
