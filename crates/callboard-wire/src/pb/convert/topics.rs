//! Publications and subscriptions.

use std::collections::HashMap;
use std::sync::Arc;

use callboard_core::limits::PAGE_LEN_MAX;
use callboard_core::port::{Start, StreamEvent, SubscribeRequest, TopicQuery, TopicSummary};
use callboard_core::trace::TraceContext;
use callboard_core::{ActorId, Code, Error, Headers, Mark, MessageId, Pattern, Position, Publication, Topic};

use super::payload::{self, Sent, wants_json};
use super::{headers, headers_to_wire, invalid, message_id, page_len, time};
use crate::descriptors::Descriptors;
use crate::pb::v1;

/// What a client publishes, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Announced {
    /// Where.
    pub topic: Topic,
    /// What.
    pub payload: Sent,
    /// What travels with it.
    pub headers: Headers,
}

impl TryFrom<v1::PublishRequest> for Announced {
    type Error = Error;

    fn try_from(wire: v1::PublishRequest) -> Result<Self, Error> {
        Ok(Self {
            topic: Topic::parse(&wire.topic)?,
            payload: payload::read(wire.payload)?,
            headers: headers(wire.headers)?,
        })
    }
}

/// What was published.
#[must_use]
pub fn published(id: MessageId, position: Position) -> v1::PublishResponse {
    v1::PublishResponse { id: id.to_string(), position: Some(position.into()) }
}

/// What a client wants to follow, and whether as JSON.
///
/// # Errors
/// `InvalidTopic`; `InvalidPayload` when a start is not one; `TooLarge` over the limit of positions.
pub fn subscription(wire: v1::SubscribeRequest) -> Result<(SubscribeRequest, bool), Error> {
    use v1::subscribe_request::Start as Wire;
    let pattern = Pattern::parse(&wire.pattern)?;
    let json = wants_json(wire.format, false)?;
    let start = match wire.start {
        None | Some(Wire::Beginning(false)) => Start::Live,
        Some(Wire::Beginning(true)) => Start::Beginning,
        Some(Wire::Time(from)) => Start::Time(time::from_wire(from)?),
        Some(Wire::After(after)) => {
            if after.positions.len() > PAGE_LEN_MAX {
                let text = format!("{} positions are too many; the most is {PAGE_LEN_MAX}", after.positions.len());
                return Err(Error::new(Code::TooLarge, text));
            }
            let positions = after.positions.into_iter().map(|(topic, at)| Ok((Topic::parse(&topic)?, at.into())));
            Start::After {
                positions: positions.collect::<Result<HashMap<_, _>, Error>>()?,
                others: after.others.map(Mark),
            }
        }
    };
    Ok((SubscribeRequest { pattern, start }, json))
}

/// One thing that happened on a subscription.
#[must_use]
pub fn event(event: &StreamEvent, as_json: bool, descriptors: &Descriptors) -> v1::SubscribeResponse {
    use v1::subscribe_response::Event;
    let event = match event {
        StreamEvent::Publication(publication) => Event::Publication(to_wire(publication, as_json, descriptors)),
        StreamEvent::Gap { topic, after, next } => {
            Event::Gap(v1::Gap { topic: topic.to_string(), after: Some((*after).into()), next: Some((*next).into()) })
        }
        StreamEvent::CaughtUp => Event::CaughtUp(v1::CaughtUp {}),
    };
    v1::SubscribeResponse { event: Some(event) }
}

fn to_wire(publication: &Publication, as_json: bool, descriptors: &Descriptors) -> v1::Publication {
    v1::Publication {
        id: publication.id.to_string(),
        topic: publication.topic.to_string(),
        position: Some(publication.position.into()),
        mark: publication.mark.0,
        time: Some(time::to_wire(publication.time)),
        payload: (!publication.payload.is_empty()).then(|| payload::write(&publication.payload, as_json, descriptors)),
        headers: headers_to_wire(&publication.headers),
        traceparent: publication.trace.map(|trace| trace.to_string()).unwrap_or_default(),
        publisher: publication.publisher.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// What a server sent on a subscription.
///
/// # Errors
/// `InvalidPayload` or `InvalidTopic` when it is not what a server sends.
pub fn received(wire: v1::SubscribeResponse) -> Result<StreamEvent, Error> {
    use v1::subscribe_response::Event;
    match wire.event {
        Some(Event::Publication(publication)) => Ok(StreamEvent::Publication(Arc::new(from_wire(publication)?))),
        Some(Event::Gap(gap)) => Ok(StreamEvent::Gap {
            topic: Topic::parse(&gap.topic)?,
            after: gap.after.unwrap_or_default().into(),
            next: gap.next.unwrap_or_default().into(),
        }),
        Some(Event::CaughtUp(v1::CaughtUp {})) => Ok(StreamEvent::CaughtUp),
        None => Err(invalid("the event is of a kind that this version does not know")),
    }
}

fn from_wire(wire: v1::Publication) -> Result<Publication, Error> {
    Ok(Publication {
        id: message_id(&wire.id)?,
        topic: Topic::parse(&wire.topic)?,
        position: wire.position.unwrap_or_default().into(),
        mark: Mark(wire.mark),
        time: time::from_wire(wire.time.unwrap_or_default())?,
        payload: payload::received(wire.payload)?,
        headers: headers(wire.headers)?,
        trace: TraceContext::parse(&wire.traceparent),
        publisher: match wire.publisher.as_str() {
            "" => None,
            text => Some(ActorId::parse(text)?),
        },
    })
}

/// Which topics a client wants listed.
///
/// # Errors
/// `InvalidTopic`; `InvalidPayload` when the token is not one of ours.
pub fn query(wire: &v1::ListTopicsRequest) -> Result<TopicQuery, Error> {
    let pattern = if wire.pattern.is_empty() { ">" } else { &wire.pattern };
    let after = match wire.page_token.as_str() {
        "" => None,
        token => Some(
            Topic::parse(token)
                .map_err(|_| invalid("the page token is not the one of the page before; start over without one"))?,
        ),
    };
    Ok(TopicQuery { pattern: Pattern::parse(pattern)?, after, limit: page_len(wire.page_size) })
}

impl From<&TopicSummary> for v1::TopicSummary {
    fn from(summary: &TopicSummary) -> Self {
        Self { topic: summary.topic.to_string(), head: Some(summary.head.into()), first_seq: summary.first.0 }
    }
}
