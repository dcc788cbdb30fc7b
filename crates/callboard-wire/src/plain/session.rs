//! [`PlainSession`]: one client.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use callboard_core::port::ChannelDeclaration;
use callboard_core::{Code, Error, Publication, Retry};

use super::message::{self, Message};
use super::request::{Deed, Id, Refusal, Request, Wish, full, wrong};
use super::subscription::{Asked, Made, State, Subscription, WAITING_MAX};
use super::{PROTOCOL, PlainConfig, PlainWrap};
use crate::session::{
    AskId, Command, Data, Delivery, End, Event, Frame, From, Limits, Now, Opened, Outbox, PresenceChange, Session,
    Started, SubId, Subscribe, Target, Wrap,
};
use crate::trail::{self, Trail};

/// The server's side of one socket.
#[derive(Debug)]
pub struct PlainSession {
    limits: Limits,
    config: PlainConfig,
    ended: bool,
    last_number: u32,
    names: HashMap<Arc<str>, SubId>,
    subs: BTreeMap<SubId, Subscription>,
    asks: HashMap<AskId, Question>,
}

/// A question under way. One without a reference is answered only when it fails.
#[derive(Debug)]
struct Question {
    id: Option<Id>,
    sub: Option<Arc<str>>,
}

impl PlainSession {
    /// A session that has not begun.
    #[must_use]
    pub fn new(limits: Limits, config: PlainConfig) -> Self {
        Self {
            limits,
            config,
            ended: false,
            last_number: 0,
            names: HashMap::new(),
            subs: BTreeMap::new(),
            asks: HashMap::new(),
        }
    }

    fn number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    fn welcome(&self, now: Now) -> String {
        let PlainConfig {
            system, subject, expires, message_len, messages_per_second, messages_burst, silence_max, ..
        } = &self.config;
        let limits = format!(
            "{{\"message_bytes\":{message_len},\"subscriptions\":{},\"requests\":{},\"name_bytes\":{},\
             \"messages_per_second\":{messages_per_second},\"messages_burst\":{messages_burst},\"silence_seconds\":{}}}",
            self.limits.subscriptions,
            self.limits.asks,
            self.limits.name_len,
            silence_max.as_secs()
        );
        Message::new("welcome")
            .text("protocol", PROTOCOL)
            .text("system", system)
            .maybe("subject", subject.as_deref())
            .maybe("expires", expires.map(|expires| expires.to_string()).as_deref())
            .text("time", &now.wall.to_string())
            .json("limits", &limits)
            .end()
    }

    fn take(&mut self, now: Now, Request { id, wish }: Request, out: &mut Outbox) {
        match wish {
            Wish::Ping => out.send(Message::new("pong").id(id.as_ref()).text("time", &now.wall.to_string()).end()),
            Wish::Subscribe { sub, target, from, consumer } => self.subscribe(id, sub, target, from, consumer, out),
            Wish::Unsubscribe { sub } => match self.names.get(sub.as_str()).copied() {
                Some(number) => {
                    self.remove(number);
                    out.ask(Command::Unsubscribe(number));
                    out.send(Message::new("unsubscribed").text("sub", &sub).id(id.as_ref()).end());
                }
                None => unknown(id.as_ref(), &sub, out),
            },
            Wish::Invoke { actor, action, data, key } => {
                let Some(ask) = self.ask(id, None, out) else { return };
                out.ask(Command::Invoke { ask, actor, action, json: data, key });
            }
            Wish::Publish { topic, payload_type, data } => {
                let Some(ask) = self.ask(id, None, out) else { return };
                out.ask(Command::Publish { ask, topic, type_name: payload_type, json: data });
            }
            Wish::Over { sub, deed } => self.over(id, &sub, deed, out),
        }
    }

    fn subscribe(
        &mut self,
        id: Option<Id>,
        name: String,
        target: Target,
        from: From,
        consumer: Option<String>,
        out: &mut Outbox,
    ) {
        let refuse = |error: &Error, out: &mut Outbox| out.send(message::error(id.as_ref(), Some(&name), error));
        if self.names.contains_key(name.as_str()) {
            let text = format!("there is a subscription {name:?}; choose another name, or unsubscribe it first");
            return refuse(&Error::new(Code::Conflict, text).with_retry(Retry::Never), out);
        }
        if self.subs.len() >= self.limits.subscriptions {
            let text = format!(
                "there are {} subscriptions, and may be no more; unsubscribe one, or follow a pattern",
                self.subs.len()
            );
            return refuse(&full(text), out);
        }
        let sub = SubId(self.number());
        let name: Arc<str> = name.into();
        let asked = Asked { id, from: from.clone(), consumer: consumer.is_some(), waiting: Vec::new() };
        self.subs.insert(sub, Subscription { name: Arc::clone(&name), state: State::Asked(Box::new(asked)) });
        self.names.insert(name, sub);
        out.ask(Command::Subscribe(Subscribe { sub, target, from, consumer, heads: true }));
    }

