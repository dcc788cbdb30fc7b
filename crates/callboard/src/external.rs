//! Code of the process that hears topics without being an actor: [`External`].

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use callboard_core::port::{BoxFuture, ExternalRegistration, ExternalSubscriber};
use callboard_core::{Name, Pattern, Publication};

use crate::received::Received;
use crate::{CallError, Error, Message};

/// An external subscriber: a bridge to a web framework, a webhook, a metrics collector.
///
/// It is *live* unless it is named: it hears what is published while the system runs, at most once. With a name it is *durable*: a
/// cursor is kept, `Ok` moves it, an error brings the publication again after a pause, and later ones of its topic wait.
/// After a crash the last one may come twice: its id is the idempotency key.
///
/// ```
/// use callboard::prelude::*;
///
/// let to_the_web = External::live("order.>", |event: Received| async move {
///     println!("{}: {}", event.topic, event.event.type_name());
/// });
/// let to_the_erp = External::live("order.events", |order: Received<String>| async move {
///     std::fs::write(format!("/outbox/{}", order.id), &order.event)?;
///     Ok::<_, std::io::Error>(())
/// })
/// .named("erp");
/// # let _ = (to_the_web, to_the_erp);
/// ```
#[derive(Debug)]
pub struct External(Result<ExternalRegistration, CallError>);

impl External {
    /// Has a function hear the events of type `T` on the topics of a pattern; those of other types are passed over. It
    /// returns nothing, or a `Result` of nothing.
    pub fn live<T, F, R>(pattern: &str, hear: F) -> Self
    where
        T: Message,
        F: Fn(Received<T>) -> R + Send + Sync + 'static,
        R: Future<Output: Heard> + Send + 'static,
    {
        Self::subscriber(pattern, Function { hear, event: PhantomData })
    }

    /// Has an object hear the topics of a pattern.
    pub fn subscriber(pattern: &str, subscriber: impl ExternalSubscriber) -> Self {
        Self::shared(pattern, Arc::new(subscriber))
    }

    /// Has an object that others hold too hear the topics of a pattern.
    pub fn shared(pattern: &str, subscriber: Arc<dyn ExternalSubscriber>) -> Self {
        let pattern = Pattern::parse(pattern).map_err(CallError::from);
        Self(pattern.map(|pattern| ExternalRegistration { pattern, name: None, subscriber }))
    }

    /// Makes it durable: its cursor is kept under this name.
    #[must_use]
    pub fn named(self, name: impl Into<Name>) -> Self {
        Self(self.0.map(|registration| ExternalRegistration { name: Some(name.into()), ..registration }))
    }

    /// The registration as a runtime takes it.
    ///
    /// # Errors
    /// `InvalidTopic` when the pattern is none.
    pub fn build(self) -> Result<ExternalRegistration, CallError> {
        self.0
    }
}

/// What the function of an external subscriber may return: nothing, or a `Result` of nothing.
pub trait Heard {
    /// Whether it is done with the publication.
    ///
    /// # Errors
    /// What the function returned.
    fn heard(self) -> Result<(), CallError>;
}

impl Heard for () {
    fn heard(self) -> Result<(), CallError> {
        Ok(())
    }
}

impl<E: Into<Error>> Heard for Result<(), E> {
    fn heard(self) -> Result<(), CallError> {
        self.map_err(|error| error.into().into())
    }
}

struct Function<F, T> {
    hear: F,
    event: PhantomData<fn(T)>,
}

impl<T, F, R> ExternalSubscriber for Function<F, T>
where
    T: Message,
    F: Fn(Received<T>) -> R + Send + Sync + 'static,
    R: Future<Output: Heard> + Send + 'static,
{
    fn receive(&self, publication: Arc<Publication>) -> BoxFuture<'_, Result<(), CallError>> {
        let hearing = Received::of(publication).map(|received| received.map(&self.hear));
        Box::pin(async move {
            match hearing? {
                Some(hearing) => hearing.await.heard(),
                None => Ok(()),
            }
        })
    }
}
