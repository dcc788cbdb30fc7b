//! Calling actors: [`Client`], the [`Call`] that it begins, and the [`Caller`]s that have one.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use callboard_core::invocation::CallChain;
use callboard_core::limits::{CALL_DEADLINE, CALL_DEADLINE_MAX, IDEMPOTENCY_KEY_LEN_MAX};
use callboard_core::port::{Answer, Clock, Dispatcher, Turn};
use callboard_core::publication::CORRELATION;
use callboard_core::trace::TraceContext;
use callboard_core::{ActorId, Code, Headers, Invocation, MessageId, Name, Payload, Reply};

use crate::message::read;
use crate::value::IntoTarget;
use crate::{CallError, Message};

/// Who can call actors: a system, a test system, a [`Client`], and within an action its [`crate::Context`].
pub trait Caller {
    /// The way to the actors.
    fn client(&self) -> Client;
}

impl<C: Caller> Caller for &C {
    fn client(&self) -> Client {
        C::client(self)
    }
}

/// The way to the actors of a system. Cheap to clone.
#[derive(Clone)]
pub struct Client(Way);

#[derive(Clone)]
enum Way {
    /// Each thread takes a link of its own: a count of references that several processors write to would slow all of them down.
    Outside(Arc<[Arc<Link>; LINKS]>),
    Within(Arc<Link>),
}

/// Links of a client: as many threads call without getting into each other's way.
const LINKS: usize = 16;

// Alone in its cache lines.
#[repr(align(128))]
struct Link {
    dispatcher: Arc<dyn Dispatcher>,
    origin: Origin,
}

enum Origin {
    Outside(Arc<dyn Clock>),
    // Boxed for the size of the other, which is the common one.
    Within(Box<Within>),
}

// What an action hands on to those that it calls.
struct Within {
    actor: ActorId,
    deadline: Instant,
    chain: CallChain,
    headers: Headers,
    trace: Option<TraceContext>,
}

impl Client {
    /// A client of whatever dispatches: a node, an engine, a fake.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "how many links keep them is not the caller's affair")]
    pub fn new(dispatcher: Arc<dyn Dispatcher>, clock: Arc<dyn Clock>) -> Self {
        let link =
            |_| Arc::new(Link { dispatcher: Arc::clone(&dispatcher), origin: Origin::Outside(Arc::clone(&clock)) });
        Self(Way::Outside(Arc::new(std::array::from_fn(link))))
    }

    fn link(&self) -> &Arc<Link> {
        match &self.0 {
            Way::Outside(links) => &links[lane()],
            Way::Within(link) => link,
        }
    }

    pub(crate) fn within(turn: &Turn) -> Self {
        let correlation = turn.headers.get(CORRELATION).map(|value| (Name::from_static(CORRELATION), value.clone()));
        let within = Within {
            actor: turn.actor.clone(),
            deadline: turn.deadline,
            chain: turn.chain.clone(),
            headers: correlation.into_iter().collect(),
            trace: turn.trace,
        };
        let link = Link { dispatcher: Arc::clone(&turn.dispatcher), origin: Origin::Within(Box::new(within)) };
        Self(Way::Within(Arc::new(link)))
    }

    /// Calls an actor by its name (`"name"`, `"parent/name"` or an [`ActorId`]) and the action's.
    #[must_use = "a call does nothing until it is awaited or sent"]
    pub fn invoke<R: Message>(
        &self,
        target: impl IntoTarget,
        action: impl Into<Name>,
        payload: impl Message,
    ) -> Call<R> {
        Call::new(self, target.into_target(), action.into(), payload.into_payload())
    }
}

/// The place of this thread among [`LINKS`]. Threads are told apart by where their stacks are: neighbours are at least a few hundred
/// kilobytes apart, and two on one place only share a counter.
fn lane() -> usize {
    let here = 0_u8;
    (std::ptr::from_ref(&here).addr() >> STACK_BITS) % LINKS
}

/// The size of a thread's stack, as tokio makes them: 2 MiB.
const STACK_BITS: u32 = 21;

