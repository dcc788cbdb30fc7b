//! The JSON documents of the HTTP door: what is listed, looked at, followed.
//!
//! Field names are in lowerCamelCase, times are RFC 3339 in UTC, positions are `epoch-seq`. A payload stands under its own member
//! beside the name of its type, in the form that [`Descriptors::to_json`] gives it; one that cannot be read stands there as
//! `{"@type": ..., "value": "<base64>"}`, so that one bad payload never hides the others.

use std::fmt::Display;

use callboard_core::batch::{DeadLetter, DeadLetterSource, Parked, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::declaration::{ActorKind, Durability, FailurePolicy};
use callboard_core::port::{
    ActivationPhase, ActorState, ActorSummary, Health, Hearer, HearerKind, TopicExplanation, TopicSummary,
};
use callboard_core::timer::CatchUp;
use callboard_core::topic::TopicPolicy;
use callboard_core::{
    ActorId, Code, Declaration, Encoding, Error, Headers, Payload, Position, Publication, Timestamp, Topic, TypeRef,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::descriptors::Descriptors;

mod cursor;
mod schema;
mod text;

pub use cursor::Cursor;
pub use schema::Schemas;
pub(crate) use text::{check, depth_within};
pub use text::{parse, parse_time, read_plain, squeeze, write_payload};

/// What is written by `Display`, as a JSON string.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Headers as an object.
struct Members<'a>(&'a Headers);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0.iter() {
            map.serialize_entry(name.as_str(), value.as_str())?;
        }
        map.end()
    }
}

fn headers_absent(headers: &Members<'_>) -> bool {
    headers.0.is_empty()
}

// Writes an object and, as its last member, a payload.
fn write_with_payload<T: Serialize>(
    out: &mut Vec<u8>,
    descriptors: &Descriptors,
    document: &T,
    member: &str,
    payload: Option<&Payload>,
) {
    // Writing strings and numbers to memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, document);
    debug_assert_eq!(out.last(), Some(&b'}'), "a document is an object");
    out.pop();
    out.extend_from_slice(b",\"");
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"\":");
    match payload {
        Some(payload) => write_payload(out, descriptors, payload),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicationDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    topic: &'a str,
    position: Shown<Position>,
    cursor: Shown<&'a Cursor>,
    id: Shown<callboard_core::MessageId>,
    time: Shown<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<&'a str>,
    #[serde(skip_serializing_if = "headers_absent")]
    headers: Members<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<Shown<callboard_core::trace::TraceContext>>,
    #[serde(rename = "type")]
    type_name: &'a str,
}

/// Writes a publication: `topic`, `position`, `cursor` (with which a subscription is taken up again), `id`, `time`, `publisher`,
/// `headers`, `traceparent`, `type`, `payload`. `event` is a first member that tells it from other lines of a stream.
pub fn write_publication(
    out: &mut Vec<u8>,
    descriptors: &Descriptors,
    event: Option<&'static str>,
    publication: &Publication,
    cursor: &Cursor,
) {
    let document = PublicationDocument {
        event,
        topic: publication.topic.as_str(),
        position: Shown(publication.position),
        cursor: Shown(cursor),
        id: Shown(publication.id),
        time: Shown(publication.time),
        publisher: publication.publisher.as_ref().map(ActorId::as_str),
        headers: Members(&publication.headers),
        traceparent: publication.trace.map(Shown),
        type_name: publication.payload.type_name(),
    };
    write_with_payload(out, descriptors, &document, "payload", Some(&publication.payload));
}

