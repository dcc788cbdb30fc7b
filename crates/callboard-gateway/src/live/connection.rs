//! [`Connection`]: the task of one live client. It moves frames between a transport and a session, and does what the session asks.

mod acks;
mod delivery;
mod doing;
mod streams;

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use callboard_core::port::BoxFuture;
use callboard_core::{Error, Principal, Publication};
use callboard_wire::session::{AskId, Data, End, Frame, Now, Opened, Outbox, Output, Session, Started, SubId};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use governor::DefaultDirectRateLimiter;
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::Message;

use self::acks::{Acks, Consumed};
use self::streams::{Streams, Tag};
use super::Live;
use super::catalogue::Granted;
use super::encoded;
use super::inbox::{Inbox, Notice};
use super::returning::Seen;
use super::source::Sources;

/// What carries a client's messages.
pub(crate) trait Transport: Send {
    /// The next message; `None` when there will be none.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>>;
    /// Takes a message, which leaves at the latest with [`Transport::flush`]. Waits while the client takes nothing.
    fn feed(&mut self, message: Message) -> impl Future<Output = Result<(), Closed>> + Send;
    /// Sends everything.
    fn flush(&mut self) -> impl Future<Output = Result<(), Closed>> + Send;
    /// Says goodbye and waits a moment for the answer.
    fn close(&mut self, code: u16, reason: &'static str) -> impl Future<Output = ()> + Send;
    /// Whether it can be asked if it is still there.
    fn pings(&self) -> bool;
}

/// The transport has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// A message that came.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// For the session.
    Message(Message),
    /// The client is there.
    Alive,
    /// What the client may not send: too large, or not of the protocol.
    Abuse,
}

/// One live client.
pub(crate) struct Connection<T> {
    live: Arc<Live>,
    transport: T,
    session: Box<dyn Session>,
    principal: Arc<Principal>,
    id: u64,
    outbox: Outbox,
    subs: HashMap<SubId, Sub>,
    streams: Streams,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    inbox: Arc<Inbox>,
    commands: DefaultDirectRateLimiter,
    heard: Instant,
    asked_if_there: bool,
    // When something is due; it is set anew only when it is to fire earlier, or has fired.
    alarm: Pin<Box<Sleep>>,
    // The last thing that was done is a burst of publications.
    bursted: bool,
}

/// A subscription of the connection.
struct Sub {
    // Of the streams that are open for it; those of an earlier start say nothing any more.
    generation: u32,
    granted: Option<Granted>,
    // Streams that are in the past.
    catching_up: usize,
    held: Option<Started>,
    wants_heads: bool,
    // Where its topics stand, as far as it was sent, for channels that tell clients to look again.
    seen: Option<Seen>,
    // Set when delivery rested and goes on: the session is not told.
    quiet: bool,
    // Set for a consumer that acknowledges, from when its place is known.
    acks: Option<Acks>,
    // Set for one whose place is not known before it starts.
    consumer: Option<(Arc<str>, Consumed)>,
}

/// What a job has come to.
enum Done {
    Granted { sub: SubId, generation: u32, result: Result<Box<Ready>, Error> },
    Started { sub: SubId, generation: u32, result: Result<Sources, Error> },
    Answered { ask: Option<AskId>, result: Result<Data, Error> },
    Again { sub: SubId, publications: Vec<Arc<Publication>> },
}

/// A subscription that was granted and made.
struct Ready {
    granted: Granted,
    // `None` while it is held.
    sources: Option<Sources>,
    started: Started,
    consumer: Option<(Arc<str>, Consumed)>,
}

/// What woke the connection.
enum Woken {
    Incoming(Option<Incoming>),
    Done(Box<Done>),
    Event(Tag),
    Notice(Notice),
    Alarm,
}

