use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use callboard_core::{Code, Error, Publication, Retry};
use serde_json::json;

use super::channel::{Channel, Granted, Joined, Joining, State};
use super::inbound::{Inbound, Payload};
use super::join::{self, Join, Show};
use super::message::{self, Message, post};
use super::{BARE, CHANNELS_MAX, ENVELOPED, PhoenixConfig, PhoenixWrap, Reference, Version, presence};
use crate::session::{
    AskId, Command, Data, Delivery, End, Event, Frame, From, Limits, Now, Opened, Outbox, PresenceChange, Session,
    Started, SubId, Subscribe, Target, Wrap,
};

/// The server's side of one Phoenix socket.
#[derive(Debug)]
pub struct PhoenixSession {
    pub(super) version: Version,
    pub(super) limits: Limits,
    config: PhoenixConfig,
    heard: Option<Instant>,
    ended: bool,
    last_sub: u32,
    pub(super) last_ask: u32,
    topics: HashMap<Arc<str>, SubId>,
    pub(super) channels: BTreeMap<SubId, Channel>,
    pub(super) asks: HashMap<AskId, Asked>,
}

/// A question under way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) sub: SubId,
    pub(super) reference: Option<Reference>,
    pub(super) is_ack: bool,
}

impl PhoenixSession {
    /// A session of a socket that speaks `version`.
    #[must_use]
    pub fn new(version: Version, limits: Limits, config: PhoenixConfig) -> Self {
        Self {
            version,
            limits,
            config,
            heard: None,
            ended: false,
            last_sub: 0,
            last_ask: 0,
            topics: HashMap::new(),
            channels: BTreeMap::new(),
            asks: HashMap::new(),
        }
    }

    fn take(&mut self, inbound: Inbound<'_>, out: &mut Outbox) {
        if inbound.topic == "phoenix" && inbound.event == "heartbeat" {
            return self.reply(&inbound, "ok", "{}", out);
        }
        let joined = self.topics.get(inbound.topic.as_str()).copied();
        match (inbound.event.as_str(), joined) {
            ("phx_join", _) if inbound.topic == "phoenix" || inbound.topic.is_empty() => self.unmatched(&inbound, out),
            ("phx_join", old) => self.join(&inbound, old, out),
            // A message of an earlier join: that one is over.
            (_, Some(sub)) if self.is_stale(sub, inbound.join_ref.as_ref()) => {}
            ("phx_leave", Some(sub)) => {
                self.reply(&inbound, "ok", "{}", out);
                self.leave(sub, out);
            }
            ("phx_leave", None) => self.reply(&inbound, "ok", "{}", out),
            (_, Some(sub)) => self.push(sub, inbound, out),
            (_, None) => self.unmatched(&inbound, out),
        }
    }

    fn is_stale(&self, sub: SubId, join_ref: Option<&Reference>) -> bool {
        let current = self.channels.get(&sub).and_then(|channel| channel.join_ref.as_ref());
        current.zip(join_ref).is_some_and(|(current, said)| !current.is(said))
    }

    fn join(&mut self, inbound: &Inbound<'_>, old: Option<SubId>, out: &mut Outbox) {
        let params = match inbound.payload {
            Payload::Json("null") => Ok("{}"),
            Payload::Json(json) => Ok(json),
            Payload::Binary(_) => Err(Error::new(Code::InvalidPayload, "the parameters of a join are an object")),
        };
        let (params, join) = match params.and_then(|params| Join::read(params).map(|join| (params, join))) {
            Ok(read) => read,
            Err(error) => return self.reply(inbound, "error", &refusal(&error), out),
        };
        if let Some(old) = old {
            self.leave(old, out);
        }
        if self.channels.len() >= CHANNELS_MAX.min(self.limits.subscriptions) {
            return self.reply(inbound, "error", "{\"reason\":\"too many channels joined\"}", out);
        }
        self.last_sub += 1;
        let sub = SubId(self.last_sub);
        let topic: Arc<str> = inbound.topic.as_str().into();
        let Join { from, last_seq, consumer, presence, envelope } = join;
        let joining = Joining {
            reference: inbound.reference.clone(),
            last_seq,
            started_at_time: matches!(from, From::Time(_)),
            placed: from != From::Fresh,
            consumer: consumer.is_some(),
            envelope,
            presence,
            granted: None,
            waiting: Vec::new(),
        };
        let state = State::Joining(Box::new(joining));
        self.channels.insert(sub, Channel { topic: Arc::clone(&topic), join_ref: inbound.join_ref.clone(), state });
        self.topics.insert(topic, sub);
        let target = Target::Channel { name: inbound.topic.clone(), params: params.to_owned() };
        out.ask(Command::Subscribe(Subscribe { sub, target, from, consumer, heads: true }));
    }

