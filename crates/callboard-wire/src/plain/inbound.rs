//! From a text to a [`Request`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use callboard_core::{Position, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use super::request::{Deed, Id, Refusal, Request, SUB_LEN_MAX, Wish, wrong};
use crate::descriptors::JSON_DEPTH_MAX;
use crate::json::{check, depth_within, parse_time};
use crate::session::{Ack, Data, From, Limits, Target};

/// Topics of which a client names its position.
const POSITIONS_MAX: usize = 128;

/// What every message has.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    id: Option<Id>,
    #[serde(default, borrow)]
    sub: Option<Cow<'a, str>>,
}

const TYPES: &str = "subscribe, unsubscribe, ack, perform, invoke, publish, whisper, presence_join, presence_leave, \
                     presence_list, ping";

impl Request {
    pub(super) fn read(text: &str, limits: &Limits) -> Result<Self, Refusal> {
        let nameless = |error| Refusal { id: None, sub: None, error };
        // One level is the message's own.
        if !depth_within(text.as_bytes(), JSON_DEPTH_MAX + 1) {
            return Err(nameless(wrong(format!(
                "the message has more than {JSON_DEPTH_MAX} levels; send less nested data"
            ))));
        }
        let head: Head<'_> = serde_json::from_str(text).map_err(|error| {
            nameless(wrong(format!("a message is a JSON object with a \"type\", as {{\"type\":\"ping\"}}: {error}")))
        })?;
        let sub = head.sub.as_deref().filter(|sub| sub.len() <= SUB_LEN_MAX).map(str::to_owned);
        // What one client sends others are to read.
        let readable = check(text).map_err(|error| wrong(format!("the message cannot be read: {error}")));
        match readable.and_then(|()| wish(&head.kind, text, limits)) {
            Ok(wish) => Ok(Self { id: head.id, wish }),
            Err(error) => Err(Refusal { id: head.id, sub, error }),
        }
    }
}

fn wish(kind: &str, text: &str, limits: &Limits) -> Result<Wish, callboard_core::Error> {
    Ok(match kind {
        "ping" => fields::<Empty>(kind, text).map(|_| Wish::Ping)?,
        "subscribe" => subscribe(text, limits)?,
        "unsubscribe" => Wish::Unsubscribe { sub: fields::<OfSub>(kind, text)?.sub },
        "invoke" => {
            let Invoke { actor, action, data, key, .. } = borrowed(kind, text)?;
            Wish::Invoke { actor, action, data: json_of(data), key }
        }
        "publish" => {
            let Publish { topic, payload_type, data, .. } = borrowed(kind, text)?;
            Wish::Publish { topic, payload_type, data: json_of(data) }
        }
        "ack" => {
            let AckFields { sub, topic, seq, upto, .. } = fields(kind, text)?;
            let ack = match (seq, upto) {
                (Some(seq), None) => Ack::One(seq),
                (None, Some(upto)) => Ack::UpTo(upto),
                _ => return Err(wrong("an ack has either \"seq\", one publication, or \"upto\", all up to there")),
            };
            Wish::Over { sub, deed: Deed::Acknowledge { topic, ack } }
        }
        "perform" => {
            let Perform { sub, event, data, .. } = borrowed(kind, text)?;
            Wish::Over { sub, deed: Deed::Perform { event, data: Data::Json(json_of(data)) } }
        }
        "whisper" => {
            let Whisper { sub, data, .. } = borrowed(kind, text)?;
            Wish::Over { sub, deed: Deed::Whisper { data: json_of(data) } }
        }
        "presence_join" => {
            let Join { sub, name, info, .. } = borrowed(kind, text)?;
            let info = info.map_or("{}", RawValue::get);
            if !info.starts_with('{') {
                return Err(wrong("\"info\" is an object, which the others see"));
            }
            Wish::Over { sub, deed: Deed::Join { name, info: info.to_owned() } }
        }
        "presence_leave" => Wish::Over { sub: fields::<OfSub>(kind, text)?.sub, deed: Deed::Leave },
        "presence_list" => Wish::Over { sub: fields::<OfSub>(kind, text)?.sub, deed: Deed::List },
        other => {
            let other: String = other.chars().take(64).collect();
            return Err(wrong(format!("there is no type {other:?}; there are {TYPES}")));
        }
    })
}

/// Reads the fields of a type.
fn fields<T: DeserializeOwned>(kind: &str, text: &str) -> Result<T, callboard_core::Error> {
    serde_json::from_str(text).map_err(|error| wrong(format!("this is no {kind}: {error}")))
}

/// The same for types that keep a part of the text.
fn borrowed<'a, T: Deserialize<'a>>(kind: &str, text: &'a str) -> Result<T, callboard_core::Error> {
    serde_json::from_str(text).map_err(|error| wrong(format!("this is no {kind}: {error}")))
}

fn json_of(data: Option<&RawValue>) -> String {
    data.map_or_else(|| "null".to_owned(), |data| data.get().to_owned())
}

