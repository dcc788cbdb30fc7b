use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use callboard_core::{Encoding, Name, Payload, Topic, TypeRef};
use serde::{Deserialize, Serialize};

use super::change::{Change, Operation};
use super::{AUDIENCE, Broadcastable};
use crate::message::{decode_json, encode_json};
use crate::value::Broadcasts;
use crate::{AnyPayload, CallError, Message};

/// The type under which an entity's new state is announced: `{"character":{...}}`.
pub const ENTITY_TYPE: Name = Name::from_static("callboard.Entity");
/// The type under which the reload of a collection is announced: `{"characters":"reload"}`.
pub const RELOAD_TYPE: Name = Name::from_static("callboard.Reload");

/// Changes that are announced together: of each entity its last state, then one reload for each collection, on each topic.
///
/// *Atomicity*: they are the broadcasts of one Value, so all or none are announced, and nothing stands between them on a topic.
#[must_use = "changes are announced by a Value or by the EntityBroadcaster"]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EntityChanges {
    changes: Vec<Change>,
}

impl EntityChanges {
    /// None yet.
    pub const fn new() -> Self {
        Self { changes: Vec::new() }
    }

    /// One more, behind those before.
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// The entity is new.
    pub fn created<E: Broadcastable>(self, entity: &E) -> Self {
        self.with(Change::created(entity))
    }

    /// The entity changed.
    pub fn updated<E: Broadcastable>(self, entity: &E) -> Self {
        self.with(Change::updated(entity))
    }

    /// The entity is no more.
    pub fn deleted<E: Broadcastable>(self, entity: &E) -> Self {
        self.with(Change::deleted(entity))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// The announcements. What is wrong with a change is the error of the action that returns them.
    pub fn into_broadcasts(self) -> Broadcasts {
        match announce(&self.changes) {
            Ok(announced) => announced.broadcasts,
            Err(error) => Broadcasts::failed(error),
        }
    }
}

impl FromIterator<Change> for EntityChanges {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}

const TYPE_NAME: Name = Name::from_static("callboard.EntityChanges");

impl Message for EntityChanges {
    const TYPE: Option<TypeRef> = Some(TypeRef { name: TYPE_NAME, encoding: Encoding::Json });

    fn to_payload(&self) -> Result<Payload, CallError> {
        self.changes.iter().try_for_each(|change| change.topics().map(drop))?;
        encode_json(self, TYPE_NAME)
    }

    fn from_payload(payload: &Payload) -> Result<Self, CallError> {
        decode_json(payload)
    }
}

/// What is announced of changes.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) broadcasts: Broadcasts,
    /// Changes of which a later one was announced instead.
    pub(super) superseded: usize,
}

/// What is announced on one topic.
#[derive(Default)]
struct OnTopic<'a> {
    // By entity and id, with the place of each in the order of the announcements.
    entities: BTreeMap<(&'a str, &'a str), (usize, &'a Change)>,
    collections: Vec<&'a str>,
}

/// The announcements of changes that came in this order.
pub(super) fn announce(changes: &[Change]) -> Result<Announced, CallError> {
    let mut plan: Vec<(Topic, OnTopic<'_>)> = Vec::new();
    let mut superseded = 0;
    for (place, change) in changes.iter().enumerate() {
        for topic in change.topics()? {
            let at = plan.iter().position(|(known, _)| *known == topic).unwrap_or_else(|| {
                plan.push((topic, OnTopic::default()));
                plan.len() - 1
            });
            superseded += usize::from(plan[at].1.add(place, change));
        }
    }
    let mut broadcasts = Broadcasts::new();
    for (topic, on) in &plan {
        let mut entities: Vec<&(usize, &Change)> = on.entities.values().collect();
        entities.sort_unstable_by_key(|(place, _)| *place);
        for (_, change) in entities {
            broadcasts = entity(broadcasts, topic, change);
        }
        for collection in &on.collections {
            broadcasts = broadcasts.to(topic, reload(collection));
        }
    }
    Ok(Announced { broadcasts, superseded })
}

impl<'a> OnTopic<'a> {
    // Says whether one change is not announced because of another one.
    fn add(&mut self, place: usize, change: &'a Change) -> bool {
        if !self.collections.contains(&&*change.plural) {
            self.collections.push(&change.plural);
        }
        match self.entities.entry((&change.entity, &change.id)) {
            Entry::Vacant(entry) => {
                entry.insert((place, change));
                false
            }
            Entry::Occupied(mut entry) => {
                if change.supersedes(entry.get().1) {
                    entry.insert((place, change));
                }
                true
            }
        }
    }
}

// Of one that is no more, and of one of which only the id is known, there is nothing to show.
fn entity(broadcasts: Broadcasts, topic: &Topic, change: &Change) -> Broadcasts {
    let Some(data) = change.data.as_ref().filter(|_| change.operation != Operation::Deleted) else { return broadcasts };
    let json = format!("{{{}:{}}}", serde_json::Value::from(&*change.entity), data.json());
    let broadcasts = broadcasts.to(topic, AnyPayload(Payload::new(ENTITY_TYPE, Encoding::Json, json)));
    match change.audience_header() {
        Some(audience) => broadcasts.header(AUDIENCE, audience),
        None => broadcasts,
    }
}

/// That a collection is to be fetched again.
pub(super) fn reload(collection: &str) -> AnyPayload {
    AnyPayload(Payload::new(RELOAD_TYPE, Encoding::Json, serde_json::json!({ collection: "reload" }).to_string()))
}

#[cfg(test)]
mod tests;
