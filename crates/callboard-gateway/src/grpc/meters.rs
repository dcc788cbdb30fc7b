//! The gRPC door's metrics. Labels are bounded: methods of the API and whose fault a failure was, never what a client wrote.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `callboard_grpc_requests_total` | counter | `method`, `outcome` (`ok`, `caller`, `actor`, `platform`) | answered calls; opened streams |
//! | `callboard_grpc_request_seconds` | histogram | `method` | from the request to its answer, or to the stream's opening |
//! | `callboard_grpc_streams` | gauge | | open streams |
//!
//! The handles are looked up once, when the gateway starts: install the recorder before.

use std::time::Duration;

use callboard_core::{Blame, Error};

const REQUESTS: &str = "callboard_grpc_requests_total";
const SECONDS: &str = "callboard_grpc_request_seconds";
const STREAMS: &str = "callboard_grpc_streams";

macro_rules! methods {
    ($($method:ident = $label:literal,)*) => {
        /// A method of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Method { $($method,)* }

        impl Method {
            const ALL: &[Self] = &[$(Self::$method,)*];

            /// Whether only operators may ask for it. What others may do is looked at where it is known what they ask.
            pub(super) const fn is_for_operators(self) -> bool {
                match self {
                    Self::Invoke
                    | Self::InvokeStream
                    | Self::StreamedInvoke
                    | Self::Publish
                    | Self::PublishBatch
                    | Self::Subscribe => false,
                    Self::GetState
                    | Self::ListActors
                    | Self::DeleteActor
                    | Self::ListTopics
                    | Self::Catalogue
                    | Self::Explain
                    | Self::ListDeadLetters
                    | Self::RetryDeadLetter
                    | Self::DropDeadLetter
                    | Self::ListParked
                    | Self::RetryParked
                    | Self::SkipParked
                    | Self::ListTimers => true,
                }
            }

            /// Its name in metrics and spans.
            pub(super) const fn label(self) -> &'static str {
                match self { $(Self::$method => $label,)* }
            }
        }
    };
}

methods! {
    Invoke = "Actors/Invoke",
    InvokeStream = "Actors/InvokeStream",
    // Each request of a stream.
    StreamedInvoke = "Actors/InvokeStream/request",
    GetState = "Actors/GetState",
    ListActors = "Actors/List",
    DeleteActor = "Actors/Delete",
    Publish = "Topics/Publish",
    PublishBatch = "Topics/PublishBatch",
    Subscribe = "Topics/Subscribe",
    ListTopics = "Topics/List",
    Catalogue = "System/Catalogue",
    Explain = "System/Explain",
    ListDeadLetters = "System/ListDeadLetters",
    RetryDeadLetter = "System/RetryDeadLetter",
    DropDeadLetter = "System/DropDeadLetter",
    ListParked = "System/ListParked",
    RetryParked = "System/RetryParked",
    SkipParked = "System/SkipParked",
    ListTimers = "System/ListTimers",
}

/// The meters of every method.
pub(super) struct Meters(Vec<MethodMeters>);

struct MethodMeters {
    outcomes: [metrics::Counter; OUTCOMES.len()],
    seconds: metrics::Histogram,
}

const OUTCOMES: [&str; 4] = ["ok", "caller", "actor", "platform"];

impl Meters {
    pub(super) fn new() -> Self {
        metrics::describe_counter!(REQUESTS, "Answered gRPC calls and opened streams by method and outcome");
        metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "From a gRPC request to its answer");
        metrics::describe_gauge!(STREAMS, "Open gRPC streams");
        Self(Method::ALL.iter().map(|method| MethodMeters::new(method.label())).collect())
    }

    pub(super) fn answered<T>(&self, method: Method, result: &Result<T, Error>, took: Duration) {
        let Some(meters) = self.0.get(method as usize) else { return };
        let outcome = match result.as_ref().map_err(Error::blame) {
            Ok(_) => 0,
            Err(Blame::Caller) => 1,
            Err(Blame::Actor) => 2,
            Err(Blame::Platform) => 3,
        };
        meters.outcomes[outcome].increment(1);
        meters.seconds.record(took.as_secs_f64());
    }
}

impl MethodMeters {
    fn new(method: &'static str) -> Self {
        let outcomes = OUTCOMES.map(|outcome| metrics::counter!(REQUESTS, "method" => method, "outcome" => outcome));
        Self { outcomes, seconds: metrics::histogram!(SECONDS, "method" => method) }
    }
}

/// Counts one open stream for as long as it lives.
pub(super) struct OpenStream(());

impl OpenStream {
    pub(super) fn opened() -> Self {
        metrics::gauge!(STREAMS).increment(1.0);
        Self(())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!(STREAMS).decrement(1.0);
    }
}
