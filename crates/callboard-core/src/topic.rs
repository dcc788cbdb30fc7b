//! [`Topic`] and [`Pattern`]: parsed once at the edge, trusted afterwards.

use std::fmt;
use std::sync::Arc;

use crate::limits::{TOPIC_LEN_MAX, TOPIC_TOKENS_MAX};

mod index;
mod rules;

pub use index::PatternIndex;
pub use rules::{Retention, TopicPolicy, TopicRules};

/// Why a text is not a topic or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Nothing, or nothing between two dots.
    #[error("{0:?} has an empty token; write tokens joined by single dots, e.g. \"order.events\"")]
    EmptyToken(String),
    /// Over 255 bytes.
    #[error("the topic has {0} bytes; the most is {TOPIC_LEN_MAX}")]
    TooLong(usize),
    /// Over 16 tokens.
    #[error("the topic has {0} tokens; the most is {TOPIC_TOKENS_MAX}")]
    TooDeep(usize),
    /// A blank, a control character, or a wildcard inside a token or a topic.
    #[error(
        "{text:?} may not contain {found:?} here; wildcards stand alone (\"order.*\", \"order.>\") and only in patterns"
    )]
    Forbidden {
        /// The text, cut to 64 characters.
        text: String,
        /// What it may not contain.
        found: char,
    },
    /// `>` before the last token.
    #[error("{0:?} has `>` before its end; it matches one or more tokens and stands last")]
    TailNotLast(String),
}

/// A dotted name on which publications are announced: 1 to 16 tokens joined by `.`, at most 255 bytes, no wildcards, blanks
/// or control characters. Tokens starting with `$` are the system's own by convention.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// A selection of topics: a topic in which `*` stands for one token and, last, `>` for one or more (as in NATS).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Topic {
    /// Parses a topic.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check(text, false)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tokens from left to right.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}

impl Pattern {
    /// Parses a pattern. Every topic is a pattern too.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check(text, true)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tokens from left to right; `*` and `>` are tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The topic that this is, when it has no wildcard.
    #[must_use]
    pub fn as_topic(&self) -> Option<Topic> {
        (!self.tokens().any(|t| t == "*" || t == ">")).then(|| Topic(Arc::clone(&self.0)))
    }

    /// Every topic: `>`.
    #[must_use]
    pub fn all() -> Self {
        Self(">".into())
    }

    /// Whether every topic that `other` selects is selected by this too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let mut others = other.tokens();
        for wanted in self.tokens() {
            match (wanted, others.next()) {
                (_, None) => return false,
                (">", Some(_)) => return true,
                (_, Some(">")) => return false,
                ("*", Some(_)) => {}
                (wanted, Some(token)) if wanted == token => {}
                (_, Some(_)) => return false,
            }
        }
        others.next().is_none()
    }

    /// Whether `topic` is selected. For many patterns at once use [`PatternIndex`].
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut tokens = topic.tokens();
        for wanted in self.tokens() {
            match (wanted, tokens.next()) {
                (_, None) => return false,
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(token)) if wanted == token => {}
                (_, Some(_)) => return false,
            }
        }
        tokens.next().is_none()
    }
}

impl From<Topic> for Pattern {
    fn from(topic: Topic) -> Self {
        Self(topic.0)
    }
}

fn check(text: &str, wildcards: bool) -> Result<(), TopicError> {
    if text.len() > TOPIC_LEN_MAX {
        return Err(TopicError::TooLong(text.len()));
    }
    let count = text.split('.').count();
    if count > TOPIC_TOKENS_MAX {
        return Err(TopicError::TooDeep(count));
    }
    let excerpt = || text.chars().take(64).collect::<String>();
    for (place, token) in text.split('.').enumerate() {
        match token {
            "" => return Err(TopicError::EmptyToken(excerpt())),
            "*" if wildcards => {}
            ">" if wildcards && place + 1 == count => {}
            ">" if wildcards => return Err(TopicError::TailNotLast(excerpt())),
            _ => {
                let bad = |c: &char| c.is_whitespace() || c.is_control() || *c == '*' || *c == '>';
                if let Some(found) = token.chars().find(bad) {
                    return Err(TopicError::Forbidden { text: excerpt(), found });
                }
            }
        }
    }
    Ok(())
}

macro_rules! text_impls {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self.0)
            }
        }
        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $type {
            type Err = TopicError;
            fn from_str(text: &str) -> Result<Self, TopicError> {
                Self::parse(text)
            }
        }
    };
}
text_impls!(Topic);
text_impls!(Pattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_topic_says_why() {
        assert!(matches!(Topic::parse(""), Err(TopicError::EmptyToken(_))));
        assert!(matches!(Topic::parse("a..b"), Err(TopicError::EmptyToken(_))));
        assert!(matches!(Topic::parse("a.*"), Err(TopicError::Forbidden { found: '*', .. })));
        assert!(matches!(Topic::parse("a b"), Err(TopicError::Forbidden { found: ' ', .. })));
        assert!(matches!(Topic::parse("a\u{0}"), Err(TopicError::Forbidden { .. })));
        assert!(matches!(Topic::parse(&"a.".repeat(10_000)), Err(TopicError::TooLong(20_000))));
        assert!(matches!(Topic::parse(&["a"; 17].join(".")), Err(TopicError::TooDeep(17))));
        assert!(Topic::parse("bücher.neu").is_ok());
        assert!(matches!(Pattern::parse("a.>.b"), Err(TopicError::TailNotLast(_))));
        assert!(matches!(Pattern::parse("a*"), Err(TopicError::Forbidden { .. })));
    }

    #[test]
    fn wildcards_match_as_in_nats() {
        let matches =
            |pattern: &str, topic: &str| Pattern::parse(pattern).unwrap().matches(&Topic::parse(topic).unwrap());
        assert!(matches("a.*", "a.b"));
        assert!(!matches("a.*", "a"));
        assert!(!matches("a.*", "a.b.c"));
        assert!(matches("a.>", "a.b.c"));
        assert!(!matches("a.>", "a"));
        assert!(matches(">", "a"));
        assert!(matches("*.b.>", "a.b.c"));
        assert!(!matches("a.b", "a.c"));
    }
}
