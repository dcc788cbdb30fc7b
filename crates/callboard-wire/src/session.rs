//! What every client protocol over a socket has in common: [`Session`], a state machine without a socket. Time is an argument,
//! what it wants is left in an [`Outbox`].
//!
//! ```text
//!  socket -> Frame -> Session -> Output::Send  -> socket
//!                        |  ^ --> Output::Do    -> the gateway: joins, subscribes, invokes, ...
//!                        |  '---- Event <- the gateway
//!                        '------> Wrap -> Wrap::encode(publication): once for all clients with an equal wrap
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use callboard_core::port::ChannelDeclaration;
use callboard_core::{Error, Pattern, Position, Publication, Timestamp, Topic};

pub mod envelope;

/// A protocol's side of one connection.
///
/// The gateway calls [`Session::open`] once, then the others as things happen, and does what the outbox says in its order. No
/// method blocks, panics on a client's input, or keeps more than the limits of [`Limits`].
pub trait Session: Send + fmt::Debug {
    /// The client was let in.
    fn open(&mut self, now: Now, opened: Opened, out: &mut Outbox);

    /// The client sent a frame.
    fn frame(&mut self, now: Now, frame: Frame<'_>, out: &mut Outbox);

    /// Something that the session asked for happened, or something happened on a subscription.
    fn event(&mut self, now: Now, event: Event<'_>, out: &mut Outbox);

    /// How a publication of a subscription is sent; `None` when the client no longer has that subscription. What it says of the
    /// client's position is then as if it were sent.
    fn deliver(&mut self, sub: SubId, publication: &Publication, delivery: Delivery) -> Option<Wrap>;

    /// When the session wants [`Session::time`] at the latest. Asked again after each call.
    fn wakes_at(&self) -> Option<Instant>;

    /// Time passed: pings, and what was waited for in vain.
    fn time(&mut self, now: Now, out: &mut Outbox);

    /// The server ends the connection: says so in the protocol's own way and closes.
    fn end(&mut self, end: End, out: &mut Outbox);

    /// What a later connection of the same client needs to go on without subscribing again; empty for protocols that have no such
    /// thing.
    fn keepsake(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}

/// Both clocks, read once per call.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For pauses.
    pub instant: Instant,
    /// For what is shown.
    pub wall: Timestamp,
}

/// A message of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// A message that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// A subscription of a connection; the session makes the number and never uses it again on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubId(pub u32);

/// A question that waits for an [`Event::Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskId(pub u32);

/// Bounds of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Subscriptions of a connection.
    pub subscriptions: usize,
    /// Questions under way of a connection.
    pub asks: usize,
    /// Bytes of a channel's name, an identifier or a reference.
    pub name_len: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { subscriptions: 128, asks: 64, name_len: 2048 }
    }
}

/// The client was let in.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// The new session's secret name, for protocols that resume by it.
    pub sid: String,
    /// The [`Session::keepsake`] of the session that the client goes on with.
    pub restored: Option<Vec<Arc<str>>>,
}

/// What a session leaves for the gateway, in order.
#[derive(Debug, Default)]
pub struct Outbox(VecDeque<Output>);

impl Outbox {
    /// Sends a text.
    pub fn send(&mut self, text: impl Into<String>) {
        self.0.push_back(Output::Send(Encoded::Text(text.into())));
    }

    /// Sends bytes.
    pub fn send_binary(&mut self, bytes: Vec<u8>) {
        self.0.push_back(Output::Send(Encoded::Binary(bytes)));
    }

    /// Asks the gateway for something.
    pub fn ask(&mut self, command: Command) {
        self.0.push_back(Output::Do(command));
    }

    /// Closes the socket behind what was sent.
    pub fn close(&mut self, code: u16, reason: &'static str) {
        self.0.push_back(Output::Close { code, reason });
    }

    /// The next thing to do.
    pub fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}

/// One thing to do.
#[derive(Debug)]
pub enum Output {
    /// Write to the socket.
    Send(Encoded),
    /// Do.
    Do(Command),
    /// Close the socket with a code and a reason behind what was written.
    Close {
        /// RFC 6455 7.4.
        code: u16,
        /// At most 123 bytes.
        reason: &'static str,
    },
}

