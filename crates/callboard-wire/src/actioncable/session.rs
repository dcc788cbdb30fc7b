//! [`CableSession`]: one client of ActionCable, or of AnyCable's extension.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_core::Publication;
use callboard_core::port::ChannelDeclaration;
use serde_json::{Value, json};

use super::command::{self, History, Named};
use super::performed::Performed;
use super::{CableConfig, CableWrap, Protocol};
use crate::session::{
    Ack, AskId, Command, Data, Delivery, End, Event, Frame, From, Limits, Now, Opened, Outbox, PresenceChange, Session,
    Started, SubId, Subscribe, Wrap,
};

/// How long a restored subscription waits for the client to say from where, before it goes on with what is live.
const HELD_MAX: Duration = Duration::from_secs(5);
/// Who repeats a subscription so often within [`REPEATED_WITHIN`] is the stock client's guarantor, which stops at a confirmation.
const REPEATED: u32 = 3;
const REPEATED_WITHIN: Duration = Duration::from_secs(2);

/// A session of either protocol.
#[derive(Debug)]
pub struct CableSession {
    protocol: Protocol,
    config: CableConfig,
    limits: Limits,
    subs: HashMap<SubId, Sub>,
    by_identifier: HashMap<Arc<str>, SubId>,
    asks: HashMap<AskId, Asked>,
    next: u32,
    ping_at: Option<Instant>,
    // Restored subscriptions of which it is not known yet whether they are granted; the welcome waits for them.
    restoring: usize,
    sid: String,
    ended: bool,
}

#[derive(Debug)]
struct Sub {
    identifier: Arc<str>,
    // The same as a JSON string.
    written: Arc<str>,
    channel: Option<Arc<ChannelDeclaration>>,
    // The client waits for the word that the past was given.
    history: bool,
    restored: bool,
    held_until: Option<Instant>,
    repeated: (u32, Option<Instant>),
}

// An acknowledgement that waits for its answer.
#[derive(Debug)]
struct Asked {
    sub: SubId,
    acked: Value,
}

impl CableSession {
    /// A session that has not begun.
    #[must_use]
    pub fn new(protocol: Protocol, limits: Limits, config: CableConfig) -> Self {
        Self {
            protocol,
            config,
            limits,
            subs: HashMap::new(),
            by_identifier: HashMap::new(),
            asks: HashMap::new(),
            next: 0,
            ping_at: None,
            restoring: 0,
            sid: String::new(),
            ended: false,
        }
    }

