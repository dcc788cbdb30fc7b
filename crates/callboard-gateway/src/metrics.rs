//! The gateway's metrics. Labels are bounded: route templates and status classes, never what a client wrote.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `callboard_connections` | gauge | | open connections |
//! | `callboard_connections_refused_total` | counter | | connections over the limit |
//! | `callboard_http_requests_total` | counter | `route`, `method`, `class` (`2xx`..`5xx`) | answered HTTP requests |
//! | `callboard_http_request_seconds` | histogram | `route`, `method` | from the headers to the answer's headers |
//! | `callboard_http_streams` | gauge | | open streams of publications |
//!
//! The handles of a route are looked up once, when the gateway starts: install the recorder before.

use std::time::Duration;

use http::StatusCode;

pub(crate) const CONNECTIONS: &str = "callboard_connections";
pub(crate) const CONNECTIONS_REFUSED: &str = "callboard_connections_refused_total";
pub(crate) const HTTP_REQUESTS: &str = "callboard_http_requests_total";
pub(crate) const HTTP_SECONDS: &str = "callboard_http_request_seconds";
pub(crate) const HTTP_STREAMS: &str = "callboard_http_streams";

/// Says once what the names mean.
pub(crate) fn describe() {
    metrics::describe_gauge!(CONNECTIONS, "Open connections");
    metrics::describe_counter!(CONNECTIONS_REFUSED, "Connections over the limit");
    metrics::describe_counter!(HTTP_REQUESTS, "Answered HTTP requests by route, method and status class");
    metrics::describe_histogram!(
        HTTP_SECONDS,
        metrics::Unit::Seconds,
        "From a request's headers to its answer's headers"
    );
    metrics::describe_gauge!(HTTP_STREAMS, "Open streams of publications");
}

/// Counts one open connection for as long as it lives.
#[derive(Debug)]
pub(crate) struct Connections(());

impl Connections {
    pub(crate) fn opened() -> Self {
        metrics::gauge!(CONNECTIONS).increment(1.0);
        Self(())
    }

    pub(crate) fn refused() {
        metrics::counter!(CONNECTIONS_REFUSED).increment(1);
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        metrics::gauge!(CONNECTIONS).decrement(1.0);
    }
}

/// Counts one open stream of publications for as long as it lives.
#[derive(Debug)]
pub(crate) struct OpenStream(());

impl OpenStream {
    pub(crate) fn opened() -> Self {
        metrics::gauge!(HTTP_STREAMS).increment(1.0);
        Self(())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!(HTTP_STREAMS).decrement(1.0);
    }
}

/// The meters of one route and method.
#[derive(Clone)]
pub(crate) struct RouteMeters {
    classes: [metrics::Counter; 4],
    seconds: metrics::Histogram,
}

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

impl RouteMeters {
    pub(crate) fn new(route: &'static str, method: &'static str) -> Self {
        let counter = |class| metrics::counter!(HTTP_REQUESTS, "route" => route, "method" => method, "class" => class);
        let seconds = metrics::histogram!(HTTP_SECONDS, "route" => route, "method" => method);
        Self { classes: CLASSES.map(counter), seconds }
    }

    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(2).min(CLASSES.len() - 1);
        self.classes[class].increment(1);
        self.seconds.record(took.as_secs_f64());
    }
}

impl std::fmt::Debug for RouteMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteMeters").finish_non_exhaustive()
    }
}
