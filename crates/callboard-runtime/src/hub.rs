//! The local side of the broadcast fabric: live subscribers, found by pattern, each with a bounded queue; and the rings of
//! ephemeral topics.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use callboard_core::limits::{RINGS_MAX, SUBSCRIBER_QUEUE_LEN};
use callboard_core::port::Clock;
use callboard_core::publication::Announcement;
use callboard_core::topic::{PatternIndex, TopicPolicy, TopicRules};
use callboard_core::{Epoch, Mark, Pattern, Position, Publication, Seq, Timestamp, Topic};
use parking_lot::{Mutex, RwLock};
use rapidhash::RapidHashMap;
use tokio::sync::mpsc;

use crate::metrics::EngineMetrics;
use crate::perform::LaneReader;

/// Who hears live publications.
pub(crate) struct Hub {
    subscribers: RwLock<PatternIndex<Arc<LiveSubscriber>>>,
    rings: Mutex<Rings>,
    rules: Arc<TopicRules>,
    clock: Arc<dyn Clock>,
    // The epoch of ephemeral topics: their logs are lost with the process.
    epoch: Epoch,
    next_id: AtomicU64,
    ephemeral_hearer: RwLock<Option<EphemeralHearer>>,
    closed: AtomicBool,
    metrics: EngineMetrics,
}

/// Hands ephemeral publications to the actors that listen.
pub(crate) type EphemeralHearer = Arc<dyn Fn(&Arc<Publication>) + Send + Sync>;

/// One live subscriber.
#[derive(Debug)]
pub(crate) struct LiveSubscriber {
    id: u64,
    pub(crate) pattern: Pattern,
    // `None` only wakes the reader.
    queue: mpsc::Sender<Option<Arc<Publication>>>,
    overflowed: AtomicBool,
}

impl PartialEq for LiveSubscriber {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A subscriber's end of its queue. Dropping it ends the subscription.
pub(crate) struct LiveQueue {
    hub: Arc<Hub>,
    subscriber: Arc<LiveSubscriber>,
    queue: mpsc::Receiver<Option<Arc<Publication>>>,
}

/// What a subscriber's queue gives.
pub(crate) enum LiveEvent {
    Publication(Arc<Publication>),
    /// Publications were left out; the log has the durable ones.
    Overflowed,
}

impl LiveQueue {
    /// The next live publication; `None` when the hub is gone.
    pub(crate) async fn next(&mut self) -> Option<LiveEvent> {
        loop {
            if self.take_overflow() {
                return Some(LiveEvent::Overflowed);
            }
            let next = if self.hub.closed.load(Ordering::Acquire) {
                self.queue.try_recv().ok()?
            } else {
                self.queue.recv().await?
            };
            if let Some(publication) = next {
                return Some(LiveEvent::Publication(publication));
            }
        }
    }

    fn take_overflow(&self) -> bool {
        self.subscriber.overflowed.load(Ordering::Relaxed) && self.subscriber.overflowed.swap(false, Ordering::AcqRel)
    }
}

impl Drop for LiveQueue {
    fn drop(&mut self) {
        let pattern = &self.subscriber.pattern;
        self.hub.subscribers.write().remove(pattern, &self.subscriber);
        self.hub.metrics.live_subscribers.decrement(1.0);
    }
}

#[derive(Default)]
struct Rings {
    by_topic: RapidHashMap<Topic, Ring>,
    used: u64,
    // A ring that was evicted begins anew in a later epoch.
    evictions: u64,
}

struct Ring {
    head: Position,
    // With their places in the order of all ephemeral publications.
    kept: VecDeque<(u64, Arc<Publication>)>,
    last_used: u64,
}

/// What is kept of an ephemeral topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingBounds {
    pub(crate) head: Position,
    /// The oldest that is kept; the one behind the head when nothing is.
    pub(crate) first: Seq,
}

impl Hub {
    pub(crate) fn new(rules: Arc<TopicRules>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let epoch = Epoch(clock.now().as_millis());
        Arc::new(Self {
            subscribers: RwLock::default(),
            rings: Mutex::default(),
            rules,
            clock,
            epoch,
            next_id: AtomicU64::new(0),
            ephemeral_hearer: RwLock::default(),
            closed: AtomicBool::new(false),
            metrics: EngineMetrics::new(),
        })
    }

    /// Sets who hands ephemeral publications to actors.
    pub(crate) fn hear_ephemeral(&self, hearer: Option<EphemeralHearer>) {
        *self.ephemeral_hearer.write() = hearer;
    }

    /// Registers a live subscriber: from now on everything that its pattern selects enters its queue.
    pub(crate) fn subscribe(self: &Arc<Self>, pattern: Pattern) -> LiveQueue {
        let (sender, queue) = mpsc::channel(SUBSCRIBER_QUEUE_LEN);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let subscriber = Arc::new(LiveSubscriber { id, pattern, queue: sender, overflowed: AtomicBool::new(false) });
        self.subscribers.write().insert(&subscriber.pattern, Arc::clone(&subscriber));
        self.metrics.live_subscribers.increment(1.0);
        LiveQueue { hub: Arc::clone(self), subscriber, queue }
    }

