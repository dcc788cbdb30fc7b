//! Actors as closures, and an engine around them that can be restarted on the same store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_core::batch::{Subscriber, SubscriptionId};
use callboard_core::declaration::{Action, Channel, FailurePolicy, Handler};
use callboard_core::invocation::CallChain;
use callboard_core::port::{
    ActorHost, BoxFuture, Clock, ExternalRegistration, Instance, Operator, StateAt, Store, Turn, TurnAction,
};
use callboard_core::publication::Announcement;
use callboard_core::topic::{TopicPolicy, TopicRules};
use callboard_core::value::{Broadcast, Effect, When};
use callboard_core::{
    ActorId, Declaration, Encoding, Error, Headers, Invocation, MessageId, Name, Pattern, Payload, Reply, Timestamp,
    Topic, TypeRef, Value,
};
use callboard_runtime::{Ports, Runtime, RuntimeConfig};
use callboard_testkit::{FaultyStore, MemoryStore, SeededEntropy};

/// A clock that moves with tokio's paused time.
pub(crate) struct PausedClock(tokio::time::Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).after(self.instant() - self.0.into_std())
    }

    #[expect(clippy::disallowed_methods, reason = "tokio's paused time is the clock of these tests")]
    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// The state of every actor here: text.
pub(crate) type State = String;
type Code = dyn Fn(&mut State, Turn) -> BoxFuture<'static, Result<Value, Error>> + Send + Sync;

/// An actor made of closures, one for each action.
pub(crate) struct Scripted {
    declaration: Declaration,
    code: Vec<Arc<Code>>,
    init: Option<Arc<Code>>,
}

pub(crate) fn text(value: impl Into<String>) -> Payload {
    Payload::new("test.Text", Encoding::Bytes, value.into().into_bytes())
}

pub(crate) fn read(payload: &Payload) -> String {
    String::from_utf8(payload.bytes().to_vec()).unwrap()
}

impl Scripted {
    pub(crate) fn new(name: &'static str) -> Self {
        let declaration = Declaration {
            state: Some(TypeRef { name: "test.Text".into(), encoding: Encoding::Bytes }),
            ..Declaration::new(name)
        };
        Self { declaration, code: Vec::new(), init: None }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Declaration)) -> Self {
        change(&mut self.declaration);
        self
    }

    /// An action that decides at once.
    pub(crate) fn on(
        self,
        action: &'static str,
        code: impl Fn(&mut State, &Turn) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Self {
        self.on_async(action, move |state, turn| {
            let decided = code(state, &turn);
            Box::pin(std::future::ready(decided))
        })
    }

    /// An action that takes time.
    pub(crate) fn on_async(
        mut self,
        action: &'static str,
        code: impl Fn(&mut State, Turn) -> BoxFuture<'static, Result<Value, Error>> + Send + Sync + 'static,
    ) -> Self {
        let handlers = vec![Handler { input: None, output: None }];
        self.declaration.actions.push(Action { name: action.into(), handlers, timer: None });
        self.code.push(Arc::new(code));
        self
    }

    pub(crate) fn init(
        mut self,
        code: impl Fn(&mut State, &Turn) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Self {
        self.declaration.init = true;
        self.init = Some(Arc::new(move |state, turn| Box::pin(std::future::ready(code(state, &turn)))));
        self
    }

    pub(crate) fn listens(mut self, pattern: &str, action: &'static str, on_failure: FailurePolicy) -> Self {
        let pattern = Pattern::parse(pattern).unwrap();
        self.declaration.channels.push(Channel { pattern, action: action.into(), on_failure });
        self
    }

    pub(crate) fn host(self) -> Arc<dyn ActorHost> {
        Arc::new(ScriptedHost { declaration: Arc::new(self.declaration), code: self.code, init: self.init })
    }
}

struct ScriptedHost {
    declaration: Arc<Declaration>,
    code: Vec<Arc<Code>>,
    init: Option<Arc<Code>>,
}

impl ActorHost for ScriptedHost {
    fn declaration(&self) -> &Arc<Declaration> {
        &self.declaration
    }

    fn activate(&self, _: &ActorId, state: Option<&Payload>) -> Result<Box<dyn Instance>, Error> {
        let state = state.map(read).unwrap_or_default();
        Ok(Box::new(ScriptedInstance { state, code: self.code.clone(), init: self.init.clone() }))
    }
}

struct ScriptedInstance {
    state: State,
    code: Vec<Arc<Code>>,
    init: Option<Arc<Code>>,
}

impl Instance for ScriptedInstance {
    fn handle(&mut self, turn: Turn) -> BoxFuture<'_, Result<Value, Error>> {
        let code = match turn.action {
            TurnAction::Init => Arc::clone(self.init.as_ref().unwrap()),
            TurnAction::Action(index) => Arc::clone(&self.code[index]),
        };
        code(&mut self.state, turn)
    }

    fn restore(&mut self, state: Option<&Payload>) -> Result<(), Error> {
        self.state = state.map(read).unwrap_or_default();
        Ok(())
    }
}

/// A value with the state as it is now, and a response.
pub(crate) fn keep(state: &State, response: impl Into<String>) -> Value {
    Value { state: Some(text(state.clone())), response: Some(text(response)), ..Value::default() }
}

pub(crate) fn announce(topic: &str, what: impl Into<String>) -> Broadcast {
    Broadcast { topic: Topic::parse(topic).unwrap(), payload: text(what), headers: Headers::new() }
}

pub(crate) fn effect(turn: &Turn, n: u32, target: &str, action: &'static str, what: &str) -> Effect {
    Effect {
        id: MessageId::new(turn.now, u128::from(turn.entropy) << 32 | u128::from(n)),
        target: ActorId::parse(target).unwrap(),
        action: action.into(),
        payload: text(what),
        headers: Headers::new(),
        when: When::Now,
    }
}

