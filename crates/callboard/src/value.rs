//! [`Value`]: what an action decided. Nothing of it happens before all of it is committed.

use callboard_core::{Code, Headers, MessageId, Name};

use crate::actor::{ActorTurn, Outcome, State};
use crate::{CallError, Context, Error, Message};

mod broadcast;
mod effect;

pub use broadcast::{Broadcast, Broadcasts, IntoTopic};
pub use effect::{Effect, IntoTarget};

/// What an action decided: a response of type `R`, perhaps a new state of type `S`, and what is to happen once both are
/// committed.
///
/// The type says what an action may do: `Value` is neither a response nor a change of the state, `Value<Order>` responds,
/// `Value<Order, OrderState>` responds and may change the state. What is not set stays as it is; an action that sets nothing but
/// a response writes nothing.
///
/// ```
/// use callboard::prelude::*;
///
/// fn rename(name: String) -> Value<bool, String> {
///     Value::of()
///         .response(true)
///         .state(name.clone())
///         .broadcast(Broadcast::to("user.renamed", name.clone()).to("audit.events", name))
/// }
/// ```
#[must_use = "a Value does nothing until the action returns it"]
#[derive(Debug)]
pub struct Value<R = (), S = Unchanged> {
    response: Option<R>,
    state: Option<S>,
    broadcasts: Broadcasts,
    effects: Vec<Effect>,
    cancelled: Vec<MessageId>,
    tags: Option<Headers>,
    checkpoint: bool,
}

/// In the place of the state's type: the action leaves the state as it is.
#[derive(Debug)]
pub struct Unchanged(());

impl<R, S> Value<R, S> {
    /// Decides nothing yet.
    pub const fn of() -> Self {
        Self {
            response: None,
            state: None,
            broadcasts: Broadcasts::new(),
            effects: Vec::new(),
            cancelled: Vec::new(),
            tags: None,
            checkpoint: false,
        }
    }

    /// Decides a response: the short form of `Value::of().response(..)`.
    pub fn response(response: R) -> Self {
        Self { response: Some(response), ..Self::of() }
    }

    /// Sets the new state.
    pub fn state(self, state: S) -> Self {
        Self { state: Some(state), ..self }
    }

    /// Replaces the tags: short texts by which operators and clients find and show the actor.
    pub fn tags<K: Into<Name>, V: Into<Name>>(self, tags: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { tags: Some(tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect()), ..self }
    }

    /// Announces, in the given order, behind what was given before.
    pub fn broadcast(mut self, broadcasts: Broadcasts) -> Self {
        self.broadcasts.append(broadcasts);
        self
    }

    /// Asks something of another actor once this is committed: a call from a typed reference, or [`Effect::invoke`].
    pub fn effect(mut self, effect: impl Into<Effect>) -> Self {
        self.effects.push(effect.into());
        self
    }

    /// Takes back a scheduled effect of this actor, if it has not happened.
    pub fn cancel_effect(mut self, id: MessageId) -> Self {
        self.cancelled.push(id);
        self
    }

    /// Has a `snapshot` actor write now: the reply then means that it is on disk.
    pub fn checkpoint(self) -> Self {
        Self { checkpoint: true, ..self }
    }
}

/// `.response(..)` on a [`Value`] that is being built. In the prelude.
pub trait Respond<R> {
    /// Sets the response.
    #[must_use = "a Value does nothing until the action returns it"]
    fn response(self, response: R) -> Self;
}

impl<R, S> Respond<R> for Value<R, S> {
    fn response(self, response: R) -> Self {
        Self { response: Some(response), ..self }
    }
}

/// What an action of an actor with the state `S` may return: a [`Value`], nothing (`()`), or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "an action cannot return `{Self}`",
    label = "not what an action of an actor with the state `{S}` returns",
    note = "return `Value` (changes and answers nothing), `Value<R>` (answers an `R`), `Value<R, {S}>` (may change the state \
            too), nothing, or a `Result` of one of these"
)]
pub trait Decide<S: State> {
    /// The type of the response.
    type Response: Message;

    /// Puts it in the form in which it is committed.
    ///
    /// # Errors
    /// What the action returned as an error; `ActionFailed` for a topic or a target that is none.
    fn decide(self, turn: &mut ActorTurn<'_, S>) -> Result<Outcome, CallError>;
}

#[diagnostic::do_not_recommend]
impl<R: Message, S: State> Decide<S> for Value<R, S> {
    type Response = R;

    fn decide(mut self, turn: &mut ActorTurn<'_, S>) -> Result<Outcome, CallError> {
        let state = self.state.take();
        let mut outcome = self.lower(turn.ctx())?;
        if let Some(state) = state {
            outcome.state = state.write()?;
            turn.keep(state);
        }
        Ok(outcome)
    }
}

#[diagnostic::do_not_recommend]
impl<R: Message, S: State> Decide<S> for Value<R, Unchanged> {
    type Response = R;

    fn decide(self, turn: &mut ActorTurn<'_, S>) -> Result<Outcome, CallError> {
        self.lower(turn.ctx())
    }
}

#[diagnostic::do_not_recommend]
impl<S: State> Decide<S> for () {
    type Response = ();

    fn decide(self, _: &mut ActorTurn<'_, S>) -> Result<Outcome, CallError> {
        Ok(Outcome::default())
    }
}

#[diagnostic::do_not_recommend]
impl<S: State, T: Decide<S>, E: Into<Error>> Decide<S> for Result<T, E> {
    type Response = T::Response;

    fn decide(self, turn: &mut ActorTurn<'_, S>) -> Result<Outcome, CallError> {
        match self {
            Ok(decided) => decided.decide(turn),
            Err(error) => Err(error.into().into()),
        }
    }
}

impl<R: Message, T> Value<R, T> {
    // Everything but the state.
    fn lower(self, ctx: &Context) -> Result<Outcome, CallError> {
        let Self { response, state: _, broadcasts, effects, cancelled, tags, checkpoint } = self;
        let response = response.map(Message::into_payload).transpose()?;
        let effects = effects.into_iter().map(|effect| effect.lower(ctx)).collect::<Result<_, _>>()?;
        let broadcasts = broadcasts.lower().map_err(|error| match error.code() {
            Code::InvalidTopic => {
                CallError::new(Code::ActionFailed, format!("the action broadcasts to no topic: {}", error.message()))
            }
            _ => error,
        })?;
        Ok(Outcome { response, state: None, tags, broadcasts, effects, cancelled_effects: cancelled, checkpoint })
    }
}
