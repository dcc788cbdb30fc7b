//! Declarations, explanations, what failed and what is due.

use callboard_core::batch::{DeadLetter, DeadLetterSource, Parked, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::declaration::{Action, ActorKind, Channel, Durability, FailurePolicy, Handler};
use callboard_core::port::{ActivationPhase, Hearer, HearerKind, TopicExplanation};
use callboard_core::timer::CatchUp;
use callboard_core::topic::TopicPolicy;
use callboard_core::{ActorId, Code, Declaration, Encoding, Error, Name, Pattern, Topic, TypeRef};

use super::{headers_to_wire, invalid, payload, time};
use crate::descriptors::Descriptors;
use crate::pb::v1;

use std::time::Duration;

impl From<&TypeRef> for v1::TypeRef {
    fn from(type_ref: &TypeRef) -> Self {
        let encoding = match type_ref.encoding {
            Encoding::Protobuf => v1::Encoding::Protobuf,
            Encoding::Json => v1::Encoding::Json,
            Encoding::Bytes => v1::Encoding::Bytes,
        };
        Self { name: type_ref.name.to_string(), encoding: encoding.into() }
    }
}

impl From<&Declaration> for v1::ActorDeclaration {
    fn from(declaration: &Declaration) -> Self {
        let (durability, interval) = match declaration.durability {
            Durability::Durable => (v1::Durability::Durable, None),
            Durability::Snapshot(interval) => (v1::Durability::Snapshot, Some(interval)),
            Durability::Volatile => (v1::Durability::Volatile, None),
        };
        let kind = match declaration.kind {
            ActorKind::Named => v1::ActorKind::Named,
            ActorKind::Unnamed => v1::ActorKind::Unnamed,
        };
        Self {
            name: declaration.name.to_string(),
            kind: kind.into(),
            state: declaration.state.as_ref().map(Into::into),
            durability: durability.into(),
            snapshot_interval: interval.map(time::span_to_wire),
            channels: declaration.channels.iter().map(Into::into).collect(),
            actions: declaration.actions.iter().map(Into::into).collect(),
            deactivate_timeout: Some(time::span_to_wire(declaration.deactivate_timeout)),
            mailbox_len_max: u32::try_from(declaration.mailbox_len_max).unwrap_or(u32::MAX),
        }
    }
}

impl From<&Channel> for v1::Channel {
    fn from(channel: &Channel) -> Self {
        let on_failure = match channel.on_failure {
            FailurePolicy::DeadLetter => v1::FailurePolicy::DeadLetter,
            FailurePolicy::Park => v1::FailurePolicy::Park,
        };
        Self { pattern: channel.pattern.to_string(), action: channel.action.to_string(), on_failure: on_failure.into() }
    }
}

impl From<&Action> for v1::Action {
    fn from(action: &Action) -> Self {
        Self {
            name: action.name.to_string(),
            handlers: action.handlers.iter().map(Into::into).collect(),
            timer: action.timer.map(|timer| time::span_to_wire(timer.every)),
        }
    }
}

impl From<&Handler> for v1::Handler {
    fn from(handler: &Handler) -> Self {
        Self { input: handler.input.as_ref().map(Into::into), output: handler.output.as_ref().map(Into::into) }
    }
}

impl From<&TopicExplanation> for v1::ExplainResponse {
    fn from(explanation: &TopicExplanation) -> Self {
        let (age, len) = match explanation.policy {
            TopicPolicy::Durable(retention) => (retention.age, retention.len),
            TopicPolicy::Ephemeral { age, len } => (age, u64::try_from(len).unwrap_or(u64::MAX)),
        };
        Self {
            topic: explanation.topic.to_string(),
            durable: explanation.policy.is_durable(),
            retention_age: Some(time::span_to_wire(age)),
            retention_len: len,
            head: explanation.head.map(Into::into),
            hearers: explanation.hearers.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Hearer> for v1::Hearer {
    fn from(hearer: &Hearer) -> Self {
        let kind = match hearer.kind {
            HearerKind::Actor(ActivationPhase::Active) => v1::HearerKind::ActiveActor,
            HearerKind::Actor(ActivationPhase::Passive) => v1::HearerKind::PassiveActor,
            HearerKind::Instances => v1::HearerKind::Instances,
            HearerKind::External => v1::HearerKind::External,
            HearerKind::Live => v1::HearerKind::Live,
        };
        Self {
            name: hearer.name.clone(),
            kind: kind.into(),
            pattern: hearer.pattern.to_string(),
            action: hearer.action.as_ref().map(ToString::to_string).unwrap_or_default(),
            cursor: hearer.cursor.map(Into::into),
            parked: hearer.parked,
        }
    }
}

// The last error of what was set aside, as it was stored: by its code and its text.
fn last_error(code: Code, message: &str) -> v1::Error {
    (&Error::new(code, message)).into()
}

/// A dead letter.
#[must_use]
pub fn dead_letter(letter: &DeadLetter, as_json: bool, descriptors: &Descriptors) -> v1::DeadLetter {
    use v1::dead_letter::Source;
    let source = match &letter.source {
        DeadLetterSource::Publication { id, topic, position } => Source::Publication(v1::DeadLetterPublication {
            id: id.to_string(),
            topic: topic.to_string(),
            position: Some((*position).into()),
        }),
        DeadLetterSource::Effect { id } => Source::EffectId(id.to_string()),
    };
    v1::DeadLetter {
        id: letter.id.to_string(),
        target: letter.target.to_string(),
        action: letter.action.to_string(),
        payload: (!letter.payload.is_empty()).then(|| payload::write(&letter.payload, as_json, descriptors)),
        headers: headers_to_wire(&letter.headers),
        source: Some(source),
        error: Some(last_error(letter.code, &letter.message)),
        attempts: letter.attempts,
        time: Some(time::to_wire(letter.time)),
    }
}

impl From<&Parked> for v1::Parked {
    fn from(parked: &Parked) -> Self {
        use v1::subscription::Subscriber as Wire;
        let subscriber = match &parked.subscription.subscriber {
            Subscriber::Actor(actor) => Wire::Actor(actor.to_string()),
            Subscriber::External(name) => Wire::External(name.to_string()),
        };
        Self {
            subscription: Some(v1::Subscription {
                subscriber: Some(subscriber),
                pattern: parked.subscription.pattern.to_string(),
                topic: parked.topic.to_string(),
            }),
            position: Some(parked.position.into()),
            error: Some(last_error(parked.code, &parked.message)),
            attempts: parked.attempts,
            time: Some(time::to_wire(parked.time)),
        }
    }
}

/// The subscription and the topic that a client means.
///
/// # Errors
/// `InvalidPayload` when it is left out or says nobody; `InvalidTopic`.
pub fn subscription(wire: Option<v1::Subscription>) -> Result<(SubscriptionId, Topic), Error> {
    use v1::subscription::Subscriber as Wire;
    let missing = || invalid("the subscription is left out; send it as it was listed, with its actor or external name");
    let wire = wire.ok_or_else(missing)?;
    let subscriber = match wire.subscriber.ok_or_else(missing)? {
        Wire::Actor(actor) => Subscriber::Actor(ActorId::parse(&actor)?),
        Wire::External(name) => Subscriber::External(Name::from(name)),
    };
    let pattern = Pattern::parse(&wire.pattern)?;
    Ok((SubscriptionId { subscriber, pattern }, Topic::parse(&wire.topic)?))
}

impl From<&TimerEntry> for v1::Timer {
    fn from(timer: &TimerEntry) -> Self {
        let catch_up = match timer.catch_up {
            CatchUp::Once => v1::CatchUp::Once,
            CatchUp::All => v1::CatchUp::All,
            CatchUp::Skip => v1::CatchUp::Skip,
        };
        Self {
            actor: timer.actor.to_string(),
            name: timer.name.to_string(),
            due: Some(time::to_wire(timer.due)),
            every: Some(time::span_to_wire(Duration::from_millis(timer.every_ms))),
            catch_up: catch_up.into(),
        }
    }
}
