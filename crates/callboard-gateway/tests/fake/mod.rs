//! A node behind the doors that does what the test says, and remembers what it was asked.
//!
//! What an action does is its name: `echo` (and every other one) gives back what it was sent; `nothing` gives nothing;
//! `fail` fails with the code in the header `code`; `wait` is `echo` once the test lets it go on.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its own part; a test may unwrap")]

mod operator;

use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use callboard_core::batch::{DeadLetter, Parked, TimerEntry};
use callboard_core::declaration::{Action, ActorKind, Handler};
use callboard_core::port::{
    ActorState, ActorSummary, Answer, BoxFuture, Dispatcher, Events, StreamEvent, SubscribeRequest, TopicSummary,
};
use callboard_core::publication::Announcement;
use callboard_core::{
    Code, Declaration, Encoding, Error, Invocation, MessageId, Payload, Position, Reply, Revision, TypeRef,
};
use callboard_gateway::doors::Doors;
use callboard_testkit::{SeededEntropy, SimClock};
use callboard_wire::descriptors::Descriptors;
use tokio::sync::{Semaphore, mpsc, watch};

/// The id of what was accepted.
pub(crate) const POSTED: MessageId = MessageId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_0001);

/// What a subscription of a client is fed with. Its `closed` resolves when the client is gone.
pub(crate) type Feed = mpsc::Sender<Result<StreamEvent, Error>>;

/// The node.
pub(crate) struct Fake {
    this: Weak<Self>,
    pub(crate) invoked: Mutex<Vec<Invocation>>,
    pub(crate) posted: Mutex<Vec<Invocation>>,
    pub(crate) published: Mutex<Vec<Announcement>>,
    /// What operators did, in words.
    pub(crate) acts: Mutex<Vec<String>>,
    pub(crate) ready: AtomicBool,
    /// What the next ports fail with.
    pub(crate) failure: Mutex<Option<Error>>,
    pub(crate) states: Mutex<Vec<ActorState>>,
    pub(crate) actors: Mutex<Vec<ActorSummary>>,
    pub(crate) topics: Mutex<Vec<TopicSummary>>,
    pub(crate) dead_letters: Mutex<Vec<DeadLetter>>,
    pub(crate) parked: Mutex<Vec<Parked>>,
    pub(crate) timers: Mutex<Vec<TimerEntry>>,
    // Lets `wait` go on.
    gate: Semaphore,
    waiting: watch::Sender<usize>,
    subscriptions: mpsc::Sender<(SubscribeRequest, Feed)>,
    subscribed: tokio::sync::Mutex<mpsc::Receiver<(SubscribeRequest, Feed)>>,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        let (subscriptions, subscribed) = mpsc::channel(64);
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            invoked: Mutex::default(),
            posted: Mutex::default(),
            published: Mutex::default(),
            acts: Mutex::default(),
            ready: AtomicBool::new(true),
            failure: Mutex::default(),
            states: Mutex::default(),
            actors: Mutex::default(),
            topics: Mutex::default(),
            dead_letters: Mutex::default(),
            parked: Mutex::default(),
            timers: Mutex::default(),
            gate: Semaphore::new(0),
            waiting: watch::Sender::new(0),
            subscriptions,
            subscribed: tokio::sync::Mutex::new(subscribed),
        })
    }

    /// The ports of this node, with a clock that the test moves.
    pub(crate) fn doors(self: &Arc<Self>, clock: &Arc<SimClock>) -> Doors {
        Doors {
            dispatcher: self.clone(),
            operator: self.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            descriptors: Arc::new(descriptors()),
            system: "shop".into(),
            channels: Arc::new([]),
        }
    }

    /// Lets so many `wait`s go on.
    pub(crate) fn release(&self, count: usize) {
        self.gate.add_permits(count);
    }

    /// Returns when exactly so many `wait`s have come, gone ones included.
    pub(crate) async fn waits(&self, count: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting == count).await.unwrap();
    }

    /// How many `wait`s have come so far.
    pub(crate) fn waits_so_far(&self) -> usize {
        *self.waiting.borrow()
    }

    /// The next subscription that a client makes.
    pub(crate) async fn subscription(&self) -> (SubscribeRequest, Feed) {
        self.subscribed.lock().await.recv().await.unwrap()
    }

    /// The last invocation.
    pub(crate) fn last_invoked(&self) -> Invocation {
        self.invoked.lock().unwrap().last().cloned().unwrap()
    }

    /// What was published so far.
    pub(crate) fn published(&self) -> Vec<Announcement> {
        self.published.lock().unwrap().clone()
    }

    /// Makes the ports fail until `None` is given.
    pub(crate) fn fail_with(&self, error: Option<Error>) {
        *self.failure.lock().unwrap() = error;
    }

    fn this(&self) -> Arc<Self> {
        self.this.upgrade().unwrap()
    }

    fn check(&self) -> Result<(), Error> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    async fn run(self: Arc<Self>, invocation: Invocation) -> Result<Reply, Error> {
        self.check()?;
        let Invocation { target, action, payload, headers, .. } = invocation;
        if !catalogue().iter().any(|declaration| declaration.name == target.declared()) {
            return Err(Error::new(Code::ActorNotFound, format!("no actor {target} is declared here")));
        }
        let reply = |payload| Reply { payload, revision: Revision(7), positions: vec![Position::new(1, 42)] };
        match action.as_str() {
            "nothing" => Ok(Reply { positions: Vec::new(), ..reply(Payload::empty()) }),
            "fail" => {
                let code = headers.get("code").and_then(|code| Code::parse(code)).unwrap_or(Code::ActionFailed);
                Err(Error::new(code, "it went wrong").with_detail("only for the log"))
            }
            "wait" => {
                self.waiting.send_modify(|waiting| *waiting += 1);
                self.gate.acquire().await.unwrap().forget();
                Ok(reply(payload))
            }
            _ => Ok(reply(payload)),
        }
    }
}

