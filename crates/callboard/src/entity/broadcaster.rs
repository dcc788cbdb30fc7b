use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callboard_core::{Code, Encoding, Payload, Timestamp};
use serde::{Deserialize, Serialize};

use super::changes::{announce, reload};
use super::loading::{Loaders, WantedEntity, unknown};
use super::{Broadcastable, BroadcasterHealth, Change, EntityChanges, Operation, Priority, Serialized};
use crate::value::{Broadcasts, Effect, Respond, Value};
use crate::{AnyPayload, CallError, Caller, Client, Context, Error, Message, Result, actor};

mod memory;

use memory::{Memory, Sorted};

/// Changes that one call may bring.
const BATCH_LEN_MAX: usize = 500;
/// Collections of which reloads may wait; what is more is announced at once.
const DIRTY_LEN_MAX: usize = 500;
/// A flush that has not come so long after its time is lost, and another one is asked for.
const FLUSH_LOST: Duration = Duration::from_secs(60);

/// The bounds of an [`EntityBroadcaster`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcasterConfig {
    /// How long changes of low priority wait for others.
    pub window: Duration,
    /// Changes of one topic per second that are announced at once; what is more waits for the window as if it had low priority.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
    /// Changes that wait, at most 500. Of what is more only the reload is announced.
    pub pending_len: usize,
    /// Bytes of the changes that wait.
    pub pending_bytes: usize,
    /// How long a serialized entity is kept.
    pub cache_for: Duration,
    /// Serialized entities in memory.
    pub cache_len: usize,
    /// Bytes of the serialized entities in memory.
    pub cache_bytes: usize,
    /// How long an entity may take to be fetched.
    pub load_within: Duration,
    /// Failures in a row after which an entity is not fetched for a while.
    pub failures_max: u32,
    /// How long it then is not.
    pub pause: Duration,
}

impl Default for BroadcasterConfig {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(250),
            per_second: 50,
            burst: 100,
            pending_len: BATCH_LEN_MAX,
            pending_bytes: 4 * 1024 * 1024,
            cache_for: Duration::from_secs(5),
            cache_len: 1000,
            cache_bytes: 8 * 1024 * 1024,
            load_within: Duration::from_secs(2),
            failures_max: 5,
            pause: Duration::from_secs(10),
        }
    }
}

/// Announces the changes of entities that other services tell it of: the actor `entity_broadcaster`.
///
/// ```
/// use callboard::entity::EntityBroadcaster;
/// use callboard::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Broadcastable, Serialize, Deserialize)]
/// # #[broadcastable(scope = "campaign.{campaign_id}")]
/// # struct Character { id: u64, campaign_id: u64 }
///
/// // With the caller's commit, and without waiting:
/// fn saved(ctx: &Context, character: &Character) -> Value {
///     Value::of().effect(EntityBroadcaster::at(ctx).entity_changed(Change::updated(character).low()))
/// }
/// ```
///
/// *Order*: changes of high priority are announced in the order in which they come. *Coalescing*: those of low priority wait for
/// [`BroadcasterConfig::window`], and then the last state of each entity is announced with one reload for each collection; in a
/// storm on a topic those of high priority wait too. *Durability*: what waits is in memory, and that it waits is in the state;
/// after a crash the reload is announced, by which clients fetch what it was. *Errors*: `InvalidPayload` for a change without id
/// or with a wrong topic.
///
/// Whoever may invoke it can announce on any topic: grant it to services, not to clients.
#[derive(Debug)]
pub struct EntityBroadcaster {
    config: BroadcasterConfig,
    loaders: Loaders,
    debug: AtomicBool,
    // Lost with the process without harm; see `BroadcasterState`.
    memory: Mutex<Memory>,
}

/// What an [`EntityBroadcaster`] remembers: which reloads are owed, so that a crash forgets none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "callboard.BroadcasterState")]
pub struct BroadcasterState {
    // Topics with the collections that changed there.
    dirty: Vec<(String, String)>,
    // When they are announced, in milliseconds since 1970.
    due: Option<u64>,
}

