//! What clients ask over their sockets: an event on a channel, an invocation, a publication.

use std::sync::Arc;

use callboard_core::invocation::CallChain;
use callboard_core::port::{ChannelEvent, Inbound};
use callboard_core::publication::Announcement;
use callboard_core::{
    ActorId, Code, Encoding, Error, Headers, Invocation, MessageId, Name, Payload, Position, Principal, Topic, limits,
};
use callboard_wire::descriptors::JSON_TYPE;
use callboard_wire::json;
use callboard_wire::session::Data;
use serde_json::Value;

use super::Live;
use super::catalogue::Granted;

/// An event that a client sent over a channel.
pub(super) async fn perform(live: Arc<Live>, granted: Granted, name: String, data: Data) -> Result<Data, Error> {
    let payload = match data {
        Data::Json(json) => Payload::new(JSON_TYPE, Encoding::Json, json),
        Data::Binary(bytes) => Payload::new(JSON_TYPE, Encoding::Bytes, bytes),
    };
    let Some(channel) = &granted.channel else { return publish_on(&live, &granted, &name, payload).await };
    let event = ChannelEvent { name: name.into(), payload, join: Arc::clone(&granted.request) };
    match channel.receive(event).await? {
        Inbound::Nothing => Ok(Data::Json("{}".to_owned())),
        Inbound::Reply(payload) => Ok(data_of(&live, &payload)),
        Inbound::Invoke { actor, action, payload } => {
            let (action, payload) = fitted(&live, &actor, &action, payload)?;
            send(&live, actor, action, payload, None).await
        }
        Inbound::Publish { topic, payload } => announce(&live, topic, payload).await,
    }
}

/// On a topic without a channel an event is a publication, if that is granted. Its name is the payload's type.
async fn publish_on(live: &Live, granted: &Granted, name: &str, payload: Payload) -> Result<Data, Error> {
    let topic = granted.joined.topics.first().and_then(callboard_core::Pattern::as_topic);
    let Some(topic) = topic.filter(|topic| granted.request.principal.grants.may_publish(topic)) else {
        let text =
            format!("publishing on {} is not granted, and no channel says what {name:?} does", granted.request.channel);
        return Err(Error::new(Code::Denied, text));
    };
    let payload = match payload.encoding() {
        Encoding::Json => {
            let value = parse(payload.bytes())?;
            let wanted = live.doors.descriptors.resolve(Some(name), &value)?;
            live.doors.descriptors.from_json(&wanted, &value)?
        }
        Encoding::Protobuf | Encoding::Bytes => payload,
    };
    announce(live, topic, payload).await
}

/// An invocation by name.
pub(super) async fn invoke(
    live: Arc<Live>,
    principal: Arc<Principal>,
    actor: String,
    action: String,
    json: String,
    key: Option<String>,
) -> Result<Data, Error> {
    let actor = ActorId::parse(&actor).map_err(Error::from)?;
    if !principal.grants.may_invoke(&actor, &action) {
        return Err(Error::new(Code::Denied, format!("invoking {action:?} of {actor} is not granted")));
    }
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_LEN_MAX) {
        let text = format!("the idempotency key is to have 1 to {} bytes", limits::IDEMPOTENCY_KEY_LEN_MAX);
        return Err(Error::new(Code::InvalidPayload, text));
    }
    let (action, payload) = fitted(&live, &actor, &action, Payload::new(JSON_TYPE, Encoding::Json, json))?;
    send(&live, actor, action, payload, key.map(Name::from)).await
}

/// A publication by name.
pub(super) async fn publish(
    live: Arc<Live>,
    principal: Arc<Principal>,
    topic: String,
    type_name: Option<String>,
    json: String,
) -> Result<Data, Error> {
    let topic = Topic::parse(&topic).map_err(Error::from)?;
    if !principal.grants.may_publish(&topic) {
        return Err(Error::new(Code::Denied, format!("publishing on {:?} is not granted", topic.as_str())));
    }
    let value = parse(json.as_bytes())?;
    let wanted = live.doors.descriptors.resolve(type_name.as_deref(), &value)?;
    let payload = live.doors.descriptors.from_json(&wanted, &value)?;
    announce(&live, topic, payload).await
}

/// JSON becomes the type that the action takes; anything else is left as it is.
fn fitted(live: &Live, actor: &ActorId, action: &str, payload: Payload) -> Result<(Name, Payload), Error> {
    let plan = live.plans.action(actor, action)?;
    if payload.encoding() != Encoding::Json || plan.handlers.is_empty() {
        return Ok((plan.name, payload));
    }
    let value = parse(payload.bytes())?;
    let explicit = Some(payload.type_name().as_str()).filter(|name| JSON_TYPE != *name);
    let wanted = live.doors.descriptors.choose(plan.handlers, explicit, &value)?;
    let payload = live.doors.descriptors.from_json(&wanted, &value)?;
    Ok((plan.name, payload))
}

async fn send(live: &Live, target: ActorId, action: Name, payload: Payload, key: Option<Name>) -> Result<Data, Error> {
    let deadline = live.doors.clock.instant() + limits::CALL_DEADLINE;
    let (headers, chain) = (Headers::new(), CallChain::new());
    let invocation = Invocation { target, action, payload, deadline, key, headers, trace: None, chain };
    let reply = live.doors.dispatcher.invoke(invocation).await?;
    Ok(data_of(live, &reply.payload))
}

async fn announce(live: &Live, topic: Topic, payload: Payload) -> Result<Data, Error> {
    let time = live.doors.clock.now();
    let id = MessageId::new(time, live.doors.entropy.next_u128());
    let headers = Headers::new();
    let announcement = Announcement { id, topic, time, payload, headers, trace: None, publisher: None };
    let positions: Vec<Position> = live.doors.dispatcher.publish(vec![announcement]).await?;
    let Some(position) = positions.first() else {
        return Err(Error::new(Code::Internal, "the publication has no position"));
    };
    Ok(Data::Json(format!("{{\"id\":\"{id}\",\"seq\":{},\"epoch\":\"{}\"}}", position.seq.0, position.epoch.0)))
}

fn parse(json: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::new(Code::InvalidPayload, format!("the data is no JSON: {error}")))
}

fn data_of(live: &Live, payload: &Payload) -> Data {
    if payload.encoding() == Encoding::Bytes {
        return Data::Binary(payload.bytes().to_vec());
    }
    let mut text = Vec::with_capacity(payload.bytes().len() * 2 + 32);
    json::write_payload(&mut text, &live.doors.descriptors, payload);
    Data::Json(String::from_utf8(text).unwrap_or_else(|_| "null".to_owned()))
}
