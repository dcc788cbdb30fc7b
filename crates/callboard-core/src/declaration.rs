//! [`Declaration`]: what an author says of an actor, checked once at start.

use std::time::Duration;

use crate::limits::{ACTION_LEN_MAX, DEACTIVATE_TIMEOUT, MAILBOX_LEN_MAX};
use crate::timer::CatchUp;
use crate::{ActorId, Name, Pattern, TypeRef};

/// What an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// One instance in the whole system, under its declared name.
    Named,
    /// A template; instances get their names at run time.
    Unnamed,
}

/// How soon what an actor decided is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Before the reply. Commits of many actors share one flush.
    #[default]
    Durable,
    /// Behind the reply, at most this much later; a crash loses at most this much. Broadcasts and effects wait for it.
    Snapshot(Duration),
    /// Never; the state lives as long as the activation. Broadcasts and effects are committed all the same.
    Volatile,
}

/// What happens to a delivery that failed as often as it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FailurePolicy {
    /// It is set aside with its error, and delivery goes on.
    #[default]
    DeadLetter,
    /// Deliveries of this topic to this actor stop until somebody retries or skips it.
    Park,
}

/// A topic or pattern that an actor listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What is listened to.
    pub pattern: Pattern,
    /// The action that handles it, as the author wrote it.
    pub action: Name,
    /// What happens when it keeps failing.
    pub on_failure: FailurePolicy,
}

/// One handler of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The payload type that it takes; `None` takes what no other handler of the action takes.
    pub input: Option<TypeRef>,
    /// The type of its response, if it is known.
    pub output: Option<TypeRef>,
}

/// One action with its handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The name as the author wrote it.
    pub name: Name,
    /// One or more handlers, which differ by payload type.
    pub handlers: Vec<Handler>,
    /// Set when the runtime invokes it by itself.
    pub timer: Option<ActionTimer>,
}

/// A declared timer: the action is invoked every so often, activated or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionTimer {
    /// The period, in whole milliseconds.
    pub every: Duration,
    /// What happens to the times that passed while the node was down.
    pub catch_up: CatchUp,
}

/// What an author says of an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Its name; for unnamed actors the parent's name of every instance.
    pub name: Name,
    /// What it is.
    pub kind: ActorKind,
    /// The type of its state; `None` is a stateless actor.
    pub state: Option<TypeRef>,
    /// How soon its decisions are on disk.
    pub durability: Durability,
    /// What it listens to.
    pub channels: Vec<Channel>,
    /// Its actions.
    pub actions: Vec<Action>,
    /// Whether an init action runs at each activation.
    pub init: bool,
    /// How long it may be idle before it leaves memory.
    pub deactivate_timeout: Duration,
    /// How much mail may wait for it.
    pub mailbox_len_max: usize,
}

/// Why a declaration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// The name is not an actor's name.
    #[error("{0}")]
    Name(#[from] crate::id::IdError),
    /// A channel names an action that is not there.
    #[error(
        "actor {actor}: channel {pattern:?} names the action {action:?}, which is not declared; declared are {known}"
    )]
    UnknownAction {
        /// The actor.
        actor: Name,
        /// The channel's pattern.
        pattern: String,
        /// What it names.
        action: Name,
        /// What it could name.
        known: String,
    },
    /// Two actions differ only in case, `_` or `-`.
    #[error(
        "actor {actor}: the actions {a:?} and {b:?} differ only in case, `_` or `-`; callers could not tell them apart"
    )]
    Ambiguous {
        /// The actor.
        actor: Name,
        /// One.
        a: Name,
        /// The other.
        b: Name,
    },
    /// Two handlers of an action take the same type.
    #[error("actor {actor}: two handlers of the action {action:?} take {input}; let them differ by payload type")]
    SameInput {
        /// The actor.
        actor: Name,
        /// The action.
        action: Name,
        /// The type, or "any payload".
        input: String,
    },
    /// An action's name is empty or too long.
    #[error("actor {actor}: an action's name has 1 to {ACTION_LEN_MAX} bytes, {len} were given")]
    ActionLen {
        /// The actor.
        actor: Name,
        /// Its bytes.
        len: usize,
    },
    /// A zero period, timeout or bound.
    #[error("actor {actor}: {what} is zero; give at least {least}")]
    Zero {
        /// The actor.
        actor: Name,
        /// What is zero.
        what: &'static str,
        /// The least.
        least: &'static str,
    },
    /// The same channel twice.
    #[error("actor {actor}: the channel {pattern:?} is declared twice")]
    SameChannel {
        /// The actor.
        actor: Name,
        /// The pattern.
        pattern: String,
    },
}

/// The action of a channel that names none.
pub const DEFAULT_CHANNEL_ACTION: Name = Name::from_static("receive");

/// The actions that answer the state without running user code, unless an actor declares them itself; compared without
/// regard to case and `_`/`-`.
pub const STATE_ACTIONS: [&str; 2] = ["get", "getstate"];