impl EntityBroadcaster {
    /// One with the usual bounds, that fetches nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with(BroadcasterConfig::default())
    }

    /// One with bounds of your own.
    #[must_use]
    pub fn with(config: BroadcasterConfig) -> Self {
        let memory = Mutex::new(Memory::new(&config));
        Self { config, loaders: Loaders::default(), debug: AtomicBool::new(false), memory }
    }

    /// Says how an entity is fetched of which only the id is told ([`Change::by_id`]); `None` says that there is none. The function
    /// may call actors by the [`Client`]. After [`BroadcasterConfig::failures_max`] failures in a row it is left alone for a while,
    /// and clients are told to reload instead.
    #[must_use]
    pub fn loads<E, F, W, X>(mut self, load: F) -> Self
    where
        E: Broadcastable,
        F: Fn(Client, String) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Option<E>, X>> + Send + 'static,
        X: Into<Error>,
    {
        self.loaders.add(load);
        let names: Vec<&str> = self.loaders.names().collect();
        self.memory().watch(&names, &self.config);
        self
    }

    /// Logs each announcement; also by the action `debug`, while it runs.
    #[must_use]
    pub fn logging(self) -> Self {
        self.debug.store(true, Ordering::Relaxed);
        self
    }

    // What is behind the lock is changed in whole steps; a panic elsewhere cannot leave half of one.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn told(&self, ctx: &Context, state: &BroadcasterState, changes: Vec<Change>) -> Result<Decided> {
        if let Err(error) = self.check(&changes) {
            self.memory().refused(changes.len());
            return Err(Error::forward(error));
        }
        let now = ctx.now();
        let Sorted { at_once, waiting } = self.memory().sort(changes, now);
        let at_once = self.resolve(ctx, at_once).await;
        let announced = announce(&at_once)?;
        let mut memory = self.memory();
        memory.announced(&at_once, announced.superseded);
        let mut state = state.clone();
        let owed = memory.wait(waiting, now, |topic, collection| state.owe(topic, collection));
        drop(memory);
        let broadcasts =
            owed.into_iter().fold(announced.broadcasts, |all, (topic, collection)| all.to(topic, reload(&collection)));
        self.tell(&at_once, &broadcasts, now);
        Ok(Decided { broadcasts, state })
    }

    fn check(&self, changes: &[Change]) -> Result<(), CallError> {
        if changes.len() > BATCH_LEN_MAX {
            let message = format!("{} changes at once; send at most {BATCH_LEN_MAX}", changes.len());
            return Err(CallError::new(Code::TooLarge, message));
        }
        for change in changes {
            change.topics()?;
            if change.needs_loading() && !self.loaders.knows(&change.entity) {
                return Err(unknown(&change.entity));
            }
        }
        Ok(())
    }

    // Fetches what came without data. What cannot be fetched stays without, and is announced as a reload.
    async fn resolve(&self, ctx: &Context, mut changes: Vec<Change>) -> Vec<Change> {
        for change in changes.iter_mut().filter(|change| change.needs_loading()) {
            match self.load(ctx, &change.entity, &change.id).await {
                Ok(Some(loaded)) => change.take_over(loaded),
                Ok(None) => change.operation = Operation::Deleted,
                Err(_) => self.memory().reload_only(),
            }
        }
        changes
    }

    async fn load(&self, ctx: &Context, entity: &str, id: &str) -> Result<Option<Change>, CallError> {
        let now = ctx.now();
        if !self.memory().may_load(entity, now) {
            let message = format!("{entity} could not be fetched several times and is not tried for a while");
            return Err(CallError::new(Code::Unavailable, message));
        }
        let loaded = self.loaders.load(entity, id, ctx.client(), self.config.load_within).await;
        if let Err(error) = &loaded {
            tracing::warn!(entity, id, %error, "an entity could not be fetched; clients are told to reload");
        }
        self.memory().loaded(entity, &loaded, now);
        loaded
    }

    fn tell(&self, changes: &[Change], broadcasts: &Broadcasts, now: Timestamp) {
        if broadcasts.is_empty() {
            return;
        }
        self.memory().broadcast(broadcasts.len(), now);
        for change in changes {
            let Change { entity, id, operation, scopes, .. } = change;
            if self.debug.load(Ordering::Relaxed) {
                tracing::info!(%entity, %id, ?operation, ?scopes, "announced");
            } else {
                tracing::debug!(%entity, %id, ?operation, ?scopes, "announced");
            }
        }
    }

    fn flush_effect(&self, ctx: &Context) -> Effect {
        Effect::invoke(ctx.actor_id(), "flush", ()).after(self.config.window)
    }
}

/// What a turn decides before it is known whether anything has to be written.
struct Decided {
    broadcasts: Broadcasts,
    state: BroadcasterState,
}

impl Decided {
    fn value(
        self,
        broadcaster: &EntityBroadcaster,
        ctx: &Context,
        before: &BroadcasterState,
    ) -> Value<(), BroadcasterState> {
        let Self { broadcasts, mut state } = self;
        let value = Value::of().broadcast(broadcasts);
        let now = ctx.now();
        let lost = |due: u64| now.since(Timestamp::from_millis(due)) > FLUSH_LOST;
        if !state.dirty.is_empty() && state.due.is_none_or(lost) {
            state.due = Some(now.after(broadcaster.config.window).as_millis());
            return value.state(state).effect(broadcaster.flush_effect(ctx));
        }
        if state == *before { value } else { value.state(state) }
    }
}

