use std::time::Duration;

use callboard_core::value::{self, When};
use callboard_core::{ActorId, Code, Headers, MessageId, Name, Payload, Timestamp};

use crate::client::Call;
use crate::{CallError, Context, Message};

/// Asks something of another actor, once, when the Value that it is part of is committed: now, after a while, or at an
/// instant. It outlives the process, is tried until it succeeds, and is set aside as a dead letter if it never does. Its response
/// goes nowhere.
///
/// ```
/// use std::time::Duration;
/// use callboard::prelude::*;
///
/// fn remind(ctx: &Context, user: &str) -> Value {
///     let id = ctx.new_id(); // keep it in the state to cancel the effect later
///     Value::of().effect(
///         Effect::invoke("email_service", "remind", user.to_owned()).after(Duration::from_secs(3600)).id(id),
///     )
/// }
/// ```
#[must_use = "an effect does nothing until it is part of the Value that the action returns"]
#[derive(Debug)]
pub struct Effect {
    target: Result<ActorId, CallError>,
    action: Name,
    payload: Result<Payload, CallError>,
    headers: Headers,
    when: When,
    id: Option<MessageId>,
}

impl Effect {
    /// Invokes an action by the actor's name (`"name"`, `"parent/name"` or an [`ActorId`]) and the action's.
    ///
    /// With a typed reference the compiler checks both: `Effect::of(EmailService::at(ctx).remind(user))`.
    pub fn invoke(target: impl IntoTarget, action: impl Into<Name>, payload: impl Message) -> Self {
        Self {
            target: target.into_target(),
            action: action.into(),
            payload: payload.into_payload(),
            headers: Headers::new(),
            when: When::Now,
            id: None,
        }
    }

    /// The call of a typed reference, as an effect. Its deadline and idempotency key are not used.
    pub fn of<R>(call: Call<R>) -> Self {
        let (target, action, payload, headers) = call.into_parts();
        Self { target, action, payload, headers, when: When::Now, id: None }
    }

    /// Has it happen so long after the action.
    pub fn after(self, delay: Duration) -> Self {
        Self { when: When::After(delay), ..self }
    }

    /// Has it happen at an instant; at once if that has passed.
    pub fn at(self, instant: Timestamp) -> Self {
        Self { when: When::At(instant), ..self }
    }

    /// Gives it an id from [`Context::new_id`], by which [`crate::Value::cancel_effect`] takes it back.
    pub fn id(self, id: MessageId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Adds a header.
    pub fn metadata(mut self, name: impl Into<Name>, value: impl Into<Name>) -> Self {
        self.headers.set(name, value);
        self
    }

    pub(super) fn lower(self, ctx: &Context) -> Result<value::Effect, CallError> {
        let Self { target, action, payload, headers, when, id } = self;
        let id = id.unwrap_or_else(|| ctx.new_id());
        let payload = payload?;
        let target = target.map_err(|error| {
            CallError::new(
                Code::ActionFailed,
                format!("the action's effect {action} has no target: {}", error.message()),
            )
        })?;
        Ok(value::Effect { id, target, action, payload, headers, when })
    }
}

impl<R> From<Call<R>> for Effect {
    fn from(call: Call<R>) -> Self {
        Self::of(call)
    }
}

/// What can name an actor: an [`ActorId`], or a text `name` or `parent/name`.
pub trait IntoTarget {
    /// Parses it.
    ///
    /// # Errors
    /// `InvalidPayload`, with what is wrong with the text.
    fn into_target(self) -> Result<ActorId, CallError>;
}

impl IntoTarget for ActorId {
    fn into_target(self) -> Result<ActorId, CallError> {
        Ok(self)
    }
}

impl IntoTarget for &ActorId {
    fn into_target(self) -> Result<ActorId, CallError> {
        Ok(self.clone())
    }
}

impl IntoTarget for &str {
    fn into_target(self) -> Result<ActorId, CallError> {
        ActorId::parse(self)
            .map_err(|error| CallError::new(Code::InvalidPayload, format!("{self:?} names no actor: {error}")))
    }
}

impl IntoTarget for String {
    fn into_target(self) -> Result<ActorId, CallError> {
        self.as_str().into_target()
    }
}

impl IntoTarget for &String {
    fn into_target(self) -> Result<ActorId, CallError> {
        self.as_str().into_target()
    }
}
