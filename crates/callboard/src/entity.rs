//! Entity broadcasts: when a thing of the domain changes, everybody who looks at it is told, in the two messages that Rails
//! clients know: `{"character":{...}}` and `{"characters":"reload"}`.
//!
//! ```
//! use callboard::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Broadcastable, Serialize, Deserialize)]
//! #[broadcastable(scope = "campaign.{campaign_id}")] // entity "character", plural "characters", id in `id`
//! struct Character {
//!     id: u64,
//!     campaign_id: u64,
//!     name: String,
//! }
//!
//! fn rename(mut character: Character, name: String) -> Value {
//!     character.name = name;
//!     // Both messages leave with the action's commit, next to each other, or not at all.
//!     Value::of().broadcast_entity(Change::updated(&character))
//! }
//! # let character = Character { id: 3, campaign_id: 7, name: String::new() };
//! # let _ = rename(character, "Ann".to_owned());
//! ```
//!
//! A change that is no part of an action, or that should wait for others like it, goes to the [`EntityBroadcaster`].

use crate::value::Value;

mod audience;
mod breaker;
mod broadcaster;
mod buckets;
mod cache;
mod change;
mod changes;
mod health;
mod key;
mod loading;
mod pending;
mod serialized;

pub use audience::{AUDIENCE, for_audience};
pub use breaker::{Breaker, BreakerState};
pub use broadcaster::{BroadcasterConfig, BroadcasterState, EntityBroadcaster, EntityBroadcasterRef};
pub use cache::Cache;
pub use change::{Change, Operation, Priority};
pub use changes::{ENTITY_TYPE, EntityChanges, RELOAD_TYPE};
pub use health::{BroadcasterHealth, HealthStatus};
pub use key::{KeyPart, Scopes};
pub use loading::WantedEntity;
pub use pending::{Pending, Waits};
pub use serialized::Serialized;

/// A thing of the domain whose changes are announced. `#[derive(Broadcastable)]` writes this from
/// `#[broadcastable(scope = "campaign.{campaign_id}")]`; by hand it is:
///
/// ```
/// use callboard::prelude::*;
/// use callboard::CallError;
/// use callboard::entity::{Scopes, Serialized};
///
/// struct Fight {
///     id: u64,
///     campaign_id: u64,
/// }
///
/// impl Broadcastable for Fight {
///     const ENTITY: &'static str = "fight";
///     const PLURAL: &'static str = "fights";
///     const CLASS: &'static str = "Fight";
///
///     fn entity_id(&self) -> String {
///         self.id.to_string()
///     }
///
///     fn scopes(&self) -> Scopes {
///         Scopes::of(format!("campaign.{}", self.campaign_id)).and(format!("fight.{}", self.id))
///     }
///
///     fn serialized(&self) -> Result<Serialized, CallError> {
///         Serialized::of(&serde_json::json!({ "id": self.id }), Self::CLASS)
///     }
/// }
/// ```
pub trait Broadcastable {
    /// What it is called in a message: `character` in `{"character":{...}}`.
    const ENTITY: &'static str;
    /// What its collection is called: `characters` in `{"characters":"reload"}`.
    const PLURAL: &'static str;
    /// Its `entity_class`: `Character`.
    const CLASS: &'static str;

    /// Which one it is.
    fn entity_id(&self) -> String;

    /// On which topics its changes are announced.
    fn scopes(&self) -> Scopes;

    /// What is shown of it: a JSON object with its `entity_class`.
    ///
    /// # Errors
    /// `ActionFailed` when it has no JSON form.
    fn serialized(&self) -> Result<Serialized, crate::CallError>;

    /// A number that grows with each change, if it has one: of two changes that wait together the one with the greater number
    /// is the later.
    fn version(&self) -> Option<u64> {
        None
    }

    /// Under what its serialized form is kept for a short while; `character/3` unless it is said.
    fn cache_key(&self) -> String {
        format!("{}/{}", Self::ENTITY, self.entity_id())
    }

    /// Who may see it, as subjects (`ada`) or claims (`role=gamemaster`), on channels declared with
    /// `.per_client(for_audience)`; everybody if there is nobody in the list.
    fn audience(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<R, S> Value<R, S> {
    /// Announces a change of an entity: the entity and the reload of its collection next to each other, with this Value's commit.
    pub fn broadcast_entity(self, change: Change) -> Self {
        self.broadcast_entities(EntityChanges::new().with(change))
    }

    /// Announces many changes: of each entity its last state, and one reload for each collection on each topic.
    pub fn broadcast_entities(self, changes: EntityChanges) -> Self {
        self.broadcast(changes.into_broadcasts())
    }
}