/// What a session asks of the gateway. JSON is text that was checked to be JSON.
#[derive(Debug)]
pub enum Command {
    /// Join a channel or follow topics. Answered by [`Event::Subscribed`] or [`Event::Refused`].
    Subscribe(Subscribe),
    /// Begin to deliver on a subscription that was made with [`From::Held`]; or, on one that delivers, give the past again from
    /// there, behind which what is live goes on. Answered by [`Event::Started`].
    Start {
        /// Which.
        sub: SubId,
        /// From where.
        from: From,
    },
    /// Leave. Not answered; what was on its way is no longer delivered.
    Unsubscribe(SubId),
    /// The client sent an event over a channel. Answered if `ask` says so.
    Perform {
        /// Over which subscription.
        sub: SubId,
        /// Whether the client can be answered.
        ask: Option<AskId>,
        /// The event or action.
        name: String,
        /// The data.
        data: Data,
    },
    /// The client invokes an actor by name. Answered.
    Invoke {
        /// The answer's address.
        ask: AskId,
        /// Whom.
        actor: String,
        /// What.
        action: String,
        /// The payload as JSON.
        json: String,
        /// The idempotency key.
        key: Option<String>,
    },
    /// The client publishes on a topic. Answered with the position.
    Publish {
        /// The answer's address.
        ask: AskId,
        /// Where.
        topic: String,
        /// The payload's type, if it has one.
        type_name: Option<String>,
        /// The payload as JSON.
        json: String,
    },
    /// The client has received up to, or exactly, a sequence number. Answered if `ask` says so.
    Acknowledge {
        /// Over which subscription.
        sub: SubId,
        /// Whether the client can be answered.
        ask: Option<AskId>,
        /// On which topic; the only one of the subscription if `None`.
        topic: Option<String>,
        /// What it has received.
        ack: Ack,
    },
    /// To all others of the channel, not kept.
    Whisper {
        /// Over which subscription.
        sub: SubId,
        /// What.
        json: String,
    },
    /// Show the client to the others of the channel.
    PresenceJoin {
        /// Over which subscription.
        sub: SubId,
        /// Under which name; the channel's rule decides if `None`.
        id: Option<String>,
        /// What the others see: JSON.
        info: String,
    },
    /// No longer show it.
    PresenceLeave(SubId),
    /// Who is there? Answered by [`Event::PresenceList`].
    PresenceList(SubId),
}

/// Data of an inbound event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// JSON.
    Json(String),
    /// Opaque.
    Binary(Vec<u8>),
}

/// What a client has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Everything up to this.
    UpTo(u64),
    /// Exactly this.
    One(u64),
}

/// A wish to hear something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Its number.
    pub sub: SubId,
    /// What.
    pub target: Target,
    /// From where.
    pub from: From,
    /// Whether the client wants to acknowledge, where the channel leaves that open; and under which name.
    pub consumer: Option<String>,
    /// Whether the answer needs the [`Started::heads`].
    pub heads: bool,
}

/// What a subscription is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A declared channel; where none has that name, the topic that [`crate::names::topic_of`] reads in it.
    Channel {
        /// The name.
        name: String,
        /// The parameters: a JSON object.
        params: String,
    },
    /// A topic or a pattern.
    Topic(String),
    /// A topic named by a signed stream name.
    Signed(String),
}

