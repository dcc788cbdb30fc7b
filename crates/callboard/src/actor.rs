//! [`Actor`]: what the macro writes and a person can write by hand.

use std::future::Future;

use callboard_core::port::TurnAction;
use callboard_core::{Code, Payload, TypeRef};

use crate::value::Decide;
use crate::{CallError, Context, Declare, Message};

/// An actor's code. Its fields are what it needs to work (a mailer, a connection pool); what it remembers is its state.
///
/// `#[actor]` on an `impl` block writes this. The [crate's page](crate) shows both forms side by side.
pub trait Actor: Send + Sync + Sized + 'static {
    /// What it remembers; [`Stateless`] for nothing.
    type State: State;

    /// What it is called, what it can do, what it listens to. Read once, when the actor is registered.
    fn declaration(&self) -> Declare;

    /// Runs one action: picks the method by [`ActorTurn::route`], gives it what it takes, and ends with [`ActorTurn::decide`].
    ///
    /// A hand-written one is an `async fn`.
    fn handle(&self, turn: ActorTurn<'_, Self::State>) -> impl Future<Output = Result<Outcome, CallError>> + Send;
}

/// What an actor remembers between turns: a [`Message`] with a `Default`, which is the state of an actor that has none yet.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an actor's state",
    label = "not a state",
    note = "a state needs `#[derive(Default, Message, Serialize, Deserialize)]`, or is a type that prost generates with its name"
)]
pub trait State: Sized + Send + Sync + 'static {
    /// The type as it is declared; `None` for a stateless actor.
    const TYPE: Option<TypeRef>;

    /// Reads what is stored, or begins anew.
    ///
    /// # Errors
    /// `InvalidPayload` when it cannot be read as this type.
    fn read(stored: Option<&Payload>) -> Result<Self, CallError>;

    /// Writes what is to be stored.
    ///
    /// # Errors
    /// As [`Message::to_payload`].
    fn write(&self) -> Result<Option<Payload>, CallError>;
}

#[diagnostic::do_not_recommend]
impl<T: Message + Default + Sync> State for T {
    const TYPE: Option<TypeRef> = <T as Message>::TYPE;

    fn read(stored: Option<&Payload>) -> Result<Self, CallError> {
        stored.map_or_else(|| Ok(Self::default()), crate::message::read)
    }

    fn write(&self) -> Result<Option<Payload>, CallError> {
        self.to_payload().map(Some)
    }
}

/// The state of an actor that remembers nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stateless;

impl State for Stateless {
    const TYPE: Option<TypeRef> = None;

    fn read(_: Option<&Payload>) -> Result<Self, CallError> {
        Ok(Self)
    }

    fn write(&self) -> Result<Option<Payload>, CallError> {
        Ok(None)
    }
}

/// Which method a turn runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The init method.
    Init,
    /// A handler of an action, both counted from zero in the order of the declaration.
    Handler {
        /// Which action.
        action: usize,
        /// Which of its handlers.
        handler: usize,
    },
}

/// One turn of an actor with the state `S`.
#[derive(Debug)]
pub struct ActorTurn<'a, S> {
    ctx: Context,
    route: Route,
    action: &'a str,
    memory: &'a mut Memory<S>,
}

/// The state in memory: decoded, or as it was stored until somebody looks. Its bytes are the runtime's to keep.
#[derive(Debug)]
pub(crate) struct Memory<S> {
    decoded: Option<S>,
    stored: Option<Payload>,
}

/// What an action decided, as it is committed.
pub type Outcome = callboard_core::Value;

// The bounds stand at the methods, so that a state that is none is one error and not one for each method.
impl<'a, S> ActorTurn<'a, S> {
    pub(crate) const fn new(ctx: Context, route: Route, action: &'a str, memory: &'a mut Memory<S>) -> Self {
        Self { ctx, route, action, memory }
    }

    /// Which method is to run.
    #[must_use]
    pub const fn route(&self) -> Route {
        self.route
    }

    /// The action's name as it was declared; `init` for the init method.
    #[must_use]
    pub const fn action(&self) -> &str {
        self.action
    }

    /// What the action may know.
    #[must_use]
    pub const fn ctx(&self) -> &Context {
        &self.ctx
    }

    /// Reads the payload. Its type was compared with the declared ones when the route was found.
    ///
    /// # Errors
    /// `InvalidPayload` when the bytes cannot be read.
    pub fn payload<T: Message>(&self) -> Result<T, CallError> {
        T::from_payload(self.ctx.payload())
    }

    /// Takes the state by value, for an action that changes it. One that then decides no new state has it read again from its
    /// bytes by the next turn: an action that only looks takes [`ActorTurn::look`].
    ///
    /// # Errors
    /// `InvalidPayload` when what is stored cannot be read.
    pub fn take(&mut self) -> Result<(&Context, S), CallError>
    where
        S: State,
    {
        let state = match self.memory.decoded.take() {
            Some(state) => state,
            None => S::read(self.memory.stored.take().as_ref())?,
        };
        Ok((&self.ctx, state))
    }

    /// Borrows the state.
    ///
    /// # Errors
    /// `InvalidPayload` when what is stored cannot be read.
    pub fn look(&mut self) -> Result<(&Context, &S), CallError>
    where
        S: State,
    {
        let state = match &mut self.memory.decoded {
            Some(state) => state,
            empty => empty.insert(S::read(self.memory.stored.take().as_ref())?),
        };
        Ok((&self.ctx, state))
    }

    /// Ends the turn with what the method returned.
    ///
    /// # Errors
    /// What the method returned as an error; what cannot be committed, such as a topic that is none.
    pub fn decide(&mut self, returned: impl Decide<S>) -> Result<Outcome, CallError>
    where
        S: State,
    {
        returned.decide(self)
    }

    /// Remembers the new state, so that the next turn need not read it again.
    pub(crate) fn keep(&mut self, state: S) {
        self.memory.decoded = Some(state);
        self.memory.stored = None;
    }

    /// Ends a turn for which there is no method: the declaration says more than `handle` does.
    ///
    /// # Errors
    /// Always `ActionNotFound`.
    pub fn refuse(&self) -> Result<Outcome, CallError> {
        let (actor, action, route) = (self.ctx.actor_id(), self.action, self.route);
        Err(CallError::new(
            Code::ActionNotFound,
            format!("{actor} declares {action} and has no code for it ({route:?})"),
        ))
    }
}

impl<S: State> Memory<S> {
    /// Remembers what was committed, without reading it yet.
    pub(crate) fn stored(payload: Option<&Payload>) -> Self {
        Self { decoded: None, stored: payload.cloned() }
    }

    /// Holds a state that was never stored.
    #[cfg(feature = "testing")]
    pub(crate) const fn holding(state: Option<S>) -> Self {
        Self { decoded: state, stored: None }
    }

    /// Reads it now.
    pub(crate) fn check(&mut self) -> Result<(), CallError> {
        self.decoded = Some(S::read(self.stored.take().as_ref())?);
        Ok(())
    }

    /// Whether an action took the state and decided no new one.
    pub(crate) const fn is_used_up(&self) -> bool {
        self.decoded.is_none() && self.stored.is_none()
    }

    /// What it holds.
    #[cfg(feature = "testing")]
    pub(crate) fn into_decoded(self) -> Option<S> {
        self.decoded
    }
}

impl Route {
    pub(crate) const fn of(action: TurnAction, handler: usize) -> Self {
        match action {
            TurnAction::Init => Self::Init,
            TurnAction::Action(action) => Self::Handler { action, handler },
        }
    }
}
