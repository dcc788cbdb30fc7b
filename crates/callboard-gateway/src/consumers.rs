//! The actor that keeps what consumers have acknowledged: `callboard_consumer/<topic>|<consumer>`, an actor like any other.
//!
//! Its state is `{"acked":"1-41+43-45"}` (everything up to 41 of epoch 1, and 43 to 45). Each change is announced on the receipts topic
//! of its topic, [`receipts_of`], so that whoever produces may follow who has received what; the present state of all consumers
//! of a topic is the listing of the instances whose name starts with `<topic>|`.

use std::sync::Arc;

use callboard_core::acknowledgement::Acked;
use callboard_core::declaration::{Action, ActorKind, Handler};
use callboard_core::port::{ActorHost, BoxFuture, Instance, Turn};
use callboard_core::value::Broadcast;
use callboard_core::{
    ActorId, Code, Declaration, Encoding, Error, Headers, Name, Payload, Position, Seq, Topic, TypeRef, Value,
};
use serde::{Deserialize, Serialize};

/// The actor's name.
pub const CONSUMER: Name = Name::from_static("callboard_consumer");
/// Its only action.
pub(crate) const ACKNOWLEDGE: Name = Name::from_static("acknowledge");
const STATE: Name = Name::from_static("callboard.Consumer");
const RECEIPT: Name = Name::from_static("callboard.Receipt");
const ACKNOWLEDGEMENT: Name = Name::from_static("callboard.Acknowledgement");

/// The topic on which the receipts of a topic are announced: `$receipts.` before it. `None` when that is no topic because it is too
/// long; then receipts are kept and not announced.
#[must_use]
pub fn receipts_of(topic: &Topic) -> Option<Topic> {
    Topic::parse(&format!("$receipts.{topic}")).ok()
}

/// The actor of one consumer of one topic.
///
/// # Errors
/// When the consumer's name is too long or has characters that a name may not have.
pub(crate) fn consumer(topic: &Topic, consumer: &str) -> Result<ActorId, Error> {
    ActorId::instance(CONSUMER.as_str(), &format!("{topic}|{consumer}")).map_err(Error::from)
}

/// The code of the actor, to be given to the runtime with the application's own.
#[must_use]
pub fn host() -> Arc<dyn ActorHost> {
    let json = |name: Name| TypeRef { name, encoding: Encoding::Json };
    let handler = Handler { input: Some(json(ACKNOWLEDGEMENT)), output: Some(json(STATE)) };
    let declaration = Declaration {
        kind: ActorKind::Unnamed,
        state: Some(json(STATE)),
        actions: vec![Action { name: ACKNOWLEDGE, handlers: vec![handler], timer: None }],
        ..Declaration::new(CONSUMER)
    };
    Arc::new(Consumers { declaration: Arc::new(declaration) })
}

/// What a consumer acknowledges.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledgement {
    /// The epoch of the topic's log.
    pub(crate) epoch: u64,
    /// Behind what the consumer began, if nothing is known of it.
    pub(crate) after: u64,
    /// Everything up to this,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upto: Option<u64>,
    /// or exactly this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) one: Option<u64>,
}

impl Acknowledgement {
    pub(crate) fn payload(self) -> Payload {
        // Numbers can always be written.
        Payload::new(ACKNOWLEDGEMENT, Encoding::Json, serde_json::to_vec(&self).unwrap_or_default())
    }
}

#[derive(Deserialize, Serialize)]
struct State {
    acked: String,
}

#[derive(Serialize)]
struct Receipt<'a> {
    topic: &'a str,
    consumer: &'a str,
    acked: String,
}

/// What a consumer's state says.
pub(crate) fn acked_of(state: &Payload) -> Result<Acked, Error> {
    let state: Option<State> = serde_json::from_slice(state.bytes()).ok();
    let acked = state.and_then(|state| Acked::parse(&state.acked));
    acked.ok_or_else(|| Error::new(Code::InvalidPayload, "the stored state of a consumer cannot be read"))
}

#[derive(Debug)]
struct Consumers {
    declaration: Arc<Declaration>,
}

#[derive(Debug)]
struct Consumer {
    acked: Option<Acked>,
}

impl ActorHost for Consumers {
    fn declaration(&self) -> &Arc<Declaration> {
        &self.declaration
    }

    fn activate(&self, _: &ActorId, state: Option<&Payload>) -> Result<Box<dyn Instance>, Error> {
        Ok(Box::new(Consumer { acked: state.map(acked_of).transpose()? }))
    }
}

impl Instance for Consumer {
    fn handle(&mut self, turn: Turn) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(std::future::ready(self.acknowledge(&turn)))
    }

    fn restore(&mut self, state: Option<&Payload>) -> Result<(), Error> {
        self.acked = state.map(acked_of).transpose()?;
        Ok(())
    }
}

impl Consumer {
    fn acknowledge(&mut self, turn: &Turn) -> Result<Value, Error> {
        let refuse = |text: String| Error::new(Code::InvalidPayload, text);
        let asked: Acknowledgement =
            serde_json::from_slice(turn.payload.bytes()).map_err(|error| refuse(error.to_string()))?;
        // Another epoch is another log, of which nothing was acknowledged.
        let known = self.acked.clone().filter(|acked| acked.resume_after().epoch.0 == asked.epoch);
        let before = known.unwrap_or_else(|| Acked::upto(Position::new(asked.epoch, asked.after)));
        let mut acked = before.clone();
        if let Some(upto) = asked.upto {
            acked.take_upto(Seq(upto));
        }
        if let Some(one) = asked.one
            && !acked.take_one(Seq(one))
        {
            return Err(refuse(
                "too many publications before it are not acknowledged; acknowledge them first".to_owned(),
            ));
        }
        let state = || serde_json::to_vec(&State { acked: acked.to_string() }).unwrap_or_default();
        let response = Some(Payload::new(STATE, Encoding::Json, state()));
        if self.acked.as_ref() == Some(&acked) {
            return Ok(Value { response, ..Value::default() });
        }
        let stored = Some(Payload::new(STATE, Encoding::Json, state()));
        let broadcasts = receipt(turn.actor.name(), &acked).into_iter().collect();
        self.acked = Some(acked);
        Ok(Value { response, state: stored, broadcasts, ..Value::default() })
    }
}

fn receipt(name: &str, acked: &Acked) -> Option<Broadcast> {
    let (topic, consumer) = name.split_once('|')?;
    let receipts = receipts_of(&Topic::parse(topic).ok()?)?;
    let receipt = Receipt { topic, consumer, acked: acked.to_string() };
    let payload = Payload::new(RECEIPT, Encoding::Json, serde_json::to_vec(&receipt).ok()?);
    Some(Broadcast { topic: receipts, payload, headers: Headers::new() })
}