/// An actor that keeps every payload that it gets, one a line, with the causing publication's topic and position.
pub(crate) fn recorder(name: &'static str, patterns: &[&str]) -> Scripted {
    let mut recorder = Scripted::new(name).on("record", |state, turn| {
        let line = match &turn.cause {
            callboard_core::Cause::Delivery { publication, .. } => {
                format!("{}@{} {}\n", publication.topic, publication.position.seq.0, read(&turn.payload))
            }
            _ => format!("{}\n", read(&turn.payload)),
        };
        state.push_str(&line);
        Ok(keep(state, ""))
    });
    for pattern in patterns {
        recorder = recorder.listens(pattern, "record", FailurePolicy::DeadLetter);
    }
    recorder
}

/// An engine and what it stands on.
pub(crate) struct Engine {
    pub(crate) runtime: Runtime,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) faults: Arc<FaultyStore>,
    pub(crate) clock: Arc<PausedClock>,
}

pub(crate) fn rules() -> Arc<TopicRules> {
    let mut rules = TopicRules::default();
    rules.declare(Pattern::parse("live.>").unwrap(), TopicPolicy::EPHEMERAL);
    Arc::new(rules)
}

#[expect(clippy::disallowed_methods, reason = "tokio's paused time is the clock of these tests")]
pub(crate) fn clock() -> Arc<PausedClock> {
    Arc::new(PausedClock(tokio::time::Instant::now()))
}

impl Engine {
    pub(crate) async fn start(hosts: Vec<Arc<dyn ActorHost>>) -> Self {
        Self::start_on(Arc::new(MemoryStore::new()), clock(), hosts, Vec::new()).await
    }

    pub(crate) async fn start_on(
        store: Arc<MemoryStore>,
        clock: Arc<PausedClock>,
        hosts: Vec<Arc<dyn ActorHost>>,
        externals: Vec<ExternalRegistration>,
    ) -> Self {
        let faults = Arc::new(FaultyStore::new(Arc::<MemoryStore>::clone(&store)));
        Self::start_with(store, faults, clock, hosts, externals).await
    }

    pub(crate) async fn start_with(
        store: Arc<MemoryStore>,
        faults: Arc<FaultyStore>,
        clock: Arc<PausedClock>,
        hosts: Vec<Arc<dyn ActorHost>>,
        externals: Vec<ExternalRegistration>,
    ) -> Self {
        let config = RuntimeConfig { topics: rules(), ..RuntimeConfig::new("test") };
        let ports = Ports {
            store: Arc::<FaultyStore>::clone(&faults),
            clock: Arc::<PausedClock>::clone(&clock),
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let runtime = Runtime::start(config, hosts, externals, ports).await.unwrap();
        Self { runtime, store, faults, clock }
    }

    pub(crate) fn invocation(&self, target: &str, action: &str, what: impl Into<String>) -> Invocation {
        Invocation {
            target: ActorId::parse(target).unwrap(),
            action: action.to_owned().into(),
            payload: text(what),
            deadline: self.clock.instant() + Duration::from_secs(60),
            key: None,
            headers: Headers::new(),
            trace: None,
            chain: CallChain::new(),
        }
    }

    pub(crate) async fn call(&self, target: &str, action: &str, what: &str) -> Result<String, Error> {
        self.reply(target, action, what).await.map(|reply| read(&reply.payload))
    }

    pub(crate) async fn reply(&self, target: &str, action: &str, what: &str) -> Result<Reply, Error> {
        self.runtime.dispatcher().invoke(self.invocation(target, action, what)).await
    }

    pub(crate) async fn publish(&self, topic: &str, what: &str) -> callboard_core::Position {
        let positions = self.runtime.dispatcher().publish(vec![self.announcement(topic, what)]).await.unwrap();
        positions[0]
    }

    pub(crate) fn announcement(&self, topic: &str, what: &str) -> Announcement {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Announcement {
            id: MessageId::new(self.clock.now(), u128::from(n)),
            topic: Topic::parse(topic).unwrap(),
            time: self.clock.now(),
            payload: text(what),
            headers: Headers::new(),
            trace: None,
            publisher: None,
        }
    }

    pub(crate) fn operator(&self) -> Arc<dyn Operator> {
        self.runtime.operator()
    }

    pub(crate) async fn state(&self, actor: &str) -> String {
        let id = ActorId::parse(actor).unwrap();
        match self.operator().state(id, StateAt::Latest).await {
            Ok(state) => state.state.as_ref().map(read).unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits, in paused time, until an actor's state satisfies a condition; fails after a virtual minute.
    pub(crate) async fn until(&self, actor: &str, holds: impl Fn(&str) -> bool) -> String {
        for _ in 0..6000 {
            let state = self.state(actor).await;
            if holds(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("actor {actor} never got there; its state is {:?}", self.state(actor).await);
    }

    /// Waits, in paused time, until something holds; fails after a virtual hour.
    pub(crate) async fn eventually(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..36_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it never came to this: {what}");
    }

    pub(crate) async fn cursor(&self, actor: &str, pattern: &str, topic: &str) -> Option<u64> {
        let subscription = SubscriptionId {
            subscriber: Subscriber::Actor(ActorId::parse(actor).unwrap()),
            pattern: Pattern::parse(pattern).unwrap(),
        };
        let cursor = self.store.cursor(&subscription, &Topic::parse(topic).unwrap()).await.unwrap();
        cursor.map(|cursor| cursor.seq.0)
    }

    pub(crate) async fn stop(&self) {
        self.runtime.stop(Duration::from_secs(5)).await;
    }
}

pub(crate) fn key(key: &str) -> Option<Name> {
    Some(key.to_owned().into())
}
