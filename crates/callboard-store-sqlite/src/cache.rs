//! [`Cache`]: a bounded map that forgets what was not used for long.

use std::borrow::Borrow;
use std::hash::Hash;

use rapidhash::RapidHashMap;

/// Keeps what was used since the last turn and the turn before; a turn comes when half the bound is in use.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    young: RapidHashMap<K, V>,
    old: RapidHashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    pub(crate) fn new(len_max: usize) -> Self {
        Self { young: RapidHashMap::default(), old: RapidHashMap::default(), half: (len_max / 2).max(1) }
    }

    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.put(key, value);
        }
        self.young.get_mut(key)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_keeps_what_is_used_and_never_grows_past_its_bound() {
        let mut cache = Cache::new(10);
        for n in 0..1000 {
            cache.put(n, n);
            assert_eq!(cache.get(&0), Some(&mut 0), "used all the time");
            assert!(cache.young.len() + cache.old.len() <= 10);
        }
        assert_eq!(cache.get(&999), Some(&mut 999));
        assert_eq!(cache.get(&500), None);
        cache.put(999, 1);
        assert_eq!(cache.get(&999), Some(&mut 1));
    }
}