impl Dispatcher for Fake {
    fn invoke(&self, invocation: Invocation) -> Answer {
        self.invoked.lock().unwrap().push(invocation.clone());
        let running: BoxFuture<'static, _> = Box::pin(self.this().run(invocation));
        running.into()
    }

    fn post(&self, invocation: Invocation) -> BoxFuture<'static, Result<MessageId, Error>> {
        self.posted.lock().unwrap().push(invocation);
        let result = self.check().map(|()| POSTED);
        Box::pin(async move { result })
    }

    fn publish(&self, announcements: Vec<Announcement>) -> BoxFuture<'static, Result<Vec<Position>, Error>> {
        let result = self.check().map(|()| {
            let mut published = self.published.lock().unwrap();
            let first = published.len() as u64 + 1;
            let positions = (first..).take(announcements.len()).map(|seq| Position::new(1, seq)).collect();
            published.extend(announcements);
            positions
        });
        Box::pin(async move { result })
    }

    fn subscribe(&self, request: SubscribeRequest) -> BoxFuture<'static, Result<Events, Error>> {
        let (feed, events) = mpsc::channel(16);
        let result = self.check().map(|()| -> Events {
            self.subscriptions.try_send((request, feed)).unwrap();
            Box::pin(FeedEvents(events))
        });
        Box::pin(async move { result })
    }
}

struct FeedEvents(mpsc::Receiver<Result<StreamEvent, Error>>);

impl futures_core::Stream for FeedEvents {
    type Item = Result<StreamEvent, Error>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// The declared actors: the names are in order.
pub(crate) fn catalogue() -> Vec<Arc<Declaration>> {
    let any = || vec![Handler { input: None, output: None }];
    let action = |name: &'static str, handlers| Action { name: name.into(), handlers, timer: None };
    let takes = |types: &[&'static str]| {
        types.iter().map(|name| Handler { input: Some(protobuf(name)), output: None }).collect::<Vec<_>>()
    };
    let free = || ["echo", "fail", "nothing", "wait"].map(|name| action(name, any())).to_vec();
    vec![
        Arc::new(Declaration { actions: free(), ..Declaration::new("clerk") }),
        Arc::new(Declaration {
            actions: vec![action("handle_order_event", takes(&["shop.v1.OrderCreated", "shop.v1.OrderUpdated"]))],
            ..Declaration::new("email_service")
        }),
        Arc::new(Declaration {
            state: Some(protobuf("shop.v1.OrderData")),
            actions: vec![action("create_order", takes(&["shop.v1.OrderData"]))],
            ..Declaration::new("order_processor")
        }),
        Arc::new(Declaration { kind: ActorKind::Unnamed, actions: free(), ..Declaration::new("user") }),
    ]
}

/// A protobuf type by its name.
pub(crate) fn protobuf(name: &'static str) -> TypeRef {
    TypeRef { name: name.into(), encoding: Encoding::Protobuf }
}

/// The types of `shop.proto`.
pub(crate) fn descriptors() -> Descriptors {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake");
    let mut compiler = protox::Compiler::new([folder]).unwrap();
    compiler.include_imports(true).open_file("shop.proto").unwrap();
    Descriptors::new([Bytes::from(compiler.encode_file_descriptor_set())]).unwrap()
}
