//! What every law needs: a store whose shards are taken, and short ways to say what is written.

use std::sync::Arc;

use callboard_core::batch::{
    DeadLetter, DeadLetterSource, Fence, OutboxEntry, Parked, RecordedReply, StoreKey, Subscriber, SubscriptionId,
    TimerEntry,
};
use callboard_core::port::{CommitError, Receipt, Snapshot, Store};
use callboard_core::publication::Announcement;
use callboard_core::timer::CatchUp;
use callboard_core::trace::TraceContext;
use callboard_core::{
    ActorId, Batch, Code, Encoding, Headers, Mark, MessageId, Name, NodeId, Pattern, Payload, Position, Publication,
    Revision, Seq, Shard, Timestamp, Topic, Write,
};

/// The node that owns every shard.
pub(crate) const NODE: NodeId = NodeId(0xca11);
/// More than any test writes.
pub(crate) const ALL: usize = 100_000;

pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) fences: Vec<Fence>,
}

impl Fixture {
    pub(crate) async fn new(store: Arc<dyn Store>) -> Self {
        let fences = store.acquire(NODE, Shard::all().collect()).await.unwrap();
        Self { store, fences }
    }

    pub(crate) fn fence(&self, actor: Option<&ActorId>) -> Fence {
        let shard = actor.map_or(0, |id| Shard::of_actor("shop", id).number());
        self.fences[usize::from(shard)]
    }

    /// A batch of an actor (`""` is nobody) at a time.
    pub(crate) fn batch(&self, id: &str, now: u64, writes: Vec<Write>) -> Batch {
        let actor = (!id.is_empty()).then(|| actor(id));
        Batch { fence: self.fence(actor.as_ref()), actor, key: None, now: at(now), writes }
    }

    pub(crate) async fn try_commit(&self, batch: Batch) -> Result<Receipt, CommitError> {
        let mut answers = self.store.commit(vec![batch]).await;
        assert_eq!(answers.len(), 1, "each batch gets one answer");
        answers.remove(0)
    }

    pub(crate) async fn try_write(&self, id: &str, now: u64, writes: Vec<Write>) -> Result<Receipt, CommitError> {
        self.try_commit(self.batch(id, now, writes)).await
    }

    pub(crate) async fn write(&self, id: &str, now: u64, writes: Vec<Write>) -> Receipt {
        self.try_write(id, now, writes).await.unwrap()
    }

    pub(crate) async fn refused(&self, id: &str, writes: Vec<Write>) -> CommitError {
        self.try_write(id, 0, writes).await.expect_err("a guard of the batch does not hold")
    }

    pub(crate) async fn load(&self, id: &str) -> Option<Snapshot> {
        self.store.load(&actor(id)).await.unwrap()
    }

    pub(crate) async fn revision(&self, id: &str) -> Option<u64> {
        self.load(id).await.map(|snapshot| snapshot.revision.0)
    }

    pub(crate) async fn key(&self, id: &str) -> Option<StoreKey> {
        self.load(id).await.map(|snapshot| snapshot.key)
    }

    /// The texts of a topic's publications.
    pub(crate) async fn log(&self, name: &str) -> Vec<String> {
        texts(&self.store.read(&topic(name), Seq::ZERO, ALL).await.unwrap())
    }

    pub(crate) async fn tail(&self, after: Mark) -> Vec<Arc<Publication>> {
        self.store.tail(after, ALL).await.unwrap()
    }
}

pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

pub(crate) fn actor(id: &str) -> ActorId {
    ActorId::parse(id).unwrap()
}

pub(crate) fn topic(name: &str) -> Topic {
    Topic::parse(name).unwrap()
}

pub(crate) fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::from(text.to_owned())
}

pub(crate) fn id(number: u128) -> MessageId {
    MessageId::from_bits(number)
}

pub(crate) fn payload(text: &str) -> Payload {
    Payload::new("shop.v1.Thing", Encoding::Json, text.as_bytes().to_vec())
}

pub(crate) fn text(payload: &Payload) -> String {
    String::from_utf8_lossy(payload.bytes()).into_owned()
}

pub(crate) fn texts(publications: &[Arc<Publication>]) -> Vec<String> {
    publications.iter().map(|publication| text(&publication.payload)).collect()
}

pub(crate) fn seqs(publications: &[Arc<Publication>]) -> Vec<u64> {
    publications.iter().map(|publication| publication.position.seq.0).collect()
}

pub(crate) fn state(revision: u64, text: &str) -> Write {
    Write::State { revision: Revision(revision), state: Some(payload(text)), tags: Headers::new() }
}

