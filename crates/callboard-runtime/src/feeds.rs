//! Durable delivery: [`Feeds`] takes publications in commit order, finds who hears them, and keeps one [`Feed`] for each
//! subscription and topic that is not caught up.
//!
//! After a start it begins at the watermark, up to which everyone was done, and asks the stored cursors what came after it.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::batch::{Parked, Subscriber, SubscriptionId};
use callboard_core::declaration::{ActorKind, FailurePolicy};
use callboard_core::limits::{LOG_PAGE_LEN, PAGE_LEN_MAX};
use callboard_core::port::{ActorQuery, ExternalRegistration, ExternalSubscriber, StoreError};
use callboard_core::topic::PatternIndex;
use callboard_core::{ActorId, Error, Mark, Name, Pattern, Publication, Seq, Shard, Topic, Write};
use parking_lot::Mutex;
use rapidhash::{RapidHashMap, RapidHashSet};

use crate::activation::unavailable;
use crate::feed::{Feed, FeedEnd, Hearing};
use crate::hosts::HostEntry;
use crate::metrics::EngineMetrics;
use crate::perform::LaneReader;
use crate::router::Router;

/// How often the watermark is written, when it moved.
const WATERMARK_PERIOD: Duration = Duration::from_secs(1);

/// Everyone who hears durably.
pub(crate) struct Feeds {
    router: Arc<Router>,
    index: PatternIndex<usize>,
    entries: Vec<Entry>,
    state: Mutex<State>,
    metrics: EngineMetrics,
}

/// One declared subscription.
pub(crate) struct Entry {
    pub(crate) pattern: Pattern,
    pub(crate) who: Who,
    // It hears what was committed after this.
    since: Mark,
}

/// Who hears.
pub(crate) enum Who {
    Named { id: ActorId, action: Name, index: usize, on_failure: FailurePolicy },
    Instances { declared: Name, action: Name, index: usize, on_failure: FailurePolicy },
    External { name: Name, subscriber: Arc<dyn ExternalSubscriber> },
}

type FeedKey = (usize, Option<ActorId>, Topic);

#[derive(Default)]
struct State {
    feeds: RapidHashMap<FeedKey, Arc<Feed>>,
    parked: RapidHashSet<(SubscriptionId, Topic)>,
    // Everything up to here was given to its feeds.
    position: Mark,
    // Up to here cursors have to be asked.
    started_at: Mark,
    cursors: RapidHashMap<FeedKey, callboard_core::Position>,
    written_watermark: Mark,
    booted: bool,
}

impl Feeds {
    /// Reads what the store knows of the declared subscriptions.
    pub(crate) async fn new(router: Arc<Router>, externals: &[ExternalRegistration]) -> Result<Arc<Self>, Error> {
        let mut whos = Vec::new();
        for host in router.hosts.sorted() {
            whos.extend(channels_of(host)?);
        }
        for external in externals {
            if let Some(name) = &external.name {
                let subscriber = Arc::clone(&external.subscriber);
                whos.push((external.pattern.clone(), Who::External { name: name.clone(), subscriber }));
            }
        }
        let store = &router.ports.store;
        let mut entries = Vec::new();
        let mut index = PatternIndex::new();
        for (pattern, who) in whos {
            let subscription = SubscriptionId { subscriber: who.registered()?, pattern: pattern.clone() };
            let since = store.hears_after(&subscription).await.map_err(|e| unavailable(&e))?.unwrap_or(Mark::ZERO);
            index.insert(&pattern, entries.len());
            entries.push(Entry { pattern, who, since });
        }
        let position = store.watermark().await.map_err(|e| unavailable(&e))?;
        let started_at = store.head().await.map_err(|e| unavailable(&e))?;
        let state = State { position, started_at, written_watermark: position, ..State::default() };
        let metrics = EngineMetrics::new();
        Ok(Arc::new(Self { router, index, entries, state: Mutex::new(state), metrics }))
    }

    /// The declared subscriptions that a topic reaches.
    pub(crate) fn hearers(&self, topic: &Topic) -> Vec<&Entry> {
        let mut found = Vec::new();
        self.index.matches(topic, |entry| found.push(&self.entries[*entry]));
        found
    }

