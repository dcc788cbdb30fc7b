//! [`Handle`]: what can be done with a system that runs, wherever it runs.

use std::fmt;
use std::sync::Arc;

use callboard_core::port::{Clock, Dispatcher, Entropy, Operator, StateAt};
use callboard_core::publication::Announcement;
use callboard_core::{Code, MessageId, Name, Position, value};

use crate::client::{Call, Caller, Client};
use crate::received::Subscribe;
use crate::value::{Broadcast, Broadcasts, IntoTarget};
use crate::{AnyPayload, CallError, Message, State};

/// A running system: call its actors, publish, subscribe, look. Cheap to clone. A [`System`](crate::System) and a
/// [`TestSystem`](crate::testing::TestSystem) are one.
#[derive(Clone)]
pub struct Handle(Arc<Parts>);

struct Parts {
    client: Client,
    dispatcher: Arc<dyn Dispatcher>,
    operator: Arc<dyn Operator>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Handle {
    /// A handle of whatever runs a system.
    #[must_use]
    pub fn new(
        dispatcher: Arc<dyn Dispatcher>,
        operator: Arc<dyn Operator>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let client = Client::new(Arc::clone(&dispatcher), Arc::clone(&clock));
        Self(Arc::new(Parts { client, dispatcher, operator, clock, entropy }))
    }

    /// Calls an actor by its name (`"name"`, `"parent/name"` or an `ActorId`) and the action's; the response is read as the type
    /// that is asked for. With a typed reference the compiler checks the call: `OrderProcessor::at(&shop).create_order(data)`.
    pub fn invoke<R: Message>(
        &self,
        target: impl IntoTarget,
        action: impl Into<Name>,
        payload: impl Message,
    ) -> Call<R> {
        self.0.client.invoke(target, action, payload)
    }

    /// Publishes on a topic, as nobody's actor.
    ///
    /// *Durability*: on a durable topic the publication is committed when this returns.
    ///
    /// # Errors
    /// `InvalidTopic`; `TooLarge`; `Unavailable` when the store cannot be written.
    pub async fn publish(&self, topic: &str, event: impl Message) -> Result<Position, CallError> {
        let positions = self.publish_all(Broadcast::to(topic, event)).await?;
        positions.first().copied().ok_or_else(|| CallError::new(Code::Internal, "a publication got no position"))
    }

    /// Publishes all or none, in the given order, with the headers that they were given.
    ///
    /// *Durability*: on durable topics the publications are committed when this returns.
    ///
    /// # Errors
    /// As [`Handle::publish`].
    pub async fn publish_all(&self, broadcasts: Broadcasts) -> Result<Vec<Position>, CallError> {
        let time = self.0.clock.now();
        let announcements = broadcasts.lower()?.into_iter().map(|value::Broadcast { topic, payload, headers }| {
            let id = MessageId::new(time, self.0.entropy.next_u128());
            Announcement { id, topic, time, payload, headers, trace: None, publisher: None }
        });
        self.0.dispatcher.publish(announcements.collect()).await
    }

    /// Hears what is published on the topics of a pattern, of every type. For one type: [`Handle::subscribe_to`].
    pub fn subscribe(&self, pattern: &str) -> Subscribe<AnyPayload> {
        self.subscribe_to(pattern)
    }

    /// Hears the events of type `T` on the topics of a pattern.
    pub fn subscribe_to<T: Message>(&self, pattern: &str) -> Subscribe<T> {
        Subscribe::new(Arc::clone(&self.0.dispatcher), pattern)
    }

    /// The present state of an actor, without running its code; `None` when it has none yet.
    ///
    /// # Errors
    /// `InvalidPayload` when it is of another type; `Unavailable` when the store cannot be read.
    pub async fn state<S: State>(&self, actor: impl IntoTarget) -> Result<Option<S>, CallError> {
        match self.0.operator.state(actor.into_target()?, StateAt::Latest).await {
            Ok(found) => found.state.map(|stored| S::read(Some(&stored))).transpose(),
            Err(error) if error.code() == Code::ActorNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists, explains, retries, skips.
    #[must_use]
    pub fn operator(&self) -> &Arc<dyn Operator> {
        &self.0.operator
    }

    /// The port behind all this, for what the SDK does not say.
    #[must_use]
    pub fn dispatcher(&self) -> &Arc<dyn Dispatcher> {
        &self.0.dispatcher
    }
}

impl Caller for Handle {
    fn client(&self) -> Client {
        self.0.client.clone()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