pub(crate) fn tagged(revision: u64, tags: &[(&'static str, &'static str)]) -> Write {
    let tags = tags.iter().map(|(key, value)| (Name::from(*key), Name::from(*value))).collect();
    Write::State { revision: Revision(revision), state: None, tags }
}

pub(crate) fn publish_at(topic_name: &str, ms: u64, text: &str) -> Write {
    Write::Publish(Announcement {
        id: id(u128::from(ms) << 64 | 7),
        topic: topic(topic_name),
        time: at(ms),
        payload: payload(text),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    })
}

pub(crate) fn publish(topic: &str, text: &str) -> Write {
    publish_at(topic, 1, text)
}

pub(crate) fn effect(number: u128, due: u64) -> OutboxEntry {
    OutboxEntry {
        id: id(number),
        origin: Some(actor("order/1")),
        target: actor("mailer"),
        action: name("send"),
        payload: payload("mail"),
        headers: Headers::new().with("correlation-id", "c"),
        trace: Some(TraceContext { trace_id: u128::MAX - 1, span_id: u64::MAX - 1, sampled: true }),
        due: at(due),
    }
}

pub(crate) fn subscription(subscriber: &str, listened: &str) -> SubscriptionId {
    let subscriber = match subscriber.strip_prefix("external:") {
        Some(external) => Subscriber::External(name(external)),
        None => Subscriber::Actor(actor(subscriber)),
    };
    SubscriptionId { subscriber, pattern: pattern(listened) }
}

pub(crate) fn cursor(subscriber: &str, topic_name: &str, seq: u64) -> Write {
    let subscription = subscription(subscriber, topic_name);
    Write::Cursor { subscription, topic: topic(topic_name), position: Position::new(1, seq) }
}

pub(crate) fn timer(owner: &str, timer: &str, due: u64) -> TimerEntry {
    TimerEntry { actor: actor(owner), name: name(timer), due: at(due), every_ms: 30, catch_up: CatchUp::Skip }
}

pub(crate) fn rearm(timer: &str, fired: u64, next: u64) -> Write {
    Write::RearmTimer { name: name(timer), fired: at(fired), next: at(next) }
}

pub(crate) fn reply(key: &str, text: &str, ms: u64) -> RecordedReply {
    RecordedReply {
        key: name(key),
        fingerprint: u64::MAX - 5,
        payload: payload(text),
        revision: Revision(3),
        time: at(ms),
    }
}

pub(crate) fn letter(number: u128) -> DeadLetter {
    DeadLetter {
        id: id(number),
        target: actor("mailer"),
        action: name("send"),
        payload: payload("mail"),
        headers: Headers::new().with("a", "b"),
        source: DeadLetterSource::Effect { id: id(99) },
        code: Code::ActionFailed,
        message: "no such mailbox".to_owned(),
        attempts: 5,
        time: at(77),
    }
}

pub(crate) fn parked(subscriber: &str, topic_name: &str, seq: u64) -> Parked {
    Parked {
        subscription: subscription(subscriber, topic_name),
        topic: topic(topic_name),
        position: Position::new(1, seq),
        code: Code::ActionPanicked,
        message: "it fell over".to_owned(),
        attempts: 5,
        time: at(78),
    }
}

pub(crate) fn park(parked: Parked) -> Write {
    Write::Park(Box::new(parked))
}

pub(crate) fn unpark(subscriber: &str, topic_name: &str) -> Write {
    Write::Unpark { subscription: subscription(subscriber, topic_name), topic: topic(topic_name) }
}

/// A record in full, for comparing: payloads print only their length by themselves.
pub(crate) trait Shown {
    fn shown(&self) -> String;
}

macro_rules! shown {
    ($($type:ty),*) => {
        $(impl Shown for $type {
            fn shown(&self) -> String {
                format!("{self:?} {:?}", self.payload.bytes())
            }
        })*
    };
}
shown!(Publication, OutboxEntry, DeadLetter, RecordedReply);

impl Shown for Parked {
    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Shown for Snapshot {
    fn shown(&self) -> String {
        let Self { key: _, revision, state, tags, time } = self;
        format!("{revision} {state:?} {:?} {tags:?} {time}", state.as_ref().map(Payload::bytes))
    }
}

impl<T: Shown> Shown for Arc<T> {
    fn shown(&self) -> String {
        T::shown(self)
    }
}

impl<T: Shown> Shown for [T] {
    fn shown(&self) -> String {
        self.iter().map(|one| one.shown() + "\n").collect()
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "nothing".to_owned(), T::shown)
    }
}
