//! [`Declare`]: what an author says of an actor, in code.

use std::time::Duration;

use callboard_core::declaration::{Action, ActionTimer, ActorKind, Channel, Durability, FailurePolicy, Handler};
use callboard_core::timer::CatchUp;
use callboard_core::{Code, Declaration, Name, Pattern, TypeRef};

use crate::actor::State;
use crate::{CallError, Message};

/// Builds a [`Declaration`]. `takes`, `gives` and `timer` speak of the action named last.
///
/// What is wrong is kept and told when the actor is registered; `#[actor]` tells it when it is compiled.
///
/// ```
/// use callboard::Declare;
///
/// let declaration = Declare::named("greeter").action("greet").takes::<String>().gives::<String>().build().unwrap();
/// assert_eq!(declaration.actions[0].handlers[0].input.as_ref().unwrap().name, "google.protobuf.StringValue");
/// assert!(Declare::named("greeter").channel("user..created", "greet").build().is_err());
/// ```
#[must_use = "a declaration does nothing until an actor returns it"]
#[derive(Debug)]
pub struct Declare {
    declaration: Declaration,
    on_failure: FailurePolicy,
    error: Option<CallError>,
}

impl Declare {
    /// An actor of which there is one, under this name.
    pub fn named(name: impl Into<Name>) -> Self {
        Self { declaration: Declaration::new(name), on_failure: FailurePolicy::default(), error: None }
    }

    /// A template of actors that get their names when they are first addressed: `name/instance`.
    pub fn unnamed(name: impl Into<Name>) -> Self {
        let mut this = Self::named(name);
        this.declaration.kind = ActorKind::Unnamed;
        this
    }

    /// Remembers an `S`.
    pub fn state<S: State>(mut self) -> Self {
        self.declaration.state = S::TYPE;
        self
    }

    /// How soon what it decides is on disk.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.declaration.durability = durability;
        self
    }

    /// How long it may be idle before it leaves memory.
    pub const fn deactivate_timeout(mut self, timeout: Duration) -> Self {
        self.declaration.deactivate_timeout = timeout;
        self
    }

    /// How much mail may wait for it.
    pub const fn mailbox(mut self, len_max: usize) -> Self {
        self.declaration.mailbox_len_max = len_max;
        self
    }

    /// Runs the init method at each activation.
    pub const fn init(mut self) -> Self {
        self.declaration.init = true;
        self
    }

    /// What happens to what its channels bring and it keeps failing to handle.
    pub const fn on_failure(mut self, policy: FailurePolicy) -> Self {
        self.on_failure = policy;
        self
    }

    /// Listens to the topics of a pattern; `action` handles them.
    pub fn channel(mut self, pattern: &str, action: impl Into<Name>) -> Self {
        match Pattern::parse(pattern) {
            Ok(pattern) => {
                let on_failure = FailurePolicy::default();
                self.declaration.channels.push(Channel { pattern, action: action.into(), on_failure });
            }
            Err(error) => self.fail(&error.to_string()),
        }
        self
    }

    /// Has an action.
    pub fn action(mut self, name: impl Into<Name>) -> Self {
        self.declaration.actions.push(Action { name: name.into(), handlers: Vec::new(), timer: None });
        self
    }

    /// The action takes a `P`; said again, it has one more handler. An action that never says so takes nothing.
    pub fn takes<P: Message>(self) -> Self {
        self.takes_type(P::TYPE)
    }

    /// The handler named last answers an `R`.
    pub fn gives<R: Message>(mut self) -> Self {
        let without = self.declaration.actions.last().is_some_and(|action| action.handlers.is_empty());
        if without {
            self = self.takes::<()>();
        }
        match self.declaration.actions.last_mut().and_then(|action| action.handlers.last_mut()) {
            Some(handler) => handler.output = R::TYPE,
            None => self.fail("`gives` stands before the first action"),
        }
        self
    }

    /// The runtime invokes the action every so often by itself.
    pub fn timer(mut self, every: Duration, catch_up: CatchUp) -> Self {
        match self.declaration.actions.last_mut() {
            Some(action) => action.timer = Some(ActionTimer { every, catch_up }),
            None => self.fail("`timer` stands before the first action"),
        }
        self
    }

    /// The declaration, checked.
    ///
    /// # Errors
    /// `InvalidPayload`: the first thing that is wrong, with what to write instead.
    pub fn build(self) -> Result<Declaration, CallError> {
        let Self { mut declaration, on_failure, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        for channel in &mut declaration.channels {
            channel.on_failure = on_failure;
        }
        for action in &mut declaration.actions {
            if action.handlers.is_empty() {
                action.handlers.push(Handler { input: <() as Message>::TYPE, output: None });
            }
        }
        declaration.validate().map_err(|error| CallError::new(Code::InvalidPayload, error.to_string()))?;
        Ok(declaration)
    }

    fn takes_type(mut self, input: Option<TypeRef>) -> Self {
        match self.declaration.actions.last_mut() {
            Some(action) => action.handlers.push(Handler { input, output: None }),
            None => self.fail("`takes` stands before the first action"),
        }
        self
    }

    fn fail(&mut self, message: &str) {
        let actor = &self.declaration.name;
        self.error.get_or_insert_with(|| CallError::new(Code::InvalidPayload, format!("actor {actor}: {message}")));
    }
}
