//! [`Cursor`]: how far a subscriber of a topic or a pattern has come, as one short text.

use std::collections::HashMap;
use std::fmt;

use callboard_core::port::Start;
use callboard_core::{Mark, Pattern, Position, Publication, Topic};

/// How far a subscriber has come. It is the `id:` of server-sent events, and what `Last-Event-ID` and `?from=` take.
///
/// For one topic it is the position of the last publication, `1-42`. For a pattern it is `topic:1-42:1234`: the last publication's topic
/// and position, and the mark behind which the other topics go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// In one topic.
    Topic(Position),
    /// In the topics of a pattern.
    Pattern {
        /// The topic of the last publication.
        topic: Topic,
        /// Its position there.
        position: Position,
        /// The greatest mark seen; zero when only ephemeral topics were.
        mark: Mark,
    },
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(position) => position.fmt(f),
            Self::Pattern { topic, position, mark } => write!(f, "{topic}:{position}:{}", mark.0),
        }
    }
}

impl Cursor {
    /// Reads the text form; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(position) = Position::parse(text) {
            return Some(Self::Topic(position));
        }
        // From the right: a topic may contain colons.
        let (rest, mark) = text.rsplit_once(':')?;
        let (topic, position) = rest.rsplit_once(':')?;
        let mark = mark.bytes().all(|b| b.is_ascii_digit()).then(|| mark.parse().ok())??;
        let (topic, position) = (Topic::parse(topic).ok()?, Position::parse(position)?);
        Some(Self::Pattern { topic, position, mark: Mark(mark) })
    }

    /// The cursor behind a publication, for a subscriber of `pattern` that had seen everything up to `mark`.
    #[must_use]
    pub fn behind(pattern: &Pattern, publication: &Publication, mark: Mark) -> Self {
        if pattern.as_str() == publication.topic.as_str() {
            return Self::Topic(publication.position);
        }
        let mark = mark.max(publication.mark);
        Self::Pattern { topic: publication.topic.clone(), position: publication.position, mark }
    }

    /// Where a subscription of `pattern` goes on behind this cursor; `None` when the cursor is not of this pattern.
    #[must_use]
    pub fn start(self, pattern: &Pattern) -> Option<Start> {
        let (topic, position, others) = match self {
            Self::Topic(position) => (pattern.as_topic()?, position, None),
            Self::Pattern { topic, position, mark } => {
                let others = (mark > Mark::ZERO).then_some(mark);
                (pattern.matches(&topic).then_some(topic)?, position, others)
            }
        };
        Some(Start::After { positions: HashMap::from([(topic, position)]), others })
    }

    /// The mark in it.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        match self {
            Self::Topic(_) => Mark::ZERO,
            Self::Pattern { mark, .. } => *mark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_writes_and_nothing_else() {
        let topic = Topic::parse("a:b.c").unwrap();
        for cursor in [
            Cursor::Topic(Position::new(1, 42)),
            Cursor::Pattern { topic, position: Position::new(3, 4), mark: Mark(99) },
        ] {
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
        for bad in ["", "x", "1", ":1-2:3", "a..b:1-2:3", "a:1-2:", "a:1-2:-3", "a:1:3", "a.*:1-2:3"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cursor_of_another_subscription_is_refused() {
        let start =
            |cursor: &str, pattern: &str| Cursor::parse(cursor).unwrap().start(&Pattern::parse(pattern).unwrap());
        assert!(start("1-2", "a.*").is_none());
        assert!(start("b.c:1-2:3", "a.*").is_none());
        let Some(Start::After { positions, others }) = start("a.c:1-2:3", "a.*") else { panic!() };
        assert_eq!((positions.len(), others), (1, Some(Mark(3))));
        // Only ephemeral topics were seen: the others go on with what is new, not from the beginning.
        assert!(matches!(start("a.c:1-2:0", "a.*"), Some(Start::After { others: None, .. })));
    }
}
