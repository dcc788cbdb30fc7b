//! Which topics are durable and for how long: [`TopicRules`].

use std::time::Duration;

use super::{Pattern, Topic};
use crate::limits::{RETENTION_AGE, RETENTION_LEN, RING_AGE, RING_LEN};

/// How long a durable topic keeps what every subscriber has seen. What a durable subscriber has not seen yet is kept in any
/// case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// At most this old.
    pub age: Duration,
    /// At most this many.
    pub len: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age: RETENTION_AGE, len: RETENTION_LEN }
    }
}

/// What a declaration says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicPolicy {
    /// Kept on disk; at least once for durable subscribers.
    Durable(Retention),
    /// Kept in a ring in memory; at most once; costs no disk.
    Ephemeral {
        /// At most this old.
        age: Duration,
        /// At most this many.
        len: usize,
    },
}

impl TopicPolicy {
    /// The default ephemeral ring.
    pub const EPHEMERAL: Self = Self::Ephemeral { age: RING_AGE, len: RING_LEN };

    /// Whether publications are kept on disk.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        matches!(self, Self::Durable(_))
    }
}

impl Default for TopicPolicy {
    fn default() -> Self {
        Self::Durable(Retention::default())
    }
}

/// The declared policies, by pattern. The rule declared last that matches wins; without one a topic is durable with the
/// default retention.
#[derive(Clone, Debug, Default)]
pub struct TopicRules(Vec<(Pattern, TopicPolicy)>);

impl TopicRules {
    /// Adds a rule that goes before all earlier ones.
    pub fn declare(&mut self, pattern: Pattern, policy: TopicPolicy) {
        self.0.push((pattern, policy));
    }

    /// The policy of a topic.
    #[must_use]
    pub fn policy(&self, topic: &Topic) -> TopicPolicy {
        self.0.iter().rev().find(|(pattern, _)| pattern.matches(topic)).map_or_else(TopicPolicy::default, |(_, p)| *p)
    }

    /// Whether a topic is kept on disk.
    #[must_use]
    pub fn is_durable(&self, topic: &Topic) -> bool {
        self.policy(topic).is_durable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_declared_last_wins_and_topics_are_durable_without_one() {
        let mut rules = TopicRules::default();
        rules.declare(Pattern::parse("metrics.>").unwrap(), TopicPolicy::EPHEMERAL);
        rules.declare(Pattern::parse("metrics.billing").unwrap(), TopicPolicy::default());
        assert!(!rules.is_durable(&Topic::parse("metrics.cpu").unwrap()));
        assert!(rules.is_durable(&Topic::parse("metrics.billing").unwrap()));
        assert!(rules.is_durable(&Topic::parse("order.events").unwrap()));
    }
}
