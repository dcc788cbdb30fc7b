//! The streams of clients and in-process code: history from the log, then live from the hub, driven by
//! [`callboard_core::subscription::CatchUp`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use callboard_core::limits::LOG_PAGE_LEN;
use callboard_core::port::{Events, Start, Store, StreamEvent, SubscribeRequest};
use callboard_core::subscription::CatchUp;
use callboard_core::{Code, Error, Mark, Pattern, Position, Publication, Seq, Timestamp, Topic};

use crate::activation::unavailable;
use crate::hub::{Hub, LiveEvent, LiveQueue, RingBounds};

/// Opens a stream. The live queue is registered before history is read, so that nothing falls between the two.
pub(crate) async fn open(hub: Arc<Hub>, store: Arc<dyn Store>, request: SubscribeRequest) -> Result<Events, Error> {
    let live = hub.subscribe(request.pattern.clone());
    let mut stream = Stream {
        pattern: request.pattern.clone(),
        catch_up: CatchUp::after(Mark::ZERO),
        ready: VecDeque::new(),
        seen: HashMap::new(),
        others_after: Mark::ZERO,
        announced_live: request.start == Start::Live,
        fresh_rings: HashSet::new(),
        store,
        hub,
        live,
    };
    stream.start(request.start).await?;
    let events = futures_util::stream::unfold(Some(stream), |stream| async move {
        let mut stream = stream?;
        match stream.next().await {
            Ok(Some(event)) => Some((Ok(event), Some(stream))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Box::pin(events))
}

struct Stream {
    pattern: Pattern,
    catch_up: CatchUp,
    ready: VecDeque<StreamEvent>,
    // The last positions that the subscriber named, until its history has passed them.
    seen: HashMap<Topic, Position>,
    // Topics that it did not name start here.
    others_after: Mark,
    announced_live: bool,
    // Ephemeral publications that the ring already gave.
    fresh_rings: HashSet<(Topic, Position)>,
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    live: LiveQueue,
}

impl Stream {
    async fn start(&mut self, start: Start) -> Result<(), Error> {
        let mut since = Timestamp::from_millis(0);
        let after = match start {
            Start::Live => {
                let head = self.store.head().await.map_err(|e| unavailable(&e))?;
                self.catch_up = CatchUp::after(head);
                self.catch_up.caught_up();
                self.others_after = head;
                return Ok(());
            }
            Start::Beginning => Mark::ZERO,
            Start::Time(time) => {
                since = time;
                self.others_after = self.store.mark_before(time).await.map_err(|e| unavailable(&e))?;
                self.others_after
            }
            Start::After { positions, others } => self.start_after(positions, others).await?,
        };
        for publication in self.hub.ring(&self.pattern) {
            let wanted = self
                .seen
                .get(&publication.topic)
                .is_none_or(|seen| seen.epoch != publication.position.epoch || publication.position.follows(*seen));
            if wanted && publication.time >= since {
                self.fresh_rings.insert((publication.topic.clone(), publication.position));
                self.ready.push_back(StreamEvent::Publication(publication));
            }
        }
        self.catch_up = CatchUp::after(after);
        Ok(())
    }

    /// Finds the mark from which every named topic is complete, and tells of those that no longer can be.
    async fn start_after(&mut self, positions: HashMap<Topic, Position>, others: Option<Mark>) -> Result<Mark, Error> {
        let head = self.store.head().await.map_err(|e| unavailable(&e))?;
        self.others_after = others.unwrap_or(head);
        let mut from = self.others_after;
        for (topic, after) in positions {
            if !self.pattern.matches(&topic) {
                return Err(Error::new(
                    Code::InvalidTopic,
                    format!("a position was given for {topic}, which {} does not select", self.pattern),
                ));
            }
            let bounds = self.store.bounds(&topic).await.map_err(|e| unavailable(&e))?;
            let Some(bounds) = bounds else {
                if let Some(next) = self.ring_gap(&topic, after) {
                    self.ready.push_back(StreamEvent::Gap { topic: topic.clone(), after, next });
                }
                self.seen.insert(topic, after);
                continue;
            };
            let same_life = after.epoch == bounds.epoch && after.seq <= bounds.head;
            let resume =
                if same_life && after.seq.next() >= bounds.first { after.seq } else { Seq(bounds.first.0 - 1) };
            if !same_life && after.seq > Seq::ZERO || same_life && after.seq.next() < bounds.first {
                let next = Position { epoch: bounds.epoch, seq: resume.next() };
                self.ready.push_back(StreamEvent::Gap { topic: topic.clone(), after, next });
            }
            if resume < bounds.head {
                let first = self.store.read(&topic, resume, 1).await.map_err(|e| unavailable(&e))?;
                if let Some(first) = first.first() {
                    from = from.min(Mark(first.mark.0 - 1));
                }
            }
            self.seen.insert(topic, Position { epoch: bounds.epoch, seq: resume });
        }
        Ok(from)
    }

    /// Of a topic that is not in the log: where it goes on, when that is not right behind the position.
    fn ring_gap(&self, topic: &Topic, after: Position) -> Option<Position> {
        if after.seq == Seq::ZERO {
            return None;
        }
        let Some(RingBounds { head, first }) = self.hub.ring_bounds(topic) else {
            return Some(Position { epoch: after.epoch, seq: Seq(1) });
        };
        let same_life = after.epoch == head.epoch && after.seq <= head.seq;
        (!same_life || after.seq.next() < first).then_some(Position { epoch: head.epoch, seq: first })
    }

    async fn next(&mut self) -> Result<Option<StreamEvent>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if !self.catch_up.is_live() {
                self.read_page().await?;
                continue;
            }
            if !self.announced_live {
                self.announced_live = true;
                return Ok(Some(StreamEvent::CaughtUp));
            }
            let publication = match self.live.next().await {
                None => return Ok(None),
                Some(LiveEvent::Overflowed) => {
                    // What is still in the queue is in the log as well, except on ephemeral topics.
                    self.catch_up.overflowed();
                    continue;
                }
                Some(LiveEvent::Publication(publication)) => publication,
            };
            if publication.mark == Mark::ZERO {
                let again = !self.fresh_rings.is_empty()
                    && self.fresh_rings.remove(&(publication.topic.clone(), publication.position));
                if !again {
                    return Ok(Some(StreamEvent::Publication(publication)));
                }
            } else if self.catch_up.live(&publication) {
                return Ok(Some(StreamEvent::Publication(publication)));
            }
        }
    }

    /// One page of history, in commit order.
    async fn read_page(&mut self) -> Result<(), Error> {
        let after = self.catch_up.resume_after();
        let page = self.store.tail(after, LOG_PAGE_LEN).await.map_err(|e| unavailable(&e))?;
        if page.is_empty() {
            self.catch_up.caught_up();
            return Ok(());
        }
        for publication in page {
            if self.catch_up.history(&publication)
                && self.pattern.matches(&publication.topic)
                && self.is_wanted(&publication)
            {
                self.ready.push_back(StreamEvent::Publication(publication));
            }
        }
        Ok(())
    }

    fn is_wanted(&self, publication: &Publication) -> bool {
        match self.seen.get(&publication.topic) {
            Some(seen) => publication.position.follows(*seen),
            None => publication.mark > self.others_after,
        }
    }
}