impl BroadcasterState {
    /// Remembers that a reload is owed; false when there is no room for it.
    fn owe(&mut self, topic: &str, collection: &str) -> bool {
        if self.dirty.iter().any(|(known, name)| known == topic && name == collection) {
            return true;
        }
        let room = self.dirty.len() < DIRTY_LEN_MAX;
        if room {
            self.dirty.push((topic.to_owned(), collection.to_owned()));
        }
        room
    }
}

#[actor(name = "entity_broadcaster", state = BroadcasterState)]
impl EntityBroadcaster {
    /// An entity changed.
    #[action]
    async fn entity_changed(
        &self,
        ctx: &Context,
        state: &BroadcasterState,
        change: Change,
    ) -> Result<Value<(), BroadcasterState>> {
        let decided = self.told(ctx, state, vec![change]).await?;
        Ok(decided.value(self, ctx, state))
    }

    /// Entities changed; at most 500. Those of high priority are announced together: the last state of each, one reload.
    #[action]
    async fn entities_changed(
        &self,
        ctx: &Context,
        state: &BroadcasterState,
        changes: EntityChanges,
    ) -> Result<Value<(), BroadcasterState>> {
        let decided = self.told(ctx, state, changes.into_changes()).await?;
        Ok(decided.value(self, ctx, state))
    }

    /// Announces what waits. It comes by itself at the end of the window.
    #[action]
    async fn flush(&self, ctx: &Context, state: &BroadcasterState) -> Result<Value<(), BroadcasterState>> {
        let waiting = self.memory().take_waiting();
        let waiting = self.resolve(ctx, waiting).await;
        let announced = announce(&waiting)?;
        let told = |topic: &str, collection: &str| {
            waiting.iter().any(|change| change.plural == collection && change.scopes.iter().any(|scope| scope == topic))
        };
        let owed = state.dirty.iter().filter(|(topic, collection)| !told(topic, collection));
        let broadcasts = owed.fold(announced.broadcasts, |all, (topic, collection)| all.to(topic, reload(collection)));
        self.tell(&waiting, &broadcasts, ctx.now());
        let value = Value::of().broadcast(broadcasts);
        Ok(if *state == BroadcasterState::default() { value } else { value.state(BroadcasterState::default()) })
    }

    /// What is shown of an entity at present: as it was told or fetched a moment ago, or fetched now. For whoever serves the
    /// clients that were told to reload.
    #[action]
    async fn serialized(&self, ctx: &Context, wanted: WantedEntity) -> Result<Value<AnyPayload>> {
        let WantedEntity { entity, id } = wanted;
        let known = self.memory().cached(&format!("{entity}/{id}"), ctx.now());
        if let Some(data) = known {
            return Ok(Value::response(shown(&data)));
        }
        if !self.loaders.knows(&entity) {
            return Err(Error::forward(unknown(&entity)));
        }
        let loaded = self.load(ctx, &entity, &id).await?;
        match loaded.and_then(|change| change.data) {
            Some(data) => Ok(Value::response(shown(&data))),
            None => Err(Error::invalid(format_args!("there is no {entity} {id}"))),
        }
    }

    /// No longer keeps the serialized form under this key, e.g. `character/3`, because what it is made of changed.
    #[action]
    fn forget(&self, key: String) -> Value<bool> {
        Value::response(self.memory().forget(&key))
    }

    /// How it is.
    #[action]
    fn health(&self, ctx: &Context) -> Value<BroadcasterHealth> {
        let health = self.memory().health(ctx.now());
        Value::response(BroadcasterHealth { debug: self.debug.load(Ordering::Relaxed), ..health })
    }

    /// Logs each announcement, or no longer.
    #[action]
    fn debug(&self, on: bool) -> Value<bool> {
        self.debug.store(on, Ordering::Relaxed);
        Value::of().response(on)
    }
}

fn shown(data: &Serialized) -> AnyPayload {
    AnyPayload(Payload::new(crate::message::JSON_VALUE_TYPE, Encoding::Json, data.json().to_owned()))
}

impl Default for EntityBroadcaster {
    fn default() -> Self {
        Self::new()
    }
}

impl Change {
    /// Whether what is shown of it has to be fetched.
    fn needs_loading(&self) -> bool {
        self.data.is_none() && self.operation != Operation::Deleted
    }

    /// Takes over what was fetched. Whoever was to be told before still is.
    fn take_over(&mut self, loaded: Self) {
        for scope in loaded.scopes {
            if !self.scopes.contains(&scope) {
                self.scopes.push(scope);
            }
        }
        self.data = loaded.data;
        self.version = loaded.version;
        self.audience = loaded.audience;
    }

    pub(super) const fn waits(&self) -> bool {
        matches!(self.priority, Priority::Low)
    }
}
