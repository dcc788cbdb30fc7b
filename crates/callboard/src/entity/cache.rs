use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use callboard_core::Timestamp;

use super::Serialized;

/// Serialized entities, kept for a short while. Time is an argument.
///
/// *Bounds*: the number and the bytes; the oldest leave first.
#[derive(Debug)]
pub struct Cache {
    entries: BTreeMap<String, Entry>,
    // In the order in which they were put; one that was put again is only valid at its last place.
    order: VecDeque<(u64, String)>,
    puts: u64,
    bytes: usize,
    len_max: usize,
    bytes_max: usize,
    keep: Duration,
}

#[derive(Debug)]
struct Entry {
    data: Serialized,
    put: u64,
    at: Timestamp,
}

impl Cache {
    /// An empty one that keeps each entry so long; zero keeps nothing.
    #[must_use]
    pub const fn new(keep: Duration, len_max: usize, bytes_max: usize) -> Self {
        Self { entries: BTreeMap::new(), order: VecDeque::new(), puts: 0, bytes: 0, len_max, bytes_max, keep }
    }

    /// Keeps an entity.
    pub fn put(&mut self, key: &str, data: Serialized, now: Timestamp) {
        self.forget(key);
        let len = size(key, &data);
        if self.keep.is_zero() || self.len_max == 0 || len > self.bytes_max {
            return;
        }
        self.puts += 1;
        self.bytes += len;
        self.order.push_back((self.puts, key.to_owned()));
        self.entries.insert(key.to_owned(), Entry { data, put: self.puts, at: now });
        self.trim(now);
    }

    /// The entity as it was put, if that is not too long ago.
    #[must_use]
    pub fn get(&self, key: &str, now: Timestamp) -> Option<&Serialized> {
        self.entries.get(key).filter(|entry| self.is_fresh(entry, now)).map(|entry| &entry.data)
    }

    /// No longer keeps an entity. Says whether it was there.
    pub fn forget(&mut self, key: &str) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.bytes -= size(key, &entry.data);
        true
    }

    /// No longer keeps anything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.bytes = 0;
    }

    /// How many it holds, some of them perhaps too old to be given.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn is_fresh(&self, entry: &Entry, now: Timestamp) -> bool {
        now.since(entry.at) < self.keep
    }

    // What is too old or too much leaves, oldest first. Places of entries that were put again or forgotten leave with them.
    fn trim(&mut self, now: Timestamp) {
        while let Some((put, key)) = self.order.front() {
            let current = self.entries.get(key).filter(|entry| entry.put == *put);
            let over = self.entries.len() > self.len_max || self.bytes > self.bytes_max;
            let places = self.order.len() > 2 * self.len_max;
            if current.is_some_and(|entry| self.is_fresh(entry, now) && !over && !places) {
                return;
            }
            let is_current = current.is_some();
            if let Some((_, key)) = self.order.pop_front()
                && is_current
            {
                self.forget(&key);
            }
        }
    }
}

fn size(key: &str, data: &Serialized) -> usize {
    2 * key.len() + data.json().len() + 128
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn entity(n: usize) -> Serialized {
        Serialized::of(&serde_json::json!({ "n": n }), "E").unwrap()
    }

    #[test]
    fn an_entity_is_given_for_a_short_while_and_not_once_it_is_invalid() {
        let at = Timestamp::from_millis;
        let mut cache = Cache::new(SECOND, 10, 10_000);
        cache.put("character/3", entity(1), at(0));
        assert_eq!(cache.get("character/3", at(999)), Some(&entity(1)));
        assert_eq!(cache.get("character/3", at(1000)), None);
        cache.put("character/3", entity(2), at(1000));
        assert_eq!(cache.get("character/3", at(1500)), Some(&entity(2)));
        assert!(cache.forget("character/3") && !cache.forget("character/3"));
        assert_eq!(cache.get("character/3", at(1500)), None);
        let mut none = Cache::new(Duration::ZERO, 10, 10_000);
        none.put("a", entity(1), at(0));
        assert!(none.is_empty());
    }

    #[test]
    fn it_is_bounded_by_number_by_bytes_and_by_how_often_it_is_used() {
        let at = Timestamp::from_millis;
        let mut few = Cache::new(SECOND, 2, 10_000);
        for n in 0..5 {
            few.put(&n.to_string(), entity(n), at(0));
        }
        assert_eq!((few.len(), few.get("2", at(0)), few.get("4", at(0))), (2, None, Some(&entity(4))));
        let mut small = Cache::new(SECOND, 100, 400);
        for n in 0..5 {
            small.put(&n.to_string(), entity(n), at(0));
        }
        assert!((1..5).contains(&small.len()) && small.bytes <= 400);
        let mut again = Cache::new(SECOND, 2, 10_000);
        for n in 0..1000 {
            again.put(["a", "b"][n % 2], entity(n), at(0));
        }
        assert!(again.order.len() <= 5 && again.get("b", at(0)) == Some(&entity(999)));
        again.put("c", entity(1), at(5000));
        assert_eq!(again.len(), 1, "what is too old leaves");
        again.clear();
        assert!(again.is_empty() && again.bytes == 0);
    }
}
