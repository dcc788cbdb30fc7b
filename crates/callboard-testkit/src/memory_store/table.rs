use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::{Deref, RangeBounds};

/// Rows by key, in order, with the means to take back what one batch did.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    // What the rows that the present batch touched were before, in the order of the touches.
    before: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), before: Vec::new() }
    }
}

impl<K, V> Deref for Table<K, V> {
    type Target = BTreeMap<K, V>;
    fn deref(&self) -> &BTreeMap<K, V> {
        &self.rows
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// Puts a row, in the place of the one that was there.
    pub(super) fn put(&mut self, key: K, row: V) {
        let old = self.rows.insert(key.clone(), row);
        self.before.push((key, old));
    }

    /// Removes a row; says whether it was there.
    pub(super) fn take<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        let Some((key, old)) = self.rows.remove_entry(key) else { return false };
        self.before.push((key, Some(old)));
        true
    }

    /// Removes the rows of a range of keys that `wanted` selects.
    pub(super) fn take_range(&mut self, range: impl RangeBounds<K>, wanted: impl Fn(&K) -> bool) {
        let keys: Vec<K> = self.rows.range(range).map(|(key, _)| key).filter(|key| wanted(key)).cloned().collect();
        for key in keys {
            self.take(&key);
        }
    }

    /// What was done since the last call stays.
    pub(super) fn keep(&mut self) {
        self.before.clear();
    }

    /// What was done since the last [`Table::keep`] is undone.
    pub(super) fn undo(&mut self) {
        for (key, old) in self.before.drain(..).rev() {
            match old {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}