/// Why the loop ends.
enum Finish {
    /// Nobody is there any more.
    Gone,
    /// The session has said goodbye.
    Close(u16, &'static str),
}

// Publications that are ready leave together, at most so many before the client is heard again.
const BURST_LEN: usize = 256;

impl<T: Transport> Connection<T> {
    pub(crate) fn new(live: &Arc<Live>, transport: T, session: Box<dyn Session>, principal: Arc<Principal>) -> Self {
        let inbox = Arc::default();
        Self {
            id: live.connections.enter(&inbox),
            commands: live.admission.commands(),
            heard: live.doors.clock.instant(),
            live: Arc::clone(live),
            transport,
            session,
            principal,
            outbox: Outbox::default(),
            subs: HashMap::new(),
            streams: Streams::default(),
            jobs: FuturesUnordered::new(),
            inbox,
            asked_if_there: false,
            alarm: Box::pin(tokio::time::sleep(Duration::ZERO)),
            bursted: false,
        }
    }

    /// Refuses the client in its protocol's own way.
    pub(crate) async fn refuse(mut self, end: End) {
        self.session.end(end, &mut self.outbox);
        if let Err(Finish::Close(code, reason)) = self.settle().await {
            self.transport.close(code, reason).await;
        }
    }

    /// Serves the client until one of the two goes.
    pub(crate) async fn run(mut self, opened: Opened) {
        let now = self.now();
        let sid = opened.sid.clone();
        self.session.open(now, opened, &mut self.outbox);
        let finish = loop {
            if let Err(finish) = self.settle().await {
                break finish;
            }
            if let Err(finish) = self.step().await {
                break finish;
            }
        };
        let kept = self.session.keepsake();
        if !kept.is_empty() {
            let (now, subject) = (self.live.doors.clock.instant(), self.principal.subject.clone());
            self.live.returning.keep(now, sid, subject, kept);
        }
        if let Finish::Close(code, reason) = finish {
            self.transport.close(code, reason).await;
        }
    }

    fn now(&self) -> Now {
        Now { instant: self.live.doors.clock.instant(), wall: self.live.doors.clock.now() }
    }

    /// Does what the session left.
    async fn settle(&mut self) -> Result<(), Finish> {
        let mut fed = false;
        while let Some(output) = self.outbox.pop() {
            match output {
                Output::Send(encoded) => {
                    self.feed(encoded::message(encoded)).await?;
                    fed = true;
                }
                Output::Do(command) => self.obey(command),
                Output::Close { code, reason } => {
                    let _ = self.flush().await;
                    return Err(Finish::Close(code, reason));
                }
            }
        }
        if fed { self.flush().await } else { Ok(()) }
    }

    async fn feed(&mut self, message: Message) -> Result<(), Finish> {
        let within = self.live.config.clients.write_stall;
        bounded(within, self.transport.feed(message)).await
    }

    async fn flush(&mut self) -> Result<(), Finish> {
        let within = self.live.config.clients.write_stall;
        bounded(within, self.transport.flush()).await
    }

    /// Waits for one thing to happen, and hands it to the session.
    async fn step(&mut self) -> Result<(), Finish> {
        let wake = self.wake_at().into();
        if wake < self.alarm.deadline() || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(wake);
        }
        let woken = std::future::poll_fn(|cx| self.poll_wake(cx)).await;
        match woken {
            Woken::Incoming(Some(incoming)) => self.incoming(incoming),
            Woken::Incoming(None) => return Err(Finish::Gone),
            Woken::Done(done) => match *done {
                Done::Again { sub, publications } => return self.again(sub, publications).await,
                done => self.done(done),
            },
            Woken::Event(event) => return self.burst(event).await,
            Woken::Notice(notice) => self.notice(notice),
            Woken::Alarm => return self.time().await,
        }
        Ok(())
    }