    fn extended(&self) -> bool {
        self.protocol == Protocol::Extended
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn welcome(&self, restored: bool, out: &mut Outbox) {
        let mut welcome = json!({ "type": "welcome" });
        if self.extended() {
            welcome["sid"] = self.sid.as_str().into();
        }
        if restored {
            let ids: Vec<&str> = self.subs.values().map(|sub| &*sub.identifier).collect();
            welcome["restored"] = true.into();
            welcome["restored_ids"] = ids.into();
        }
        out.send(welcome.to_string());
    }

    fn restore(&mut self, now: Now, identifiers: &[Arc<str>], out: &mut Outbox) {
        for identifier in identifiers.iter().take(self.limits.subscriptions) {
            let Some(Named { target, consumer }) = command::named(identifier) else { continue };
            let sub = self.add(identifier);
            if let Some(sub) = self.subs.get_mut(&sub) {
                sub.restored = true;
                sub.held_until = Some(now.instant + HELD_MAX);
            }
            self.restoring += 1;
            let subscribe = Subscribe { sub, target, from: From::Held, consumer, heads: true };
            out.ask(Command::Subscribe(subscribe));
        }
    }

    fn restored(&mut self, out: &mut Outbox) {
        self.restoring -= 1;
        if self.restoring == 0 {
            self.welcome(true, out);
        }
    }

    fn add(&mut self, identifier: &str) -> SubId {
        let sub = SubId(self.number());
        let identifier: Arc<str> = identifier.into();
        let written = Value::from(&*identifier).to_string().into();
        self.by_identifier.insert(Arc::clone(&identifier), sub);
        let new = Sub {
            identifier,
            written,
            channel: None,
            history: false,
            restored: false,
            held_until: None,
            repeated: (0, None),
        };
        self.subs.insert(sub, new);
        sub
    }

    fn remove(&mut self, sub: SubId) -> Option<Sub> {
        let removed = self.subs.remove(&sub)?;
        self.by_identifier.remove(&removed.identifier);
        Some(removed)
    }

    fn take(&mut self, now: Now, text: &str, out: &mut Outbox) {
        // As the reference does: what is no command is passed over, and the connection goes on.
        let Some(command) = command::Command::read(text) else { return };
        if command.command == "ping" && self.extended() {
            return out.send(r#"{"type":"pong"}"#);
        }
        let Some(identifier) = command.identifier.as_deref() else { return };
        let sub = self.by_identifier.get(identifier).copied();
        match (command.command.as_str(), sub) {
            ("subscribe", Some(sub)) => self.repeated(now, sub, out),
            ("subscribe", None) => self.subscribe(identifier, command.history.as_ref(), out),
            ("unsubscribe", Some(sub)) => {
                self.remove(sub);
                out.ask(Command::Unsubscribe(sub));
            }
            ("message", Some(sub)) => self.message(sub, command.data.as_ref(), out),
            ("history", Some(sub)) if self.extended() => {
                let from = command.history.unwrap_or_default().from();
                if let Some(sub) = self.subs.get_mut(&sub) {
                    sub.history = true;
                    sub.held_until = None;
                }
                out.ask(Command::Start { sub, from });
            }
            ("whisper", Some(sub)) if self.extended() => {
                let json = command.data.unwrap_or_default().to_string();
                out.ask(Command::Whisper { sub, json });
            }
            ("join", Some(sub)) if self.extended() => {
                let presence = command.presence.unwrap_or_default();
                let id = presence.get("id").and_then(Value::as_str).map(str::to_owned);
                let info = presence.get("info").unwrap_or(&Value::Null).to_string();
                out.ask(Command::PresenceJoin { sub, id, info });
            }
            ("leave", Some(sub)) if self.extended() => out.ask(Command::PresenceLeave(sub)),
            ("presence", Some(sub)) if self.extended() => out.ask(Command::PresenceList(sub)),
            // `pong`, and what nobody knows.
            _ => {}
        }
    }

    fn subscribe(&mut self, identifier: &str, history: Option<&History>, out: &mut Outbox) {
        let room = self.subs.len() < self.limits.subscriptions && identifier.len() <= self.limits.name_len;
        let Some(Named { target, consumer }) = room.then(|| command::named(identifier)).flatten() else {
            // With silence the stock client would ask again for ever.
            return out.send(frame("reject_subscription", &Value::from(identifier).to_string()));
        };
        let history = history.filter(|_| self.extended());
        let sub = self.add(identifier);
        if let Some(sub) = self.subs.get_mut(&sub) {
            sub.history = history.is_some();
        }
        let from = history.map_or(From::Fresh, History::from);
        out.ask(Command::Subscribe(Subscribe { sub, target, from, consumer, heads: false }));
    }

    /// A subscription that is there already. The two client libraries want opposite things, and are told apart by how often they ask.
    fn repeated(&mut self, now: Now, sub: SubId, out: &mut Outbox) {
        let extended = self.extended();
        let Some(sub) = self.subs.get_mut(&sub) else { return };
        if extended || sub.channel.is_none() {
            return;
        }
        let (count, since) = sub.repeated;
        let fresh = since.is_some_and(|since| now.instant.saturating_duration_since(since) <= REPEATED_WITHIN);
        sub.repeated = if fresh { (count + 1, since) } else { (1, Some(now.instant)) };
        if sub.repeated.0 >= REPEATED {
            sub.repeated = (0, None);
            out.send(frame("confirm_subscription", &sub.written));
        }
    }

    fn message(&mut self, sub: SubId, data: Option<&Value>, out: &mut Outbox) {
        // JSON within JSON.
        let Some(Performed { action, json }) = data.and_then(Value::as_str).and_then(Performed::read) else { return };
        let name = action.unwrap_or_else(|| "receive".to_owned());
        let acknowledged =
            self.subs.get(&sub).and_then(|sub| sub.channel.as_ref()).is_some_and(|channel| channel.acknowledged);
        if name == "ack" && acknowledged && self.asks.len() < self.limits.asks {
            return self.acknowledge(sub, &json, out);
        }
        // The protocol has no replies.
        out.ask(Command::Perform { sub, ask: None, name, data: Data::Json(json) });
    }

    fn acknowledge(&mut self, sub: SubId, json: &str, out: &mut Outbox) {
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let (seq, upto) = (value.get("seq").and_then(Value::as_u64), value.get("upto").and_then(Value::as_u64));
        let (ack, acked) = match (seq, upto) {
            (Some(seq), _) => (Ack::One(seq), json!({ "seq": seq })),
            (None, Some(upto)) => (Ack::UpTo(upto), json!({ "upto": upto })),
            (None, None) => return,
        };
        let ask = AskId(self.number());
        self.asks.insert(ask, Asked { sub, acked });
        let topic = value.get("topic").and_then(Value::as_str).map(str::to_owned);
        out.ask(Command::Acknowledge { sub, ask: Some(ask), topic, ack });
    }

    fn subscribed(&mut self, sub: SubId, channel: &Arc<ChannelDeclaration>, gap: bool, missed: bool, out: &mut Outbox) {
        let Some(seat) = self.subs.get_mut(&sub) else { return };
        seat.channel = Some(Arc::clone(channel));
        if seat.restored {
            return self.restored(out);
        }
        out.send(frame("confirm_subscription", &seat.written));
        if gap {
            self.gap(sub, out);
        } else if missed && !self.extended() {
            self.reload(sub, out);
        }
    }

    fn gap(&mut self, sub: SubId, out: &mut Outbox) {
        let extended = self.extended();
        if let Some(seat) = self.subs.get_mut(&sub)
            && extended
        {
            seat.history = false;
            out.send(frame("reject_history", &seat.written));
        }
        self.reload(sub, out);
    }

    /// Tells the client to look again.
    fn reload(&self, sub: SubId, out: &mut Outbox) {
        let Some(seat) = self.subs.get(&sub) else { return };
        for hint in seat.channel.iter().flat_map(|channel| &channel.reload) {
            out.send(message(&seat.written, hint));
        }
    }

    fn answer(&mut self, ask: AskId, answer: Result<Data, callboard_core::Error>, out: &mut Outbox) {
        let Some(Asked { sub, mut acked }) = self.asks.remove(&ask) else { return };
        let Some(seat) = self.subs.get(&sub) else { return };
        match answer {
            Ok(_) => acked["status"] = "ok".into(),
            Err(error) => {
                acked["status"] = "error".into();
                acked["reason"] = error.message().into();
            }
        }
        out.send(message(&seat.written, &json!({ "ack": acked }).to_string()));
    }

    fn presence(&self, sub: SubId, shown: &Value, out: &mut Outbox) {
        if let Some(seat) = self.subs.get(&sub).filter(|_| self.extended()) {
            out.send(format!(r#"{{"type":"presence","identifier":{},"message":{shown}}}"#, seat.written));
        }
    }
}

impl Session for CableSession {
    fn open(&mut self, now: Now, opened: Opened, out: &mut Outbox) {
        self.ping_at = Some(now.instant + self.config.first_ping);
        self.sid = opened.sid;
        if let Some(identifiers) = opened.restored.filter(|_| self.extended()) {
            self.restore(now, &identifiers, out);
        }
        if self.restoring == 0 {
            self.welcome(false, out);
        }
    }

    fn frame(&mut self, now: Now, frame: Frame<'_>, out: &mut Outbox) {
        match frame {
            Frame::Text(text) if !self.ended => self.take(now, text, out),
            // Rails drops them too.
            Frame::Text(_) | Frame::Binary(_) => {}
        }
    }

    fn event(&mut self, _: Now, event: Event<'_>, out: &mut Outbox) {
        match event {
            Event::Subscribed { sub, channel, started: Started { gap, .. }, missed, .. } => {
                self.subscribed(sub, channel, gap, missed, out);
            }
            Event::Started { sub, started } if started.gap => self.gap(sub, out),
            Event::Started { .. } => {}
            Event::Refused { sub, .. } => {
                let Some(seat) = self.remove(sub) else { return };
                if seat.restored && seat.channel.is_none() {
                    return self.restored(out);
                }
                out.send(frame("reject_subscription", &seat.written));
            }
            Event::Ended { sub, .. } => {
                if let Some(seat) = self.remove(sub) {
                    out.send(frame("reject_subscription", &seat.written));
                }
            }
            Event::CaughtUp(sub) => {
                if let Some(seat) = self.subs.get_mut(&sub)
                    && std::mem::take(&mut seat.history)
                {
                    out.send(frame("confirm_history", &seat.written));
                }
            }
            Event::Gap { sub, .. } => self.gap(sub, out),
            Event::Answer { ask, answer } => self.answer(ask, answer, out),
            Event::Whispered { sub, json } => {
                if let Some(seat) = self.subs.get(&sub).filter(|_| self.extended()) {
                    out.send(message(&seat.written, json));
                }
            }
            Event::Presence { sub, changes } => {
                for change in changes {
                    match change {
                        PresenceChange::Joined { member, first: true } => {
                            let info: Value = serde_json::from_str(&member.info).unwrap_or_default();
                            self.presence(sub, &json!({ "type": "join", "id": &*member.id, "info": info }), out);
                        }
                        PresenceChange::Left { member, last: true, .. } => {
                            self.presence(sub, &json!({ "type": "leave", "id": &*member.id }), out);
                        }
                        PresenceChange::Joined { .. } | PresenceChange::Left { .. } => {}
                    }
                }
            }
            Event::PresenceList { sub, members: Err(_) } => self.presence(sub, &json!({ "type": "error" }), out),
            Event::PresenceList { sub, members: Ok(members) } => {
                let record = |member: &crate::session::Member| {
                    let info: Value = serde_json::from_str(&member.info).unwrap_or_default();
                    json!({ "id": &*member.id, "info": info })
                };
                let records: Vec<Value> = members.iter().map(record).collect();
                self.presence(sub, &json!({ "type": "info", "total": records.len(), "records": records }), out);
            }
        }
    }

    fn deliver(&mut self, sub: SubId, _: &Publication, delivery: Delivery) -> Option<Wrap> {
        let seat = self.subs.get(&sub)?;
        let channel = seat.channel.as_ref()?;
        // A topic without a channel goes as it is: its position has its own members here.
        let enveloped = delivery.ack_required || (channel.envelope && !channel.name.as_str().is_empty());
        Some(Wrap::Cable(CableWrap {
            identifier: Arc::clone(&seat.written),
            positions: self.extended(),
            envelope: enveloped.then_some(delivery),
        }))
    }

    fn wakes_at(&self) -> Option<Instant> {
        let held = self.subs.values().filter_map(|sub| sub.held_until).min();
        [self.ping_at.filter(|_| !self.ended), held].into_iter().flatten().min()
    }

    fn time(&mut self, now: Now, out: &mut Outbox) {
        if self.ended {
            return;
        }
        if self.ping_at.is_some_and(|at| at <= now.instant) {
            self.ping_at = Some(now.instant + self.config.ping_interval);
            out.send(format!(r#"{{"type":"ping","message":{}}}"#, now.wall.as_millis() / 1000));
        }
        for (sub, seat) in &mut self.subs {
            if seat.held_until.is_some_and(|until| until <= now.instant) {
                seat.held_until = None;
                out.ask(Command::Start { sub: *sub, from: From::Live });
            }
        }
    }

    fn end(&mut self, end: End, out: &mut Outbox) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let (reason, reconnect) = match end {
            // After a disconnect message the client would forget its session.
            End::Draining if self.extended() => return out.close(1001, "the server restarts"),
            End::Draining | End::Internal => ("server_restart", true),
            End::Unauthorized => ("unauthorized", false),
            End::TokenExpired => ("token_expired", false),
            End::TooSlow => ("too_slow", true),
            End::Abuse => ("invalid_request", false),
            End::Gone => ("no_pong", true),
            End::Removed { reconnect } => ("remote", reconnect),
        };
        out.send(json!({ "type": "disconnect", "reason": reason, "reconnect": reconnect }).to_string());
        out.close(1000, "");
    }

    fn keepsake(&self) -> Vec<Arc<str>> {
        if !self.extended() {
            return Vec::new();
        }
        let joined = self.subs.values().filter(|sub| sub.channel.is_some());
        joined.map(|sub| Arc::clone(&sub.identifier)).collect()
    }
}

fn frame(kind: &str, identifier: &str) -> String {
    format!(r#"{{"identifier":{identifier},"type":"{kind}"}}"#)
}

fn message(identifier: &str, json: &str) -> String {
    format!(r#"{{"identifier":{identifier},"message":{json}}}"#)
}