    /// Ends a join that the client or a newer join has ended.
    fn leave(&mut self, sub: SubId, out: &mut Outbox) {
        if let Some(channel) = self.remove(sub) {
            if matches!(&channel.state, State::Joined(joined) if joined.presence) {
                out.ask(Command::PresenceLeave(sub));
            }
            out.ask(Command::Unsubscribe(sub));
            out.send(self.of(&channel, channel.join_ref.as_ref()).with("phx_close", "{}"));
        }
    }

    fn remove(&mut self, sub: SubId) -> Option<Channel> {
        let channel = self.channels.remove(&sub)?;
        self.topics.remove(&channel.topic);
        Some(channel)
    }

    fn granted(&mut self, sub: SubId, granted: Granted, out: &mut Outbox) {
        let Some(Channel { state: State::Joining(joining), .. }) = self.channels.get_mut(&sub) else { return };
        let Some(last_seq) = joining.last_seq else { return self.joined(sub, granted, out) };
        // Now that the topic's epoch is known the place is.
        let from = join::placed(&granted.started.heads, last_seq).unwrap_or(From::Live);
        joining.granted = Some(granted);
        out.ask(Command::Start { sub, from });
    }

    fn started(&mut self, sub: SubId, started: Started, out: &mut Outbox) {
        let Some(Channel { state: State::Joining(joining), .. }) = self.channels.get_mut(&sub) else { return };
        let Some(mut granted) = joining.granted.take() else { return };
        let unplaced = granted.started.heads.len() != 1;
        if !started.heads.is_empty() {
            granted.started.heads = started.heads;
        }
        granted.started.gap = started.gap || unplaced;
        self.joined(sub, granted, out);
    }

    /// Answers a join. What is delivered follows behind.
    fn joined(&mut self, sub: SubId, granted: Granted, out: &mut Outbox) {
        let Some(channel) = self.channels.get_mut(&sub) else { return };
        let State::Joining(joining) = &mut channel.state else { return };
        let Granted { rules, response, started, missed } = granted;
        let joined = Joined::new(Arc::clone(&rules), joining);
        let (reference, waiting) = (joining.reference.take(), std::mem::take(&mut joining.waiting));
        let response = join::response(response.as_deref(), &started, joining.started_at_time);
        let missed = missed && !joining.placed;
        let presence = joined.presence.then(|| match std::mem::replace(&mut joining.presence, Show::Unsaid) {
            Show::Yes(info) => info,
            Show::Unsaid | Show::No => "{}".to_owned(),
        });
        channel.state = State::Joined(joined);
        let channel = &self.channels[&sub];
        post(out, self.of(channel, reference.as_ref()).reply("ok", &Data::Json(response)));
        if started.gap || missed {
            self.reload(sub, out);
        }
        if let Some(info) = presence {
            out.ask(Command::PresenceList(sub));
            out.ask(Command::PresenceJoin { sub, id: None, info });
        }
        for event in waiting {
            self.perform(sub, event, out);
        }
    }

