//! What is due next, of more than fits into memory: [`DueWindow`]. Pure.

use std::collections::BTreeMap;

/// The first of many places in due order. The rest stays in the store, and is loaded when the window runs empty.
pub(crate) struct DueWindow<P, V> {
    waiting: BTreeMap<P, V>,
    // Everything up to here is in the window or was taken from it; `None` when nothing was loaded yet.
    loaded_to: Option<P>,
    // Nothing of the store is missing.
    complete: bool,
    len_max: usize,
}

impl<P: Ord + Clone, V> DueWindow<P, V> {
    pub(crate) const fn new(len_max: usize) -> Self {
        Self { waiting: BTreeMap::new(), loaded_to: None, complete: false, len_max }
    }

    /// Whether a page has to be loaded, and after which place.
    pub(crate) fn wants(&self) -> Option<Option<P>> {
        (self.waiting.is_empty() && !self.complete).then(|| self.loaded_to.clone())
    }

    /// How long a page is to be.
    pub(crate) const fn page_len(&self) -> usize {
        self.len_max
    }

    /// Takes a page that was asked for; a short one was the last.
    pub(crate) fn loaded(&mut self, page: Vec<(P, V)>) {
        if page.len() < self.len_max {
            self.complete = true;
        } else {
            self.loaded_to = page.last().map(|(place, _)| place.clone());
        }
        self.waiting.extend(page);
    }

    /// Adds what was just committed, if the window reaches so far.
    pub(crate) fn offer(&mut self, place: P, value: V) {
        if self.complete || self.loaded_to.as_ref().is_some_and(|loaded_to| place <= *loaded_to) {
            self.waiting.insert(place, value);
            self.trim();
        }
    }

    fn trim(&mut self) {
        if self.waiting.len() <= 2 * self.len_max {
            return;
        }
        if let Some(first_out) = self.waiting.keys().nth(self.len_max).cloned() {
            self.waiting.split_off(&first_out);
            self.loaded_to = self.waiting.last_key_value().map(|(place, _)| place.clone());
            self.complete = false;
        }
    }

    /// The first place.
    pub(crate) fn first(&self) -> Option<&P> {
        self.waiting.first_key_value().map(|(place, _)| place)
    }

    /// Takes the first place.
    pub(crate) fn pop(&mut self) -> Option<(P, V)> {
        self.waiting.pop_first()
    }

    /// Removes what is not to happen.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&P) -> bool) {
        self.waiting.retain(|place, _| keep(place));
    }

    /// Forgets everything; the store is read from its beginning.
    pub(crate) fn reset(&mut self) {
        self.waiting.clear();
        self.loaded_to = None;
        self.complete = false;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Whatever is committed while the window moves over the store, each place is taken once and in order.
    #[test]
    fn nothing_that_is_committed_while_the_window_moves_is_missed_or_taken_twice() {
        for seed in 0..200_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = |below: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % below
            };
            let mut store: BTreeSet<u64> = (0..next(30)).map(|_| next(1000)).collect();
            let mut window = DueWindow::new(4);
            let mut taken = BTreeSet::new();
            let mut clock = 0;
            while clock < 1000 {
                clock += next(40);
                if next(2) == 0 {
                    let place = clock + next(200);
                    if store.insert(place) && !taken.contains(&place) {
                        window.offer(place, ());
                    }
                }
                loop {
                    if let Some(after) = window.wants() {
                        let page: Vec<_> =
                            store.iter().filter(|p| after.is_none_or(|a| **p > a)).take(4).map(|p| (*p, ())).collect();
                        window.loaded(page);
                        continue;
                    }
                    match window.first() {
                        Some(first) if *first <= clock => {
                            let (place, ()) = window.pop().unwrap();
                            assert!(taken.insert(place), "seed {seed}: {place} was taken twice");
                            store.remove(&place);
                        }
                        Some(_) | None => break,
                    }
                }
                let missed = store.iter().find(|place| **place <= clock);
                assert_eq!(missed, None, "seed {seed}: missed at {clock}");
            }
        }
    }
}
