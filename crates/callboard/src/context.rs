//! [`Context`]: what an action may know of its turn, and how it calls others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use callboard_core::port::Turn;
use callboard_core::trace::TraceContext;
use callboard_core::{ActorId, Cause, Headers, MessageId, Name, Payload, Publication, Revision, Timestamp};

use crate::Message;
use crate::client::{Call, Caller, Client};
use crate::value::IntoTarget;

/// What an action may know of its turn. It has no way to act: what is to happen, the action returns.
///
/// Time and ids come from here, so that a test that gives the same turn gets the same Value.
#[derive(Debug)]
pub struct Context {
    turn: Turn,
    ids: AtomicU64,
}

impl Context {
    pub(crate) const fn new(turn: Turn) -> Self {
        Self { turn, ids: AtomicU64::new(0) }
    }

    /// Who runs the action.
    #[must_use]
    pub const fn actor_id(&self) -> &ActorId {
        &self.turn.actor
    }

    /// The instance's name: `u1` of `user_aggregate/u1`; the whole name of a named actor.
    #[must_use]
    pub fn key(&self) -> &str {
        self.turn.actor.name()
    }

    /// The wall clock when the turn began. It stands still during the turn.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.turn.now
    }

    /// How often the state was written before this turn.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.turn.revision
    }

    /// The actor's tags before this turn.
    #[must_use]
    pub const fn tags(&self) -> &Headers {
        &self.turn.tags
    }

    /// What travels with the call or the publication.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.turn.headers
    }

    /// One header, e.g. what the caller gave with `.metadata("tenant", "acme")`.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.turn.headers.get(name).map(Name::as_str)
    }

    /// When the answer is no longer wanted.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.turn.deadline
    }

    /// The trace that the turn belongs to.
    #[must_use]
    pub const fn trace(&self) -> Option<TraceContext> {
        self.turn.trace
    }

    /// What brought the turn about: a call, a publication, an effect, a timer, the activation.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.turn.cause
    }

    /// The payload as it came.
    #[must_use]
    pub const fn payload(&self) -> &Payload {
        &self.turn.payload
    }

    /// The publication that the actor heard, if that is what brought the turn about.
    #[must_use]
    pub fn publication(&self) -> Option<&Arc<Publication>> {
        match &self.turn.cause {
            Cause::Delivery { publication, .. } => Some(publication),
            Cause::Call | Cause::Effect { .. } | Cause::Timer { .. } | Cause::Init => None,
        }
    }

    /// The id of the publication that the actor heard. It is the same whenever the same publication comes again: give it to
    /// the outside world as the idempotency key.
    #[must_use]
    pub fn publication_id(&self) -> Option<MessageId> {
        self.publication().map(|publication| publication.id)
    }

    /// The id of the publication or of the effect that brought the turn about.
    #[must_use]
    pub fn cause_id(&self) -> Option<MessageId> {
        match &self.turn.cause {
            Cause::Delivery { publication, .. } => Some(publication.id),
            Cause::Effect { id } => Some(*id),
            Cause::Call | Cause::Timer { .. } | Cause::Init => None,
        }
    }

    /// The key under which the caller wants the call to happen once.
    #[must_use]
    pub const fn idempotency_key(&self) -> Option<&Name> {
        self.turn.key.as_ref()
    }

    /// A new id, unique and sortable by time, and within a turn in the order of asking: for an effect that may be cancelled, an order, a file. Given the same turn,
    /// an action gets the same ids.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        nth_id(self.turn.now, self.turn.entropy, self.ids.fetch_add(1, Ordering::Relaxed))
    }

    /// Calls another actor by its name and waits for its answer. With a typed reference the compiler checks the call:
    /// `OrderProcessor::at(ctx).create_order(data).await?`.
    ///
    /// A call is no part of the commit: it happens even if this action then fails. What must happen together with the state
    /// is an effect. The deadline, the trace and the correlation are handed on; a call that would wait for this very actor is
    /// answered with `CallCycle` at once.
    #[must_use = "a call does nothing until it is awaited or sent"]
    pub fn call<R: Message>(&self, target: impl IntoTarget, action: impl Into<Name>, payload: impl Message) -> Call<R> {
        Call::new(&self.client(), target.into_target(), action.into(), payload.into_payload())
    }
}

impl Caller for Context {
    fn client(&self) -> Client {
        Client::within(&self.turn)
    }
}

/// The ids of one turn sort in the order in which they were asked for: effects that are due together happen in that order.
/// 14 bits count, which is more than a Value may hold; 60 bits are random.
fn nth_id(now: Timestamp, entropy: u64, n: u64) -> MessageId {
    let counted = n.min((1 << 14) - 1);
    let low = splitmix(entropy ^ splitmix(n)) & ((1 << 60) - 1) | (counted & 3) << 60;
    MessageId::new(now, u128::from(counted >> 2) << 64 | u128::from(low))
}

// SplitMix64's output function: neighbouring inputs give unrelated outputs.
const fn splitmix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_turn_sort_in_the_order_in_which_they_were_asked_for() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let ids: Vec<MessageId> = (0..10_000).map(|n| nth_id(now, 7, n)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(nth_id(now, 7, 0), nth_id(now, 8, 0), "another turn has others");
    }
}