    /// What a client is told that may have missed something.
    fn reload(&self, sub: SubId, out: &mut Outbox) {
        let Some(channel @ Channel { state: State::Joined(joined), .. }) = self.channels.get(&sub) else { return };
        for hint in &joined.rules.reload {
            let message = self.of(channel, None);
            out.send(message.text(&BARE, hint.len() + 16, |text| message::write_object(text, hint)));
        }
    }

    /// The other side refuses a join, or ends one.
    fn over(&mut self, sub: SubId, error: &Error, out: &mut Outbox) {
        let Some(channel) = self.remove(sub) else { return };
        match &channel.state {
            State::Joining(joining) => {
                let message = self.of(&channel, joining.reference.as_ref());
                // Neither a channel nor a topic has such a name.
                let (join_ref, response) = match error.code() {
                    Code::InvalidTopic => (None, UNMATCHED.to_owned()),
                    _ => (message.join_ref, refusal(error)),
                };
                post(out, Message { join_ref, ..message }.reply("error", &Data::Json(response)));
            }
            State::Joined(_) => {
                // The client joins again after an error, and not after a close.
                let event = if error.retry() == Retry::Never { "phx_close" } else { "phx_error" };
                out.send(self.of(&channel, channel.join_ref.as_ref()).with(event, &refusal(error)));
            }
        }
    }

    fn presence(&self, sub: SubId, changes: &[PresenceChange], now: Now, out: &mut Outbox) {
        let Some(channel @ Channel { state: State::Joined(joined), .. }) = self.channels.get(&sub) else { return };
        if !joined.presence || changes.is_empty() {
            return;
        }
        let pushed = self.of(channel, None);
        out.send(Message { join_ref: None, ..pushed }.with("presence_diff", &presence::diff(changes)));
        for (event, payload) in changes.iter().filter_map(|change| presence::told(change, now.wall)) {
            out.send(pushed.with(event, &payload));
        }
    }

    /// A message of a channel.
    pub(super) fn of<'a>(&self, channel: &'a Channel, reference: Option<&'a Reference>) -> Message<'a> {
        Message {
            version: self.version,
            binary: self.config.binary,
            join_ref: channel.join_ref.as_ref(),
            reference,
            topic: &channel.topic,
        }
    }

    fn reply(&self, inbound: &Inbound<'_>, status: &str, response: &str, out: &mut Outbox) {
        let message = Message {
            version: self.version,
            binary: self.config.binary,
            join_ref: inbound.join_ref.as_ref(),
            reference: inbound.reference.as_ref(),
            topic: &inbound.topic,
        };
        post(out, message.reply(status, &Data::Json(response.to_owned())));
    }

    fn unmatched(&self, inbound: &Inbound<'_>, out: &mut Outbox) {
        let Inbound { reference, topic, .. } = inbound;
        let message = Message {
            version: self.version,
            binary: self.config.binary,
            join_ref: None,
            reference: reference.as_ref(),
            topic,
        };
        post(out, message.reply("error", &Data::Json(UNMATCHED.to_owned())));
    }

    fn push_to(&self, sub: SubId, event: &str, payload: &str, out: &mut Outbox) {
        if let Some(channel @ Channel { state: State::Joined(_), .. }) = self.channels.get(&sub) {
            out.send(self.of(channel, None).with(event, payload));
        }
    }
}

const UNMATCHED: &str = "{\"reason\":\"unmatched topic\"}";

/// Why something was refused, for programs and for people.
pub(super) fn refusal(error: &Error) -> String {
    json!({ "reason": error.message(), "code": error.code().as_str() }).to_string()
}

impl Session for PhoenixSession {
    fn open(&mut self, now: Now, _opened: Opened, _out: &mut Outbox) {
        self.heard = Some(now.instant);
    }

    fn frame(&mut self, now: Now, frame: Frame<'_>, out: &mut Outbox) {
        if self.ended {
            return;
        }
        self.heard = Some(now.instant);
        match Inbound::read(self.version, frame) {
            Ok(inbound) => self.take(inbound, out),
            Err(malformed) => {
                self.ended = true;
                out.close(1007, malformed.0);
            }
        }
    }

