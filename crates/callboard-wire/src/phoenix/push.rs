//! Events that a client sends over a channel, and their answers.

use callboard_core::{Code, Error};
use serde::Deserialize;

use super::PhoenixSession;
use super::channel::{Channel, Event, State, WAITING_MAX};
use super::inbound::{Inbound, Payload};
use super::message::post;
use super::session::{Asked, refusal};
use crate::json::check;
use crate::session::{Ack, AskId, Command, Data, Outbox, SubId};

impl PhoenixSession {
    /// An event of a channel that is joined, or is about to be.
    pub(super) fn push(&mut self, sub: SubId, inbound: Inbound<'_>, out: &mut Outbox) {
        let Inbound { reference, event: name, payload, .. } = inbound;
        let data = match payload {
            Payload::Json(json) => Data::Json(json.to_owned()),
            Payload::Binary(bytes) => Data::Binary(bytes.to_vec()),
        };
        let readable = match &data {
            Data::Json(json) => check(json),
            Data::Binary(_) => Ok(()),
        };
        let event = Event { reference, name, data };
        // Others are to read what this client sends.
        if let Err(error) = readable {
            let error = Error::new(Code::InvalidPayload, format!("the payload cannot be read: {error}"));
            return self.refuse(sub, &event, &error, out);
        }
        match self.channels.get_mut(&sub).map(|channel| &mut channel.state) {
            Some(State::Joining(joining)) if joining.waiting.len() < WAITING_MAX => joining.waiting.push(event),
            Some(State::Joining(_)) => {
                let error = Error::new(Code::Overloaded, "the join is not answered yet; wait for its reply");
                self.refuse(sub, &event, &error, out);
            }
            Some(State::Joined(_)) => self.perform(sub, event, out),
            None => {}
        }
    }

    pub(super) fn perform(&mut self, sub: SubId, event: Event, out: &mut Outbox) {
        let Some(Channel { state: State::Joined(joined), .. }) = self.channels.get(&sub) else { return };
        let (acknowledges, whispers) = (joined.acknowledges, joined.rules.whisper);
        match event.name.as_str() {
            "ack" if acknowledges => self.acknowledge(sub, &event, out),
            "whisper" if whispers => self.whisper(sub, event, out),
            name if name.starts_with("phx_") => {
                let error = Error::new(Code::InvalidPayload, "events that begin with phx_ are the protocol's own");
                self.refuse(sub, &event, &error, out);
            }
            _ => {
                let Ok(ask) = self.ask(sub, &event, false, out) else { return };
                out.ask(Command::Perform { sub, ask, name: event.name, data: event.data });
            }
        }
    }

    fn acknowledge(&mut self, sub: SubId, event: &Event, out: &mut Outbox) {
        let read = match &event.data {
            Data::Json(json) => serde_json::from_str::<Acknowledgement>(json).ok(),
            Data::Binary(_) => None,
        };
        let (ack, topic) = match read {
            Some(Acknowledgement { seq: Some(seq), upto: None, topic }) => (Ack::One(seq), topic),
            Some(Acknowledgement { seq: None, upto: Some(seq), topic }) => (Ack::UpTo(seq), topic),
            Some(_) | None => {
                let text = "an acknowledgement is {\"seq\":42}, or {\"upto\":42} for everything up to there";
                return self.refuse(sub, event, &Error::new(Code::InvalidPayload, text), out);
            }
        };
        if let Ok(ask) = self.ask(sub, event, true, out) {
            out.ask(Command::Acknowledge { sub, ask, topic, ack });
        }
    }

    fn whisper(&self, sub: SubId, event: Event, out: &mut Outbox) {
        match event.data {
            Data::Json(json) => {
                out.ask(Command::Whisper { sub, json });
                let Some(channel) = self.channels.get(&sub) else { return };
                if let Some(reference) = &event.reference {
                    post(out, self.of(channel, Some(reference)).reply("ok", &Data::Json("{}".to_owned())));
                }
            }
            Data::Binary(_) => {
                let error = Error::new(Code::InvalidPayload, "a whisper is JSON");
                self.refuse(sub, &event, &error, out);
            }
        }
    }

    /// The number of a question; `None` for an event that can't be answered. Refuses the event when too many are under way.
    fn ask(&mut self, sub: SubId, event: &Event, is_ack: bool, out: &mut Outbox) -> Result<Option<AskId>, ()> {
        let Some(reference) = event.reference.clone() else { return Ok(None) };
        if self.asks.len() >= self.limits.asks {
            let text = format!("{} events wait for their replies; send the next one after a reply", self.asks.len());
            self.refuse(sub, event, &Error::new(Code::Overloaded, text), out);
            return Err(());
        }
        self.last_ask += 1;
        let ask = AskId(self.last_ask);
        self.asks.insert(ask, Asked { sub, reference: Some(reference), is_ack });
        Ok(Some(ask))
    }

    fn refuse(&self, sub: SubId, event: &Event, error: &Error, out: &mut Outbox) {
        let Some(channel) = self.channels.get(&sub) else { return };
        let message = self.of(channel, event.reference.as_ref());
        post(out, message.reply("error", &Data::Json(refusal(error))));
    }

    /// An answer. That of an event over an earlier join is for nobody.
    pub(super) fn answer(&mut self, ask: AskId, answer: Result<Data, Error>, out: &mut Outbox) {
        let Some(Asked { sub, reference, is_ack }) = self.asks.remove(&ask) else { return };
        let Some(channel) = self.channels.get(&sub) else { return };
        let (status, response) = match answer {
            Ok(Data::Json(json)) if is_ack && says_why_not(&json) => ("error", Data::Json(json)),
            Ok(data) => ("ok", data),
            Err(error) => ("error", Data::Json(refusal(&error))),
        };
        post(out, self.of(channel, reference.as_ref()).reply(status, &response));
    }
}

/// `{"seq":42}`, `{"upto":42}`; with `topic` where the channel has several.
#[derive(Deserialize)]
struct Acknowledgement {
    seq: Option<u64>,
    upto: Option<u64>,
    topic: Option<String>,
}

/// Whether the answer to an acknowledgement is a refusal: `{"reason":"unknown_seq","head":57}`.
fn says_why_not(json: &str) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        reason: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_str::<Refusal>(json).is_ok_and(|refusal| refusal.reason.is_some())
}
