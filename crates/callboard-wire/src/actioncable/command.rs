//! What ActionCable and AnyCable clients send.

use callboard_core::{Position, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::session::{From, Target};

/// Levels of a subscription's identifier.
const DEPTH_MAX: usize = 8;
/// Streams of which a client names its position.
const STREAMS_MAX: usize = 256;

/// Bytes of the name of one of a client's several consumers, as on the other protocols.
const CONSUMER_LEN_MAX: usize = 255;

/// A command, as it came.
#[derive(Deserialize)]
pub(super) struct Command {
    pub(super) command: String,
    #[serde(default)]
    pub(super) identifier: Option<String>,
    #[serde(default)]
    pub(super) data: Option<Value>,
    #[serde(default)]
    pub(super) history: Option<History>,
    #[serde(default)]
    pub(super) presence: Option<Map<String, Value>>,
}

/// From where a client wants the past.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct History {
    #[serde(default)]
    since: Option<u64>,
    #[serde(default)]
    streams: Map<String, Value>,
}

impl Command {
    /// Reads a frame; `None` when it is no command.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl History {
    /// The place that it names. A position that no log of ours can have given is a gap.
    pub(super) fn from(&self) -> From {
        let position = |place: &Value| {
            let epoch = place.get("epoch")?.as_str()?.parse().ok()?;
            Some(Position::new(epoch, place.get("offset")?.as_u64()?))
        };
        let streams = self.streams.iter().take(STREAMS_MAX);
        From::After {
            positions: streams.map(|(name, place)| (Some(name.clone()), position(place))).collect(),
            since: self.since.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000))),
        }
    }
}

/// What an identifier means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) target: Target,
    /// The client acknowledges what it receives: under its own name, which is the empty one, or as one of several.
    pub(super) consumer: Option<String>,
}

/// Reads an identifier; `None` when it means nothing.
pub(super) fn named(identifier: &str) -> Option<Named> {
    let value: Value = serde_json::from_str(identifier).ok()?;
    let params = value.as_object()?;
    if depth(&value) > DEPTH_MAX {
        return None;
    }
    let name = params.get("channel")?.as_str()?;
    let text = |member: &str| params.get(member).and_then(Value::as_str);
    let target = match (text("signed_stream_name"), name, text("stream_name")) {
        (Some(signed), ..) => Target::Signed(signed.to_owned()),
        (None, "$pubsub", Some(stream)) => Target::Topic(stream.to_owned()),
        (None, "$pubsub", None) => return None,
        (None, ..) => Target::Channel { name: name.to_owned(), params: identifier.to_owned() },
    };
    let consumer = match params.get("consumer") {
        Some(Value::Bool(true)) => Some(String::new()),
        Some(Value::String(name)) if !name.is_empty() && name.len() <= CONSUMER_LEN_MAX => Some(name.clone()),
        // It may be a parameter of the channel's own.
        _ => None,
    };
    Some(Named { target, consumer })
}

fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(identifier: &str) -> Option<Target> {
        named(identifier).map(|named| named.target)
    }

    #[test]
    fn an_identifier_names_a_channel_a_topic_or_a_signed_stream() {
        let channel = r#"{"channel":"CampaignChannel","id":7}"#;
        let params = channel.to_owned();
        assert_eq!(target(channel), Some(Target::Channel { name: "CampaignChannel".to_owned(), params }));
        let topic = r#"{"channel":"$pubsub","stream_name":"order.events"}"#;
        assert_eq!(target(topic), Some(Target::Topic("order.events".to_owned())));
        let signed = r#"{"channel":"Turbo::StreamsChannel","signed_stream_name":"abc--def"}"#;
        assert_eq!(target(signed), Some(Target::Signed("abc--def".to_owned())));
        let deep = format!(r#"{{"channel":"C","x":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
        for nothing in ["", "7", "[]", "{}", r#"{"channel":7}"#, r#"{"channel":"$pubsub"}"#, &deep] {
            assert_eq!(target(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_identifier_says_whether_the_client_acknowledges() {
        let consumer = |said: &str| {
            let identifier = format!(r#"{{"channel":"TaskChannel","consumer":{said}}}"#);
            named(&identifier).and_then(|named| named.consumer)
        };
        assert_eq!((consumer("true"), consumer(r#""phone""#)), (Some(String::new()), Some("phone".to_owned())));
        let long = format!("{:?}", "x".repeat(256));
        for not in ["false", "null", "7", r#""""#, long.as_str()] {
            assert_eq!(consumer(not), None, "{not}");
        }
    }

    #[test]
    fn a_position_that_no_log_can_have_given_is_kept_as_such() {
        let text = r#"{"since":5,"streams":{"a.b":{"epoch":"1","offset":4},"c.d":{"epoch":"zz","offset":4}}}"#;
        let history: History = serde_json::from_str(text).unwrap();
        let positions = vec![(Some("a.b".to_owned()), Some(Position::new(1, 4))), (Some("c.d".to_owned()), None)];
        assert_eq!(history.from(), From::After { positions, since: Some(Timestamp::from_millis(5000)) });
    }
}
