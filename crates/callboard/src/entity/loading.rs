//! How the broadcaster fetches what an entity is now.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use callboard_core::port::BoxFuture;
use callboard_core::{Code, Name};
use serde::{Deserialize, Serialize};

use super::{Broadcastable, Change};
use crate::channel::caught_waiting;
use crate::{CallError, Client, Error, Message};

/// An entity by its name and id, for [`EntityBroadcaster::serialized`](super::EntityBroadcaster).
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "callboard.WantedEntity")]
pub struct WantedEntity {
    /// What it is: `character`.
    pub entity: String,
    /// Which one.
    pub id: String,
}

type Loader = Box<dyn Fn(Client, String) -> BoxFuture<'static, Result<Option<Change>, CallError>> + Send + Sync>;

/// The functions that fetch entities, by what they fetch.
#[derive(Default)]
pub(super) struct Loaders(BTreeMap<&'static str, Loader>);

impl Loaders {
    pub(super) fn add<E, F, W, X>(&mut self, load: F)
    where
        E: Broadcastable,
        F: Fn(Client, String) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Option<E>, X>> + Send + 'static,
        X: Into<Error>,
    {
        let loader: Loader = Box::new(move |client, id| {
            let loading = load(client, id);
            Box::pin(async move {
                let entity = loading.await.map_err(|error| CallError::from(error.into()))?;
                Ok(entity.map(|entity| Change::updated(&entity)))
            })
        });
        self.0.insert(E::ENTITY, loader);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    pub(super) fn knows(&self, entity: &str) -> bool {
        self.0.contains_key(entity)
    }

    /// Fetches; `None` when there is no such entity. A function that panics or takes too long has failed.
    pub(super) async fn load(
        &self,
        entity: &str,
        id: &str,
        client: Client,
        within: Duration,
    ) -> Result<Option<Change>, CallError> {
        let Some(loader) = self.0.get(entity) else { return Err(unknown(entity)) };
        let what = format!("the function that fetches {entity} {id}");
        let id = id.to_owned();
        // The function itself may panic before it has a future to give.
        let loading = Box::pin(async move { loader(client, id).await });
        let channel = Name::from_static("entity_broadcaster");
        match tokio::time::timeout(within, caught_waiting(&channel, &what, loading)).await {
            Ok(loaded) => loaded?,
            Err(_) => Err(CallError::new(Code::DeadlineExceeded, format!("{what} took longer than {within:?}"))),
        }
    }
}

/// What is told about an entity that came without data and that nobody fetches.
pub(super) fn unknown(entity: &str) -> CallError {
    let message = format!(
        "the change of a {entity:?} has no data, and nobody says how one is fetched; give its data, or build the broadcaster with \
         `.loads(..)` for it"
    );
    CallError::new(Code::InvalidPayload, message)
}

impl fmt::Debug for Loaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
