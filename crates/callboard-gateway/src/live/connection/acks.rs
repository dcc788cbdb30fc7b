//! Acknowledged subscriptions: what the client has not confirmed is delivered again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use callboard_core::acknowledgement::{AckError, Acked, Pending};
use callboard_core::invocation::CallChain;
use callboard_core::port::{Start, StateAt, StreamEvent, SubscribeRequest};
use callboard_core::{Code, Error, Headers, Invocation, Position, Publication, Seq, Topic, limits};
use callboard_wire::session::{Ack, AskId, Data, Delivery, Started, SubId};
use futures_util::StreamExt as _;

use super::{Connection, Done, Finish, Transport};
use crate::consumers::{self, Acknowledgement};
use crate::live::Live;
use crate::live::catalogue::Granted;

/// As many publications of a topic may wait for an acknowledgement; delivery pauses then.
const PENDING_MAX: usize = 1000;
/// As many are delivered again at once.
const AGAIN_MAX: usize = 64;

/// What is known of a consumer's topics.
pub(in crate::live) type Consumed = HashMap<Topic, Acked>;

/// The acknowledgements of one subscription.
pub(super) struct Acks {
    consumer: Arc<str>,
    topics: HashMap<Topic, Topical>,
}

struct Topical {
    pending: Pending,
    after: Position,
    // Set while delivery rests because too much waits for an acknowledgement.
    paused: bool,
    last: Position,
}

/// Under which name a subscription's acknowledgements are kept; `None` when it has none.
pub(in crate::live) fn consumer_of(granted: &Granted, asked: Option<&str>) -> Option<Arc<str>> {
    if !granted.declaration.acknowledged {
        return None;
    }
    if let Some(consumer) = &granted.joined.consumer {
        return Some(Arc::clone(consumer));
    }
    // A client names its devices, and never somebody else's.
    let asked = asked?;
    let subject = granted.request.principal.subject.as_deref().unwrap_or("anonymous");
    Some(if asked.is_empty() { subject.into() } else { format!("{subject}:{asked}").into() })
}

/// What a consumer has acknowledged of some topics so far.
pub(in crate::live) async fn consumed(live: &Live, granted: &Granted, consumer: &str) -> Result<Consumed, Error> {
    let mut consumed = Consumed::new();
    for pattern in &granted.joined.topics {
        let Some(topic) = pattern.as_topic() else {
            let text = format!("{pattern:?} has wildcards; acknowledgements are possible for single topics");
            return Err(Error::new(Code::InvalidTopic, text));
        };
        let actor = consumers::consumer(&topic, consumer)?;
        match live.doors.operator.state(actor, StateAt::Latest).await {
            Ok(state) => {
                let acked = state.state.as_ref().map(consumers::acked_of).transpose()?;
                consumed.extend(acked.map(|acked| (topic, acked)));
            }
            Err(error) if error.code() == Code::ActorNotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(consumed)
}

/// Keeps where a consumer of which nothing is known begins: what it is given from there on is owed to it, also if it never
/// acknowledges anything.
pub(in crate::live) async fn begin(
    live: &Live,
    consumer: &str,
    consumed: &Consumed,
    started: &Started,
) -> Result<(), Error> {
    for head in &started.heads {
        let is_known = |acked: &Acked| acked.resume_after().epoch == head.after.epoch;
        if consumed.get(&head.topic).is_some_and(is_known) {
            continue;
        }
        let (epoch, after) = (head.after.epoch.0, head.after.seq.0);
        let beginning = Acknowledgement { epoch, after, upto: None, one: None };
        live.doors.dispatcher.invoke(kept(live, &head.topic, consumer, beginning)?).await?;
    }
    Ok(())
}

/// What keeps an acknowledgement.
fn kept(live: &Live, topic: &Topic, consumer: &str, acknowledgement: Acknowledgement) -> Result<Invocation, Error> {
    Ok(Invocation {
        target: consumers::consumer(topic, consumer)?,
        action: consumers::ACKNOWLEDGE,
        payload: acknowledgement.payload(),
        deadline: live.doors.clock.instant() + limits::CALL_DEADLINE,
        key: None,
        headers: Headers::new(),
        trace: None,
        chain: CallChain::new(),
    })
}

impl Acks {
    pub(super) fn new(granted: &Granted, consumer: Arc<str>, started: &Started, mut consumed: Consumed) -> Self {
        let topical = |(topic, after, head): (Topic, Position, Position)| {
            let known = consumed.remove(&topic).filter(|acked| acked.resume_after().epoch == head.epoch);
            let acked = known.unwrap_or_else(|| Acked::upto(after));
            let mut pending = Pending::new(acked, head.seq, granted.declaration.ack_timeout, PENDING_MAX);
            // What is no longer kept is not waited for.
            pending.lost_before(Seq(after.seq.0 + 1));
            (topic, Topical { pending, after, paused: false, last: after })
        };
        let topics =
            started.heads.iter().map(|head| (head.topic.clone(), head.after, head.head)).map(topical).collect();
        Self { consumer, topics }
    }

    /// When something is to be delivered again.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.topics.values().filter_map(|topical| topical.pending.due_at()).min()
    }

    /// Whether a publication is to be delivered.
    pub(super) fn take(&mut self, publication: &Publication, now: Instant) -> Verdict {
        let Some(topical) = self.topics.get_mut(&publication.topic) else { return Verdict::Deliver };
        let seq = publication.position.seq;
        // A topic has no epoch before its first publication.
        if topical.after == Position::default() {
            topical.after.epoch = publication.position.epoch;
        }
        topical.pending.heard_of(seq);
        if topical.paused || !topical.pending.wants(seq) {
            return Verdict::Skip;
        }
        if topical.pending.is_full() {
            topical.paused = true;
            return Verdict::Pause;
        }
        topical.last = publication.position;
        if topical.pending.sent(seq, now) { Verdict::Deliver } else { Verdict::Skip }
    }

    /// Where delivery goes on, when it rested and may go on.
    fn resume(&mut self) -> Option<Vec<(Option<String>, Option<Position>)>> {
        let ready = self.topics.values().any(|topical| topical.paused && !topical.pending.is_full());
        ready.then(|| {
            let places = self.topics.iter_mut().map(|(topic, topical)| {
                topical.paused = false;
                (Some(topic.as_str().to_owned()), Some(topical.last))
            });
            places.collect()
        })
    }
}

/// What to do with a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it.
    Deliver,
    /// The consumer has it, or will be given it later.
    Skip,
    /// Too much waits: the streams rest until something is acknowledged.
    Pause,
}

