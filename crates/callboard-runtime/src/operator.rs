//! What operators and tools ask: [`Console`] implements the [`Operator`] port over the store and what is in memory.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::batch::{DeadLetter, OutboxEntry, Parked, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::port::{
    ActivationPhase, ActorQuery, ActorState, ActorSummary, BoxFuture, Catalogue, CommitError, Health, Hearer,
    HearerKind, LiveCounts, Operator, StateAt, Store, TopicExplanation, TopicQuery, TopicSummary,
};
use callboard_core::{ActorId, Code, Error, MessageId, Position, Shard, Topic, Write};
use tokio::sync::oneshot;

use crate::activation::unavailable;
use crate::commit::public_error;
use crate::feeds::{Entry, Feeds, Who};
use crate::mailbox::Control;
use crate::router::Router;

/// Live subscribers that `explain` lists.
const LIVE_LISTED_MAX: usize = 100;

/// How long `state` waits for an actor that is busy before it answers what is stored.
const STATE_PATIENCE: Duration = Duration::from_secs(1);

/// The operator's view of a node.
pub(crate) struct Console {
    pub(crate) router: Arc<Router>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) me: std::sync::Weak<Self>,
}

impl Console {
    pub(crate) fn new(router: Arc<Router>, feeds: Arc<Feeds>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self { router, feeds, me: me.clone() })
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.router.ports.store)
    }

    fn run<T, F>(&self, work: impl FnOnce(Arc<Self>) -> F) -> BoxFuture<'static, Result<T, Error>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        match self.me.upgrade() {
            Some(me) => Box::pin(work(me)),
            None => Box::pin(std::future::ready(Err(Error::new(Code::Unavailable, "the node is stopping")))),
        }
    }

    fn is_active(&self, actor: &ActorId) -> ActivationPhase {
        match self.router.registry.with(actor, |_| ()) {
            Some(()) => ActivationPhase::Active,
            None => ActivationPhase::Passive,
        }
    }

    async fn latest(&self, actor: ActorId) -> Result<ActorState, Error> {
        let (slot, shown) = oneshot::channel();
        let asked = self.router.registry.with(&actor, |cell| cell.mailbox.control(Control::State(slot)).is_ok());
        if asked == Some(true)
            && let Ok(Ok(state)) = tokio::time::timeout(STATE_PATIENCE, shown).await
        {
            return Ok(state);
        }
        let stored = self.store().load(&actor).await.map_err(|e| unavailable(&e))?;
        let Some(stored) = stored else {
            return Err(match self.router.hosts.of(&actor) {
                Ok(_) => Error::new(Code::ActorNotFound, format!("nothing is stored of actor {actor} yet")),
                Err(error) => error,
            });
        };
        Ok(self.stored(actor, stored))
    }

    fn stored(&self, actor: ActorId, stored: callboard_core::port::Snapshot) -> ActorState {
        let phase = self.is_active(&actor);
        let callboard_core::port::Snapshot { revision, state, tags, time, .. } = stored;
        ActorState { id: actor, revision, state, tags, time: Some(time), phase }
    }

    async fn state_at(&self, actor: ActorId, at: StateAt) -> Result<ActorState, Error> {
        let stored = match at {
            StateAt::Latest => return self.latest(actor).await,
            StateAt::Revision(revision) => self.store().at_revision(&actor, revision).await,
            StateAt::Time(time) => self.store().at_time(&actor, time).await,
        };
        match stored.map_err(|e| unavailable(&e))? {
            Some(stored) => Ok(self.stored(actor, stored)),
            None => {
                let latest = self.store().load(&actor).await.map_err(|e| unavailable(&e))?;
                Err(match latest {
                    None => Error::new(Code::ActorNotFound, format!("nothing is stored of actor {actor}")),
                    Some(latest) => Error::new(
                        Code::Gap,
                        format!(
                            "that state of actor {actor} is not kept; it is at revision {}, and the last {} are kept",
                            latest.revision,
                            callboard_core::limits::REVISIONS_KEPT
                        ),
                    ),
                })
            }
        }
    }

    async fn delete_actor(&self, actor: ActorId) -> Result<(), Error> {
        self.router.hosts.of(&actor)?;
        let (done, deleted) = oneshot::channel();
        self.router.control(&actor, Control::Delete(done))?;
        let deleted = deleted.await.map_err(|_| Error::new(Code::Unavailable, "the activation ended; try again"))?;
        match deleted {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict) => {
                Err(Error::new(Code::ActorNotFound, format!("nothing is stored of actor {actor}")))
            }
            Err(error) => Err(public_error(&error)),
        }
    }

    async fn explain_topic(&self, topic: Topic) -> Result<TopicExplanation, Error> {
        let store = self.store();
        let bounds = store.bounds(&topic).await.map_err(|e| unavailable(&e))?;
        let head = bounds.map(|bounds| Position { epoch: bounds.epoch, seq: bounds.head });
        let parked = store.parked().await.map_err(|e| unavailable(&e))?;
        let mut hearers = Vec::new();
        for entry in self.feeds.hearers(&topic) {
            hearers.push(self.hearer(entry, &topic, &parked).await?);
        }
        for pattern in self.router.ports.hub.hearers(&topic, LIVE_LISTED_MAX) {
            let (kind, action, cursor) = (HearerKind::Live, None, None);
            hearers.push(Hearer { name: "live".to_owned(), kind, pattern, action, cursor, parked: false });
        }
        let policy = self.router.ports.rules.policy(&topic);
        Ok(TopicExplanation { topic, policy, head, hearers })
    }

    async fn hearer(&self, entry: &Entry, topic: &Topic, parked: &[Parked]) -> Result<Hearer, Error> {
        let pattern = entry.pattern.clone();
        let (name, kind, action, subscriber) = match &entry.who {
            Who::Named { id, action, .. } => {
                let kind = HearerKind::Actor(self.is_active(id));
                (id.to_string(), kind, Some(action.clone()), Some(Subscriber::Actor(id.clone())))
            }
            Who::Instances { declared, action, .. } => {
                (declared.to_string(), HearerKind::Instances, Some(action.clone()), None)
            }
            Who::External { name, .. } => {
                (name.to_string(), HearerKind::External, None, Some(Subscriber::External(name.clone())))
            }
        };
        let Some(subscriber) = subscriber else {
            let is_instance =
                |p: &&Parked| matches!(&p.subscription.subscriber, Subscriber::Actor(id) if id.parent() == Some(&name));
            let parked =
                parked.iter().filter(is_instance).any(|p| p.topic == *topic && p.subscription.pattern == pattern);
            return Ok(Hearer { name, kind, pattern, action, cursor: None, parked });
        };
        let subscription = SubscriptionId { subscriber, pattern: pattern.clone() };
        let cursor = self.store().cursor(&subscription, topic).await.map_err(|e| unavailable(&e))?;
        let parked = parked.iter().any(|p| p.topic == *topic && p.subscription == subscription);
        Ok(Hearer { name, kind, pattern, action, cursor, parked })
    }

    async fn letter(&self, id: MessageId) -> Result<DeadLetter, Error> {
        let letter = self.store().dead_letter(id).await.map_err(|e| unavailable(&e))?;
        letter.ok_or_else(|| no_letter(id))
    }

    async fn resend(&self, id: MessageId) -> Result<(), Error> {
        let letter = self.letter(id).await?;
        let now = self.router.ports.clock.now();
        let shard = Shard::of_actor(&self.router.system, &letter.target);
        let entry = OutboxEntry {
            id: MessageId::new(now, self.router.ports.entropy.next_u128()),
            origin: None,
            target: letter.target,
            action: letter.action,
            payload: letter.payload,
            headers: letter.headers,
            trace: None,
            due: now,
        };
        let writes = vec![Write::DropDeadLetter(id), Write::Effect(entry)];
        match self.router.commit(shard, None, writes).await {
            Ok(_) => Ok(()),
            Err(CommitError::Duplicate) => Err(no_letter(id)),
            Err(error) => Err(public_error(&error)),
        }
    }

    async fn drop_letter(&self, id: MessageId) -> Result<(), Error> {
        let letter = self.letter(id).await?;
        let shard = Shard::of_actor(&self.router.system, &letter.target);
        match self.router.commit(shard, None, vec![Write::DropDeadLetter(id)]).await {
            Ok(_) => Ok(()),
            Err(CommitError::Duplicate) => Err(no_letter(id)),
            Err(error) => Err(public_error(&error)),
        }
    }

    async fn find_parked(&self, subscription: &SubscriptionId, topic: &Topic) -> Result<Parked, Error> {
        let parked = self.store().parked().await.map_err(|e| unavailable(&e))?;
        let found = parked.into_iter().find(|parked| parked.subscription == *subscription && parked.topic == *topic);
        found.ok_or_else(|| {
            Error::new(
                Code::InvalidPayload,
                format!(
                    "the deliveries of {topic} to {} by {} are not parked",
                    subscription.subscriber, subscription.pattern
                ),
            )
        })
    }

    async fn go_on(&self, subscription: SubscriptionId, topic: Topic, skip: bool) -> Result<(), Error> {
        let parked = self.find_parked(&subscription, &topic).await?;
        let before = callboard_core::Seq(parked.position.seq.0.saturating_sub(1));
        let last = if skip { parked.position.seq } else { before };
        if skip {
            let shard = match &subscription.subscriber {
                Subscriber::Actor(id) => Shard::of_actor(&self.router.system, id),
                Subscriber::External(_) => Shard::of_topic(&self.router.system, &topic),
            };
            let cursor = Write::Cursor { subscription, topic, position: parked.position };
            match self.router.commit(shard, None, vec![cursor]).await {
                Ok(_) | Err(CommitError::Duplicate) => {}
                Err(error) => return Err(public_error(&error)),
            }
        }
        if self.feeds.resume(&parked, last) {
            return Ok(());
        }
        Err(Error::new(
            Code::ActorNotFound,
            format!(
                "{} no longer listens to {} in this system",
                parked.subscription.subscriber, parked.subscription.pattern
            ),
        ))
    }
}