/// From where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// As the channel says for clients that come for the first time.
    Fresh,
    /// With what comes.
    Live,
    /// With everything that is kept.
    Beginning,
    /// At a time.
    Time(Timestamp),
    /// Behind the last cursor that the client was given.
    Cursor(String),
    /// Behind the last publications that the client saw.
    After {
        /// By topic, as the client names it (`None`: the only topic of the subscription). A position that no log can have had is
        /// `None` and makes a gap.
        positions: Vec<(Option<String>, Option<Position>)>,
        /// For topics that are not named, when the client was last in touch.
        since: Option<Timestamp>,
    },
    /// Not before [`Command::Start`].
    Held,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Event<'a> {
    /// A subscription was made. Publications follow: the past first, then [`Event::CaughtUp`], then what is live.
    Subscribed {
        /// Which.
        sub: SubId,
        /// The rules of its channel.
        channel: &'a Arc<ChannelDeclaration>,
        /// How it starts.
        started: Started,
        /// What the channel answers: a JSON object.
        response: Option<Arc<str>>,
        /// Whether the client, which left a short while ago without a position, may have missed something. Protocols without
        /// positions then send [`ChannelDeclaration::reload`].
        missed: bool,
    },
    /// The answer to [`Command::Start`].
    Started {
        /// Which.
        sub: SubId,
        /// How.
        started: Started,
    },
    /// A subscription was not made.
    Refused {
        /// Which.
        sub: SubId,
        /// Why.
        error: Error,
    },
    /// The past was delivered.
    CaughtUp(SubId),
    /// Publications of a topic are no longer kept that the client should have had.
    Gap {
        /// Where.
        sub: SubId,
        /// Which topic.
        topic: &'a Topic,
        /// The last that the client saw.
        after: Position,
        /// Where it goes on.
        next: Position,
    },
    /// A subscription ended from this side.
    Ended {
        /// Which.
        sub: SubId,
        /// Why.
        error: Error,
    },
    /// A question is answered.
    Answer {
        /// Which.
        ask: AskId,
        /// The answer as JSON, or bytes.
        answer: Result<Data, Error>,
    },
    /// A client of the channel whispered.
    Whispered {
        /// Over which subscription.
        sub: SubId,
        /// What, JSON.
        json: &'a Arc<str>,
    },
    /// Who came, went or changed.
    Presence {
        /// Over which subscription.
        sub: SubId,
        /// What happened.
        changes: &'a [PresenceChange],
    },
    /// Who is there.
    PresenceList {
        /// Over which subscription.
        sub: SubId,
        /// All of them, or why it is not said.
        members: Result<Vec<Member>, Error>,
    },
}

/// How a subscription starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// What it is of: topics and patterns, in the channel's order.
    pub topics: Vec<Pattern>,
    /// The newest position of each topic without wildcards, where it was asked for and is known, and with what the past starts.
    pub heads: Vec<Head>,
    /// Something between the client's position and the past that follows is not kept.
    pub gap: bool,
}

/// Where a topic stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which.
    pub topic: Topic,
    /// Its newest publication; zero if there was none.
    pub head: Position,
    /// Behind which position the past that is delivered starts; the head when there is none.
    pub after: Position,
}

/// Somebody who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Under which name.
    pub id: Arc<str>,
    /// One of possibly many connections under that name, unique.
    pub session: Arc<str>,
    /// What the others see: JSON.
    pub info: Arc<str>,
    /// Since when.
    pub since: Timestamp,
}

/// A change of who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceChange {
    /// A connection came; `first` when its name was not there before.
    Joined {
        /// Who.
        member: Member,
        /// See above.
        first: bool,
    },
    /// A connection went; `last` when no other of its name is there.
    Left {
        /// Who.
        member: Member,
        /// See above.
        last: bool,
        /// It did not say so: its connection was lost and it did not come back in time.
        timed_out: bool,
    },
}

/// In what connection a publication is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// It is from the past.
    pub replay: bool,
    /// It was sent before and not acknowledged.
    pub again: bool,
    /// The client is to acknowledge it.
    pub ack_required: bool,
}

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No credentials, or wrong ones.
    Unauthorized,
    /// The credentials were good once.
    TokenExpired,
    /// The node stops; the client comes back at once and misses nothing.
    Draining,
    /// The client does not read what is sent to it.
    TooSlow,
    /// The client sends more than it may, or what it may not.
    Abuse,
    /// The client answers no pings.
    Gone,
    /// An operator or the application wants it; whether the client may come back.
    Removed {
        /// See above.
        reconnect: bool,
    },
    /// A defect of the platform.
    Internal,
}

/// How a publication is wrapped for a client. Equal wraps of one publication are equal bytes, made once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wrap {
    /// ActionCable and AnyCable.
    Cable(crate::actioncable::CableWrap),
    /// Phoenix.
    Phoenix(crate::phoenix::PhoenixWrap),
    /// JSON over a WebSocket.
    Plain(crate::plain::PlainWrap),
}

impl Wrap {
    /// The message for a publication whose payload is `json`.
    #[must_use]
    pub fn encode(&self, publication: &Publication, json: &str) -> Encoded {
        match self {
            Self::Cable(wrap) => wrap.encode(publication, json),
            Self::Phoenix(wrap) => wrap.encode(publication, json),
            Self::Plain(wrap) => wrap.encode(publication, json),
        }
    }
}