    /// Publications are what mostly comes, so they are asked for first; behind a burst of them everything else is.
    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Woken> {
        let first = !std::mem::take(&mut self.bursted);
        if first && let Poll::Ready(event) = self.streams.poll_next(cx) {
            return Poll::Ready(Woken::Event(event));
        }
        if let Poll::Ready(incoming) = self.transport.poll_receive(cx) {
            return Poll::Ready(Woken::Incoming(incoming));
        }
        if !self.jobs.is_empty()
            && let Poll::Ready(Some(done)) = self.jobs.poll_next_unpin(cx)
        {
            return Poll::Ready(Woken::Done(Box::new(done)));
        }
        if let Poll::Ready(notice) = self.inbox.poll_next(cx) {
            return Poll::Ready(Woken::Notice(notice));
        }
        if !first && let Poll::Ready(event) = self.streams.poll_next(cx) {
            return Poll::Ready(Woken::Event(event));
        }
        self.alarm.as_mut().poll(cx).map(|()| Woken::Alarm)
    }

    fn incoming(&mut self, incoming: Incoming) {
        self.heard = self.live.doors.clock.instant();
        self.asked_if_there = false;
        let now = Now { instant: self.heard, wall: self.live.doors.clock.now() };
        match incoming {
            Incoming::Alive => {}
            Incoming::Abuse => self.session.end(End::Abuse, &mut self.outbox),
            Incoming::Message(_) if self.commands.check().is_err() => self.session.end(End::Abuse, &mut self.outbox),
            Incoming::Message(Message::Text(text)) => self.session.frame(now, Frame::Text(&text), &mut self.outbox),
            Incoming::Message(Message::Binary(bytes)) => {
                self.session.frame(now, Frame::Binary(&bytes), &mut self.outbox);
            }
            Incoming::Message(_) => {}
        }
    }

    /// When something is due at the latest.
    fn wake_at(&self) -> Instant {
        let config = &self.live.config.clients;
        let silent = if self.asked_if_there { config.silence_max } else { config.ping_interval };
        let mut wake = self.heard + silent;
        if let Some(session) = self.session.wakes_at() {
            wake = wake.min(session);
        }
        for due in self.subs.values().filter_map(|seat| seat.acks.as_ref()?.due_at()) {
            wake = wake.min(due);
        }
        if let Some(expires) = self.principal.expires {
            let left = expires.since(self.live.doors.clock.now());
            wake = wake.min(self.live.doors.clock.instant() + left);
        }
        wake
    }

    async fn time(&mut self) -> Result<(), Finish> {
        let now = self.now();
        if self.principal.expires.is_some_and(|expires| expires <= now.wall) {
            self.session.end(End::TokenExpired, &mut self.outbox);
            return Ok(());
        }
        self.session.time(now, &mut self.outbox);
        self.redeliver(now.instant);
        let config = &self.live.config.clients;
        let silent = now.instant.saturating_duration_since(self.heard);
        if silent >= config.silence_max {
            self.session.end(End::Gone, &mut self.outbox);
        } else if silent >= config.ping_interval && !self.asked_if_there {
            self.asked_if_there = true;
            if self.transport.pings() {
                self.feed(Message::Ping(bytes::Bytes::new())).await?;
                return self.flush().await;
            }
        }
        Ok(())
    }
}

async fn bounded(within: Duration, write: impl Future<Output = Result<(), Closed>>) -> Result<(), Finish> {
    let mut write = pin!(write);
    // Mostly the socket takes it at once, and no timer is needed.
    let written = match futures_util::poll!(write.as_mut()) {
        Poll::Ready(written) => written,
        Poll::Pending => tokio::time::timeout(within, write).await.unwrap_or(Err(Closed)),
    };
    // Whoever takes nothing cannot be told either; it comes back and resumes.
    written.map_err(|Closed| Finish::Gone)
}

impl<T> Drop for Connection<T> {
    fn drop(&mut self) {
        for (sub, seat) in self.subs.drain() {
            seat.leave(&self.live, self.id, sub);
        }
        self.live.connections.leave(self.id);
    }
}