    fn remove(&mut self, sub: SubId) -> Option<Subscription> {
        let removed = self.subs.remove(&sub)?;
        self.names.remove(&removed.name);
        Some(removed)
    }

    fn over(&mut self, id: Option<Id>, name: &str, deed: Deed, out: &mut Outbox) {
        let Some(sub) = self.names.get(name).copied() else { return unknown(id.as_ref(), name, out) };
        match self.subs.get_mut(&sub).map(|sub| &mut sub.state) {
            Some(State::Asked(asked)) if asked.waiting.len() < WAITING_MAX => asked.waiting.push((id, deed)),
            Some(State::Asked(_)) => {
                let text = "the subscription is not answered yet; wait for \"subscribed\"";
                out.send(message::error(id.as_ref(), Some(name), &Error::new(Code::Overloaded, text)));
            }
            Some(State::Made(_)) => self.act(id, sub, deed, out),
            None => {}
        }
    }

    /// Does something over a subscription that is made.
    fn act(&mut self, id: Option<Id>, sub: SubId, deed: Deed, out: &mut Outbox) {
        let Some(Subscription { name, state: State::Made(made) }) = self.subs.get_mut(&sub) else { return };
        let name = Arc::clone(name);
        if let Some(missing) = refused(&made.rules, &deed) {
            return out.send(message::error(id.as_ref(), Some(&name), &missing));
        }
        match deed {
            Deed::Acknowledge { topic, ack } => {
                let Some(ask) = self.ask(id, Some(name), out) else { return };
                out.ask(Command::Acknowledge { sub, ask: Some(ask), topic, ack });
            }
            Deed::Perform { event, data } => {
                let Some(ask) = self.ask(id, Some(name), out) else { return };
                out.ask(Command::Perform { sub, ask: Some(ask), name: event, data });
            }
            Deed::Whisper { data } => {
                out.ask(Command::Whisper { sub, json: data });
                done(id.as_ref(), out);
            }
            Deed::Join { name, info } => {
                made.watches = true;
                out.ask(Command::PresenceJoin { sub, id: name, info });
                done(id.as_ref(), out);
            }
            Deed::Leave => {
                out.ask(Command::PresenceLeave(sub));
                done(id.as_ref(), out);
            }
            Deed::List => {
                made.watches = true;
                made.lists.push_back(id);
                out.ask(Command::PresenceList(sub));
            }
        }
    }

    /// The number of a question; `None` when too many are under way, which the client is told.
    fn ask(&mut self, id: Option<Id>, sub: Option<Arc<str>>, out: &mut Outbox) -> Option<AskId> {
        if self.asks.len() >= self.limits.asks {
            let text =
                format!("{} requests wait for their answers; send the next one after an answer", self.asks.len());
            out.send(message::error(id.as_ref(), sub.as_deref(), &Error::new(Code::Overloaded, text)));
            return None;
        }
        let ask = AskId(self.number());
        self.asks.insert(ask, Question { id, sub });
        Some(ask)
    }

    fn subscribed(&mut self, now: Now, sub: SubId, granted: Granted<'_>, out: &mut Outbox) {
        let Granted { rules, started, response, missed } = granted;
        let Some(Subscription { name, state }) = self.subs.get_mut(&sub) else { return };
        let State::Asked(asked) = state else { return };
        if asked.consumer && !rules.acknowledged {
            let text =
                "there are no acknowledgements here; subscribe without \"consumer\", or to a channel that has them";
            out.ask(Command::Unsubscribe(sub));
            return self.gone("refused", sub, &wrong(text), out);
        }
        let trail = Trail::begin(&asked.from, &started, rules.history, now.wall, false);
        let heads: Vec<String> = started
            .heads
            .iter()
            .map(|head| {
                let (head, after, topic) = (message::place(head.head), message::place(head.after), &head.topic);
                format!("{{\"topic\":{},\"head\":{head},\"after\":{after}}}", serde_json::Value::from(topic.as_str()))
            })
            .collect();
        let topics: Vec<&str> = started.topics.iter().map(callboard_core::Pattern::as_str).collect();
        let mut answer = Message::new("subscribed")
            .text("sub", name)
            .id(asked.id.as_ref())
            .json("topics", &serde_json::Value::from(topics).to_string())
            .json("heads", &format!("[{}]", heads.join(",")))
            .maybe("cursor", trail.text().as_deref())
            .flag("gap", started.gap);
        for (word, is_set) in
            [("acknowledged", rules.acknowledged), ("presence", rules.presence), ("whisper", rules.whisper)]
        {
            answer = answer.flag(word, is_set);
        }
        if let Some(response) = response {
            answer = answer.json("response", &response);
        }
        out.send(answer.end());
        for one in trail::missed(&asked.from, &started) {
            out.send(message::gap(name, &one));
        }
        let newcomer = matches!(asked.from, From::Fresh | From::Live);
        if started.gap || missed && newcomer {
            reload(name, rules, out);
        }
        let waiting = std::mem::take(&mut asked.waiting);
        let (rules, lists) = (Arc::clone(rules), VecDeque::new());
        *state = State::Made(Box::new(Made { rules, trail, watches: false, lists }));
        for (id, deed) in waiting {
            self.act(id, sub, deed, out);
        }
    }