    /// How many feeds are not caught up.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().feeds.len()
    }

    /// Dispatches until the lane is closed.
    pub(crate) async fn run(self: Arc<Self>, lane: Arc<LaneReader<Arc<Publication>>>) {
        let mut queue = lane.queue.lock().await;
        self.boot().await;
        let mut taken = Vec::with_capacity(64);
        let mut watermark = tokio::time::interval(WATERMARK_PERIOD);
        watermark.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = watermark.tick() => self.write_watermark().await,
                () = lane.behind.wait() => {
                    lane.behind.take();
                    self.read_log().await;
                }
                count = queue.recv_many(&mut taken, 64) => {
                    if count == 0 {
                        return;
                    }
                    if lane.behind.take() {
                        // Between two of them something is missing.
                        taken.clear();
                        self.read_log().await;
                    }
                    for publication in taken.drain(..) {
                        self.dispatch(&publication).await;
                    }
                }
            }
        }
    }

    async fn boot(self: &Arc<Self>) {
        if !self.state.lock().booted {
            loop {
                match self.resume_parked().await {
                    Ok(()) => break,
                    Err(error) => self.wait_for_store(&error).await,
                }
            }
            self.state.lock().booted = true;
        }
        self.read_log().await;
    }

    /// Parked subscriptions stay parked, except those that somebody had resumed before the node ended.
    async fn resume_parked(self: &Arc<Self>) -> Result<(), StoreError> {
        let store = Arc::clone(&self.router.ports.store);
        for parked in store.parked().await? {
            let cursor = store.cursor(&parked.subscription, &parked.topic).await?;
            match cursor {
                Some(cursor) if cursor.epoch == parked.position.epoch && cursor.seq >= parked.position.seq => {
                    self.resume(&parked, cursor.seq);
                }
                Some(_) | None => {
                    self.state.lock().parked.insert((parked.subscription, parked.topic));
                }
            }
        }
        Ok(())
    }

    /// Dispatches what is committed and was not handed over in memory.
    async fn read_log(self: &Arc<Self>) {
        loop {
            let position = self.state.lock().position;
            match self.router.ports.store.tail(position, LOG_PAGE_LEN).await {
                Ok(page) if page.is_empty() => return,
                Ok(page) => {
                    for publication in page {
                        self.dispatch(&publication).await;
                    }
                }
                Err(error) => self.wait_for_store(&error).await,
            }
        }
    }

    async fn wait_for_store(&self, error: &StoreError) {
        tracing::warn!(%error, "the store cannot be read; deliveries wait");
        let pause = callboard_core::retry::backoff(5, self.router.ports.entropy.next());
        tokio::time::sleep(pause).await;
    }

    /// Gives one publication to everyone who hears it.
    async fn dispatch(self: &Arc<Self>, publication: &Arc<Publication>) {
        if publication.mark <= self.state.lock().position {
            return;
        }
        let mut matched = Vec::new();
        self.index.matches(&publication.topic, |entry| matched.push(*entry));
        for place in matched {
            let entry = &self.entries[place];
            if publication.mark <= entry.since {
                continue;
            }
            match &entry.who {
                Who::Named { id, .. } => self.give(place, Subscriber::Actor(id.clone()), None, publication).await,
                Who::External { name, .. } => {
                    self.give(place, Subscriber::External(name.clone()), None, publication).await;
                }
                Who::Instances { declared, .. } => self.give_instances(place, declared, publication).await,
            }
        }
        self.state.lock().position = publication.mark;
    }

    /// Gives a publication to every instance that was known when it was committed.
    async fn give_instances(self: &Arc<Self>, place: usize, declared: &Name, publication: &Arc<Publication>) {
        let mut query = ActorQuery {
            declared: Some(declared.clone()),
            created_until: Some(Mark(publication.mark.0.saturating_sub(1))),
            limit: PAGE_LEN_MAX,
            ..ActorQuery::default()
        };
        loop {
            match self.router.ports.store.actors(query.clone()).await {
                Ok(page) => {
                    let full = page.len() >= PAGE_LEN_MAX;
                    query.after = page.last().map(|actor| actor.id.clone());
                    for actor in page {
                        self.give(place, Subscriber::Actor(actor.id.clone()), Some(actor.id), publication).await;
                    }
                    if !full {
                        return;
                    }
                }
                Err(error) => self.wait_for_store(&error).await,
            }
        }
    }

    async fn give(
        self: &Arc<Self>,
        place: usize,
        subscriber: Subscriber,
        instance: Option<ActorId>,
        publication: &Arc<Publication>,
    ) {
        let key: FeedKey = (place, instance, publication.topic.clone());
        {
            let state = self.state.lock();
            match state.feeds.get(&key).map(|feed| feed.offer(publication)) {
                Some(Ok(()) | Err(FeedEnd::Stopped | FeedEnd::Parked)) => return,
                Some(Err(FeedEnd::CaughtUp)) | None => {}
            }
        }
        let subscription = SubscriptionId { subscriber, pattern: self.entries[place].pattern.clone() };
        let (parked, asks) = {
            let state = self.state.lock();
            let parked =
                !state.parked.is_empty() && state.parked.contains(&(subscription.clone(), publication.topic.clone()));
            (parked, publication.mark <= state.started_at)
        };
        if parked || (asks && self.was_handled(&key, &subscription, publication).await) {
            return;
        }
        let before = Seq(publication.position.seq.0.saturating_sub(1));
        let done = Mark(publication.mark.0.saturating_sub(1));
        let hearing = self.hearing(place, &subscription);
        let feed = Feed::new(subscription, publication.topic.clone(), hearing, before, done, false);
        // Nobody else has it yet, so it has not ended.
        let _ = feed.offer(publication);
        self.start(key, feed, None);
    }

    /// Whether the stored cursor stands at or behind a publication from before the start.
    async fn was_handled(&self, key: &FeedKey, subscription: &SubscriptionId, publication: &Publication) -> bool {
        let known = self.state.lock().cursors.get(key).copied();
        let cursor = match known {
            Some(cursor) => Some(cursor),
            None => loop {
                match self.router.ports.store.cursor(subscription, &publication.topic).await {
                    Ok(cursor) => break cursor,
                    Err(error) => self.wait_for_store(&error).await,
                }
            },
        };
        if let Some(cursor) = cursor {
            self.state.lock().cursors.insert(key.clone(), cursor);
        }
        cursor
            .is_some_and(|cursor| cursor.epoch == publication.position.epoch && cursor.seq >= publication.position.seq)
    }

    fn hearing(&self, place: usize, subscription: &SubscriptionId) -> Hearing {
        match (&self.entries[place].who, &subscription.subscriber) {
            (
                Who::Named { action, index, on_failure, .. } | Who::Instances { action, index, on_failure, .. },
                Subscriber::Actor(id),
            ) => Hearing::Actor { id: id.clone(), action: action.clone(), index: *index, on_failure: *on_failure },
            (Who::External { subscriber, .. }, _) => Hearing::External(Arc::clone(subscriber)),
            (Who::Named { id, action, index, on_failure }, Subscriber::External(_)) => {
                Hearing::Actor { id: id.clone(), action: action.clone(), index: *index, on_failure: *on_failure }
            }
            (Who::Instances { .. }, Subscriber::External(_)) => {
                unreachable!("instances are subscribed as actors")
            }
        }
    }

    fn start(self: &Arc<Self>, key: FeedKey, feed: Arc<Feed>, resumed: Option<Parked>) {
        self.state.lock().feeds.insert(key.clone(), Arc::clone(&feed));
        self.metrics.active_feeds.increment(1.0);
        let feeds = Arc::clone(self);
        self.router.tasks.spawn(async move {
            let end = Arc::clone(&feed).run(Arc::clone(&feeds.router)).await;
            if let (FeedEnd::CaughtUp, Some(parked)) = (end, resumed) {
                feeds.unpark(parked).await;
            }
            feeds.ended(&key, &feed, end);
        });
    }

    fn ended(&self, key: &FeedKey, feed: &Arc<Feed>, end: FeedEnd) {
        self.metrics.active_feeds.decrement(1.0);
        let mut state = self.state.lock();
        // A feed that stopped keeps its place, so that the watermark does not pass what it has not delivered. One that was
        // resumed meanwhile has a successor, which is not parked.
        let replaced = state.feeds.get(key).is_none_or(|there| !Arc::ptr_eq(there, feed));
        if end == FeedEnd::Stopped || replaced {
            return;
        }
        if end == FeedEnd::Parked {
            state.parked.insert((feed.subscription.clone(), feed.topic.clone()));
        }
        state.feeds.remove(key);
    }

    /// Lets a parked subscription go on behind `last`. It counts as parked in the store until it is caught up, so that a crash
    /// on the way loses nothing.
    pub(crate) fn resume(self: &Arc<Self>, parked: &Parked, last: Seq) -> bool {
        let place = self.entries.iter().position(|entry| {
            entry.pattern == parked.subscription.pattern && entry.who.includes(&parked.subscription.subscriber)
        });
        let Some(place) = place else { return false };
        let instance = match (&self.entries[place].who, &parked.subscription.subscriber) {
            (Who::Instances { .. }, Subscriber::Actor(id)) => Some(id.clone()),
            (Who::Instances { .. } | Who::Named { .. } | Who::External { .. }, _) => None,
        };
        let subscription = parked.subscription.clone();
        self.state.lock().parked.remove(&(subscription.clone(), parked.topic.clone()));
        let hearing = self.hearing(place, &subscription);
        let feed = Feed::new(subscription, parked.topic.clone(), hearing, last, Mark::ZERO, true);
        self.start((place, instance, parked.topic.clone()), feed, Some(parked.clone()));
        true
    }

    async fn unpark(&self, parked: Parked) {
        let Parked { subscription, topic, .. } = parked;
        let shard = match &subscription.subscriber {
            Subscriber::Actor(id) => Shard::of_actor(&self.router.system, id),
            Subscriber::External(_) => Shard::of_topic(&self.router.system, &topic),
        };
        // When this fails the subscription is found resumed, and caught up, at the next start.
        if let Err(error) = self.router.commit(shard, None, vec![Write::Unpark { subscription, topic }]).await {
            tracing::debug!(%error, "a resumed subscription is still listed as parked");
        }
    }

    /// Up to where every feed is done.
    fn watermark(&self) -> Mark {
        let state = self.state.lock();
        state.feeds.values().map(|feed| feed.done()).fold(state.position, Mark::min)
    }

    /// Writes the watermark if it moved; housekeeping and the next start begin there.
    pub(crate) async fn write_watermark(&self) {
        let watermark = self.watermark();
        if watermark <= self.state.lock().written_watermark {
            return;
        }
        let Some(shard) = Shard::new(0) else { return };
        if self.router.commit(shard, None, vec![Write::Watermark(watermark)]).await.is_ok() {
            let mut state = self.state.lock();
            state.written_watermark = watermark;
            if watermark >= state.started_at {
                state.cursors = RapidHashMap::default();
            }
        }
    }
}