// `type` and `id` were read with the head; a field that a type does not have is an error, so that a misspelt one is noticed.
macro_rules! message {
    ($(#[$doc:meta])* struct $name:ident $(<$life:lifetime>)? { $($(#[$attr:meta])* $field:ident: $of:ty,)* }) => {
        $(#[$doc])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name $(<$life>)? {
            #[serde(rename = "type")]
            _kind: IgnoredAny,
            #[serde(default, rename = "id")]
            _id: IgnoredAny,
            $($(#[$attr])* $field: $of,)*
        }
    };
}

message! { struct Empty {} }
message! { struct OfSub { sub: String, } }
message! {
    struct Subscribe<'a> {
        sub: String,
        topic: Option<String>,
        channel: Option<String>,
        #[serde(borrow)]
        params: Option<&'a RawValue>,
        from: Option<Place>,
        consumer: Option<Consumer>,
    }
}
message! {
    struct Invoke<'a> {
        actor: String,
        action: String,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
        key: Option<String>,
    }
}
message! {
    struct Publish<'a> {
        topic: String,
        payload_type: Option<String>,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
}
message! { struct AckFields { sub: String, topic: Option<String>, seq: Option<u64>, upto: Option<u64>, } }
message! {
    struct Perform<'a> {
        sub: String,
        event: String,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
}
message! {
    struct Whisper<'a> {
        sub: String,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
}
message! {
    struct Join<'a> {
        sub: String,
        name: Option<String>,
        #[serde(borrow)]
        info: Option<&'a RawValue>,
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "\"consumer\" is true, or the name of one of several, of 1 to 255 bytes")]
enum Consumer {
    Said(bool),
    Named(String),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "\"from\" is \"live\", \"beginning\", {\"cursor\":\"1-41\"}, {\"time\":\"2026-11-21T08:00:00Z\"} or \
                               {\"after\":{\"order.events\":{\"epoch\":\"1\",\"seq\":41}}}"
)]
enum Place {
    Word(Word),
    Cursor(Cursor),
    Time(At),
    After(After),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Live,
    Beginning,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    cursor: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    time: Moment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    after: BTreeMap<String, Seen>,
    #[serde(default)]
    since: Option<Moment>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Millis(u64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    epoch: Moment,
    seq: u64,
}

impl Moment {
    fn time(&self) -> Result<Timestamp, callboard_core::Error> {
        let time = match self {
            Self::Millis(millis) => parse_time(&millis.to_string()),
            Self::Text(text) => parse_time(text),
        };
        time.ok_or_else(|| wrong("a time is RFC 3339, as \"2026-11-21T08:00:00Z\", or milliseconds since 1970"))
    }
}

impl Seen {
    /// `None` when no log of ours can have given it out.
    fn position(&self) -> Option<Position> {
        let epoch = match &self.epoch {
            Moment::Millis(epoch) => *epoch,
            Moment::Text(text) => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??,
        };
        Some(Position::new(epoch, self.seq))
    }
}

fn subscribe(text: &str, limits: &Limits) -> Result<Wish, callboard_core::Error> {
    let Subscribe { sub, topic, channel, params, from, consumer, .. } = borrowed("subscribe", text)?;
    if sub.is_empty() || sub.len() > SUB_LEN_MAX {
        return Err(wrong(format!(
            "\"sub\" is a name of your choice for the subscription, of 1 to {SUB_LEN_MAX} bytes"
        )));
    }
    let target = match (topic, channel) {
        (Some(topic), None) if params.is_none() => Target::Topic(topic),
        (None, Some(name)) => {
            let params = params.map_or("{}", RawValue::get);
            if !params.starts_with('{') {
                return Err(wrong("\"params\" is an object, the parameters of the channel"));
            }
            Target::Channel { name, params: params.to_owned() }
        }
        (Some(_), None) => return Err(wrong("\"params\" belong to a \"channel\"; a \"topic\" has none")),
        _ => return Err(wrong("a subscribe has either a \"topic\", which may be a pattern, or a \"channel\"")),
    };
    let (name, params) = match &target {
        Target::Channel { name, params } => (name, params.len()),
        Target::Topic(name) | Target::Signed(name) => (name, 0),
    };
    if name.len() > limits.name_len || params > limits.name_len {
        let text = format!("a channel's name, a topic and the parameters have at most {} bytes each", limits.name_len);
        return Err(wrong(text));
    }
    let consumer = match consumer {
        None | Some(Consumer::Said(false)) => None,
        // The client itself, on whatever device.
        Some(Consumer::Said(true)) => Some(String::new()),
        Some(Consumer::Named(name)) if (1..=SUB_LEN_MAX).contains(&name.len()) => Some(name),
        Some(Consumer::Named(_)) => {
            return Err(wrong("\"consumer\" is true, or the name of one of several, of 1 to 255 bytes"));
        }
    };
    Ok(Wish::Subscribe { sub, target, from: from.map_or(Ok(From::Fresh), place)?, consumer })
}

fn place(place: Place) -> Result<From, callboard_core::Error> {
    Ok(match place {
        Place::Word(Word::Live) => From::Live,
        Place::Word(Word::Beginning) => From::Beginning,
        Place::Cursor(Cursor { cursor }) => From::Cursor(cursor),
        Place::Time(At { time }) => From::Time(time.time()?),
        Place::After(After { after, since }) => {
            if after.len() > POSITIONS_MAX {
                return Err(wrong(format!("\"after\" has positions of at most {POSITIONS_MAX} topics")));
            }
            let since = since.map(|since| since.time()).transpose()?;
            let positions = after.into_iter().map(|(topic, seen)| (Some(topic), seen.position())).collect();
            From::After { positions, since }
        }
    })
}

#[cfg(test)]
mod tests;
