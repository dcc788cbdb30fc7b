//! Invocations, states and listings of actors.

use std::time::Duration;

use callboard_core::limits::{ACTION_LEN_MAX, CALL_DEADLINE, CALL_DEADLINE_MAX, ID_LEN_MAX, IDEMPOTENCY_KEY_LEN_MAX};
use callboard_core::port::{ActivationPhase, ActorQuery, ActorState, ActorSummary, StateAt};
use callboard_core::{ActorId, Error, Headers, MessageId, Name, Reply, Revision};

use super::payload::{self, Sent, wants_json};
use super::{actor_id, headers, headers_to_wire, invalid, page_len, time};
use crate::descriptors::Descriptors;
use crate::pb::v1;

/// What a client asks of an actor, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Who is asked.
    pub target: ActorId,
    /// What is asked.
    pub action: Name,
    /// With what.
    pub payload: Sent,
    /// The idempotency key.
    pub key: Option<Name>,
    /// What travels with the call.
    pub headers: Headers,
    /// Whether the call is accepted instead of waited for.
    pub detached: bool,
    /// Whether the response is wanted as JSON.
    pub json: bool,
}

impl TryFrom<v1::InvokeRequest> for Asked {
    type Error = Error;

    fn try_from(wire: v1::InvokeRequest) -> Result<Self, Error> {
        let payload = payload::read(wire.payload)?;
        if wire.r#async && !wire.idempotency_key.is_empty() {
            return Err(invalid(
                "an idempotency key has no effect on an async call, of which no response is recorded; leave out one",
            ));
        }
        Ok(Self {
            target: actor_id(&wire.actor, &wire.parent)?,
            action: action(wire.action)?,
            key: key(wire.idempotency_key)?,
            headers: headers(wire.metadata)?,
            detached: wire.r#async,
            json: wants_json(wire.response_format, payload.is_json())?,
            payload,
        })
    }
}

fn action(name: String) -> Result<Name, Error> {
    match name.len() {
        1..=ACTION_LEN_MAX => Ok(name.into()),
        0 => Err(invalid("the action is empty; say which action of the actor is invoked")),
        len => Err(invalid(format!("the action's name has {len} bytes; the most is {ACTION_LEN_MAX}"))),
    }
}

/// A caller's idempotency key; an empty one is none.
///
/// # Errors
/// `InvalidPayload` over the limit.
pub fn key(key: String) -> Result<Option<Name>, Error> {
    match key.len() {
        0 => Ok(None),
        1..=IDEMPOTENCY_KEY_LEN_MAX => Ok(Some(key.into())),
        len => Err(invalid(format!("the idempotency key has {len} bytes; the most is {IDEMPOTENCY_KEY_LEN_MAX}"))),
    }
}

/// How long a call may take: what its caller asks for, within the limit.
#[must_use]
pub fn timeout(asked: Option<Duration>) -> Duration {
    asked.map_or(CALL_DEADLINE, |asked| asked.min(CALL_DEADLINE_MAX))
}

/// The response to a call.
#[must_use]
pub fn replied(reply: &Reply, as_json: bool, descriptors: &Descriptors) -> v1::InvokeResponse {
    v1::InvokeResponse {
        payload: (!reply.payload.is_empty()).then(|| payload::write(&reply.payload, as_json, descriptors)),
        revision: reply.revision.0,
        positions: reply.positions.iter().map(|position| (*position).into()).collect(),
        message_id: String::new(),
    }
}

/// The response to a call that was accepted.
#[must_use]
pub fn accepted(id: MessageId) -> v1::InvokeResponse {
    v1::InvokeResponse { message_id: id.to_string(), ..v1::InvokeResponse::default() }
}

impl TryFrom<v1::InvokeResponse> for Reply {
    type Error = Error;

    fn try_from(wire: v1::InvokeResponse) -> Result<Self, Error> {
        Ok(Self {
            payload: payload::received(wire.payload)?,
            revision: Revision(wire.revision),
            positions: wire.positions.into_iter().map(Into::into).collect(),
        })
    }
}

/// Whose state a client asks for, which, and whether as JSON.
///
/// # Errors
/// `InvalidPayload`.
pub fn state_asked(wire: &v1::GetStateRequest) -> Result<(ActorId, StateAt, bool), Error> {
    use v1::get_state_request::At;
    let at = match &wire.at {
        None => StateAt::Latest,
        Some(At::Revision(revision)) => StateAt::Revision(Revision(*revision)),
        Some(At::Time(at)) => StateAt::Time(time::from_wire(*at)?),
    };
    Ok((actor_id(&wire.actor, &wire.parent)?, at, wants_json(wire.format, false)?))
}

/// The state of an actor.
#[must_use]
pub fn state(state: &ActorState, as_json: bool, descriptors: &Descriptors) -> v1::GetStateResponse {
    v1::GetStateResponse {
        actor: state.id.to_string(),
        revision: state.revision.0,
        state: state.state.as_ref().map(|state| payload::write(state, as_json, descriptors)),
        tags: headers_to_wire(&state.tags),
        time: state.time.map(time::to_wire),
        phase: match state.phase {
            ActivationPhase::Active => v1::ActivationPhase::Active,
            ActivationPhase::Passive => v1::ActivationPhase::Passive,
        }
        .into(),
    }
}

/// Which actors a client wants listed.
///
/// # Errors
/// `InvalidPayload` when the token is not one of ours, or a text is too long.
pub fn query(wire: v1::ListActorsRequest) -> Result<ActorQuery, Error> {
    let given = |text: String| (!text.is_empty()).then_some(text);
    if wire.declared.len() > ID_LEN_MAX || wire.prefix.len() > 2 * ID_LEN_MAX + 1 {
        return Err(invalid("the declared name or the prefix is longer than any actor's"));
    }
    let after = given(wire.page_token).map(|token| {
        ActorId::parse(&token)
            .map_err(|_| invalid("the page token is not the one of the page before; start over without one"))
    });
    Ok(ActorQuery {
        declared: given(wire.declared).map(Name::from),
        prefix: given(wire.prefix),
        created_until: None,
        after: after.transpose()?,
        limit: page_len(wire.page_size),
    })
}

impl From<&ActorSummary> for v1::ActorSummary {
    fn from(summary: &ActorSummary) -> Self {
        Self {
            actor: summary.id.to_string(),
            revision: summary.revision.0,
            tags: headers_to_wire(&summary.tags),
            time: Some(time::to_wire(summary.time)),
        }
    }
}
