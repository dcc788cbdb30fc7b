//! [`InvokeStream`]: many invocations over one stream, at most a window of them at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use callboard_core::limits::STREAM_WINDOW_LEN;
use callboard_core::trace::TraceContext;
use callboard_core::{Code, Error, Principal};
use callboard_wire::pb::convert::{actors as convert, time};
use callboard_wire::pb::v1;
use callboard_wire::pb::v1::invoke_stream_response::Outcome;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use tonic::{Status, Streaming};

use super::actors::invoke;
use super::call::{Call, Door, log, refused};
use super::mend::mended;
use super::meters::{Method, OpenStream};
use super::stopping;
use crate::doors::Closing;

/// Bytes of requests that may be under way on one stream, besides the one that goes over it.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;

/// The answers to a stream of requests, in the order in which they are there.
pub(super) struct InvokeStream {
    door: Arc<Door>,
    principal: Arc<Principal>,
    trace: TraceContext,
    requests: Streaming<v1::InvokeStreamRequest>,
    running: FuturesUnordered<BoxFuture<'static, Answer>>,
    running_bytes: usize,
    // Resolves when no more requests are to be taken, with the error to end on.
    end: BoxFuture<'static, Error>,
    phase: Phase,
    _counted: OpenStream,
}

struct Answer {
    response: v1::InvokeStreamResponse,
    request_bytes: usize,
}

enum Phase {
    // Requests are taken.
    Open,
    // What is under way is answered; then the stream ends, with this if it is an error.
    Draining(Option<Error>),
    Ended,
}

impl InvokeStream {
    pub(super) fn new(requests: Streaming<v1::InvokeStreamRequest>, door: Arc<Door>, call: &Call<'_>) -> Self {
        Self {
            principal: Arc::clone(&call.principal),
            trace: call.trace,
            requests,
            running: FuturesUnordered::new(),
            running_bytes: 0,
            end: ended(door.closing.clone(), call.asked, call.credentials_end()).boxed(),
            phase: Phase::Open,
            door,
            _counted: OpenStream::opened(),
        }
    }

    fn is_full(&self) -> bool {
        self.running.len() >= STREAM_WINDOW_LEN || self.running_bytes >= WINDOW_BYTES
    }

    // Takes requests for as long as there are some and the window has room.
    fn take_requests(&mut self, cx: &mut Context<'_>) {
        while matches!(self.phase, Phase::Open) {
            if let Poll::Ready(error) = self.end.poll_unpin(cx) {
                self.phase = Phase::Draining(Some(error));
                return;
            }
            if self.is_full() {
                return;
            }
            match self.requests.poll_next_unpin(cx) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(request))) => self.start(request),
                Poll::Ready(Some(Err(status))) => {
                    let error = mended(&status).unwrap_or_else(|| {
                        Error::new(Code::Unavailable, format!("the stream of requests broke off: {}", status.message()))
                    });
                    self.phase = Phase::Draining(Some(error));
                }
                Poll::Ready(None) => self.phase = Phase::Draining(None),
            }
        }
    }

    fn start(&mut self, request: v1::InvokeStreamRequest) {
        let request_bytes = request.encoded_len();
        self.running_bytes += request_bytes;
        let v1::InvokeStreamRequest { id, invoke: asked, timeout } = request;
        let timeout = timeout.map(time::span_from_wire).transpose();
        let started = self.door.doors.clock.instant();
        let result = match (asked, timeout) {
            (Some(asked), Ok(timeout)) => {
                let deadline = started + convert::timeout(timeout);
                // A span of its own below the stream's, so that its calls can be told apart.
                let trace = self.trace.child(self.door.doors.entropy.next().max(1));
                invoke(&self.door, &self.principal, asked, deadline, trace).left_future()
            }
            (_, Err(error)) => futures_util::future::ready(Err(error)).right_future(),
            (None, _) => {
                let error =
                    Error::new(Code::InvalidPayload, "the request has no invoke; fill it like an InvokeRequest");
                futures_util::future::ready(Err(error)).right_future()
            }
        };
        let door = Arc::clone(&self.door);
        let answer = result.map(move |result| {
            let took = door.doors.clock.instant().saturating_duration_since(started);
            door.meters.answered(Method::StreamedInvoke, &result, took);
            let outcome = match result {
                Ok(response) => Outcome::Response(response),
                Err(error) => {
                    log(&error);
                    Outcome::Error((&error).into())
                }
            };
            Answer { response: v1::InvokeStreamResponse { id, outcome: Some(outcome) }, request_bytes }
        });
        self.running.push(answer.boxed());
    }
}

impl Stream for InvokeStream {
    type Item = Result<v1::InvokeStreamResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.take_requests(cx);
        match self.running.poll_next_unpin(cx) {
            Poll::Ready(Some(Answer { response, request_bytes })) => {
                self.running_bytes -= request_bytes;
                Poll::Ready(Some(Ok(response)))
            }
            Poll::Ready(None) => match std::mem::replace(&mut self.phase, Phase::Ended) {
                // An empty set says so again and again; wait for requests.
                Phase::Open => {
                    self.phase = Phase::Open;
                    Poll::Pending
                }
                Phase::Draining(Some(error)) => Poll::Ready(Some(Err(refused(&error)))),
                Phase::Draining(None) | Phase::Ended => Poll::Ready(None),
            },
            // A full window is taken up again with the next answer, which wakes us.
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Resolves when a stream that could go on for ever is to end: the server stops, the time that its caller gave it is over, or its
/// caller's credentials end.
pub(super) async fn ended(
    mut closing: Closing,
    after: Option<Duration>,
    credentials_end: impl Future<Output = ()>,
) -> Error {
    let over = async {
        match after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = closing.closed() => stopping(),
        () = over => Error::new(Code::DeadlineExceeded, "the time that grpc-timeout gave the stream is over"),
        () = credentials_end => {
            Error::new(Code::Unauthenticated, "the token has expired; get a new one and take the stream up again")
        }
    }
}
