use std::sync::Arc;
use std::time::Instant;

use super::{BoxFuture, Dispatcher};
use crate::invocation::CallChain;
use crate::trace::TraceContext;
use crate::{ActorId, Cause, Declaration, Error, Headers, Name, Payload, Revision, Timestamp, Value};

/// Who runs the code of one declared actor: the Rust SDK, or a process in another language.
pub trait ActorHost: Send + Sync + 'static {
    /// What the author declared. Valid.
    fn declaration(&self) -> &Arc<Declaration>;

    /// Brings an actor into memory with the state that was last committed, without running the author's code.
    ///
    /// *Errors*: `InvalidPayload` when the state cannot be read as the declared type.
    fn activate(&self, id: &ActorId, state: Option<&Payload>) -> Result<Box<dyn Instance>, Error>;
}

/// One actor in memory. Used by one turn at a time.
pub trait Instance: Send {
    /// Runs one action and returns what it decided. Nothing else has happened when this returns.
    ///
    /// After a success the instance holds the decided state. After an error, a panic or a dropped future the runtime calls
    /// [`Instance::restore`] before the next turn.
    ///
    /// *Errors*: `ActionFailed` from the author; `ActionNotFound` when no handler takes the payload's type;
    /// `InvalidPayload` when the payload cannot be read.
    fn handle(&mut self, turn: Turn) -> BoxFuture<'_, Result<Value, Error>>;

    /// Whether the last turn used up the state without deciding a new one: then the runtime gives it again, through
    /// [`Instance::restore`], before the next turn.
    fn needs_state(&self) -> bool {
        false
    }

    /// Goes back to a state that was committed.
    ///
    /// *Errors*: `InvalidPayload` when the state cannot be read as the declared type.
    fn restore(&mut self, state: Option<&Payload>) -> Result<(), Error>;
}

/// Which action a turn runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnAction {
    /// The init action.
    Init,
    /// The place in [`Declaration::actions`].
    Action(usize),
}

/// One turn of an actor: everything that its action may know.
pub struct Turn {
    /// What is run.
    pub action: TurnAction,
    /// With what.
    pub payload: Payload,
    /// Who runs it.
    pub actor: ActorId,
    /// The wall clock when the turn began.
    pub now: Timestamp,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// The actor's revision before the turn.
    pub revision: Revision,
    /// The actor's tags before the turn.
    pub tags: Headers,
    /// What brought the turn about.
    pub cause: Cause,
    /// What travels with the call.
    pub headers: Headers,
    /// The caller's idempotency key.
    pub key: Option<Name>,
    /// The trace to which what the action does belongs.
    pub trace: Option<TraceContext>,
    /// Who waits for the answer; calls of the action extend it.
    pub chain: CallChain,
    /// The seed from which the ids of the action's effects are made.
    pub entropy: u64,
    /// Calls within the action go through this.
    pub dispatcher: Arc<dyn Dispatcher>,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { action, actor, revision, cause, .. } = self;
        f.debug_struct("Turn")
            .field("actor", actor)
            .field("action", action)
            .field("revision", revision)
            .field("cause", cause)
            .finish_non_exhaustive()
    }
}
