use std::borrow::Cow;

use callboard_core::limits::{CHANNEL_TOPICS_MAX, HEADER_BYTES_MAX};
use callboard_core::{Code, Encoding, Name, Payload, Topic, TypeRef};
use serde::{Deserialize, Serialize};

use super::{AUDIENCE, Broadcastable, Scopes, Serialized};
use crate::message::{decode_json, encode_json};
use crate::value::IntoTopic;
use crate::{CallError, Message};

/// That an entity changed, with its new state. It is announced within an action by
/// [`Value::broadcast_entity`](crate::Value::broadcast_entity), or sent to the [`EntityBroadcaster`](super::EntityBroadcaster).
///
/// As a message it is JSON: `{"entity":"character","plural":"characters","id":"3","operation":"updated","scopes":["campaign.7"],
/// "data":{..}}`, with `"priority":"low"`, `"version"`, `"key"` and `"audience"` where they are wanted.
#[must_use = "a change is announced by a Value or by the EntityBroadcaster"]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    pub(super) entity: Cow<'static, str>,
    pub(super) plural: Cow<'static, str>,
    pub(super) id: String,
    pub(super) operation: Operation,
    pub(super) scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Serialized>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) audience: Vec<String>,
    #[serde(default)]
    pub(super) priority: Priority,
    // What is wrong with it is the error of who announces it.
    #[serde(skip)]
    fault: Option<CallError>,
}

/// What happened to an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// It is new.
    Created,
    /// It is another than before.
    Updated,
    /// It is no more. Only the reload of its collection is announced.
    Deleted,
}

/// How soon the [`EntityBroadcaster`](super::EntityBroadcaster) announces a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// At once.
    #[default]
    High,
    /// Together with others of the next fraction of a second: the last state of each entity, one reload.
    Low,
}

impl Change {
    /// The entity is new.
    pub fn created<E: Broadcastable>(entity: &E) -> Self {
        Self::of(entity, Operation::Created)
    }

    /// The entity changed.
    pub fn updated<E: Broadcastable>(entity: &E) -> Self {
        Self::of(entity, Operation::Updated)
    }

    /// The entity is no more.
    pub fn deleted<E: Broadcastable>(entity: &E) -> Self {
        Self::of(entity, Operation::Deleted)
    }

    /// The entity with this id changed, and the [`EntityBroadcaster`](super::EntityBroadcaster) is to fetch what it is now
    /// ([`EntityBroadcaster::loads`](super::EntityBroadcaster::loads)). Within an action only the reload is announced.
    pub fn by_id<E: Broadcastable>(id: impl Into<String>, scope: impl IntoTopic) -> Self {
        Self::new::<E>(id.into(), Operation::Updated, Scopes::of(scope))
    }

    fn of<E: Broadcastable>(entity: &E, operation: Operation) -> Self {
        let mut change = Self::new::<E>(entity.entity_id(), operation, entity.scopes());
        change.version = entity.version();
        let key = entity.cache_key();
        change.key = (key != change.default_key()).then_some(key);
        change.audience = entity.audience();
        if operation != Operation::Deleted {
            match entity.serialized() {
                Ok(data) => change.data = Some(data),
                Err(error) => {
                    change.fault.get_or_insert(error);
                }
            }
        }
        change
    }

    fn new<E: Broadcastable>(id: String, operation: Operation, scopes: Scopes) -> Self {
        let (topics, fault) = scopes.into_parts();
        Self {
            entity: E::ENTITY.into(),
            plural: E::PLURAL.into(),
            id,
            operation,
            scopes: topics.iter().map(ToString::to_string).collect(),
            data: None,
            version: None,
            key: None,
            audience: Vec::new(),
            priority: Priority::High,
            fault,
        }
    }

    /// It may wait for others like it. Within an action it makes no difference.
    pub fn low(self) -> Self {
        Self { priority: Priority::Low, ..self }
    }

    /// Only these see it, as [`Broadcastable::audience`] says it, instead of those whom the entity names.
    pub fn only_for<T: Into<String>>(self, audience: impl IntoIterator<Item = T>) -> Self {
        Self { audience: audience.into_iter().map(Into::into).collect(), ..self }
    }

    /// Announces it on one more topic.
    pub fn also_on(mut self, scope: impl IntoTopic) -> Self {
        match scope.into_topic() {
            Ok(topic) => self.scopes.push(topic.to_string()),
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
        self
    }

    /// What happened.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// What is shown of the entity.
    #[must_use]
    pub const fn data(&self) -> Option<&Serialized> {
        self.data.as_ref()
    }

    /// Under what its serialized form is kept.
    #[must_use]
    pub fn cache_key(&self) -> Cow<'_, str> {
        self.key.as_deref().map_or_else(|| self.default_key().into(), Cow::Borrowed)
    }

    fn default_key(&self) -> String {
        format!("{}/{}", self.entity, self.id)
    }

    /// Whether `self` is to be announced and not `other`, which came before it.
    pub(super) fn supersedes(&self, other: &Self) -> bool {
        match (self.version, other.version) {
            (Some(new), Some(old)) => new >= old,
            _ => true,
        }
    }

    /// Its topics, checked.
    ///
    /// # Errors
    /// What is wrong with it: names, topics, an audience that is too long.
    pub(super) fn topics(&self) -> Result<Vec<Topic>, CallError> {
        let invalid = |text: String| Err(CallError::new(Code::InvalidPayload, text));
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if self.entity.is_empty() || self.plural.is_empty() || self.id.is_empty() {
            return invalid(format!("a change of {:?} has no id, no entity or no plural; give all three", self.entity));
        }
        if self.entity == self.plural {
            return invalid(format!(
                "{:?} is the name of the entity and of its collection; give them two",
                self.entity
            ));
        }
        if self.data.as_ref().is_some_and(|data| !data.is_object()) {
            return invalid(format!("the data of {} {} is no JSON object", self.entity, self.id));
        }
        if self.scopes.len() > CHANNEL_TOPICS_MAX {
            return invalid(format!(
                "the change of {} {} is for {} topics; the most is {CHANNEL_TOPICS_MAX}",
                self.entity,
                self.id,
                self.scopes.len()
            ));
        }
        let audience = self.audience_header().map_or(0, |header| header.len());
        if audience + AUDIENCE.len() > HEADER_BYTES_MAX {
            return invalid(format!(
                "the audience of {} {} has {audience} bytes; the most is {}: name a role, \"role=player\"",
                self.entity,
                self.id,
                HEADER_BYTES_MAX - AUDIENCE.len()
            ));
        }
        let mut topics: Vec<Topic> = Vec::with_capacity(self.scopes.len());
        for scope in &self.scopes {
            let topic = Topic::parse(scope)?;
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        Ok(topics)
    }

    /// Who sees it, as its header says it; `None` for everybody.
    pub(super) fn audience_header(&self) -> Option<String> {
        (!self.audience.is_empty()).then(|| serde_json::Value::from(self.audience.clone()).to_string())
    }

    /// Bytes that it holds in memory, about.
    pub(super) fn len(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.json().len()) + 256
    }
}

const TYPE_NAME: Name = Name::from_static("callboard.EntityChange");

impl Message for Change {
    const TYPE: Option<TypeRef> = Some(TypeRef { name: TYPE_NAME, encoding: Encoding::Json });

    fn to_payload(&self) -> Result<Payload, CallError> {
        self.topics()?;
        encode_json(self, TYPE_NAME)
    }

    fn from_payload(payload: &Payload) -> Result<Self, CallError> {
        decode_json(payload)
    }
}
