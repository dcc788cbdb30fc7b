//! Actors: their states, their list, their end.

use std::sync::Arc;

use axum::response::Response;
use callboard_core::port::{ActorQuery, StateAt};
use callboard_core::{ActorId, Code, Error, Revision};
use callboard_wire::json;
use callboard_wire::problem::Problem;
use http::{StatusCode, header};
use serde::Deserialize;

use super::answer::{self, Answer, excerpt};
use super::call::page_len;
use super::{Call, Http};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateQuery {
    revision: Option<u64>,
    time: Option<String>,
}

/// `GET /v1/actors/{name}` and `/v1/actors/{parent}/{name}`. Nothing of the actor's code runs.
pub(super) async fn state(http: Arc<Http>, mut call: Call) -> Answer {
    let target = target(&mut call).await?;
    let query: StateQuery = call.query()?;
    let at = match (query.revision, query.time.as_deref()) {
        (None, None) => StateAt::Latest,
        (Some(revision), None) => StateAt::Revision(Revision(revision)),
        (None, Some(time)) => StateAt::Time(json::parse_time(time).ok_or_else(|| {
            let detail = format!("the query: time is {:?}; give RFC 3339 or milliseconds since 1970", excerpt(time));
            Problem::new(Code::InvalidPayload, detail)
        })?),
        (Some(_), Some(_)) => {
            return Err(Problem::new(Code::InvalidPayload, "the query: give revision or time, not both"));
        }
    };
    let state = http.doors.operator.state(target, at).await?;
    // What is never stored has no revisions, so it cannot be told by one whether it changed.
    let tag = (state.revision > Revision::ZERO).then(|| format!("\"{}\"", state.revision));
    let matches = |tag: &str| call.header("if-none-match").ok().flatten().is_some_and(|known| matches_tag(known, tag));
    let mut response = if tag.as_deref().is_some_and(matches) {
        let mut unchanged = Response::default();
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        answer::body(answer::JSON, json::state(&http.doors.descriptors, &state))
    };
    if let Some(tag) = tag {
        answer::set(response.headers_mut(), header::ETAG.as_str(), tag);
    }
    response.headers_mut().insert("callboard-revision", state.revision.0.into());
    Ok(response)
}

fn matches_tag(known: &str, tag: &str) -> bool {
    known == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

/// `DELETE` of the same paths.
pub(super) async fn delete(http: Arc<Http>, mut call: Call) -> Answer {
    let target = target(&mut call).await?;
    http.doors.operator.delete(target).await?;
    Ok(answer::done())
}

async fn target(call: &mut Call) -> Result<ActorId, Problem> {
    let [first, second] = call.path().await?;
    // The shorter route has one part only.
    let id = if second.is_empty() { ActorId::named(&first) } else { ActorId::instance(&first, &second) };
    Ok(id.map_err(Error::from)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    declared: Option<String>,
    prefix: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/actors`.
pub(super) async fn list(http: Arc<Http>, call: Call) -> Answer {
    let query: ListQuery = call.query()?;
    let limit = page_len(query.limit)?;
    let after = query.after.as_deref().map(ActorId::parse).transpose().map_err(Error::from)?;
    let (declared, prefix) = (query.declared.map(Into::into), query.prefix);
    let query = ActorQuery { declared, prefix, created_until: None, after, limit };
    let actors = http.doors.operator.actors(query).await?;
    let rows = actors.iter().map(json::actor).collect();
    Ok(answer::page("actors", rows, limit, || actors.last().map(|last| last.id.to_string())))
}
