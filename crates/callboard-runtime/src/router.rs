//! The way to an actor: [`Router`] finds its activation or starts one, and implements the [`Dispatcher`] port.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use callboard_core::batch::{OutboxEntry, StoreKey};
use callboard_core::declaration::{Durability, FailurePolicy};
use callboard_core::limits::{HEADERS_LEN_MAX, IDEMPOTENCY_KEY_LEN_MAX, VALUE_ITEMS_MAX};
use callboard_core::port::{Answer, BoxFuture, Dispatcher, Events, Owner, Placement, SubscribeRequest};
use callboard_core::publication::Announcement;
use callboard_core::value::check_len;
use callboard_core::{ActorId, Batch, Cause, Code, Error, Invocation, MessageId, Name, Position, Retry, Shard, Write};

use crate::activation::{ActivationPorts, drive};
use crate::commit::public_error;
use crate::hosts::Hosts;
use crate::mail::{Letter, Mail};
use crate::mailbox::{Control, Refused};
use crate::metrics::EngineMetrics;
use crate::registry::{Cell, Registry};
use crate::subscription;
use crate::tasks::Tasks;

/// Whether the node takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Accepting {
    /// All of it.
    All = 0,
    /// Only what belongs to calls that are under way.
    Inner = 1,
    /// Nothing.
    Nothing = 2,
    /// Calls, on a store that cannot be written: deliveries, effects and timers rest.
    Reading = 3,
}

/// The way to an actor.
pub(crate) struct Router {
    pub(crate) system: Name,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) ports: Arc<ActivationPorts>,
    pub(crate) placement: Arc<dyn Placement>,
    pub(crate) tasks: Tasks,
    accepting: AtomicU8,
    metrics: EngineMetrics,
    me: std::sync::Weak<Self>,
    lanes: Arc<Lanes>,
}

impl Router {
    pub(crate) fn new(
        system: Name,
        hosts: Arc<Hosts>,
        ports: Arc<ActivationPorts>,
        placement: Arc<dyn Placement>,
        tasks: Tasks,
    ) -> Arc<Self> {
        let registry = Arc::clone(&ports.registry);
        Arc::new_cyclic(|me| Self {
            system,
            hosts,
            registry,
            ports,
            placement,
            tasks,
            accepting: AtomicU8::new(Accepting::All as u8),
            metrics: EngineMetrics::new(),
            lanes: Lanes::new(me),
            me: me.clone(),
        })
    }

    /// Changes what is taken.
    pub(crate) fn accept(&self, accepting: Accepting) {
        self.accepting.store(accepting as u8, Ordering::Release);
    }

    /// Whether the store can only be read.
    pub(crate) fn is_reading(&self) -> bool {
        self.accepting.load(Ordering::Relaxed) == Accepting::Reading as u8
    }