impl Who {
    /// Under which name the subscription is registered.
    fn registered(&self) -> Result<Subscriber, Error> {
        Ok(match self {
            Self::Named { id, .. } => Subscriber::Actor(id.clone()),
            Self::Instances { declared, .. } => Subscriber::Actor(ActorId::named(declared)?),
            Self::External { name, .. } => Subscriber::External(name.clone()),
        })
    }

    fn includes(&self, subscriber: &Subscriber) -> bool {
        match (self, subscriber) {
            (Self::Named { id, .. }, Subscriber::Actor(actor)) => id == actor,
            (Self::Instances { declared, .. }, Subscriber::Actor(actor)) => actor.parent() == Some(declared.as_str()),
            (Self::External { name, .. }, Subscriber::External(external)) => name == external,
            (Self::Named { .. } | Self::Instances { .. }, Subscriber::External(_))
            | (Self::External { .. }, Subscriber::Actor(_)) => false,
        }
    }
}

fn channels_of(host: &HostEntry) -> Result<Vec<(Pattern, Who)>, Error> {
    let declaration = &host.declaration;
    let mut found = Vec::new();
    for channel in &declaration.channels {
        // Validated: the action is there.
        let Some(index) = declaration.action(&channel.action) else { continue };
        let (action, on_failure) = (declaration.actions[index].name.clone(), channel.on_failure);
        let who = match declaration.kind {
            ActorKind::Named => Who::Named { id: ActorId::named(&declaration.name)?, action, index, on_failure },
            ActorKind::Unnamed => Who::Instances { declared: declaration.name.clone(), action, index, on_failure },
        };
        found.push((channel.pattern.clone(), who));
    }
    Ok(found)
}
