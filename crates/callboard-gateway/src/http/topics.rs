//! Topics: publish on them, list them.

use std::sync::Arc;

use callboard_core::port::TopicQuery;
use callboard_core::publication::Announcement;
use callboard_core::{Code, Error, Headers, MessageId, Name, Pattern, Payload, Position, Topic, limits};
use callboard_wire::json;
use callboard_wire::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Answer, excerpt};
use super::body::{self, Takes};
use super::call::page_len;
use super::{Call, Http};
use crate::auth::permit;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishQuery {
    #[serde(rename = "type")]
    type_name: Option<String>,
}

/// `POST /v1/topics/{topic}`.
pub(super) async fn publish(http: Arc<Http>, mut call: Call) -> Answer {
    let [topic] = call.path().await?;
    let topic = Topic::parse(&topic).map_err(Error::from)?;
    permit::publish(&call.principal, &topic)?;
    let query: PublishQuery = call.query()?;
    refuse_key(&call)?;
    let headers = call.metadata()?;
    let payload = body::payload(&http, &mut call, Takes::Anything, query.type_name.as_deref()).await?;
    let announcement = announce(&http, &call, topic, payload, headers);
    let (id, topic) = (announcement.id, announcement.topic.clone());
    let positions = http.doors.dispatcher.publish(vec![announcement]).await?;
    let position = positions.first().copied().ok_or_else(no_position)?;
    let mut response = answer::json(&published(id, &topic, position));
    answer::set(response.headers_mut(), "callboard-position", position.to_string());
    Ok(response)
}

fn announce(http: &Http, call: &Call, topic: Topic, payload: Payload, headers: Headers) -> Announcement {
    let time = http.doors.clock.now();
    let id = MessageId::new(time, http.doors.entropy.next_u128());
    Announcement { id, topic, time, payload, headers, trace: Some(call.trace), publisher: None }
}

fn published(id: MessageId, topic: &Topic, position: Position) -> Value {
    json!({ "id": id.to_string(), "topic": topic.as_str(), "position": position.to_string() })
}

fn no_position() -> Problem {
    Error::new(Code::Internal, "the publication has no position").into()
}

// A publication that came twice is published twice. Whoever sends a key expects otherwise and is told.
fn refuse_key(call: &Call) -> Result<(), Problem> {
    if !call.parts.headers.contains_key("idempotency-key") {
        return Ok(());
    }
    let detail = "publishing knows no Idempotency-Key: leave it out, or invoke an actor that publishes";
    Err(Problem::new(Code::InvalidPayload, detail))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchItem {
    topic: String,
    #[serde(rename = "type")]
    type_name: Option<String>,
    payload: Option<Value>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
}

/// `POST /v1/topics`: an array of `{topic, type, payload, headers}`, published all or none, in this order.
pub(super) async fn publish_batch(http: Arc<Http>, mut call: Call) -> Answer {
    refuse_key(&call)?;
    let common = call.metadata()?;
    let Value::Array(items) = body::document(&http, &mut call).await? else {
        let detail = "the body is not an array; write [{\"topic\": \"...\", \"payload\": ...}, ...]";
        return Err(Problem::new(Code::InvalidPayload, detail));
    };
    if items.len() > limits::VALUE_ITEMS_MAX {
        let detail = format!("{} publications; the most is {}", items.len(), limits::VALUE_ITEMS_MAX);
        return Err(Problem::new(Code::TooLarge, detail));
    }
    let mut announcements = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let read = read_item(&http, &call, &common, item);
        announcements.push(read.map_err(|error| at(place, &error))?);
    }
    if announcements.is_empty() {
        return Ok(answer::json(&json!({ "publications": [] })));
    }
    let sent: Vec<_> = announcements.iter().map(|one| (one.id, one.topic.clone())).collect();
    let positions = http.doors.dispatcher.publish(announcements).await?;
    if positions.len() != sent.len() {
        return Err(no_position());
    }
    let rows = sent.iter().zip(positions).map(|((id, topic), position)| published(*id, topic, position));
    Ok(answer::json(&json!({ "publications": rows.collect::<Vec<_>>() })))
}

fn at(place: usize, error: &Error) -> Problem {
    Error::new(error.code(), format!("publication {place}: {}", error.message())).with_retry(error.retry()).into()
}

fn read_item(http: &Http, call: &Call, common: &Headers, item: Value) -> Result<Announcement, Error> {
    let item: BatchItem = serde_json::from_value(item)
        .map_err(|error| Error::new(Code::InvalidPayload, excerpt(&error.to_string()).to_owned()))?;
    let topic = Topic::parse(&item.topic)?;
    permit::publish(&call.principal, &topic)?;
    if item.headers.len() > limits::HEADERS_LEN_MAX {
        return Err(too_many_headers(item.headers.len()));
    }
    let payload = match &item.payload {
        None | Some(Value::Null) if item.type_name.is_none() => Payload::empty(),
        payload => {
            let value = payload.as_ref().unwrap_or(&Value::Null);
            let descriptors = &http.doors.descriptors;
            descriptors.from_json(&descriptors.resolve(item.type_name.as_deref(), value)?, value)?
        }
    };
    let mut headers = common.clone();
    for (name, value) in item.headers {
        if name.is_empty() || name.len() + value.len() > limits::HEADER_BYTES_MAX {
            let text = format!("a header has 1 to {} bytes", limits::HEADER_BYTES_MAX);
            return Err(Error::new(Code::TooLarge, text));
        }
        headers.set(Name::from(name.to_lowercase()), Name::from(value));
    }
    if headers.len() > limits::HEADERS_LEN_MAX {
        return Err(too_many_headers(headers.len()));
    }
    Ok(announce(http, call, topic, payload, headers))
}

fn too_many_headers(count: usize) -> Error {
    Error::new(Code::TooLarge, format!("{count} headers; the most is {}", limits::HEADERS_LEN_MAX))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    pattern: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/topics`.
pub(super) async fn list(http: Arc<Http>, call: Call) -> Answer {
    let query: ListQuery = call.query()?;
    let limit = page_len(query.limit)?;
    let pattern = Pattern::parse(query.pattern.as_deref().unwrap_or(">")).map_err(Error::from)?;
    let after = query.after.as_deref().map(Topic::parse).transpose().map_err(Error::from)?;
    let topics = http.doors.operator.topics(TopicQuery { pattern, after, limit }).await?;
    let rows = topics.iter().map(json::topic).collect();
    Ok(answer::page("topics", rows, limit, || topics.last().map(|last| last.topic.to_string())))
}
