//! Typed actors as the runtime sees them: [`host`] erases an [`Actor`] into the port [`ActorHost`].

use std::sync::Arc;

use callboard_core::declaration::Action;
use callboard_core::port::{ActorHost, BoxFuture, Instance, Turn, TurnAction};
use callboard_core::{ActorId, Code, Declaration, Encoding, Payload, TypeRef, Value};

use crate::actor::{Actor, ActorTurn, Memory, Route};
use crate::message::{JSON_VALUE_TYPE, Message, shown};
use crate::{CallError, Context};

/// The host of one actor's code, as a runtime takes it.
///
/// # Errors
/// `InvalidPayload` when the declaration is wrong, with what to write instead.
pub fn host<A: Actor>(actor: A) -> Result<Arc<dyn ActorHost>, CallError> {
    let declaration = Arc::new(actor.declaration().build()?);
    Ok(Arc::new(Host(Arc::new(Shared { actor, declaration }))))
}

struct Host<A>(Arc<Shared<A>>);

// What all activations of an actor share.
struct Shared<A> {
    actor: A,
    declaration: Arc<Declaration>,
}

struct Activation<A: Actor> {
    shared: Arc<Shared<A>>,
    memory: Memory<A::State>,
}

impl<A: Actor> ActorHost for Host<A> {
    fn declaration(&self) -> &Arc<Declaration> {
        &self.0.declaration
    }

    fn activate(&self, _: &ActorId, state: Option<&Payload>) -> Result<Box<dyn Instance>, CallError> {
        let mut memory = Memory::stored(state);
        memory.check()?;
        Ok(Box::new(Activation { shared: Arc::clone(&self.0), memory }))
    }
}

impl<A: Actor> Instance for Activation<A> {
    fn handle(&mut self, turn: Turn) -> BoxFuture<'_, Result<Value, CallError>> {
        let Self { shared, memory } = self;
        match route(&shared.declaration, &turn) {
            // One allocation for the whole turn: the methods' futures are part of this one.
            Ok((route, action)) => {
                Box::pin(shared.actor.handle(ActorTurn::new(Context::new(turn), route, action, memory)))
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn needs_state(&self) -> bool {
        self.memory.is_used_up()
    }

    fn restore(&mut self, state: Option<&Payload>) -> Result<(), CallError> {
        // Read when it is next needed: what was committed could be read before.
        self.memory = Memory::stored(state);
        Ok(())
    }
}

/// Picks the handler by the payload's type: the one that names it, else the one that takes whatever comes, else, for JSON that
/// does not name its type, the only one that takes JSON, else, for a payload without content, the one that takes nothing.
pub(crate) fn route<'a>(declaration: &'a Declaration, turn: &Turn) -> Result<(Route, &'a str), CallError> {
    let at = match turn.action {
        TurnAction::Init => return Ok((Route::Init, "init")),
        TurnAction::Action(at) => at,
    };
    let Some(action) = declaration.actions.get(at) else {
        return Err(CallError::new(Code::Internal, format!("{} has no action {at}", turn.actor)));
    };
    match handler(action, &turn.payload) {
        Some(handler) => Ok((Route::of(turn.action, handler), action.name.as_str())),
        None => Err(no_handler(action, turn)),
    }
}

fn handler(action: &Action, payload: &Payload) -> Option<usize> {
    let position = |wanted: &dyn Fn(Option<&TypeRef>) -> bool| {
        action.handlers.iter().position(|handler| wanted(handler.input.as_ref()))
    };
    let named = |input: Option<&TypeRef>| {
        input.is_some_and(|input| input.encoding == payload.encoding() && input.name == *payload.type_name())
    };
    position(&named).or_else(|| position(&|input| input.is_none())).or_else(|| {
        let is_json = |input: Option<&TypeRef>| input.is_some_and(|input| input.encoding == Encoding::Json);
        let untyped = payload.encoding() == Encoding::Json && *payload.type_name() == JSON_VALUE_TYPE;
        let json_handlers = action.handlers.iter().filter(|handler| is_json(handler.input.as_ref())).count();
        if untyped && json_handlers == 1 {
            return position(&is_json);
        }
        let contentless = payload.bytes().is_empty()
            || (payload.encoding() == Encoding::Json && matches!(payload.bytes(), b"{}" | b"null"));
        if contentless { position(&|input| input == <() as Message>::TYPE.as_ref()) } else { None }
    })
}

fn no_handler(action: &Action, turn: &Turn) -> CallError {
    let taken: Vec<String> = action.handlers.iter().filter_map(|handler| handler.input.as_ref()).map(shown).collect();
    CallError::new(
        Code::ActionNotFound,
        format!("{}.{} takes {}, not {}", turn.actor, action.name, taken.join(" or "), shown(&turn.payload.type_ref())),
    )
}
