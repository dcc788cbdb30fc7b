//! Topic matching: [`PatternIndex`], a trie over tokens.

use std::collections::HashMap;

use rapidhash::RapidHashMap;

use super::{Pattern, Topic};

/// Finds everything whose pattern selects a topic, in one walk over the topic's tokens.
///
/// The cost of [`PatternIndex::matches`] grows with the topic's depth and the number of matches, not with the number of
/// patterns. Entries under one pattern are visited in the order of their insertion.
#[derive(Debug)]
pub struct PatternIndex<T> {
    root: Node<T>,
    len: usize,
}

#[derive(Debug)]
struct Node<T> {
    tokens: RapidHashMap<Box<str>, Self>,
    any: Option<Box<Self>>,
    here: Vec<T>,
    tail: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { tokens: HashMap::default(), any: None, here: Vec::new(), tail: Vec::new() }
    }
}

impl<T> Default for PatternIndex<T> {
    fn default() -> Self {
        Self { root: Node::default(), len: 0 }
    }
}

impl<T> PatternIndex<T> {
    /// An empty index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry; the same pattern may have any number.
    pub fn insert(&mut self, pattern: &Pattern, entry: T) {
        let mut node = &mut self.root;
        self.len += 1;
        for token in pattern.tokens() {
            node = match token {
                ">" => return node.tail.push(entry),
                "*" => node.any.get_or_insert_default(),
                token => node.tokens.entry(token.into()).or_default(),
            };
        }
        node.here.push(entry);
    }

    /// Calls `visit` with each entry whose pattern selects the topic.
    pub fn matches<'a>(&'a self, topic: &Topic, mut visit: impl FnMut(&'a T)) {
        self.root.matches(topic.as_str(), &mut visit);
    }

    /// Calls `visit` with every entry.
    pub fn each(&self, mut visit: impl FnMut(&T)) {
        self.root.each(&mut visit);
    }

    /// Whether any pattern selects the topic.
    #[must_use]
    pub fn has_match(&self, topic: &Topic) -> bool {
        let mut found = false;
        self.matches(topic, |_| found = true);
        found
    }
}

impl<T: PartialEq> PatternIndex<T> {
    /// Removes the entry under this pattern; says whether it was there. Empty branches are freed.
    pub fn remove(&mut self, pattern: &Pattern, entry: &T) -> bool {
        let removed = self.root.remove(&mut pattern.tokens(), entry);
        self.len -= usize::from(removed);
        removed
    }
}

impl<T> Node<T> {
    fn matches<'a>(&'a self, rest: &str, visit: &mut impl FnMut(&'a T)) {
        self.tail.iter().for_each(&mut *visit);
        let (token, rest) = match rest.split_once('.') {
            Some((token, rest)) => (token, Some(rest)),
            None => (rest, None),
        };
        for node in self.tokens.get(token).into_iter().chain(self.any.as_deref()) {
            match rest {
                Some(rest) => node.matches(rest, visit),
                None => node.here.iter().for_each(&mut *visit),
            }
        }
    }

    fn each(&self, visit: &mut impl FnMut(&T)) {
        self.here.iter().chain(&self.tail).for_each(&mut *visit);
        self.tokens.values().chain(self.any.as_deref()).for_each(|node| node.each(visit));
    }

    fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.any.is_none() && self.here.is_empty() && self.tail.is_empty()
    }
}

impl<T: PartialEq> Node<T> {
    fn remove<'p>(&mut self, tokens: &mut impl Iterator<Item = &'p str>, entry: &T) -> bool {
        let take = |list: &mut Vec<T>| {
            let place = list.iter().position(|e| e == entry);
            place.map(|place| list.remove(place)).is_some()
        };
        match tokens.next() {
            None => take(&mut self.here),
            Some(">") => take(&mut self.tail),
            Some("*") => {
                let Some(node) = &mut self.any else { return false };
                let removed = node.remove(tokens, entry);
                if node.is_empty() {
                    self.any = None;
                }
                removed
            }
            Some(token) => {
                let Some(node) = self.tokens.get_mut(token) else { return false };
                let removed = node.remove(tokens, entry);
                if node.is_empty() {
                    self.tokens.remove(token);
                }
                removed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &PatternIndex<u32>, topic: &str) -> Vec<u32> {
        let mut found = Vec::new();
        index.matches(&Topic::parse(topic).unwrap(), |n| found.push(*n));
        found.sort_unstable();
        found
    }

    #[test]
    fn an_index_finds_what_each_pattern_alone_would_select() {
        let patterns = ["a", "a.b", "a.*", "a.>", "*.b", ">", "*", "a.*.c", "a.b.>", "*.*.*", "x.y"];
        let topics = ["a", "a.b", "a.x", "a.b.c", "a.b.c.d", "x.y", "z", "q.b", "a.z.c"];
        let mut index = PatternIndex::new();
        let parsed: Vec<Pattern> = patterns.iter().map(|p| Pattern::parse(p).unwrap()).collect();
        for (n, pattern) in (0..).zip(&parsed) {
            index.insert(pattern, n);
        }
        for topic in topics {
            let parsed_topic = Topic::parse(topic).unwrap();
            let alone: Vec<u32> =
                (0..).zip(&parsed).filter(|(_, p)| p.matches(&parsed_topic)).map(|(n, _)| n).collect();
            assert_eq!(found(&index, topic), alone, "{topic}");
        }
        for (n, pattern) in (0..).zip(&parsed) {
            assert!(index.remove(pattern, &n));
            assert!(!index.remove(pattern, &n));
        }
        assert!(index.is_empty() && index.root.is_empty(), "removal frees every branch");
    }
}