/// The names of an action that runs at each activation; compared without regard to case.
pub const INIT_ACTIONS: [&str; 2] = ["init", "setup"];

/// An action's name without regard to case and `_`/`-`.
#[must_use]
pub fn fold(action: &str) -> String {
    action.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

impl Declaration {
    /// A named, stateless, durable actor without actions.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            kind: ActorKind::Named,
            state: None,
            durability: Durability::Durable,
            channels: Vec::new(),
            actions: Vec::new(),
            init: false,
            deactivate_timeout: DEACTIVATE_TIMEOUT,
            mailbox_len_max: MAILBOX_LEN_MAX,
        }
    }

    /// The place of the action that a caller means: by its exact name first, then without regard to case and `_`/`-`.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<usize> {
        let exact = self.actions.iter().position(|action| action.name == name);
        exact.or_else(|| {
            let folded = fold(name);
            self.actions.iter().position(|action| fold(&action.name) == folded)
        })
    }

    /// Checks what the compiler could not.
    ///
    /// # Errors
    /// The first thing that is wrong, with what to write instead.
    pub fn validate(&self) -> Result<(), DeclarationError> {
        ActorId::named(&self.name)?;
        let actor = || self.name.clone();
        for (at, action) in self.actions.iter().enumerate() {
            if action.name.is_empty() || action.name.len() > ACTION_LEN_MAX {
                return Err(DeclarationError::ActionLen { actor: actor(), len: action.name.len() });
            }
            if let Some(other) = self.actions[..at].iter().find(|other| fold(&other.name) == fold(&action.name)) {
                let (a, b) = (other.name.clone(), action.name.clone());
                return Err(DeclarationError::Ambiguous { actor: actor(), a, b });
            }
            for (n, handler) in action.handlers.iter().enumerate() {
                if action.handlers[..n].iter().any(|other| other.input == handler.input) {
                    let input = handler.input.as_ref().map_or_else(|| "any payload".to_owned(), |t| t.name.to_string());
                    return Err(DeclarationError::SameInput { actor: actor(), action: action.name.clone(), input });
                }
            }
            if action.timer.is_some_and(|timer| timer.every.as_millis() == 0) {
                return Err(DeclarationError::Zero { actor: actor(), what: "a timer's period", least: "1 ms" });
            }
        }
        for (at, channel) in self.channels.iter().enumerate() {
            if self.action(&channel.action).is_none() {
                let known: Vec<&str> = self.actions.iter().map(|a| a.name.as_str()).collect();
                return Err(DeclarationError::UnknownAction {
                    actor: actor(),
                    pattern: channel.pattern.to_string(),
                    action: channel.action.clone(),
                    known: known.join(", "),
                });
            }
            if self.channels[..at].iter().any(|other| other.pattern == channel.pattern) {
                return Err(DeclarationError::SameChannel { actor: actor(), pattern: channel.pattern.to_string() });
            }
        }
        if self.mailbox_len_max == 0 {
            return Err(DeclarationError::Zero { actor: actor(), what: "the mailbox", least: "1" });
        }
        match self.durability {
            Durability::Snapshot(interval) if interval.as_millis() == 0 => {
                Err(DeclarationError::Zero { actor: actor(), what: "the snapshot interval", least: "1 ms" })
            }
            Durability::Snapshot(_) | Durability::Durable | Durability::Volatile => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(name: &'static str) -> Action {
        Action { name: name.into(), handlers: vec![Handler { input: None, output: None }], timer: None }
    }

    #[test]
    fn actions_are_found_exactly_first_and_then_without_case_and_separators() {
        let declaration = Declaration { actions: vec![action("handle_order_event")], ..Declaration::new("a") };
        for name in ["handle_order_event", "HandleOrderEvent", "handle-order-event", "HANDLEORDEREVENT"] {
            assert_eq!(declaration.action(name), Some(0), "{name}");
        }
        assert_eq!(declaration.action("handle_order"), None);
    }

    #[test]
    fn wrong_declarations_say_what_to_write() {
        let twice = Declaration { actions: vec![action("do_it"), action("DoIt")], ..Declaration::new("a") };
        assert!(twice.validate().unwrap_err().to_string().contains("differ only in case"));
        let channel = Channel {
            pattern: Pattern::parse("x.>").unwrap(),
            action: "nope".into(),
            on_failure: FailurePolicy::DeadLetter,
        };
        let lost = Declaration { actions: vec![action("yes")], channels: vec![channel], ..Declaration::new("a") };
        assert!(lost.validate().unwrap_err().to_string().contains("declared are yes"));
        let mut same = action("a");
        same.handlers.push(same.handlers[0].clone());
        let same = Declaration { actions: vec![same], ..Declaration::new("a") };
        assert!(matches!(same.validate(), Err(DeclarationError::SameInput { .. })));
        assert!(Declaration::new("a/b").validate().is_err());
    }
}