impl Caller for Client {
    fn client(&self) -> Client {
        self.clone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// A call that is about to be made: await it for the response, [`Call::send`] it to go on without one, or put it into a Value
/// as an effect.
///
/// *Ordering*: calls of one actor that wait for each other run in that order. *Durability*: a response means that what was
/// decided is as durable as the actor was declared to be. *Cancel safety*: dropping the future gives up the answer; the action
/// may still run. *Errors*: every [`Code`]; `DeadlineExceeded` after 60 s unless [`Call::deadline`] says otherwise.
#[must_use = "a call does nothing until it is awaited, sent, or returned as an effect"]
pub struct Call<R> {
    link: Arc<Link>,
    target: Result<ActorId, CallError>,
    action: Name,
    payload: Result<Payload, CallError>,
    headers: Headers,
    key: Option<Name>,
    timeout: Option<Duration>,
    trace: Option<TraceContext>,
    response: PhantomData<fn() -> R>,
}

impl<R> Call<R> {
    /// What the typed references are made of.
    pub fn new(
        client: &Client,
        target: Result<ActorId, CallError>,
        action: Name,
        payload: Result<Payload, CallError>,
    ) -> Self {
        Self {
            link: Arc::clone(client.link()),
            target,
            action,
            payload,
            headers: Headers::new(),
            key: None,
            timeout: None,
            trace: None,
            response: PhantomData,
        }
    }

    /// Makes the call happen once, however often it is repeated under this key: a repetition gets the recorded response.
    pub fn key(self, key: impl Into<Name>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Waits at most this long; within an action never longer than the action's own caller does.
    pub fn deadline(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Adds a header.
    pub fn metadata(mut self, name: impl Into<Name>, value: impl Into<Name>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Makes the call part of a trace that began elsewhere.
    pub fn trace(self, trace: TraceContext) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// Hands the call over without waiting for it: when this returns it is committed, and will be tried until it succeeds or is
    /// set aside as a dead letter.
    ///
    /// # Errors
    /// `ActorNotFound`, `ActionNotFound`, `Unavailable`; what is wrong with the call itself.
    pub async fn send(self) -> Result<MessageId, CallError> {
        let (link, invocation) = self.invocation(Waits::No)?;
        link.dispatcher.post(invocation).await
    }

    /// The whole reply: the response as it came, the actor's revision, the positions of the broadcasts.
    ///
    /// # Errors
    /// As the call.
    pub async fn reply(self) -> Result<Reply, CallError> {
        self.begin().await
    }

    fn begin(self) -> Answer {
        match self.invocation(Waits::Yes) {
            Ok((link, invocation)) => link.dispatcher.invoke(invocation),
            Err(error) => Answer::from(Err(error)),
        }
    }

    fn invocation(self, waits: Waits) -> Result<(Arc<Link>, Invocation), CallError> {
        let target = self.target?;
        if let Some(key) = self.key.as_ref().filter(|key| key.is_empty() || key.len() > IDEMPOTENCY_KEY_LEN_MAX) {
            return Err(CallError::new(
                Code::InvalidPayload,
                format!("an idempotency key has 1 to {IDEMPOTENCY_KEY_LEN_MAX} bytes, this one has {}", key.len()),
            ));
        }
        let timeout = self.timeout.map(|timeout| timeout.min(CALL_DEADLINE_MAX));
        let (deadline, chain, headers, trace) = match &self.link.origin {
            Origin::Outside(clock) => {
                // The default is long, and an exact clock would cost each call a noticeable part of its time.
                let deadline = match timeout {
                    Some(timeout) => clock.instant() + timeout,
                    None => clock.coarse_instant() + CALL_DEADLINE,
                };
                (deadline, CallChain::new(), self.headers, self.trace)
            }
            Origin::Within(within) => {
                let chain = match waits {
                    Waits::Yes => within.chain.extend(&within.actor, &target)?,
                    Waits::No => CallChain::new(),
                };
                let deadline = timeout.map_or(within.deadline, |timeout| within.deadline.min(instant() + timeout));
                (deadline, chain, merged(&within.headers, &self.headers), self.trace.or(within.trace))
            }
        };
        let (action, payload, key) = (self.action, self.payload?, self.key);
        Ok((self.link, Invocation { target, action, payload, deadline, key, headers, trace, chain }))
    }

    pub(crate) fn into_parts(self) -> (Result<ActorId, CallError>, Name, Result<Payload, CallError>, Headers) {
        (self.target, self.action, self.payload, self.headers)
    }
}

fn response<R: Message>(payload: &Payload) -> Result<R, CallError> {
    read(payload).map_err(|error| {
        let none = if payload.is_empty() { "the action gave no response" } else { "the response is another one" };
        CallError::new(Code::InvalidPayload, format!("{none}; to take any, ask for `AnyPayload`: {}", error.message()))
    })
}

// Whether somebody waits for the answer.
#[derive(Clone, Copy)]
enum Waits {
    Yes,
    No,
}

// A turn carries no clock. Tokio's is the machine's, and in a test the paused one that the test kit runs on.
#[expect(clippy::disallowed_methods, reason = "the one place in the SDK that needs a clock and is given none")]
fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn merged(inherited: &Headers, own: &Headers) -> Headers {
    own.iter().fold(inherited.clone(), |all, (name, value)| all.with(name.clone(), value.clone()))
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("target", &self.target)
            .field("action", &self.action)
            .field("payload", &self.payload)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<R: Message> IntoFuture for Call<R> {
    type Output = Result<R, CallError>;
    type IntoFuture = Response<R>;

    fn into_future(self) -> Response<R> {
        Response(self.begin(), PhantomData)
    }
}

/// The response that is waited for.
#[must_use = "a future does nothing until it is awaited"]
pub struct Response<R>(Answer, PhantomData<fn() -> R>);

impl<R: Message> Future for Response<R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|reply| response(&reply?.payload))
    }
}

impl<R> fmt::Debug for Response<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response")
    }
}
