use std::sync::Arc;
use std::time::Duration;

use callboard_core::invocation::CallChain;
use callboard_core::port::{
    Answer as Answered, BoxFuture, Clock as _, Dispatcher, Events, SubscribeRequest, Turn as CoreTurn, TurnAction,
};
use callboard_core::publication::Announcement;
use callboard_core::{
    ActorId, Cause, Code, Declaration, Headers, Invocation, Mark, MessageId, Name, Pattern, Payload, Position,
    Publication, Reply, Revision, Timestamp, Topic, value,
};

use super::PausedClock;
use crate::actor::{ActorTurn, Memory};
use crate::message::read;
use crate::{Actor, CallError, Context, Message, State};

/// One turn of one actor, as a function: what goes in is said here, what comes out is [`Decided`]. Nothing is started, nothing
/// is stored.
#[must_use = "a turn is taken when it is run"]
#[derive(Debug)]
pub struct Turn<'a, A: Actor> {
    actor: &'a A,
    action: Option<String>,
    instance: Option<String>,
    state: Option<A::State>,
    payload: Result<Payload, CallError>,
    heard_on: Option<String>,
    turn: Settings,
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Settings {
    now: Timestamp,
    revision: Revision,
    tags: Headers,
    headers: Headers,
    key: Option<Name>,
}

#[derive(Clone, Debug)]
struct Answer {
    target: String,
    action: String,
    answer: Result<Payload, CallError>,
}

impl<'a, A: Actor> Turn<'a, A> {
    /// A turn of this actor: its init, unless an action is named.
    pub fn of(actor: &'a A) -> Self {
        let now = PausedClock::default().now();
        Self {
            actor,
            action: None,
            instance: None,
            state: None,
            payload: Ok(Payload::empty()),
            heard_on: None,
            turn: Settings { now, revision: Revision::ZERO, tags: Headers::new(), headers: Headers::new(), key: None },
            answers: Vec::new(),
        }
    }

    /// Which action is run.
    pub fn action(self, name: &str) -> Self {
        Self { action: Some(name.to_owned()), ..self }
    }

    /// Which instance runs it, for an unnamed actor; `1` unless it is said.
    pub fn instance(self, key: &str) -> Self {
        Self { instance: Some(key.to_owned()), ..self }
    }

    /// The state before the turn; its default unless it is said.
    pub fn state(self, state: A::State) -> Self {
        Self { state: Some(state), ..self }
    }

    /// The payload.
    pub fn payload(self, payload: impl Message) -> Self {
        Self { payload: payload.into_payload(), ..self }
    }

    /// The payload, heard on a topic.
    pub fn heard(self, topic: &str, event: impl Message) -> Self {
        Self { heard_on: Some(topic.to_owned()), ..self.payload(event) }
    }

    /// The wall clock.
    pub fn now(mut self, now: Timestamp) -> Self {
        self.turn.now = now;
        self
    }

    /// How often the state was written before.
    pub const fn revision(mut self, revision: Revision) -> Self {
        self.turn.revision = revision;
        self
    }

    /// A tag that the actor has.
    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.turn.tags.set(name.to_owned(), value.to_owned());
        self
    }

    /// A header that travels with the call.
    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        self.turn.headers.set(name.to_owned(), value.to_owned());
        self
    }

    /// The caller's idempotency key.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.turn.key = Some(key.to_owned().into());
        self
    }

    /// What another actor answers when the action calls it.
    pub fn answering(self, target: &str, action: &str, response: impl Message) -> Self {
        self.answer(target, action, response.into_payload())
    }

    /// How another actor fails when the action calls it.
    pub fn failing(self, target: &str, action: &str, error: CallError) -> Self {
        self.answer(target, action, Err(error))
    }

    fn answer(mut self, target: &str, action: &str, answer: Result<Payload, CallError>) -> Self {
        self.answers.push(Answer { target: target.to_owned(), action: action.to_owned(), answer });
        self
    }

    /// Runs it.
    ///
    /// # Errors
    /// What the action returned as an error; `ActionNotFound` when there is no such action, or none that takes the payload.
    pub async fn run(self) -> Result<Decided<A::State>, CallError> {
        let declaration = self.actor.declaration().build()?;
        let mut memory = Memory::holding(self.state);
        let turn = CoreTurn {
            action: turn_action(&declaration, self.action.as_deref())?,
            actor: actor_id(&declaration, self.instance.as_deref())?,
            now: self.turn.now,
            deadline: PausedClock::default().instant() + Duration::from_secs(60),
            revision: self.turn.revision,
            tags: self.turn.tags,
            cause: match (&self.heard_on, &self.action) {
                (Some(topic), _) => delivery(topic, self.payload.as_ref(), self.turn.now)?,
                (None, Some(_)) => Cause::Call,
                (None, None) => Cause::Init,
            },
            payload: self.payload?,
            headers: self.turn.headers,
            key: self.turn.key,
            trace: None,
            chain: CallChain::new(),
            entropy: 1,
            dispatcher: Arc::new(Script(self.answers)),
        };
        let (route, action) = crate::host::route(&declaration, &turn)?;
        let outcome = self.actor.handle(ActorTurn::new(Context::new(turn), route, action, &mut memory)).await?;
        outcome.check()?;
        let state = memory.into_decoded().filter(|_| outcome.state.is_some());
        Ok(Decided { value: outcome, state })
    }
}