    pub(crate) fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Relaxed) == Accepting::All as u8
    }

    /// Counts a delivery, an effect or a timer that is tried again.
    pub(crate) fn delivery_retried(&self) {
        self.metrics.delivery_retries.increment(1);
    }

    /// Counts one that is not.
    pub(crate) fn delivery_given_up(&self, policy: FailurePolicy) {
        match policy {
            FailurePolicy::DeadLetter => self.metrics.dead_letters.increment(1),
            FailurePolicy::Park => self.metrics.parked.increment(1),
        }
    }

    fn check_open(&self, inner: bool) -> Result<(), Error> {
        match self.accepting.load(Ordering::Relaxed) {
            0 | 3 => Ok(()),
            1 if inner => Ok(()),
            _ => Err(Error::new(
                Code::Unavailable,
                "the node is stopping; send the request to another node or try again",
            )
            .with_retry(Retry::Safe)),
        }
    }

    /// Puts an invocation into its actor's mailbox. *Ordering*: mail is taken in the order of these calls.
    pub(crate) fn send(&self, invocation: Invocation, cause: Cause) -> Result<Arc<Letter>, Error> {
        let (mut mail, letter) = Mail::new(invocation, cause);
        loop {
            match self.registry.push(mail) {
                Ok(()) => return Ok(letter),
                Err(Refused::Full(mail)) => return Err(overloaded(&mail.invocation.target)),
                Err(Refused::Closed(back)) => {
                    self.activate(&back.invocation.target)?;
                    mail = back;
                }
            }
        }
    }

    /// Tells an actor something that goes before its mail.
    pub(crate) fn control(&self, id: &ActorId, mut control: Control) -> Result<(), Error> {
        loop {
            match self.registry.control(id, control) {
                Ok(()) => return Ok(()),
                Err(back) => control = back,
            }
            self.activate(id)?;
        }
    }

    fn activate(&self, id: &ActorId) -> Result<(), Error> {
        let host = self.hosts.of(id)?;
        let fence = match self.placement.owner(Shard::of_actor(&self.system, id)) {
            Owner::Here(fence) => fence,
            Owner::There(_) | Owner::Nobody => {
                return Err(Error::new(Code::Fenced, format!("this node does not own actor {id}; try again")));
            }
        };
        let tick = self.registry.tick();
        let (cell, new) = self.registry.get_or_insert(id, || Cell::new(id.detached(), Arc::clone(host), fence, tick));
        if new {
            self.tasks.spawn(drive(Arc::clone(&cell), Arc::clone(&self.ports), Arc::clone(&self.lanes)));
        }
        Ok(())
    }

    fn check(&self, invocation: &Invocation) -> Result<(), Error> {
        self.check_open(invocation.chain.path().next().is_some())?;
        check_len(&invocation.payload)?;
        if invocation.headers.len() > HEADERS_LEN_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format!("{} headers were given; the most is {HEADERS_LEN_MAX}", invocation.headers.len()),
            ));
        }
        match &invocation.key {
            Some(key) if key.is_empty() || key.len() > IDEMPOTENCY_KEY_LEN_MAX => Err(Error::new(
                Code::InvalidPayload,
                format!("an idempotency key has 1 to {IDEMPOTENCY_KEY_LEN_MAX} bytes, {} were given", key.len()),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Commits what no actor decided, under the fence of a topic's or an actor's shard.
    pub(crate) async fn commit(
        &self,
        shard: Shard,
        actor: Option<(ActorId, Option<StoreKey>)>,
        writes: Vec<Write>,
    ) -> Result<crate::commit::Committed, callboard_core::port::CommitError> {
        let Owner::Here(fence) = self.placement.owner(shard) else {
            return Err(callboard_core::port::CommitError::Fenced(shard));
        };
        let now = self.ports.clock.now();
        let (actor, key) = actor.map_or((None, None), |(actor, key)| (Some(actor), key));
        self.ports.committer.commit(Batch { fence, actor, key, now, writes }).await
    }

    async fn post_effect(self: Arc<Self>, invocation: Invocation) -> Result<MessageId, Error> {
        self.check(&invocation)?;
        let host = self.hosts.of(&invocation.target)?;
        host.resolve(&invocation.action)?;
        let now = self.ports.clock.now();
        let id = MessageId::new(now, self.ports.entropy.next_u128());
        if host.declaration.durability == Durability::Volatile {
            // Nothing of this actor survives the process, so neither need the invocation.
            let letter = self.send(invocation, Cause::Call)?;
            self.tasks.spawn(async move { drop(letter.answer().await) });
            return Ok(id);
        }
        let shard = Shard::of_actor(&self.system, &invocation.target);
        let Invocation { target, action, payload, headers, trace, .. } = invocation;
        let entry = OutboxEntry { id, origin: None, target, action, payload, headers, trace, due: now };
        self.commit(shard, None, vec![Write::Effect(entry)]).await.map_err(|error| public_error(&error))?;
        Ok(id)
    }

    async fn publish_all(self: Arc<Self>, announcements: Vec<Announcement>) -> Result<Vec<Position>, Error> {
        self.check_open(false)?;
        if announcements.len() > VALUE_ITEMS_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format!("{} publications were given at once; the most is {VALUE_ITEMS_MAX}", announcements.len()),
            ));
        }
        for announcement in &announcements {
            check_len(&announcement.payload)?;
        }
        let Some(first) = announcements.first() else { return Ok(Vec::new()) };
        let shard = Shard::of_topic(&self.system, &first.topic);
        let durable: Vec<bool> =
            announcements.iter().map(|announcement| self.ports.rules.is_durable(&announcement.topic)).collect();
        let mut ephemeral = Vec::new();
        let mut writes = Vec::new();
        for (announcement, durable) in announcements.into_iter().zip(&durable) {
            if *durable { writes.push(Write::Publish(announcement)) } else { ephemeral.push(announcement) }
        }
        let mut committed = Vec::new();
        if !writes.is_empty() {
            let receipt = self.commit(shard, None, writes).await.map_err(|error| public_error(&error))?;
            committed.extend(receipt.receipt().publications.iter().map(|publication| publication.position));
        }
        let mut ephemeral = ephemeral.into_iter().map(|announcement| self.ports.hub.announce(announcement));
        let mut committed = committed.into_iter();
        Ok(durable.iter().filter_map(|durable| if *durable { committed.next() } else { ephemeral.next() }).collect())
    }
}

