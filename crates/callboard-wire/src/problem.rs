//! Problem documents (RFC 9457): how an [`Error`] reads over HTTP.

use std::borrow::Cow;

use callboard_core::trace::TraceContext;
use callboard_core::{Code, Error, Retry};
use serde::{Deserialize, Serialize};

use crate::status::{parse_retry, wire_status};

/// The content type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What precedes the code in a problem's `type`.
pub const TYPE_PREFIX: &str = "urn:callboard:problem:";

/// An error on its way to an HTTP client: its status, and a document that a program and a person can read.
///
/// `type`, `title`, `status` and `detail` are the standard's; `code`, `retry` and `blame` are those of the error, `traceId` leads
/// to the log, and `line` and `column` stand where a JSON text could not be read.
#[derive(Clone, Debug)]
pub struct Problem {
    status: u16,
    title: &'static str,
    error: Error,
    place: Option<(usize, usize)>,
    trace_id: Option<u128>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    title: Cow<'a, str>,
    status: u16,
    #[serde(borrow, default)]
    detail: Cow<'a, str>,
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    retry: Cow<'a, str>,
    #[serde(borrow, default)]
    blame: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = wire_status(error.code()).http;
        Self { status, title: title(error.code()), error, place: None, trace_id: None }
    }
}

impl Problem {
    /// The problem that an error with this code and public text is.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Error::new(code, detail).into()
    }

    /// The same with a status and title of HTTP's own, for what only HTTP knows (no such path, a wrong method).
    #[must_use]
    pub fn with_status(mut self, status: u16, title: &'static str) -> Self {
        (self.status, self.title) = (status, title);
        self
    }

    /// The same with the place in a JSON text at which it could not be read, both from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.place = Some((line, column));
        self
    }

    /// The same with the trace by which the request is found in the log.
    #[must_use]
    pub fn in_trace(mut self, trace: &TraceContext) -> Self {
        self.trace_id = Some(trace.trace_id);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The error behind it.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.error
    }

    /// What `Retry-After` is to say, in seconds, when the server is busy or away and trying again may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        let busy = matches!(self.error.code(), Code::Overloaded | Code::Fenced | Code::Unavailable);
        (busy && self.error.retry() != Retry::Never).then_some(1)
    }

    /// The document.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let code = self.error.code();
        let document = Document {
            kind: format!("{TYPE_PREFIX}{code}").into(),
            title: self.title.into(),
            status: self.status,
            detail: self.error.message().into(),
            code: code.as_str().into(),
            retry: self.error.retry().as_str().into(),
            blame: self.error.blame().as_str().into(),
            line: self.place.map(|(line, _)| line),
            column: self.place.map(|(_, column)| column),
            trace_id: self.trace_id.map(|id| format!("{id:032x}")),
        };
        // Strings and numbers only: writing them to memory cannot fail.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// Reads a document as clients get it; `None` when it is none of Callboard's.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        let document: Document<'_> = serde_json::from_slice(json).ok()?;
        let code = Code::parse(&document.code)?;
        let retry = parse_retry(&document.retry).unwrap_or_else(|| code.retry());
        let error = Error::new(code, document.detail).with_retry(retry);
        let mut problem = Self::from(error).with_status(document.status, title(code));
        problem.place = document.line.zip(document.column);
        problem.trace_id = document.trace_id.and_then(|id| u128::from_str_radix(&id, 16).ok());
        Some(problem)
    }
}

/// A short, fixed text for a code, as the standard wants it.
const fn title(code: Code) -> &'static str {
    match code {
        Code::ActorNotFound => "No such actor",
        Code::ActionNotFound => "No such action",
        Code::InvalidPayload => "The request cannot be understood",
        Code::InvalidTopic => "Not a topic",
        Code::Unauthenticated => "Not authenticated",
        Code::Denied => "Not allowed",
        Code::Overloaded => "Too much at once",
        Code::DeadlineExceeded => "Out of time",
        Code::CallCycle => "Actors wait for each other",
        Code::ActionFailed => "The action failed",
        Code::ActionPanicked => "The action panicked",
        Code::Conflict => "Changed by somebody else",
        Code::Fenced => "Owned by another node",
        Code::IdempotencyMismatch => "The idempotency key was used before",
        Code::Gap => "No longer kept",
        Code::TooLarge => "Too large",
        Code::Unavailable => "Not available",
        Code::Internal => "Internal error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_the_standard_says_and_reads_back() {
        let trace = TraceContext { trace_id: 0xabc, span_id: 1, sampled: false };
        let problem = Problem::new(Code::InvalidPayload, "expected `}`").at(3, 7).in_trace(&trace);
        let json = problem.to_json();
        let document: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            document,
            serde_json::json!({
                "type": "urn:callboard:problem:InvalidPayload",
                "title": "The request cannot be understood",
                "status": 400,
                "detail": "expected `}`",
                "code": "InvalidPayload",
                "retry": "never",
                "blame": "caller",
                "line": 3,
                "column": 7,
                "traceId": "00000000000000000000000000000abc",
            })
        );
        let read = Problem::parse(&json).unwrap();
        assert_eq!(
            (read.status(), read.error().code(), read.error().message()),
            (400, Code::InvalidPayload, "expected `}`")
        );
        assert_eq!(read.to_json(), json);
    }

    #[test]
    fn every_code_has_a_title_of_its_own_and_an_error_status() {
        let mut titles: Vec<_> = Code::ALL.iter().map(|code| title(*code)).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), Code::ALL.len());
    }

    #[test]
    fn only_what_passes_by_waiting_says_when_to_try_again() {
        assert_eq!(Problem::new(Code::Overloaded, "").retry_after(), Some(1));
        assert_eq!(Problem::new(Code::Unavailable, "").retry_after(), Some(1));
        assert_eq!(Problem::new(Code::ActionFailed, "").retry_after(), None);
    }

    #[test]
    fn what_is_no_problem_document_of_ours_is_not_read_as_one() {
        for other in ["", "{}", "<html>", r#"{"code":"Nope","status":400}"#] {
            assert!(Problem::parse(other.as_bytes()).is_none(), "{other}");
        }
    }
}