    fn event(&mut self, now: Now, event: Event<'_>, out: &mut Outbox) {
        if self.ended {
            return;
        }
        match event {
            Event::Subscribed { sub, channel, started, response, missed } => {
                let granted = Granted { rules: Arc::clone(channel), response, started, missed };
                self.granted(sub, granted, out);
            }
            Event::Started { sub, started } => self.started(sub, started, out),
            Event::Refused { sub, error } | Event::Ended { sub, error } => self.over(sub, &error, out),
            Event::CaughtUp(_) => {}
            Event::Gap { sub, topic, after, next } => {
                let place = |seq: u64, epoch: u64| json!({ "epoch": epoch.to_string(), "offset": seq });
                let (after, next) = (place(after.seq.0, after.epoch.0), place(next.seq.0, next.epoch.0));
                let payload = json!({ "topic": topic.as_str(), "after": after, "next": next });
                self.push_to(sub, "gap", &payload.to_string(), out);
                self.reload(sub, out);
            }
            Event::Answer { ask, answer } => self.answer(ask, answer, out),
            Event::Whispered { sub, json } => {
                if let Some(channel @ Channel { state: State::Joined(_), .. }) = self.channels.get(&sub) {
                    let message = Message { join_ref: None, ..self.of(channel, None) };
                    out.send(message.text("whisper", json.len() + 16, |text| message::write_object(text, json)));
                }
            }
            Event::Presence { sub, changes } => self.presence(sub, changes, now, out),
            Event::PresenceList { sub, members: Ok(members) } => {
                self.push_to(sub, "presence_state", &presence::state(&members), out);
            }
            // Who is there is told by the changes, then.
            Event::PresenceList { members: Err(_), .. } => {}
        }
    }

    fn deliver(&mut self, sub: SubId, _publication: &Publication, delivery: Delivery) -> Option<Wrap> {
        let Some(Channel { topic, join_ref, state: State::Joined(joined) }) = self.channels.get(&sub) else {
            return None;
        };
        let enveloped = joined.envelope || delivery.ack_required;
        // What differs from client to client goes to one join; everything else is one message for all.
        let own = delivery.ack_required && self.version == Version::V2;
        Some(Wrap::Phoenix(PhoenixWrap {
            version: self.version,
            binary: self.config.binary,
            join_ref: if own { join_ref.clone() } else { None },
            topic: Arc::clone(topic),
            event: if enveloped { ENVELOPED } else { BARE },
            envelope: enveloped.then_some(delivery),
        }))
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.heard.filter(|_| !self.ended).map(|heard| heard + self.config.idle_timeout)
    }

    fn time(&mut self, now: Now, out: &mut Outbox) {
        if self.wakes_at().is_some_and(|at| at <= now.instant) {
            self.end(End::Gone, out);
        }
    }

    fn end(&mut self, end: End, out: &mut Outbox) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if end == End::TokenExpired {
            for channel in self.channels.values() {
                let message = self.of(channel, channel.join_ref.as_ref());
                out.send(message.with("phx_error", "{\"reason\":\"token expired\"}"));
            }
        }
        // The clients up to 1.8.15 come back after every code but 1000.
        let (code, reason) = match end {
            End::Unauthorized => (1008, "unauthorized"),
            End::TokenExpired => (1008, "token expired"),
            End::Draining => (1012, "the server restarts"),
            End::TooSlow => (1013, "the client reads too slowly"),
            End::Abuse => (1008, "too much, or not what is allowed"),
            End::Gone => (1001, "nothing was heard of the client"),
            End::Removed { reconnect: true } => (1001, "disconnected by the server"),
            End::Removed { reconnect: false } => (1000, "disconnected by the server for good"),
            End::Internal => (1011, "internal error"),
        };
        out.close(code, reason);
    }
}
