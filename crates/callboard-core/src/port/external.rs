use std::sync::Arc;

use super::BoxFuture;
use crate::{Error, Name, Pattern, Publication};

/// In-process code that hears publications without being an actor.
pub trait ExternalSubscriber: Send + Sync + 'static {
    /// Hears one publication. *Ordering*: in order per topic, one at a time.
    ///
    /// A durable (named) subscriber acknowledges by returning `Ok`: its cursor moves behind the publication. On an error the
    /// publication comes again after a pause, for as long as it takes, and later ones of its topic wait. The publication's id
    /// is the idempotency key: after a crash the last one may come twice. A live subscriber's error is counted and logged.
    fn receive(&self, publication: Arc<Publication>) -> BoxFuture<'_, Result<(), Error>>;
}

/// An external subscriber and what it hears.
#[derive(Clone)]
pub struct ExternalRegistration {
    /// What it hears.
    pub pattern: Pattern,
    /// Its name makes it durable: a cursor is kept under it. Without one it is live: it hears what is published while it is there,
    /// at most once.
    pub name: Option<Name>,
    /// The code.
    pub subscriber: Arc<dyn ExternalSubscriber>,
}

impl std::fmt::Debug for ExternalRegistration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalRegistration")
            .field("pattern", &self.pattern)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
