//! How many changes of one topic are announced at once before a storm is taken for one.

use std::collections::BTreeMap;

use callboard_core::Timestamp;

/// Topics that are counted at one time. Full buckets are the same as none, so they leave first.
const BUCKETS_MAX: usize = 4096;

/// A token bucket for each topic. Time is an argument.
#[derive(Debug)]
pub(super) struct Buckets {
    per_second: u32,
    burst: u32,
    topics: BTreeMap<String, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    // Thousandths of a token.
    tokens: u64,
    at: Timestamp,
}

impl Buckets {
    pub(super) const fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst, topics: BTreeMap::new() }
    }

    /// Takes one token of each topic, if each has one.
    pub(super) fn take<'a>(&mut self, topics: impl Iterator<Item = &'a str> + Clone, now: Timestamp) -> bool {
        if topics.clone().any(|topic| self.filled(topic, now).tokens < 1000) {
            return false;
        }
        for topic in topics {
            let filled = self.filled(topic, now);
            let bucket = Bucket { tokens: filled.tokens.saturating_sub(1000), at: now };
            if self.topics.len() >= BUCKETS_MAX && !self.topics.contains_key(topic) {
                self.make_room(now);
            }
            self.topics.insert(topic.to_owned(), bucket);
        }
        true
    }

    fn filled(&self, topic: &str, now: Timestamp) -> Bucket {
        let full = u64::from(self.burst) * 1000;
        let Some(bucket) = self.topics.get(topic) else { return Bucket { tokens: full, at: now } };
        let passed = u64::try_from(now.since(bucket.at).as_millis()).unwrap_or(u64::MAX);
        let tokens = bucket.tokens.saturating_add(passed.saturating_mul(u64::from(self.per_second))).min(full);
        Bucket { tokens, at: now }
    }

    fn make_room(&mut self, now: Timestamp) {
        let full = u64::from(self.burst) * 1000;
        let kept: BTreeMap<String, Bucket> = std::mem::take(&mut self.topics)
            .into_iter()
            .filter_map(|(topic, bucket)| {
                let passed = u64::try_from(now.since(bucket.at).as_millis()).unwrap_or(u64::MAX);
                let tokens = bucket.tokens.saturating_add(passed.saturating_mul(u64::from(self.per_second)));
                (tokens < full).then_some((topic, bucket))
            })
            .collect();
        // A storm on so many topics at once is bounded by the mailbox; to forget is to allow it a burst more.
        self.topics = if kept.len() < BUCKETS_MAX { kept } else { BTreeMap::new() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_its_burst_and_then_its_rate() {
        let at = Timestamp::from_millis;
        let mut buckets = Buckets::new(10, 3);
        let mut take = |topic: &'static str, now| buckets.take([topic].into_iter(), at(now));
        assert!(take("a", 0) && take("a", 0) && take("a", 0) && !take("a", 0));
        assert!(take("b", 0), "each topic for itself");
        assert!(!take("a", 99) && take("a", 100) && !take("a", 100));
        assert!(take("a", 60_000) && take("a", 60_000) && take("a", 60_000) && !take("a", 60_000));
    }

    #[test]
    fn the_topics_are_bounded() {
        let mut buckets = Buckets::new(1, 2);
        for n in 0..3 * BUCKETS_MAX {
            let topic = n.to_string();
            assert!(buckets.take([topic.as_str()].into_iter(), Timestamp::from_millis(n as u64 / 100)));
        }
        assert!(buckets.topics.len() <= BUCKETS_MAX);
    }
}
