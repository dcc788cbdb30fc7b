//! From a [`Value`] to what is committed: [`Decision`]. Pure.

use callboard_core::batch::{OutboxEntry, RecordedReply, Subscriber, SubscriptionId};
use callboard_core::declaration::{Declaration, Durability};
use callboard_core::publication::{Announcement, CAUSATION, CORRELATION};
use callboard_core::timer::next_due;
use callboard_core::topic::TopicRules;
use callboard_core::trace::TraceContext;
use callboard_core::{
    ActorId, Cause, Code, Error, Headers, Mark, MessageId, Name, Payload, Revision, Timestamp, Value, Write,
};

/// What surrounds the turn that gave the value.
pub(crate) struct Facts<'a> {
    pub(crate) actor: &'a ActorId,
    pub(crate) declaration: &'a Declaration,
    pub(crate) rules: &'a TopicRules,
    pub(crate) cause: &'a Cause,
    pub(crate) headers: &'a Headers,
    pub(crate) key: Option<&'a Name>,
    pub(crate) fingerprint: u64,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) now: Timestamp,
    pub(crate) revision: Revision,
    pub(crate) tags: &'a Headers,
    pub(crate) state: Option<&'a Payload>,
}

/// What is to be done with a value, in two parts: what is committed, and what is performed without a commit afterwards.
pub(crate) struct Decision {
    /// The response.
    pub(crate) response: Payload,
    /// The new state, if the action gave one.
    pub(crate) state: Option<Payload>,
    /// The new tags, if the action gave some.
    pub(crate) tags: Option<Headers>,
    /// The revision that the actor will have.
    pub(crate) revision: Revision,
    /// What is committed, without the state's write.
    pub(crate) writes: Vec<Write>,
    /// Whether the state's write belongs to the commit.
    pub(crate) stores_state: bool,
    /// What is announced on ephemeral topics after the commit.
    pub(crate) ephemeral: Vec<Announcement>,
    /// Whether what is written must not wait behind the reply.
    pub(crate) at_once: bool,
}

/// Turns a value into a decision.
pub(crate) fn decide(
    value: Value,
    facts: &Facts<'_>,
    mut next_id: impl FnMut() -> MessageId,
) -> Result<Decision, Error> {
    value.check()?;
    if value.state.is_some() && facts.declaration.state.is_none() {
        return Err(Error::new(
            Code::ActionFailed,
            format!("actor {} returned a state but is declared without one; declare `state = ...`", facts.actor),
        ));
    }
    let Value { response, state, tags, broadcasts, effects, cancelled_effects, checkpoint } = value;
    let response = response.unwrap_or_else(Payload::empty);
    let volatile = facts.declaration.durability == Durability::Volatile;
    let changed = state.is_some() || tags.is_some();
    let stores_state = changed && !volatile;
    let revision = if stores_state { facts.revision.next() } else { facts.revision };

    let mut writes = Vec::new();
    let mut ephemeral = Vec::new();
    consume(facts, &response, revision, &mut writes);
    let at_once = checkpoint || !writes.is_empty();
    if !broadcasts.is_empty() || !effects.is_empty() {
        let inherited = inherited_headers(facts, &mut next_id);
        for broadcast in broadcasts {
            let announcement = Announcement {
                id: next_id(),
                time: facts.now,
                payload: broadcast.payload,
                headers: merged(&inherited, &broadcast.headers),
                trace: facts.trace,
                publisher: Some(facts.actor.clone()),
                topic: broadcast.topic,
            };
            if facts.rules.is_durable(&announcement.topic) {
                writes.push(Write::Publish(announcement));
            } else {
                ephemeral.push(announcement);
            }
        }
        for effect in effects {
            writes.push(Write::Effect(OutboxEntry {
                id: effect.id,
                origin: Some(facts.actor.clone()),
                target: effect.target,
                action: effect.action,
                payload: effect.payload,
                headers: merged(&inherited, &effect.headers),
                trace: facts.trace,
                due: effect.when.due(facts.now),
            }));
        }
    }
    writes.extend(cancelled_effects.into_iter().map(Write::CancelEffect));
    Ok(Decision { response, state, tags, revision, writes, stores_state, ephemeral, at_once })
}

/// The write of the state that a decision leads to.
pub(crate) fn state_write(decision: &Decision, facts: &Facts<'_>) -> Write {
    Write::State {
        revision: decision.revision,
        state: decision.state.as_ref().or(facts.state).cloned(),
        tags: decision.tags.as_ref().unwrap_or(facts.tags).clone(),
    }
}

/// What brought the turn about leaves with its commit.
fn consume(facts: &Facts<'_>, response: &Payload, revision: Revision, writes: &mut Vec<Write>) {
    match facts.cause {
        Cause::Call | Cause::Init => {}
        // Publications of ephemeral topics have no cursor.
        Cause::Delivery { publication, .. } if publication.mark == Mark::ZERO => {}
        Cause::Delivery { channel, publication } => writes.push(Write::Cursor {
            subscription: SubscriptionId {
                subscriber: Subscriber::Actor(facts.actor.clone()),
                pattern: channel.clone(),
            },
            topic: publication.topic.clone(),
            position: publication.position,
        }),
        Cause::Effect { id } => writes.push(Write::ConsumeEffect(*id)),
        Cause::Timer { name, due } => {
            let declared = facts.declaration.actions.iter().find(|action| action.name == *name);
            match declared.and_then(|action| action.timer) {
                Some(timer) => {
                    let next = next_due(*due, timer.every, timer.catch_up, facts.now).next;
                    writes.push(Write::RearmTimer { name: name.clone(), fired: *due, next });
                }
                None => writes.push(Write::DropTimer(name.clone())),
            }
        }
    }
    if let Some(key) = facts.key {
        writes.push(Write::Reply(RecordedReply {
            key: key.clone(),
            fingerprint: facts.fingerprint,
            payload: response.clone(),
            revision,
            time: facts.now,
        }));
    }
}

/// Correlation is handed on, causation names what brought the turn about.
fn inherited_headers(facts: &Facts<'_>, next_id: &mut impl FnMut() -> MessageId) -> Headers {
    let cause: Name = match facts.cause {
        Cause::Delivery { publication, .. } => publication.id.to_string().into(),
        Cause::Effect { id } => id.to_string().into(),
        Cause::Timer { name, due } => format!("timer:{}/{name}@{due}", facts.actor).into(),
        Cause::Call | Cause::Init => match facts.headers.get(CAUSATION) {
            Some(id) => id.clone(),
            None => next_id().to_string().into(),
        },
    };
    let correlation = facts.headers.get(CORRELATION).unwrap_or(&cause).clone();
    Headers::new().with(CORRELATION, correlation).with(CAUSATION, cause)
}

fn merged(inherited: &Headers, own: &Headers) -> Headers {
    own.iter().fold(inherited.clone(), |headers, (name, value)| headers.with(name.clone(), value.clone()))
}