impl<T: Transport> Connection<T> {
    pub(super) fn acknowledge(&mut self, sub: SubId, ask: Option<AskId>, topic: Option<&str>, ack: Ack) {
        let job = match self.acknowledged(sub, topic, ack) {
            Ok(job) => job,
            Err(error) => return self.answer(ask, Err(error)),
        };
        let live = Arc::clone(&self.live);
        self.jobs.push(Box::pin(async move {
            let (invocation, answer) = job;
            let kept = live.doors.dispatcher.invoke(invocation).await;
            Done::Answered { ask, result: kept.map(|_| Data::Json(answer)) }
        }));
    }

    /// Takes an acknowledgement; what keeps it, and the answer when it is kept.
    fn acknowledged(&mut self, sub: SubId, topic: Option<&str>, ack: Ack) -> Result<(Invocation, String), Error> {
        let refuse = |text: &str| Error::new(Code::InvalidPayload, text.to_owned());
        let seat = self.subs.get_mut(&sub).ok_or_else(|| refuse("there is no such subscription"))?;
        let Some(acks) = &mut seat.acks else {
            return Err(Error::new(Code::Denied, "this subscription has no acknowledgements; subscribe as a consumer"));
        };
        let found = match topic {
            Some(topic) => acks.topics.iter_mut().find(|(known, _)| known.as_str() == topic),
            None if acks.topics.len() == 1 => acks.topics.iter_mut().next(),
            None => return Err(refuse("the subscription has several topics; say which")),
        };
        let (topic, topical) = found.ok_or_else(|| refuse("the subscription does not have that topic"))?;
        let (taken, upto, one) = match ack {
            Ack::UpTo(seq) => (topical.pending.acknowledge_upto(Seq(seq)), Some(seq), None),
            Ack::One(seq) => (topical.pending.acknowledge_one(Seq(seq)), None, Some(seq)),
        };
        let taken = taken.map_err(|error| match error {
            AckError::UnknownSeq { head } => Error::new(Code::InvalidPayload, "unknown_seq")
                .with_detail(format!("the newest publication of {topic} is {}", head.0)),
            error @ AckError::Scattered => Error::new(Code::Overloaded, error.to_string()),
        })?;
        let named = upto.or(one).unwrap_or_default();
        let answer = format!("{{\"acked\":{named},\"upto\":{},\"pending\":{}}}", taken.upto.0, taken.pending);
        let (epoch, after) = (topical.after.epoch.0, topical.after.seq.0);
        let acknowledgement = Acknowledgement { epoch, after, upto, one };
        let invocation = kept(&self.live, topic, &acks.consumer, acknowledgement)?;
        if let Some(positions) = acks.resume() {
            self.resume(sub, positions);
        }
        Ok((invocation, answer))
    }

    /// Asks the log for what is to be delivered again.
    pub(super) fn redeliver(&mut self, now: Instant) {
        for (sub, seat) in &mut self.subs {
            let (sub, Some(acks)) = (*sub, &mut seat.acks) else { continue };
            for (topic, topical) in &mut acks.topics {
                let due = topical.pending.due(now, AGAIN_MAX);
                if due.is_empty() {
                    continue;
                }
                let (live, topic, epoch) = (Arc::clone(&self.live), topic.clone(), topical.after.epoch.0);
                self.jobs.push(Box::pin(async move {
                    let publications = fetch(&live, &topic, epoch, &due).await;
                    Done::Again { sub, publications }
                }));
            }
        }
    }

    pub(super) async fn again(&mut self, sub: SubId, publications: Vec<Arc<Publication>>) -> Result<(), Finish> {
        let delivery = Delivery { replay: true, again: true, ack_required: true };
        for publication in publications {
            self.publication(sub, publication, delivery).await?;
        }
        self.flush().await
    }
}

/// The publications with these numbers, as far as they are kept.
async fn fetch(live: &Live, topic: &Topic, epoch: u64, wanted: &[Seq]) -> Vec<Arc<Publication>> {
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Vec::new() };
    let before = Position::new(epoch, first.0.saturating_sub(1));
    let start = Start::After { positions: HashMap::from([(topic.clone(), before)]), others: None };
    let request = SubscribeRequest { pattern: topic.clone().into(), start };
    let Ok(mut events) = live.doors.dispatcher.subscribe(request).await else { return Vec::new() };
    let mut found = Vec::with_capacity(wanted.len());
    while let Some(Ok(event)) = events.next().await {
        match event {
            StreamEvent::Publication(publication) => {
                let seq = publication.position.seq;
                if wanted.binary_search(&seq).is_ok() {
                    found.push(publication);
                }
                if seq >= *last {
                    break;
                }
            }
            StreamEvent::Gap { .. } => {}
            StreamEvent::CaughtUp => break,
        }
    }
    found
}
