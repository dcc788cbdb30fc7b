//! [`Call`]: one request as the handlers see it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Query, RawPathParams};
use callboard_core::trace::TraceContext;
use callboard_core::{Code, Headers, Name, Principal, limits};
use callboard_wire::problem::Problem;
use http::header::HeaderName;
use http::request::Parts;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::excerpt;

/// One request: its head, its body, its place in a trace, and who asks.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) parts: Parts,
    pub(super) body: Body,
    pub(super) trace: TraceContext,
    /// Who asks.
    pub(super) principal: Arc<Principal>,
    // Its place among the requests under way, and its body's among the large ones; given back when it is answered.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    pub(super) share: Option<OwnedSemaphorePermit>,
}

/// What a header whose name starts so carries becomes metadata.
const META_PREFIX: &str = "callboard-meta-";

impl Call {
    /// The parts of the path that the route leaves open, percent-decoded.
    pub(super) async fn path<const N: usize>(&mut self) -> Result<[String; N], Problem> {
        let params = RawPathParams::from_request_parts(&mut self.parts, &()).await.map_err(|_| {
            Problem::new(Code::InvalidPayload, "the path is not UTF-8 once its percent signs are decoded")
        })?;
        let mut values = params.iter().map(|(_, value)| value.to_owned());
        // The route has as many as its handler asks for.
        Ok(std::array::from_fn(|_| values.next().unwrap_or_default()))
    }

    /// The query, by the names of `T`'s fields; an unknown or wrong one is a problem that names it.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let query = Query::<T>::try_from_uri(&self.parts.uri);
        query.map(|Query(query)| query).map_err(|rejection| {
            let text = rejection.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text).to_owned();
            Problem::new(Code::InvalidPayload, format!("the query: {}", excerpt(&text)))
        })
    }

    /// A header as text; one that is not text is a problem that names it.
    pub(super) fn header(&self, name: &str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.parts.headers.get(name) else { return Ok(None) };
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Ok(Some(text.trim())),
            Err(_) => Err(Problem::new(Code::InvalidPayload, format!("the header {name} is not UTF-8"))),
        }
    }

    /// What travels with the request's message: every `Callboard-Meta-<name>` header, by its name in lower case.
    pub(super) fn metadata(&self) -> Result<Headers, Problem> {
        let mut metadata = Vec::new();
        for (name, value) in &self.parts.headers {
            let Some(short) = name.as_str().strip_prefix(META_PREFIX) else { continue };
            let Ok(value) = std::str::from_utf8(value.as_bytes()) else {
                return Err(Problem::new(Code::InvalidPayload, format!("the header {name} is not UTF-8")));
            };
            check_header(name, short, value)?;
            metadata.push((Name::from(short.to_owned()), Name::from(value.to_owned())));
        }
        if metadata.len() > limits::HEADERS_LEN_MAX {
            let detail = format!("{} metadata headers; the most is {}", metadata.len(), limits::HEADERS_LEN_MAX);
            return Err(Problem::new(Code::TooLarge, detail));
        }
        // The same name twice: the first counts, as everywhere.
        let mut seen: Vec<(Name, Name)> = Vec::with_capacity(metadata.len());
        for (name, value) in metadata {
            if !seen.iter().any(|(known, _)| *known == name) {
                seen.push((name, value));
            }
        }
        Ok(seen.into_iter().collect())
    }
}

fn check_header(name: &HeaderName, short: &str, value: &str) -> Result<(), Problem> {
    if short.is_empty() {
        return Err(Problem::new(Code::InvalidPayload, format!("the header {name} has no name behind its prefix")));
    }
    if short.len() + value.len() > limits::HEADER_BYTES_MAX {
        let detail = format!("the header {name} has more than {} bytes", limits::HEADER_BYTES_MAX);
        return Err(Problem::new(Code::TooLarge, detail));
    }
    Ok(())
}

/// How many rows a page of a listing has: what was asked for, 100 without it, at most [`limits::PAGE_LEN_MAX`].
pub(super) fn page_len(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(100),
        Some(0) => Err(Problem::new(Code::InvalidPayload, "the query: limit is 0; give at least 1")),
        Some(limit) => Ok(limit.min(limits::PAGE_LEN_MAX)),
    }
}