fn no_letter(id: MessageId) -> Error {
    Error::new(Code::InvalidPayload, format!("there is no dead letter {id}; it may have been retried or dropped"))
}

impl Operator for Console {
    fn catalogue(&self) -> Catalogue {
        self.router.hosts.sorted().into_iter().map(|host| Arc::clone(&host.declaration)).collect()
    }

    fn state(&self, actor: ActorId, at: StateAt) -> BoxFuture<'static, Result<ActorState, Error>> {
        self.run(|me| async move { me.state_at(actor, at).await })
    }

    fn actors(&self, query: ActorQuery) -> BoxFuture<'static, Result<Vec<ActorSummary>, Error>> {
        self.run(|me| async move { me.store().actors(query).await.map_err(|e| unavailable(&e)) })
    }

    fn delete(&self, actor: ActorId) -> BoxFuture<'static, Result<(), Error>> {
        self.run(|me| async move { me.delete_actor(actor).await })
    }

    fn topics(&self, query: TopicQuery) -> BoxFuture<'static, Result<Vec<TopicSummary>, Error>> {
        self.run(|me| async move { me.store().topics(query).await.map_err(|e| unavailable(&e)) })
    }

    fn explain(&self, topic: Topic) -> BoxFuture<'static, Result<TopicExplanation, Error>> {
        self.run(|me| async move { me.explain_topic(topic).await })
    }

    fn dead_letters(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<DeadLetter>, Error>> {
        self.run(|me| async move { me.store().dead_letters(after, limit).await.map_err(|e| unavailable(&e)) })
    }

    fn retry_dead_letter(&self, id: MessageId) -> BoxFuture<'static, Result<(), Error>> {
        self.run(|me| async move { me.resend(id).await })
    }

    fn drop_dead_letter(&self, id: MessageId) -> BoxFuture<'static, Result<(), Error>> {
        self.run(|me| async move { me.drop_letter(id).await })
    }

    fn parked(&self) -> BoxFuture<'static, Result<Vec<Parked>, Error>> {
        self.run(|me| async move { me.store().parked().await.map_err(|e| unavailable(&e)) })
    }

    fn retry_parked(&self, subscription: SubscriptionId, topic: Topic) -> BoxFuture<'static, Result<(), Error>> {
        self.run(|me| async move { me.go_on(subscription, topic, false).await })
    }

    fn skip_parked(&self, subscription: SubscriptionId, topic: Topic) -> BoxFuture<'static, Result<(), Error>> {
        self.run(|me| async move { me.go_on(subscription, topic, true).await })
    }

    fn timers(&self, actor: Option<ActorId>, limit: usize) -> BoxFuture<'static, Result<Vec<TimerEntry>, Error>> {
        self.run(|me| async move {
            let timers = match actor {
                Some(actor) => me.store().timers_of(&actor).await,
                None => me.store().timers(None, limit).await,
            };
            let mut timers = timers.map_err(|e| unavailable(&e))?;
            timers.truncate(limit);
            Ok(timers)
        })
    }

    fn health(&self) -> Health {
        let ready = self.router.is_accepting();
        let problems = match (ready, self.router.is_reading()) {
            (true, _) => Vec::new(),
            (false, true) => vec!["the store can only be read; make its folder writable and start again".to_owned()],
            (false, false) => vec!["the node is stopping".to_owned()],
        };
        let counts = LiveCounts {
            activations: self.router.registry.len(),
            feeds: self.feeds.len(),
            subscribers: self.router.ports.hub.len(),
        };
        Health { ready, problems, counts }
    }
}