    /// A subscription is not made, or ends from this side.
    fn gone(&mut self, kind: &str, sub: SubId, error: &Error, out: &mut Outbox) {
        let Some(Subscription { name, state }) = self.remove(sub) else { return };
        let (id, waiting) = match state {
            State::Asked(asked) => (asked.id, asked.waiting),
            State::Made(_) => (None, Vec::new()),
        };
        out.send(Message::new(kind).text("sub", &name).id(id.as_ref()).error(error).end());
        for (id, _) in waiting {
            unknown(id.as_ref(), &name, out);
        }
    }

    fn answer(&mut self, ask: AskId, answer: Result<Data, Error>, out: &mut Outbox) {
        let Some(Question { id, sub }) = self.asks.remove(&ask) else { return };
        match (answer, id) {
            (Ok(data), Some(id)) => out.send(Message::new("reply").id(Some(&id)).result(&data).end()),
            (Ok(_), None) => {}
            (Err(error), id) => out.send(message::error(id.as_ref(), sub.as_deref(), &error)),
        }
    }

    fn made(&self, sub: SubId) -> Option<(&Arc<str>, &Made)> {
        match self.subs.get(&sub)? {
            Subscription { name, state: State::Made(made) } => Some((name, made)),
            Subscription { state: State::Asked(_), .. } => None,
        }
    }
}

/// What the gateway said of a subscription.
struct Granted<'a> {
    rules: &'a Arc<ChannelDeclaration>,
    started: Started,
    response: Option<Arc<str>>,
    missed: bool,
}

/// Why something cannot be done over a channel of these rules.
fn refused(rules: &ChannelDeclaration, deed: &Deed) -> Option<Error> {
    let denied = |text: &str| Some(Error::new(Code::Denied, text));
    match deed {
        Deed::Whisper { .. } if !rules.whisper => denied("there are no whispers on this channel"),
        Deed::Join { .. } | Deed::Leave | Deed::List if !rules.presence => denied("nobody is shown on this channel"),
        Deed::Acknowledge { .. }
        | Deed::Perform { .. }
        | Deed::Whisper { .. }
        | Deed::Join { .. }
        | Deed::Leave
        | Deed::List => None,
    }
}

fn unknown(id: Option<&Id>, sub: &str, out: &mut Outbox) {
    let sub: String = sub.chars().take(255).collect();
    let error = wrong(format!("there is no subscription {sub:?}; subscribe first"));
    out.send(message::error(id, Some(&sub), &error));
}

/// Answers something that is done when it is taken.
fn done(id: Option<&Id>, out: &mut Outbox) {
    if id.is_some() {
        out.send(Message::new("reply").id(id).json("result", "{}").end());
    }
}

/// What the channel has clients told that may have missed something.
fn reload(sub: &str, rules: &ChannelDeclaration, out: &mut Outbox) {
    if !rules.reload.is_empty() {
        out.send(Message::new("reload").text("sub", sub).json("hints", &format!("[{}]", rules.reload.join(","))).end());
    }
}

impl Session for PlainSession {
    fn open(&mut self, now: Now, _opened: Opened, out: &mut Outbox) {
        out.send(self.welcome(now));
    }

    fn frame(&mut self, now: Now, frame: Frame<'_>, out: &mut Outbox) {
        if self.ended {
            return;
        }
        let read = match frame {
            Frame::Text(text) => Request::read(text, &self.limits),
            Frame::Binary(_) => {
                let error = wrong("a message is a text frame with a JSON object; binary frames are not understood");
                Err(Refusal { id: None, sub: None, error })
            }
        };
        match read {
            Ok(request) => self.take(now, request, out),
            Err(Refusal { id, sub, error }) => out.send(message::error(id.as_ref(), sub.as_deref(), &error)),
        }
    }

