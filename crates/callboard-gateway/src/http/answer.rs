//! Answers: JSON documents, problem documents, pages.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use callboard_wire::problem::{PROBLEM_JSON, Problem};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

/// What a handler gives.
pub(super) type Answer = Result<Response, Problem>;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A body of a content type, status 200.
pub(super) fn body(content_type: HeaderValue, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A JSON document, status 200.
pub(super) fn json(document: &Value) -> Response {
    // A value with string keys can always be written.
    body(JSON, serde_json::to_vec(document).unwrap_or_default())
}

/// A JSON document with another status.
pub(super) fn json_with(status: StatusCode, document: &Value) -> Response {
    let mut response = json(document);
    *response.status_mut() = status;
    response
}

/// Done, and nothing to say.
pub(super) fn done() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A page of a listing: its rows under `member`, and `next`, with which the next page is asked for.
pub(super) fn page(member: &str, rows: Vec<Value>, limit: usize, next: impl FnOnce() -> Option<String>) -> Response {
    let next = if rows.len() < limit { None } else { next() };
    let mut document = serde_json::Map::new();
    document.insert(member.to_owned(), rows.into());
    document.insert("next".to_owned(), next.into());
    json(&Value::Object(document))
}

/// A problem document.
pub(super) fn problem(problem: &Problem) -> Response {
    let mut response = body(HeaderValue::from_static(PROBLEM_JSON), problem.to_json());
    *response.status_mut() = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if problem.status() == StatusCode::UNAUTHORIZED {
        // RFC 9110, section 15.5.2.
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Adds a header; a value that cannot stand in one is left out.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: impl Into<Bytes>) {
    if let Ok(value) = HeaderValue::from_maybe_shared(value.into()) {
        headers.insert(name, value);
    }
}

// At most this much of what came from outside is repeated in an answer.
const EXCERPT_LEN: usize = 200;

/// The beginning of a text from outside.
pub(super) fn excerpt(text: &str) -> &str {
    let end = (0..=EXCERPT_LEN.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}
