//! Joins: from the parameters of `phx_join` to a place in the past, and back to the reply.

use std::fmt::Write as _;

use callboard_core::{Code, Error, Position};
use serde_json::{Map, Value};

use super::FIELD_LEN_MAX;
use crate::json::parse_time;
use crate::session::{From, Head, Started};

/// Positions that a client may give with a join.
const POSITIONS_MAX: usize = 128;

/// What a client wants with a join. The parameters go to the channel as they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) from: From,
    /// A sequence number without an epoch: it is taken to be of the topic's epoch, which the gateway knows.
    pub(super) last_seq: Option<u64>,
    pub(super) consumer: Option<String>,
    pub(super) presence: Show,
    /// Whether publications come with their envelope where the channel would send them bare.
    pub(super) envelope: bool,
}

/// Whether the client is shown to the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// As is usual for the channel.
    Unsaid,
    /// With what the others see: a JSON object.
    Yes(String),
    No,
}

impl Join {
    pub(super) fn read(params: &str) -> Result<Self, Error> {
        let params = match serde_json::from_str(params) {
            Ok(Value::Object(params)) => params,
            Ok(Value::Null) => Map::new(),
            Ok(_) | Err(_) => return Err(invalid("the parameters of a join are an object")),
        };
        let said = |name: &str| params.get(name).filter(|value| !value.is_null());
        let (from, last_seq) = place(said)?;
        let consumer = match said("consumer") {
            None | Some(Value::Bool(false)) => None,
            // The client itself, on whatever device.
            Some(Value::Bool(true)) => Some(String::new()),
            Some(Value::String(name)) if !name.is_empty() && name.len() <= FIELD_LEN_MAX => Some(name.clone()),
            Some(_) => return Err(invalid("\"consumer\" is true, or the name of one of several, of 1 to 255 bytes")),
        };
        let presence = match said("presence") {
            None => Show::Unsaid,
            Some(Value::Bool(false)) => Show::No,
            Some(Value::Bool(true)) => Show::Yes("{}".to_owned()),
            Some(info @ Value::Object(_)) => Show::Yes(info.to_string()),
            Some(_) => return Err(invalid("\"presence\" is an object that the others see, or true, or false")),
        };
        let envelope = match said("envelope") {
            None => false,
            Some(Value::Bool(wanted)) => *wanted,
            Some(_) => return Err(invalid("\"envelope\" is true or false")),
        };
        Ok(Self { from, last_seq, consumer, presence, envelope })
    }
}

fn place<'a>(said: impl Fn(&str) -> Option<&'a Value>) -> Result<(From, Option<u64>), Error> {
    let since = match said("since") {
        None => None,
        Some(value) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(parse_time(&text).ok_or_else(|| invalid("\"since\" is RFC 3339 or milliseconds since 1970"))?)
        }
    };
    if let Some(cursor) = said("cursor") {
        let cursor = cursor.as_str().ok_or_else(|| invalid("\"cursor\" is a string"))?;
        return Ok((From::Cursor(cursor.to_owned()), None));
    }
    if let Some(last_seq) = said("last_seq") {
        let seq =
            last_seq.as_u64().ok_or_else(|| invalid("\"last_seq\" is the number of the last event that was seen"))?;
        return Ok(match said("epoch") {
            None => (From::Held, Some(seq)),
            Some(epoch) => (From::After { positions: vec![(None, position(Some(epoch), Some(seq)))], since }, None),
        });
    }
    if let Some(positions) = said("positions") {
        let places = positions.as_object().filter(|places| places.len() <= POSITIONS_MAX).ok_or_else(|| {
            invalid(
                "\"positions\" is an object of at most 128 topics: {\"order.events\":{\"epoch\":\"1\",\"offset\":41}}",
            )
        })?;
        let one = |(topic, place): (&String, &Value)| {
            (Some(topic.clone()), position(place.get("epoch"), place.get("offset").and_then(Value::as_u64)))
        };
        return Ok((From::After { positions: places.iter().map(one).collect(), since }, None));
    }
    Ok((since.map_or(From::Fresh, From::Time), None))
}

/// A position of ours; `None` when no log of ours can have given it out.
fn position(epoch: Option<&Value>, seq: Option<u64>) -> Option<Position> {
    let epoch = match epoch? {
        Value::String(text) => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??,
        other => other.as_u64()?,
    };
    Some(Position::new(epoch, seq?))
}

fn invalid(text: &str) -> Error {
    Error::new(Code::InvalidPayload, text)
}

/// Where the one topic goes on behind a number without an epoch. `None` when there is more than one topic, so that it is not known of
/// which the number is.
pub(super) fn placed(heads: &[Head], last_seq: u64) -> Option<From> {
    let [head] = heads else { return None };
    let position = Position::new(head.head.epoch.0, last_seq);
    Some(From::After { positions: vec![(None, Some(position))], since: None })
}