fn overloaded(actor: &ActorId) -> Error {
    Error::new(Code::Overloaded, format!("the mailbox of actor {actor} is full; try again after a pause"))
}

impl Dispatcher for Router {
    fn invoke(&self, invocation: Invocation) -> Answer {
        if let Err(error) = self.check(&invocation) {
            return Answer::from(Err(error));
        }
        let deadline = invocation.deadline;
        let letter = match self.send(invocation, Cause::Call) {
            Ok(letter) => letter,
            Err(error) => return Answer::from(Err(error)),
        };
        if self.registry.is_far(deadline) {
            // The activation and the sweeper see to it that an answer comes; a timer for each call would cost more.
            return Answer::awaited(letter);
        }
        let answered: BoxFuture<'static, _> = Box::pin(async move {
            match tokio::time::timeout_at(deadline.into(), letter.answer()).await {
                Ok(result) => result,
                Err(_) => Err(Error::new(Code::DeadlineExceeded, "the call did not end before its deadline")),
            }
        });
        Answer::from(answered)
    }

    fn post(&self, invocation: Invocation) -> BoxFuture<'static, Result<MessageId, Error>> {
        let Some(me) = self.me.upgrade() else { return stopping() };
        Box::pin(me.post_effect(invocation))
    }

    fn publish(&self, announcements: Vec<Announcement>) -> BoxFuture<'static, Result<Vec<Position>, Error>> {
        let Some(me) = self.me.upgrade() else { return stopping() };
        Box::pin(me.publish_all(announcements))
    }

    fn subscribe(&self, request: SubscribeRequest) -> BoxFuture<'static, Result<Events, Error>> {
        if let Err(error) = self.check_open(true) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (hub, log) = (Arc::clone(&self.ports.hub), Arc::clone(&self.ports.store));
        Box::pin(subscription::open(hub, log, request))
    }
}

/// The router as turns hold it: each thread has a handle of its own, because each turn clones one, and a count of references that
/// several processors write to would slow all of them down.
pub(crate) struct Lanes([Arc<ForActor>; LANES]);

const LANES: usize = 16;
/// The size of a thread's stack, as tokio makes them: 2 MiB.
const STACK_BITS: u32 = 21;

impl Lanes {
    fn new(router: &std::sync::Weak<Router>) -> Arc<Self> {
        Arc::new(Self(std::array::from_fn(|_| Arc::new(ForActor(router.clone())))))
    }

    /// This thread's handle.
    pub(crate) fn dispatcher(&self) -> Arc<dyn Dispatcher> {
        // Threads are told apart by where their stacks are; two on one place only share a counter.
        let here = 0_u8;
        let lane = (std::ptr::from_ref(&here).addr() >> STACK_BITS) % LANES;
        Arc::<ForActor>::clone(&self.0[lane])
    }
}

// Alone in its cache lines. It does not keep the router alive, which has it.
#[repr(align(128))]
struct ForActor(std::sync::Weak<Router>);

impl Dispatcher for ForActor {
    fn invoke(&self, invocation: Invocation) -> Answer {
        self.0.upgrade().map_or_else(|| Answer::from(Err(is_stopping())), |router| router.invoke(invocation))
    }

    fn post(&self, invocation: Invocation) -> BoxFuture<'static, Result<MessageId, Error>> {
        self.0.upgrade().map_or_else(stopping, |router| router.post(invocation))
    }

    fn publish(&self, announcements: Vec<Announcement>) -> BoxFuture<'static, Result<Vec<Position>, Error>> {
        self.0.upgrade().map_or_else(stopping, |router| router.publish(announcements))
    }

    fn subscribe(&self, request: SubscribeRequest) -> BoxFuture<'static, Result<Events, Error>> {
        self.0.upgrade().map_or_else(stopping, |router| router.subscribe(request))
    }
}

fn stopping<T: Send + 'static>() -> BoxFuture<'static, Result<T, Error>> {
    Box::pin(std::future::ready(Err(is_stopping())))
}

fn is_stopping() -> Error {
    Error::new(Code::Unavailable, "the node is stopping")
}
