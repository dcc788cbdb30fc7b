use std::collections::BTreeMap;

use super::Change;

/// Changes that wait to be announced together: of each entity the last one, each with its place in the order of arrival.
///
/// *Bounds*: when a change more would be over the number or the bytes, it waits without its data; the reload of its collection
/// then tells clients to fetch it.
#[derive(Debug)]
pub struct Pending {
    waiting: BTreeMap<(String, String), (u64, Change)>,
    len_max: usize,
    bytes: usize,
    bytes_max: usize,
    places: u64,
}

/// What became of a change that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// It waits.
    Alone,
    /// It waits in the place of an earlier one, or a later one waits already.
    Merged,
    /// There is no room for what it shows; only the reload of its collection will be announced.
    NoRoom,
}

impl Pending {
    /// An empty one with these bounds.
    #[must_use]
    pub const fn new(len_max: usize, bytes_max: usize) -> Self {
        Self { waiting: BTreeMap::new(), len_max, bytes: 0, bytes_max, places: 0 }
    }

    /// Has a change wait.
    pub fn add(&mut self, change: Change) -> Waits {
        let key = (change.entity.to_string(), change.id.clone());
        let before = self.waiting.get(&key);
        if before.is_some_and(|(_, before)| !change.supersedes(before)) {
            return Waits::Merged;
        }
        let mut change = change;
        let merged = before.is_some();
        if let Some((_, before)) = before {
            // Whoever looks at a topic that the entity has left is told too.
            for scope in &before.scopes {
                if !change.scopes.contains(scope) {
                    change.scopes.push(scope.clone());
                }
            }
        }
        self.remove(&key.0, &key.1);
        let bytes = self.bytes + change.len();
        if self.waiting.len() >= self.len_max || bytes > self.bytes_max {
            return Waits::NoRoom;
        }
        self.bytes = bytes;
        self.places += 1;
        self.waiting.insert(key, (self.places, change));
        if merged { Waits::Merged } else { Waits::Alone }
    }

    /// The entity's waiting change is not to be announced: a later one was.
    pub fn remove(&mut self, entity: &str, id: &str) -> Option<Change> {
        let (_, change) = self.waiting.remove(&(entity.to_owned(), id.to_owned()))?;
        self.bytes = self.bytes.saturating_sub(change.len());
        Some(change)
    }

    /// All that wait, in the order of their arrival.
    pub fn take(&mut self) -> Vec<Change> {
        self.bytes = 0;
        let mut taken: Vec<(u64, Change)> = std::mem::take(&mut self.waiting).into_values().collect();
        taken.sort_unstable_by_key(|(place, _)| *place);
        taken.into_iter().map(|(_, change)| change).collect()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str, name: &str, scope: &str) -> Change {
        let json = serde_json::json!({
            "entity": "character", "plural": "characters", "id": id, "operation": "updated", "scopes": [scope],
            "data": {"name": name},
        });
        serde_json::from_value::<Wire>(json).unwrap().0
    }

    // `RawValue` is read from texts only.
    #[derive(serde::Deserialize)]
    #[serde(from = "serde_json::Value")]
    struct Wire(Change);
    impl From<serde_json::Value> for Wire {
        fn from(value: serde_json::Value) -> Self {
            Self(serde_json::from_str(&value.to_string()).unwrap())
        }
    }

    fn shown(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.data().unwrap().json()).collect()
    }

    #[test]
    fn the_last_state_of_each_entity_waits_in_the_order_of_arrival() {
        let mut pending = Pending::new(10, 10_000);
        assert_eq!(pending.add(change("1", "a", "x")), Waits::Alone);
        assert_eq!(pending.add(change("2", "b", "x")), Waits::Alone);
        assert_eq!(pending.add(change("1", "c", "y")), Waits::Merged);
        assert_eq!(pending.len(), 2);
        let taken = pending.take();
        assert_eq!(shown(&taken), [r#"{"name":"b"}"#, r#"{"name":"c"}"#]);
        assert_eq!(taken[1].scopes, ["y", "x"], "those who looked at it where it was are told too");
        assert!(pending.is_empty() && pending.take().is_empty());
    }

    #[test]
    fn what_was_announced_at_once_no_longer_waits() {
        let mut pending = Pending::new(10, 10_000);
        pending.add(change("1", "a", "x"));
        assert!(pending.remove("character", "1").is_some() && pending.remove("character", "1").is_none());
        assert!(pending.is_empty());
    }

    #[test]
    fn it_is_bounded_by_number_and_by_bytes() {
        let mut few = Pending::new(1, 10_000);
        assert_eq!(few.add(change("1", "a", "x")), Waits::Alone);
        assert_eq!(few.add(change("2", "b", "x")), Waits::NoRoom);
        assert_eq!(few.add(change("1", "c", "x")), Waits::Merged, "a new state takes the place of the old one");
        let mut small = Pending::new(10, 600);
        assert_eq!(small.add(change("1", "a", "x")), Waits::Alone);
        assert_eq!(small.add(change("2", &"b".repeat(500), "x")), Waits::NoRoom);
        assert_eq!(small.add(change("3", "c", "x")), Waits::Alone);
        small.take();
        assert_eq!(small.add(change("4", "d", "x")), Waits::Alone);
    }
}