/// The response to a join: what the channel says, and where its topics stand. `started_at_time`: the place is not known as a number.
pub(super) fn response(channel: Option<&str>, started: &Started, started_at_time: bool) -> String {
    let theirs = channel.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok()).unwrap_or_default();
    let ours = ["epoch", "last_seq", "replay_from", "gap", "positions"];
    let mut out = String::from("{");
    for (name, value) in theirs.iter().filter(|(name, _)| !ours.contains(&name.as_str())) {
        // Writing to a string does not fail.
        let _ = write!(out, "{}:{value},", Value::from(name.as_str()));
    }
    if let [Head { head, after, .. }] = started.heads.as_slice() {
        let _ = write!(out, "\"epoch\":\"{}\",\"last_seq\":{},\"replay_from\":", head.epoch.0, head.seq.0);
        let _ = if started_at_time { write!(out, "null,") } else { write!(out, "{},", after.seq.0.saturating_add(1)) };
    } else if !started.heads.is_empty() {
        let place = |Head { topic, head, .. }: &Head| {
            format!("{}:{{\"epoch\":\"{}\",\"offset\":{}}}", Value::from(topic.as_str()), head.epoch.0, head.seq.0)
        };
        let places: Vec<String> = started.heads.iter().map(place).collect();
        let _ = write!(out, "\"positions\":{{{}}},", places.join(","));
    }
    let _ = write!(out, "\"gap\":{}}}", started.gap);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_core::Timestamp;

    fn from(params: &str) -> (From, Option<u64>) {
        let join = Join::read(params).unwrap();
        (join.from, join.last_seq)
    }

    fn after(position: Option<Position>) -> (From, Option<u64>) {
        (From::After { positions: vec![(None, position)], since: None }, None)
    }

    #[test]
    fn a_join_says_where_the_client_has_come_to() {
        assert_eq!(from("null"), (From::Fresh, None));
        assert_eq!(from(r#"{"last_seq":null,"epoch":null,"token":"x"}"#), (From::Fresh, None));
        assert_eq!(from(r#"{"last_seq":41}"#), (From::Held, Some(41)));
        assert_eq!(from(r#"{"last_seq":41,"epoch":"7"}"#), after(Some(Position::new(7, 41))));
        assert_eq!(from(r#"{"last_seq":41,"epoch":7}"#), after(Some(Position::new(7, 41))));
        assert_eq!(from(r#"{"last_seq":41,"epoch":"e7"}"#), after(None), "an epoch of somebody else");
        assert_eq!(from(r#"{"cursor":"1-41"}"#), (From::Cursor("1-41".to_owned()), None));
        assert_eq!(from(r#"{"since":1500}"#), (From::Time(Timestamp::from_millis(1500)), None));
        assert_eq!(from(r#"{"since":"1970-01-01T00:00:01.500Z"}"#), (From::Time(Timestamp::from_millis(1500)), None));
        let positions = vec![(Some("a.b".to_owned()), Some(Position::new(1, 5))), (Some("a.c".to_owned()), None)];
        assert_eq!(
            from(r#"{"positions":{"a.b":{"epoch":"1","offset":5},"a.c":{"offset":5}},"since":9}"#),
            (From::After { positions, since: Some(Timestamp::from_millis(9)) }, None)
        );
    }

    #[test]
    fn what_is_no_place_is_refused_and_said_why() {
        let many: Map<String, Value> = (0..200).map(|n| (n.to_string(), Value::Null)).collect();
        let many = format!("{{\"positions\":{}}}", Value::Object(many));
        for params in [
            "[]",
            "7",
            r#"{"last_seq":"41"}"#,
            r#"{"last_seq":-1}"#,
            r#"{"last_seq":1.5}"#,
            r#"{"cursor":1}"#,
            r#"{"since":"now"}"#,
            r#"{"since":-4}"#,
            r#"{"positions":[]}"#,
            r#"{"consumer":""}"#,
            r#"{"consumer":7}"#,
            r#"{"presence":"yes"}"#,
            r#"{"envelope":1}"#,
            &many,
        ] {
            assert_eq!(Join::read(params).unwrap_err().code(), Code::InvalidPayload, "{params:.60}");
        }
    }

    #[test]
    fn what_a_channel_answers_stands_beside_where_its_topic_stands() {
        let topic = callboard_core::Topic::parse("order.events").unwrap();
        let head = Head { topic: topic.clone(), head: Position::new(7, 57), after: Position::new(7, 41) };
        let started = Started { heads: vec![head.clone()], ..Started::default() };
        assert_eq!(
            response(Some(r#"{"title":"Orders \"all\"","gap":"theirs"}"#), &started, false),
            r#"{"title":"Orders \"all\"","epoch":"7","last_seq":57,"replay_from":42,"gap":false}"#
        );
        assert_eq!(response(None, &started, true), r#"{"epoch":"7","last_seq":57,"replay_from":null,"gap":false}"#);
        let two = Started { heads: vec![head.clone(), head], gap: true, ..Started::default() };
        let place = r#""order.events":{"epoch":"7","offset":57}"#;
        assert_eq!(response(None, &two, false), format!("{{\"positions\":{{{place},{place}}},\"gap\":true}}"));
        assert_eq!(response(Some("{}"), &Started::default(), false), r#"{"gap":false}"#);
    }
}
