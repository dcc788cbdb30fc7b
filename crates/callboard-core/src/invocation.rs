//! [`Invocation`]: what is asked of an actor; [`Cause`]: what asked it; [`Reply`]: what came back.

use std::sync::Arc;
use std::time::Instant;

use crate::limits::CALL_DEPTH_MAX;
use crate::payload::{Headers, Payload};
use crate::trace::TraceContext;
use crate::{ActorId, Code, Error, MessageId, Name, Pattern, Position, Publication, Revision, Timestamp};

/// What is asked of an actor. Plain data; it can cross nodes.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Who is asked.
    pub target: ActorId,
    /// What is asked, as the caller wrote it.
    pub action: Name,
    /// With what.
    pub payload: Payload,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// Under which key the response is recorded, if the caller wants the call to happen once.
    pub key: Option<Name>,
    /// What travels with the call.
    pub headers: Headers,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// The actors that wait for the answer.
    pub chain: CallChain,
}

/// The actors that wait for each other's answers, outermost first.
#[derive(Clone, Debug, Default)]
pub struct CallChain(Option<Arc<Link>>);

#[derive(Debug)]
struct Link {
    actor: ActorId,
    depth: usize,
    outer: Option<Arc<Self>>,
}

impl CallChain {
    /// The chain of a call from outside.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The chain of a call that `actor`, itself called by this chain, makes to `target`.
    ///
    /// # Errors
    /// `CallCycle` when `target` already waits in the chain (or is `actor`), or the chain is too long. The message spells
    /// the path.
    pub fn extend(&self, actor: &ActorId, target: &ActorId) -> Result<Self, Error> {
        let depth = self.0.as_ref().map_or(0, |link| link.depth) + 1;
        let extended = Self(Some(Arc::new(Link { actor: actor.clone(), depth, outer: self.0.clone() })));
        let cycle = extended.path().any(|waiting| waiting == target);
        if !cycle && depth < CALL_DEPTH_MAX {
            return Ok(extended);
        }
        let mut path: Vec<&str> = extended.path().map(ActorId::as_str).collect();
        path.reverse();
        let path = format!("{} -> {target}", path.join(" -> "));
        Err(Error::new(
            Code::CallCycle,
            if cycle {
                format!("the call would wait for itself: {path}; return an effect instead of calling")
            } else {
                format!("more than {CALL_DEPTH_MAX} actors wait for each other: {path}")
            },
        ))
    }

    /// The waiting actors, innermost first.
    pub fn path(&self) -> impl Iterator<Item = &ActorId> {
        std::iter::successors(self.0.as_deref(), |link| link.outer.as_deref()).map(|link| &link.actor)
    }
}

/// What brought an action about, and what therefore has to be committed together with its Value.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A call, from outside or from another actor. Its key, if any, is in the invocation.
    Call,
    /// A publication on a topic that the actor listens to. The cursor moves with the Value.
    Delivery {
        /// The pattern of the channel that matched.
        channel: Pattern,
        /// What was announced.
        publication: Arc<Publication>,
    },
    /// A committed effect. It leaves the outbox with the Value.
    Effect {
        /// The effect.
        id: MessageId,
    },
    /// A timer that is due. It is set anew, or removed, with the Value.
    Timer {
        /// Which timer.
        name: Name,
        /// When it was due.
        due: Timestamp,
    },
    /// The actor was activated.
    Init,
}

/// What a call gives back. It implies that what the action decided is as durable as the actor was declared to be.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The response; [`Payload::empty`] when the action gave none.
    pub payload: Payload,
    /// The actor's revision after the action; zero for actors without stored state.
    pub revision: Revision,
    /// Where the broadcasts of the action stand, in the order in which it gave them. Empty for a response that was recorded
    /// under an idempotency key.
    pub positions: Vec<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_answered_with_its_path() {
        let id = |name| ActorId::named(name).unwrap();
        let chain = CallChain::new().extend(&id("a"), &id("b")).unwrap().extend(&id("b"), &id("c")).unwrap();
        let error = chain.extend(&id("c"), &id("a")).unwrap_err();
        assert_eq!(error.code(), Code::CallCycle);
        assert!(error.message().contains("a -> b -> c -> a"), "{error}");
        assert!(CallChain::new().extend(&id("a"), &id("a")).is_err());
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut chain = CallChain::new();
        for n in 0.. {
            match chain.extend(&ActorId::named(&format!("a{n}")).unwrap(), &ActorId::named("z").unwrap()) {
                Ok(longer) => chain = longer,
                Err(error) => {
                    assert_eq!((error.code(), n), (Code::CallCycle, CALL_DEPTH_MAX - 1));
                    break;
                }
            }
        }
    }
}
