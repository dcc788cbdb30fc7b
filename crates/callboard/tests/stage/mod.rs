//! What the tests stand on instead of a runtime: a turn made by hand, and a dispatcher that remembers what it was asked.
#![allow(dead_code, reason = "each test program uses its part")]

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use callboard::core::invocation::CallChain;
use callboard::core::port::{
    Answer, BoxFuture, Clock, Dispatcher, Events, Instance, SubscribeRequest, Turn, TurnAction,
};
use callboard::core::publication::Announcement;
use callboard::core::{
    ActorId, Cause, Code, Error, Headers, Invocation, Mark, MessageId, Payload, Position, Publication, Reply, Revision,
    Timestamp, Topic, Value,
};
use callboard::{Actor, Client, Message};
use parking_lot::Mutex;

pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Runs what never waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits, and nothing here would wake it"),
    }
}

/// One instance of an actor, and the turns that it is given.
pub struct Stage {
    host: Arc<dyn callboard::core::port::ActorHost>,
    pub instance: Box<dyn Instance>,
    pub id: ActorId,
    pub dispatcher: Arc<Fake>,
    // What a runtime would have committed.
    state: Option<Payload>,
    turns: Cell<u64>,
}

impl Stage {
    pub fn of<A: Actor>(actor: A) -> Self {
        let host = callboard::host(actor).unwrap();
        let id = ActorId::named(&host.declaration().name).unwrap();
        let instance = host.activate(&id, None).unwrap();
        Self { host, instance, id, dispatcher: Arc::new(Fake::default()), state: None, turns: Cell::new(0) }
    }

    pub fn turn(&self, action: &str, payload: Payload) -> Turn {
        let at = self.host.declaration().action(action).unwrap_or_else(|| panic!("no action {action}"));
        Turn {
            action: TurnAction::Action(at),
            payload,
            actor: self.id.clone(),
            now: NOW,
            deadline: Instant::now() + Duration::from_secs(60),
            revision: Revision::ZERO,
            tags: Headers::new(),
            cause: Cause::Call,
            headers: Headers::new(),
            key: None,
            trace: None,
            chain: CallChain::new(),
            entropy: self.turns.replace(self.turns.get() + 1),
            dispatcher: Arc::clone(&self.dispatcher) as Arc<dyn Dispatcher>,
        }
    }

    pub fn run(&mut self, turn: Turn) -> Result<Value, Error> {
        if self.instance.needs_state() {
            self.instance.restore(self.state.as_ref())?;
        }
        let handled = now(self.instance.handle(turn));
        match &handled {
            Ok(value) if value.state.is_some() => self.state.clone_from(&value.state),
            Ok(_) => {}
            Err(_) => self.instance.restore(self.state.as_ref())?,
        }
        handled
    }

    pub fn invoke(&mut self, action: &str, payload: impl Message) -> Result<Value, Error> {
        let turn = self.turn(action, payload.into_payload().unwrap());
        self.run(turn)
    }

    pub fn init(&mut self) -> Result<Value, Error> {
        let mut turn = self.turn(&self.host.declaration().actions[0].name.clone(), Payload::empty());
        turn.action = TurnAction::Init;
        turn.cause = Cause::Init;
        self.run(turn)
    }

    pub fn hear(&mut self, action: &str, topic: &str, event: impl Message) -> Result<Value, Error> {
        let said = publication(topic, &event);
        let mut turn = self.turn(action, event.into_payload().unwrap());
        turn.cause = Cause::Delivery { channel: Topic::parse(topic).unwrap().into(), publication: said };
        self.run(turn)
    }
}

pub fn publication(topic: &str, event: &impl Message) -> Arc<Publication> {
    Arc::new(Publication {
        id: MessageId::from_bits(0x0197_0000_0000_7000_8000_0000_0000_0001),
        topic: Topic::parse(topic).unwrap(),
        position: Position::new(1, 1),
        mark: Mark(1),
        time: NOW,
        payload: event.to_payload().unwrap(),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    })
}

pub fn response<R: Message>(value: &Value) -> R {
    callboard::message::read(value.response.as_ref().expect("a response")).unwrap()
}

pub fn state<S: Message>(value: &Value) -> S {
    callboard::message::read(value.state.as_ref().expect("a state")).unwrap()
}

pub fn topics(value: &Value) -> Vec<&str> {
    value.broadcasts.iter().map(|broadcast| broadcast.topic.as_str()).collect()
}

/// A dispatcher that answers what it was told to, and remembers what it was asked.
#[derive(Default)]
pub struct Fake {
    pub asked: Mutex<Vec<Invocation>>,
    pub posted: Mutex<Vec<Invocation>>,
    pub answers: Mutex<VecDeque<Result<Payload, Error>>>,
}

impl Fake {
    pub fn answering(answers: impl IntoIterator<Item = Result<Payload, Error>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    pub fn client(self: &Arc<Self>) -> Client {
        Client::new(Arc::clone(self) as Arc<dyn Dispatcher>, Arc::new(Standing(Instant::now())))
    }
}

impl Dispatcher for Fake {
    fn invoke(&self, invocation: Invocation) -> Answer {
        self.asked.lock().push(invocation);
        let none = || Err(Error::new(Code::Unavailable, "nothing to answer"));
        let answer = self.answers.lock().pop_front().unwrap_or_else(none);
        let reply = |payload| Reply { payload, revision: Revision(1), positions: Vec::new() };
        answer.map(reply).into()
    }

    fn post(&self, invocation: Invocation) -> BoxFuture<'static, Result<MessageId, Error>> {
        self.posted.lock().push(invocation);
        Box::pin(async { Ok(MessageId::from_bits(9)) })
    }

    fn publish(&self, _: Vec<Announcement>) -> BoxFuture<'static, Result<Vec<Position>, Error>> {
        Box::pin(async { Err(Error::new(Code::Unavailable, "nothing hears this")) })
    }

    fn subscribe(&self, _: SubscribeRequest) -> BoxFuture<'static, Result<Events, Error>> {
        Box::pin(async { Err(Error::new(Code::Unavailable, "nothing is said here")) })
    }
}

/// A clock that stands still.
pub struct Standing(pub Instant);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn instant(&self) -> Instant {
        self.0
    }
}