fn turn_action(declaration: &Declaration, name: Option<&str>) -> Result<TurnAction, CallError> {
    let Some(name) = name else { return Ok(TurnAction::Init) };
    declaration.action(name).map(TurnAction::Action).ok_or_else(|| {
        let known: Vec<&str> = declaration.actions.iter().map(|action| action.name.as_str()).collect();
        let message = format!("{} has no action {name}; it has {}", declaration.name, known.join(", "));
        CallError::new(Code::ActionNotFound, message)
    })
}

fn actor_id(declaration: &Declaration, instance: Option<&str>) -> Result<ActorId, CallError> {
    Ok(match declaration.kind {
        callboard_core::declaration::ActorKind::Named => ActorId::named(&declaration.name)?,
        callboard_core::declaration::ActorKind::Unnamed => {
            ActorId::instance(&declaration.name, instance.unwrap_or("1"))?
        }
    })
}

fn delivery(topic: &str, payload: Result<&Payload, &CallError>, time: Timestamp) -> Result<Cause, CallError> {
    let topic = Topic::parse(topic)?;
    let publication = Publication {
        id: MessageId::new(time, 1),
        topic: topic.clone(),
        position: Position::new(1, 1),
        mark: Mark(1),
        time,
        payload: payload.map_err(Clone::clone)?.clone(),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    };
    Ok(Cause::Delivery { channel: Pattern::from(topic), publication: Arc::new(publication) })
}

/// What an action decided.
#[derive(Debug)]
pub struct Decided<S> {
    value: callboard_core::Value,
    state: Option<S>,
}

impl<S: State> Decided<S> {
    /// The Value as it would be committed.
    #[must_use]
    pub const fn value(&self) -> &callboard_core::Value {
        &self.value
    }

    /// The response.
    ///
    /// # Panics
    /// When there is none, or it is not an `R`.
    #[must_use]
    #[track_caller]
    pub fn response<R: Message>(&self) -> R {
        match &self.value.response {
            Some(response) => unwrap(read(response)),
            None => panic!("the action gave no response"),
        }
    }

    /// The new state.
    ///
    /// # Panics
    /// When the action left the state as it was.
    #[must_use]
    #[track_caller]
    pub const fn state(&self) -> &S {
        match &self.state {
            Some(state) => state,
            None => panic!("the action left the state as it was"),
        }
    }

    /// Whether nothing would be committed.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.value.changes_nothing()
    }

    /// The topics of the broadcasts, in order.
    #[must_use]
    pub fn topics(&self) -> Vec<&str> {
        self.value.broadcasts.iter().map(|broadcast| broadcast.topic.as_str()).collect()
    }

    /// The first broadcast of type `T` on a topic.
    ///
    /// # Panics
    /// When there is none; the text lists those that there are.
    #[must_use]
    #[track_caller]
    pub fn broadcast<T: Message>(&self, topic: &str) -> T {
        let mut on_topic = self.value.broadcasts.iter().filter(|broadcast| broadcast.topic.as_str() == topic);
        match on_topic.find(|broadcast| T::accepts(&broadcast.payload)) {
            Some(broadcast) => unwrap(read(&broadcast.payload)),
            None => panic!("no such broadcast on {topic}; there are {:?}", self.value.broadcasts),
        }
    }

    /// The effects, in order.
    #[must_use]
    pub fn effects(&self) -> &[value::Effect] {
        &self.value.effects
    }

    /// The payload of the first effect for an actor and an action.
    ///
    /// # Panics
    /// When there is none; the text lists those that there are.
    #[must_use]
    #[track_caller]
    pub fn effect<T: Message>(&self, target: &str, action: &str) -> T {
        let wanted = |effect: &&value::Effect| effect.target.as_str() == target && effect.action == action;
        match self.value.effects.iter().find(wanted) {
            Some(effect) => unwrap(read(&effect.payload)),
            None => panic!("no such effect for {target}.{action}; there are {:?}", self.value.effects),
        }
    }
}

#[track_caller]
fn unwrap<T>(read: Result<T, CallError>) -> T {
    match read {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Answers the calls of an action as the test said.
struct Script(Vec<Answer>);

impl Dispatcher for Script {
    fn invoke(&self, invocation: Invocation) -> Answered {
        let Invocation { target, action, .. } = invocation;
        let known = self.0.iter().find(|answer| answer.target == target.as_str() && answer.action == *action);
        let answer = known.map_or_else(
            || Err(unscripted(&format!("calls {target}.{action}; say what it answers: `.answering({target:?}, ...)`"))),
            |known| known.answer.clone(),
        );
        let reply = |payload| Reply { payload, revision: Revision::ZERO, positions: Vec::new() };
        answer.map(reply).into()
    }

    fn post(&self, invocation: Invocation) -> BoxFuture<'static, Result<MessageId, CallError>> {
        let id = MessageId::new(Timestamp::default(), u128::from(invocation.payload.bytes().len() as u64));
        Box::pin(async move { Ok(id) })
    }

    fn publish(&self, _: Vec<Announcement>) -> BoxFuture<'static, Result<Vec<Position>, CallError>> {
        Box::pin(async { Err(unscripted("publishes past its Value")) })
    }

    fn subscribe(&self, _: SubscribeRequest) -> BoxFuture<'static, Result<Events, CallError>> {
        Box::pin(async { Err(unscripted("subscribes; declare a channel instead")) })
    }
}

fn unscripted(what: &str) -> CallError {
    CallError::new(Code::Unavailable, format!("no system runs in this test, and the action {what}"))
}
