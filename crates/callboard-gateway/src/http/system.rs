//! What operators ask: explain, dead letters, parked subscriptions, timers, the catalogue.

use std::sync::Arc;

use callboard_core::{ActorId, Code, Error, MessageId, Topic};
use callboard_wire::json;
use callboard_wire::problem::Problem;
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, Answer, excerpt};
use super::call::page_len;
use super::{Call, Http, body};

/// `GET /v1/system/explain/{topic}`.
pub(super) async fn explain(http: Arc<Http>, mut call: Call) -> Answer {
    let [topic] = call.path().await?;
    let explanation = http.doors.operator.explain(Topic::parse(&topic).map_err(Error::from)?).await?;
    Ok(answer::json(&json::explanation(&explanation)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LettersQuery {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/system/dead-letters`.
pub(super) async fn dead_letters(http: Arc<Http>, call: Call) -> Answer {
    let query: LettersQuery = call.query()?;
    let limit = page_len(query.limit)?;
    let after = query.after.as_deref().map(message_id).transpose()?;
    let letters = http.doors.operator.dead_letters(after, limit).await?;
    let rows = letters.iter().map(|letter| json::dead_letter(&http.doors.descriptors, letter)).collect();
    Ok(answer::page("deadLetters", rows, limit, || letters.last().map(|last| last.id.to_string())))
}

/// `POST /v1/system/dead-letters/{id}/retry`.
pub(super) async fn retry_dead_letter(http: Arc<Http>, mut call: Call) -> Answer {
    let [id] = call.path().await?;
    http.doors.operator.retry_dead_letter(message_id(&id)?).await?;
    Ok(answer::done())
}

/// `DELETE /v1/system/dead-letters/{id}`.
pub(super) async fn drop_dead_letter(http: Arc<Http>, mut call: Call) -> Answer {
    let [id] = call.path().await?;
    http.doors.operator.drop_dead_letter(message_id(&id)?).await?;
    Ok(answer::done())
}

fn message_id(text: &str) -> Result<MessageId, Problem> {
    MessageId::parse(text).ok_or_else(|| {
        let detail = format!("{:?} is not an id; ids are UUIDs, as the listing shows them", excerpt(text));
        Problem::new(Code::InvalidPayload, detail)
    })
}

/// `GET /v1/system/parked`.
pub(super) async fn parked(http: Arc<Http>, _: Call) -> Answer {
    let parked = http.doors.operator.parked().await?;
    Ok(answer::json(&json!({ "parked": parked.iter().map(json::parked).collect::<Vec<_>>() })))
}

/// `POST /v1/system/parked/retry`.
pub(super) async fn retry_parked(http: Arc<Http>, mut call: Call) -> Answer {
    let (subscription, topic) = json::parse_parked(&body::document(&http, &mut call).await?)?;
    http.doors.operator.retry_parked(subscription, topic).await?;
    Ok(answer::done())
}

/// `POST /v1/system/parked/skip`.
pub(super) async fn skip_parked(http: Arc<Http>, mut call: Call) -> Answer {
    let (subscription, topic) = json::parse_parked(&body::document(&http, &mut call).await?)?;
    http.doors.operator.skip_parked(subscription, topic).await?;
    Ok(answer::done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimersQuery {
    actor: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/system/timers`.
pub(super) async fn timers(http: Arc<Http>, call: Call) -> Answer {
    let query: TimersQuery = call.query()?;
    let actor = query.actor.as_deref().map(ActorId::parse).transpose().map_err(Error::from)?;
    let timers = http.doors.operator.timers(actor, page_len(query.limit)?).await?;
    Ok(answer::json(&json!({ "timers": timers.iter().map(json::timer).collect::<Vec<_>>() })))
}

/// `GET /v1/system/catalogue`.
pub(super) async fn catalogue(http: Arc<Http>, _: Call) -> Answer {
    let actors: Vec<_> = http.plans.catalogue().iter().map(|declaration| json::declaration(declaration)).collect();
    Ok(answer::json(&json!({ "system": http.doors.system.as_str(), "actors": actors })))
}