/// A gap notice: publications of `topic` between `after` and `next` are no longer kept.
#[must_use]
pub fn gap(topic: &Topic, after: Position, next: Position) -> Value {
    json!({ "topic": topic.as_str(), "after": after.to_string(), "next": next.to_string() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateDocument<'a> {
    id: &'a str,
    revision: u64,
    phase: &'static str,
    time: Option<Shown<Timestamp>>,
    tags: Members<'a>,
    #[serde(rename = "type")]
    type_name: Option<&'a str>,
}

/// The state of an actor: `id`, `revision`, `phase`, `time`, `tags`, `type`, `state`.
#[must_use]
pub fn state(descriptors: &Descriptors, state: &ActorState) -> Vec<u8> {
    let document = StateDocument {
        id: state.id.as_str(),
        revision: state.revision.0,
        phase: state.phase.as_str(),
        time: state.time.map(Shown),
        tags: Members(&state.tags),
        type_name: state.state.as_ref().map(|state| state.type_name().as_str()),
    };
    let mut out = Vec::with_capacity(256);
    write_with_payload(&mut out, descriptors, &document, "state", state.state.as_ref());
    out
}

/// One line of a listing of actors.
#[must_use]
pub fn actor(actor: &ActorSummary) -> Value {
    json!({
        "id": actor.id.as_str(),
        "revision": actor.revision.0,
        "time": actor.time.to_string(),
        "tags": Members(&actor.tags),
    })
}

/// One line of a listing of topics.
#[must_use]
pub fn topic(topic: &TopicSummary) -> Value {
    json!({ "topic": topic.topic.as_str(), "head": topic.head.to_string(), "firstSeq": topic.first.0 })
}

/// Who would hear a topic, and what is kept of it.
#[must_use]
pub fn explanation(explanation: &TopicExplanation) -> Value {
    json!({
        "topic": explanation.topic.as_str(),
        "policy": policy(&explanation.policy),
        "head": explanation.head.map(|head| head.to_string()),
        "hearers": explanation.hearers.iter().map(hearer).collect::<Vec<_>>(),
    })
}

fn policy(policy: &TopicPolicy) -> Value {
    match policy {
        TopicPolicy::Durable(kept) => {
            json!({ "durable": true, "keptSeconds": kept.age.as_secs_f64(), "keptCount": kept.len })
        }
        TopicPolicy::Ephemeral { age, len } => {
            json!({ "durable": false, "keptSeconds": age.as_secs_f64(), "keptCount": len })
        }
    }
}

fn hearer(hearer: &Hearer) -> Value {
    let (kind, phase) = match hearer.kind {
        HearerKind::Actor(phase) => ("actor", Some(ActivationPhase::as_str(phase))),
        HearerKind::Instances => ("instances", None),
        HearerKind::External => ("external", None),
        HearerKind::Live => ("live", None),
    };
    json!({
        "name": hearer.name,
        "kind": kind,
        "phase": phase,
        "pattern": hearer.pattern.as_str(),
        "action": hearer.action.as_deref(),
        "cursor": hearer.cursor.map(|cursor| cursor.to_string()),
        "parked": hearer.parked,
    })
}

/// A dead letter, with what it was and why it was set aside.
#[must_use]
pub fn dead_letter(descriptors: &Descriptors, letter: &DeadLetter) -> Value {
    let source = match &letter.source {
        DeadLetterSource::Publication { id, topic, position } => {
            json!({ "publication": id.to_string(), "topic": topic.as_str(), "position": position.to_string() })
        }
        DeadLetterSource::Effect { id } => json!({ "effect": id.to_string() }),
    };
    json!({
        "id": letter.id.to_string(),
        "actor": letter.target.as_str(),
        "action": letter.action.as_str(),
        "type": letter.payload.type_name().as_str(),
        "payload": text::payload_value(descriptors, &letter.payload),
        "headers": Members(&letter.headers),
        "source": source,
        "code": letter.code.as_str(),
        "message": letter.message,
        "attempts": letter.attempts,
        "time": letter.time.to_string(),
    })
}

/// A parked subscription. Its `subscription` and `topic` are what [`parse_parked`] reads.
#[must_use]
pub fn parked(parked: &Parked) -> Value {
    json!({
        "subscription": subscription(&parked.subscription),
        "topic": parked.topic.as_str(),
        "position": parked.position.to_string(),
        "code": parked.code.as_str(),
        "message": parked.message,
        "attempts": parked.attempts,
        "time": parked.time.to_string(),
    })
}

fn subscription(subscription: &SubscriptionId) -> Value {
    let pattern = subscription.pattern.as_str();
    match &subscription.subscriber {
        Subscriber::Actor(id) => json!({ "actor": id.as_str(), "pattern": pattern }),
        Subscriber::External(name) => json!({ "external": name.as_str(), "pattern": pattern }),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ParkedRequest {
    subscription: SubscriptionRequest,
    topic: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionRequest {
    actor: Option<String>,
    external: Option<String>,
    pattern: String,
}

/// Reads which parked subscription is meant: `{"subscription": {"actor" or "external": ..., "pattern": ...}, "topic": ...}`.
///
/// # Errors
/// `InvalidPayload` or `InvalidTopic`, with what to write.
pub fn parse_parked(body: &Value) -> Result<(SubscriptionId, Topic), Error> {
    let wrong = |why: String| {
        Error::new(
            Code::InvalidPayload,
            format!(
                "{why}; write {{\"subscription\": {{\"actor\": \"...\", \"pattern\": \"...\"}}, \"topic\": \"...\"}} as the \
                 listing of parked subscriptions shows it (\"external\" instead of \"actor\" for an external subscriber)"
            ),
        )
    };
    let request: ParkedRequest =
        serde::Deserialize::deserialize(body).map_err(|error: serde_json::Error| wrong(error.to_string()))?;
    let subscriber = match (request.subscription.actor, request.subscription.external) {
        (Some(actor), None) => Subscriber::Actor(ActorId::parse(&actor)?),
        (None, Some(name)) => Subscriber::External(name.into()),
        _ => return Err(wrong("exactly one of \"actor\" and \"external\" names the subscriber".to_owned())),
    };
    let pattern = callboard_core::Pattern::parse(&request.subscription.pattern)?;
    Ok((SubscriptionId { subscriber, pattern }, Topic::parse(&request.topic)?))
}

/// A timer.
#[must_use]
pub fn timer(timer: &TimerEntry) -> Value {
    json!({
        "actor": timer.actor.as_str(),
        "name": timer.name.as_str(),
        "due": timer.due.to_string(),
        "everyMs": timer.every_ms,
        "catchUp": catch_up(timer.catch_up),
    })
}

const fn catch_up(catch_up: CatchUp) -> &'static str {
    match catch_up {
        CatchUp::Once => "once",
        CatchUp::All => "all",
        CatchUp::Skip => "skip",
    }
}

fn type_ref(type_ref: &TypeRef) -> Value {
    let encoding = match type_ref.encoding {
        Encoding::Protobuf => "protobuf",
        Encoding::Json => "json",
        Encoding::Bytes => "bytes",
    };
    json!({ "name": type_ref.name.as_str(), "encoding": encoding })
}

/// What an author declared of an actor.
#[must_use]
pub fn declaration(declaration: &Declaration) -> Value {
    let durability = match declaration.durability {
        Durability::Durable => json!("durable"),
        Durability::Snapshot(interval) => json!({ "snapshotMs": interval.as_millis() }),
        Durability::Volatile => json!("volatile"),
    };
    let channels = declaration.channels.iter().map(|channel| {
        let on_failure = match channel.on_failure {
            FailurePolicy::DeadLetter => "dead_letter",
            FailurePolicy::Park => "park",
        };
        json!({ "pattern": channel.pattern.as_str(), "action": channel.action.as_str(), "onFailure": on_failure })
    });
    let actions = declaration.actions.iter().map(|action| {
        let handlers = action.handlers.iter().map(|handler| {
            json!({ "input": handler.input.as_ref().map(type_ref), "output": handler.output.as_ref().map(type_ref) })
        });
        let timer = action
            .timer
            .map(|timer| json!({ "everyMs": timer.every.as_millis(), "catchUp": catch_up(timer.catch_up) }));
        json!({ "name": action.name.as_str(), "handlers": handlers.collect::<Vec<_>>(), "timer": timer })
    });
    json!({
        "name": declaration.name.as_str(),
        "kind": match declaration.kind { ActorKind::Named => "named", ActorKind::Unnamed => "unnamed" },
        "state": declaration.state.as_ref().map(type_ref),
        "durability": durability,
        "channels": channels.collect::<Vec<_>>(),
        "actions": actions.collect::<Vec<_>>(),
        "init": declaration.init,
        "deactivateTimeoutMs": declaration.deactivate_timeout.as_millis(),
        "mailboxLenMax": declaration.mailbox_len_max,
    })
}

/// Whether the node can do its work.
#[must_use]
pub fn health(health: &Health) -> Value {
    json!({
        "status": if health.ready { "ready" } else { "not_ready" },
        "problems": health.problems,
        "activations": health.counts.activations,
        "feeds": health.counts.feeds,
        "subscribers": health.counts.subscribers,
    })
}

#[cfg(test)]
mod tests;
