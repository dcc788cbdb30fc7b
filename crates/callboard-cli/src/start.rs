//! [`From`]: where `tail` starts, as it is written on the command line.

use callboard_core::port::Clock as _;
use callboard_core::{Position, Timestamp, Topic};
use callboard_node::SystemClock;
use callboard_node::config::Span;
use callboard_wire::pb::v1;
use callboard_wire::pb::v1::subscribe_request::Start;

/// Where a tail starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum From {
    /// With what is published from now on.
    Live,
    /// With the oldest that is kept.
    Beginning,
    /// With the first at or after a time.
    Time(prost_types::Timestamp),
    /// After a position.
    After(Position),
}

impl From {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "live" => Ok(Self::Live),
            "beginning" => Ok(Self::Beginning),
            _ => match Position::parse(text) {
                Some(position) => Ok(Self::After(position)),
                None => time(text).map(Self::Time).map_err(|_| {
                    format!("{text:?} is no start; write live, beginning, epoch-seq (1-42), a time (2026-11-20T10:00:00Z) or 5m")
                }),
            },
        }
    }

    /// The start of a request for `pattern`.
    pub(crate) fn request(self, pattern: &str) -> Result<Option<Start>, String> {
        Ok(match self {
            Self::Live => None,
            Self::Beginning => Some(Start::Beginning(true)),
            Self::Time(time) => Some(Start::Time(time)),
            Self::After(position) => {
                let topic = Topic::parse(pattern).map_err(|_| {
                    format!("a position is a place in one topic, and {pattern:?} is none; name the topic, or start at a time")
                })?;
                let position = v1::Position { epoch: position.epoch.0, seq: position.seq.0 };
                let positions = [(topic.as_str().to_owned(), position)].into_iter().collect();
                Some(Start::After(v1::AfterPositions { positions, others: None }))
            }
        })
    }
}

/// A time: RFC 3339, or a length of time ago.
pub(crate) fn time(text: &str) -> Result<prost_types::Timestamp, String> {
    if let Ok(span) = text.parse::<Span>() {
        return Ok(timestamp(SystemClock.now().before(span.0)));
    }
    text.parse().map_err(|_| format!("{text:?} is no time; write 2026-11-20T10:00:00Z, or 5m for five minutes ago"))
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let millis = time.as_millis();
    prost_types::Timestamp {
        seconds: i64::try_from(millis / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis % 1000 * 1_000_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_a_position_or_a_time() {
        assert_eq!(From::parse("live"), Ok(From::Live));
        assert_eq!(From::parse("1-42"), Ok(From::After(Position::new(1, 42))));
        assert!(matches!(From::parse("2026-11-20T10:00:00Z"), Ok(From::Time(at)) if at.seconds == 1_795_168_800));
        assert!(matches!(From::parse("5m"), Ok(From::Time(_))));
        assert!(From::parse("yesterday").unwrap_err().contains("beginning"));
    }

    #[test]
    fn a_position_needs_a_single_topic() {
        let after = From::After(Position::new(1, 2));
        assert!(after.request("order.*").unwrap_err().contains("one topic"));
        assert!(after.request("order.events").unwrap().is_some());
    }
}