    fn event(&mut self, now: Now, event: Event<'_>, out: &mut Outbox) {
        if self.ended {
            return;
        }
        match event {
            Event::Subscribed { sub, channel: rules, started, response, missed } => {
                self.subscribed(now, sub, Granted { rules, started, response, missed }, out);
            }
            // This session starts nothing twice.
            Event::Started { .. } => {}
            Event::Refused { sub, error } => self.gone("refused", sub, &error, out),
            Event::Ended { sub, error } => self.gone("ended", sub, &error, out),
            Event::CaughtUp(sub) => {
                if let Some((name, _)) = self.made(sub) {
                    out.send(Message::new("caught_up").text("sub", name).end());
                }
            }
            Event::Gap { sub, topic, after, next } => {
                let Some((name, made)) = self.made(sub) else { return };
                let missed = trail::Missed { topic: Some(topic.clone()), after: Some(after), next: Some(next) };
                out.send(message::gap(name, &missed));
                reload(name, &made.rules, out);
            }
            Event::Answer { ask, answer } => self.answer(ask, answer, out),
            Event::Whispered { sub, json } => {
                if let Some((name, _)) = self.made(sub) {
                    out.send(Message::new("whisper").text("sub", name).json("data", json).end());
                }
            }
            Event::Presence { sub, changes } => {
                let Some((name, _)) = self.made(sub).filter(|(_, made)| made.watches) else { return };
                for change in changes {
                    out.send(changed(name, change));
                }
            }
            Event::PresenceList { sub, members } => {
                let Some(Subscription { name, state: State::Made(made) }) = self.subs.get_mut(&sub) else { return };
                let id = made.lists.pop_front().flatten();
                out.send(match members {
                    Ok(members) => {
                        let members: Vec<String> = members.iter().map(message::member).collect();
                        let members = format!("[{}]", members.join(","));
                        Message::new("presence").text("sub", name).id(id.as_ref()).json("members", &members).end()
                    }
                    Err(error) => message::error(id.as_ref(), Some(name), &error),
                });
            }
        }
    }

    fn deliver(&mut self, sub: SubId, publication: &Publication, delivery: Delivery) -> Option<Wrap> {
        let Subscription { name, state: State::Made(made) } = self.subs.get_mut(&sub)? else { return None };
        // What is sent again was given before.
        let cursor = (!delivery.again).then(|| {
            made.trail.advance(publication);
            made.trail.stamp(publication)
        });
        Some(Wrap::Plain(PlainWrap { sub: Arc::clone(name), cursor: cursor.flatten(), delivery }))
    }

    fn wakes_at(&self) -> Option<Instant> {
        // The socket's own pings tell whether the client is there.
        None
    }

    fn time(&mut self, _: Now, _: &mut Outbox) {}

    fn end(&mut self, end: End, out: &mut Outbox) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let (code, reason, comes_back, text) = match end {
            End::Unauthorized => (1008, "unauthorized", false, "a valid token is needed; connect again with one"),
            End::TokenExpired => (1008, "token_expired", false, "the token has expired; connect again with a new one"),
            End::Draining => (1012, "restart", true, "the node stops; come back and go on from the last cursors"),
            End::TooSlow => (1013, "too_slow", true, "too little was read; come back and go on from the last cursors"),
            End::Abuse => {
                (1008, "abuse", false, "too many messages at once, or one that is too large or not WebSocket")
            }
            End::Gone => (1001, "silent", true, "nothing was heard of the client, not even an answer to a ping"),
            End::Removed { reconnect: true } => {
                (1001, "removed", true, "the connection was ended on purpose; come back")
            }
            End::Removed { reconnect: false } => {
                (1000, "removed", false, "the connection was ended on purpose; stay away")
            }
            End::Internal => (1011, "internal", true, "a defect of the server"),
        };
        let mut goodbye =
            Message::new("closing").text("reason", reason).text("message", text).flag("reconnect", comes_back);
        if comes_back {
            let pause = u64::try_from(self.config.comeback.as_millis()).unwrap_or(u64::MAX);
            goodbye = goodbye.number("after_ms", pause);
        }
        out.send(goodbye.end());
        out.close(code, reason);
    }
}

/// Somebody came or went.
fn changed(sub: &str, change: &PresenceChange) -> String {
    match change {
        PresenceChange::Joined { member, first } => {
            Message::new("joined").text("sub", sub).json("member", &message::member(member)).flag("first", *first).end()
        }
        PresenceChange::Left { member, last, timed_out } => Message::new("left")
            .text("sub", sub)
            .json("member", &message::member(member))
            .flag("last", *last)
            .flag("timed_out", *timed_out)
            .end(),
    }
}