    /// Ends every subscription behind what its queue holds.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.subscribers.read().each(|subscriber| drop(subscriber.queue.try_send(None)));
    }

    /// How many live subscribers there are.
    pub(crate) fn len(&self) -> usize {
        self.subscribers.read().len()
    }

    /// The patterns of the live subscribers of a topic, at most `limit`.
    pub(crate) fn hearers(&self, topic: &Topic, limit: usize) -> Vec<Pattern> {
        let mut found = Vec::new();
        self.subscribers.read().matches(topic, |subscriber| {
            if found.len() < limit {
                found.push(subscriber.pattern.clone());
            }
        });
        found
    }

    /// Gives an ephemeral announcement its position and delivers it.
    pub(crate) fn announce(&self, announcement: Announcement) -> Position {
        let publication = {
            let mut rings = self.rings.lock();
            let publication = rings.append(announcement, self.epoch, &self.rules, self.clock.as_ref());
            // Under the lock, so that subscribers see positions in order.
            self.deliver(&publication);
            publication
        };
        let hearer = self.ephemeral_hearer.read().clone();
        if let Some(hear) = hearer {
            hear(&publication);
        }
        publication.position
    }

    /// What the rings of ephemeral topics keep, in the order in which it was announced.
    pub(crate) fn ring(&self, pattern: &Pattern) -> Vec<Arc<Publication>> {
        let rings = self.rings.lock();
        let now = self.clock.now();
        let mut kept: Vec<_> = rings
            .by_topic
            .iter()
            .filter(|(topic, _)| pattern.matches(topic))
            .flat_map(|(topic, ring)| ring.fresh(self.ring_age(topic), now).cloned())
            .collect();
        // Identifiers do not tell what came first within a millisecond.
        kept.sort_unstable_by_key(|(place, _)| *place);
        kept.into_iter().map(|(_, publication)| publication).collect()
    }

    /// Where the ring of an ephemeral topic begins and ends; `None` when nothing was announced on it for long.
    pub(crate) fn ring_bounds(&self, topic: &Topic) -> Option<RingBounds> {
        let rings = self.rings.lock();
        let ring = rings.by_topic.get(topic)?;
        let first = ring.fresh(self.ring_age(topic), self.clock.now()).next();
        let first = first.map_or_else(|| ring.head.seq.next(), |(_, publication)| publication.position.seq);
        Some(RingBounds { head: ring.head, first })
    }

    fn ring_age(&self, topic: &Topic) -> Duration {
        match self.rules.policy(topic) {
            TopicPolicy::Ephemeral { age, .. } => age,
            TopicPolicy::Durable(retention) => retention.age,
        }
    }

    /// Puts a publication into the queue of everyone who hears it.
    pub(crate) fn deliver(&self, publication: &Arc<Publication>) {
        self.metrics.publications.increment(1);
        self.subscribers.read().matches(&publication.topic, |subscriber| {
            if subscriber.queue.try_send(Some(Arc::clone(publication))).is_err() {
                self.overflow(subscriber, publication.mark);
            }
        });
    }

    #[cold]
    fn overflow(&self, subscriber: &LiveSubscriber, mark: Mark) {
        subscriber.overflowed.store(true, Ordering::Release);
        self.metrics.overflows.increment(1);
        if mark == Mark::ZERO {
            self.metrics.ephemeral_dropped.increment(1);
        }
    }

    /// Delivers what is committed, until the lane is closed.
    pub(crate) async fn run(self: Arc<Self>, lane: Arc<LaneReader<Arc<Publication>>>) {
        let mut queue = lane.queue.lock().await;
        let mut taken = Vec::with_capacity(64);
        while queue.recv_many(&mut taken, 64).await > 0 {
            if lane.behind.take() {
                // Some did not fit: everyone makes up for it from the log.
                self.subscribers.read().each(|subscriber| {
                    subscriber.overflowed.store(true, Ordering::Release);
                    let _ = subscriber.queue.try_send(None);
                });
            }
            for publication in taken.drain(..) {
                self.deliver(&publication);
            }
        }
    }
}

impl Ring {
    fn fresh(&self, age: Duration, now: Timestamp) -> impl Iterator<Item = &(u64, Arc<Publication>)> {
        self.kept.iter().filter(move |(_, publication)| now.since(publication.time) <= age)
    }
}

impl Rings {
    fn append(
        &mut self,
        announcement: Announcement,
        epoch: Epoch,
        rules: &TopicRules,
        clock: &dyn Clock,
    ) -> Arc<Publication> {
        self.used += 1;
        let used = self.used;
        let now = clock.now();
        let (age, len) = match rules.policy(&announcement.topic) {
            TopicPolicy::Ephemeral { age, len } => (age, len),
            TopicPolicy::Durable(retention) => (retention.age, 0),
        };
        if self.by_topic.len() >= RINGS_MAX && !self.by_topic.contains_key(&announcement.topic) {
            self.evict();
        }
        let ring = self.by_topic.entry(announcement.topic.clone()).or_insert_with(|| Ring {
            head: Position { epoch: Epoch(epoch.0 + self.evictions), seq: Seq::ZERO },
            kept: VecDeque::new(),
            last_used: used,
        });
        ring.last_used = used;
        ring.head.seq = ring.head.seq.next();
        let publication = Arc::new(announcement.at(ring.head, Mark::ZERO));
        ring.kept.push_back((used, Arc::clone(&publication)));
        while ring.kept.len() > len || ring.kept.front().is_some_and(|(_, oldest)| now.since(oldest.time) > age) {
            ring.kept.pop_front();
        }
        publication
    }

    /// Makes room by dropping the half that was unused longest; rare, so that each announcement pays little for it.
    fn evict(&mut self) {
        self.evictions += 1;
        let mut ages: Vec<u64> = self.by_topic.values().map(|ring| ring.last_used).collect();
        let middle = ages.len() / 2;
        let (_, median, _) = ages.select_nth_unstable(middle);
        let median = *median;
        self.by_topic.retain(|_, ring| ring.last_used > median);
    }
}
