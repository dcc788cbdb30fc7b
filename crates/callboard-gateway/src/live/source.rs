//! Where a subscription starts: from what a client says that it has seen to streams of the runtime.

use std::collections::HashMap;

use callboard_core::port::{
    ChannelDeclaration, Events, History, Start, StreamEvent, SubscribeRequest, TopicQuery, TopicSummary,
};
use callboard_core::{Code, Error, Mark, Pattern, Position, Seq, Timestamp, Topic};
use callboard_wire::json::Cursor;
use callboard_wire::names;
use callboard_wire::session::{From, Head, Started};
use callboard_wire::trail::Trail;
use futures_util::StreamExt as _;

use crate::doors::Doors;

/// How a subscription of some topics starts.
pub(super) struct Source<'a> {
    pub(super) doors: &'a Doors,
    pub(super) topics: &'a [Pattern],
    pub(super) declaration: &'a ChannelDeclaration,
    /// Whether the heads are wanted.
    pub(super) heads: bool,
    /// As many missed publications of a topic are given again; who missed more has a gap.
    pub(super) replay_max: u64,
}

/// Streams that begin there, one per topic or pattern.
pub(super) struct Sources {
    pub(super) started: Started,
    pub(super) streams: Vec<Events>,
    /// Of these, those that begin in the past and say when they have left it.
    pub(super) catching_up: usize,
}

// Where one topic or pattern starts.
struct Place {
    start: Start,
    head: Option<Head>,
    gap: bool,
}

impl Source<'_> {
    /// Opens a stream for each topic. When this returns nothing that is published is missed.
    pub(super) async fn open(&self, from: &From) -> Result<Sources, Error> {
        let streams = Vec::with_capacity(self.topics.len());
        let started = Started { topics: self.topics.to_vec(), ..Started::default() };
        let mut sources = Sources { started, streams, catching_up: 0 };
        for pattern in self.topics {
            let own = self.own_place(pattern, from)?;
            let from = own.as_ref().unwrap_or(from);
            let place = match pattern.as_topic() {
                Some(topic) => self.topic(topic, from).await?,
                None => self.pattern(pattern, from).await?,
            };
            sources.started.gap |= place.gap;
            sources.started.heads.extend(place.head);
            sources.catching_up += usize::from(place.start != Start::Live);
            let request = SubscribeRequest { pattern: pattern.clone(), start: place.start };
            sources.streams.push(self.doors.dispatcher.subscribe(request).await?);
        }
        Ok(sources)
    }

    /// Where the topics stand, without opening anything.
    pub(super) async fn held(&self) -> Result<Started, Error> {
        let mut started = Started { topics: self.topics.to_vec(), ..Started::default() };
        for topic in self.topics.iter().filter_map(Pattern::as_topic) {
            let head = self.summary(&topic).await?.map_or_else(Position::default, |summary| summary.head);
            started.heads.push(Head { topic, head, after: head });
        }
        Ok(started)
    }

    /// Where one of several topics starts, by a cursor of all of them.
    fn own_place(&self, pattern: &Pattern, from: &From) -> Result<Option<From>, Error> {
        let From::Cursor(text) = from else { return Ok(None) };
        let of_one = Cursor::parse(text).is_some() && self.topics.len() > 1;
        Trail::place_in(text, pattern).filter(|_| !of_one).map(Some).ok_or_else(|| no_cursor(text))
    }

    async fn topic(&self, topic: Topic, from: &From) -> Result<Place, Error> {
        let wanted = self.wanted(&topic, from)?;
        let simple = match &wanted {
            Wanted::Live => Some(Start::Live),
            Wanted::Beginning => Some(Start::Beginning),
            Wanted::Time(time) => Some(Start::Time(*time)),
            Wanted::Last(_) | Wanted::After(_) => None,
        };
        if let Some(start) = simple
            && !self.heads
        {
            return Ok(Place { start, head: None, gap: false });
        }
        let Some(summary) = self.summary(&topic).await? else {
            // Nothing was ever published, so the beginning is now; a client that has seen something saw another log.
            let gap = matches!(wanted, Wanted::After(position) if position != Some(Position::default()));
            let head = Head { topic, head: Position::default(), after: Position::default() };
            return Ok(Place { start: Start::Beginning, head: Some(head), gap });
        };
        let behind = |seq: u64| Position { epoch: summary.head.epoch, seq: Seq(seq) };
        let before_first = summary.first.0.saturating_sub(1);
        let (after, gap) = match wanted {
            Wanted::Live => (summary.head, false),
            Wanted::Beginning => (behind(before_first), false),
            Wanted::Last(count) => (behind(summary.head.seq.0.saturating_sub(count).max(before_first)), false),
            Wanted::Time(time) => {
                let head = Head { topic, head: summary.head, after: behind(0) };
                return Ok(Place { start: Start::Time(time), head: Some(head), gap: false });
            }
            Wanted::After(position) => {
                let oldest = summary.head.seq.0.saturating_sub(self.replay_max).max(before_first);
                // Whoever was there when the topic was empty stands before the first, whatever life of the log that became.
                let position =
                    position.map(|position| if position == Position::default() { behind(0) } else { position });
                match position
                    .filter(|position| position.epoch == summary.head.epoch && position.seq <= summary.head.seq)
                {
                    Some(position) if position.seq.0 >= oldest => (position, false),
                    _ => (behind(oldest), true),
                }
            }
        };
        let positions = HashMap::from([(topic.clone(), after)]);
        let head = Head { topic, head: summary.head, after };
        Ok(Place { start: Start::After { positions, others: None }, head: Some(head), gap })
    }

    /// What the client wants of one topic.
    fn wanted(&self, topic: &Topic, from: &From) -> Result<Wanted, Error> {
        Ok(match from {
            From::Fresh => match self.declaration.history {
                History::None => Wanted::Live,
                History::Last(count) => Wanted::Last(count),
                History::All => Wanted::Beginning,
            },
            From::Live | From::Held => Wanted::Live,
            From::Beginning => Wanted::Beginning,
            From::Time(time) => Wanted::Time(*time),
            From::Cursor(text) => match Cursor::parse(text) {
                Some(Cursor::Topic(position)) => Wanted::After(Some(position)),
                Some(Cursor::Pattern { topic: seen, position, .. }) if seen == *topic => Wanted::After(Some(position)),
                Some(Cursor::Pattern { .. }) | None => return Err(no_cursor(text)),
            },
            From::After { positions, since } => {
                let named = positions.iter().find(|(name, _)| name.as_deref().is_none_or(|name| is(name, topic)));
                match (named, since) {
                    (Some((_, position)), _) => Wanted::After(*position),
                    // A client that has seen nothing yet comes for the first time.
                    (None, Some(since)) if self.declaration.history == History::None => Wanted::Time(*since),
                    (None, _) => self.wanted(topic, &From::Fresh)?,
                }
            }
        })
    }

    async fn pattern(&self, pattern: &Pattern, from: &From) -> Result<Place, Error> {
        let place = |start| Place { start, head: None, gap: false };
        Ok(match from {
            // "The last few" of many topics together is not a place; what is kept of a pattern is asked for as a whole or not.
            From::Fresh if self.declaration.history == History::All => place(Start::Beginning),
            From::Fresh | From::Live | From::Held => place(Start::Live),
            From::Beginning => place(Start::Beginning),
            From::Time(time) => place(Start::Time(*time)),
            From::Cursor(text) => {
                let start = Cursor::parse(text).and_then(|cursor| cursor.start(pattern));
                place(start.ok_or_else(|| no_cursor(text))?)
            }
            From::After { positions, since } => self.pattern_after(pattern, positions, *since).await?,
        })
    }

    /// Publications of a pattern are delivered in commit order, so whoever has seen one has seen everything before it.
    async fn pattern_after(
        &self,
        pattern: &Pattern,
        seen: &[(Option<String>, Option<Position>)],
        since: Option<Timestamp>,
    ) -> Result<Place, Error> {
        let (mut positions, mut others, mut gap) = (HashMap::new(), None, false);
        for (name, position) in seen {
            let Some(topic) = name.as_deref().and_then(|name| names::topic_of(name).ok()?.as_topic()) else { continue };
            if !pattern.matches(&topic) {
                continue;
            }
            let mark = match position {
                Some(position) => self.mark_of(&topic, *position).await?,
                None => None,
            };
            gap |= mark.is_none();
            others = others.max(mark);
            positions.extend(position.map(|position| (topic, position)));
        }
        let start = match (others, since) {
            (Some(_), _) if !gap => Start::After { positions, others },
            (_, Some(since)) => Start::Time(since),
            (_, None) => Start::Live,
        };
        Ok(Place { start, head: None, gap })
    }

    /// Where a publication stands in the commit order; `None` when it is not kept.
    async fn mark_of(&self, topic: &Topic, position: Position) -> Result<Option<Mark>, Error> {
        let before = Position { seq: Seq(position.seq.0.saturating_sub(1)), ..position };
        let positions = HashMap::from([(topic.clone(), before)]);
        let Some(summary) = self.summary(topic).await? else { return Ok(None) };
        // Whoever waits for what is not there waits for ever.
        if position.epoch != summary.head.epoch || position.seq > summary.head.seq || position.seq < summary.first {
            return Ok(None);
        }
        let start = Start::After { positions, others: None };
        let request = SubscribeRequest { pattern: topic.clone().into(), start };
        let mut events = self.doors.dispatcher.subscribe(request).await?;
        Ok(match events.next().await {
            Some(Ok(StreamEvent::Publication(publication))) if publication.position == position => {
                Some(publication.mark)
            }
            _ => None,
        })
    }

    async fn summary(&self, topic: &Topic) -> Result<Option<TopicSummary>, Error> {
        let query = TopicQuery { pattern: topic.clone().into(), after: None, limit: 1 };
        Ok(self.doors.operator.topics(query).await?.pop())
    }
}

enum Wanted {
    Live,
    Beginning,
    Last(u64),
    Time(Timestamp),
    // `None`: a position that no log of ours has given out.
    After(Option<Position>),
}

fn is(name: &str, topic: &Topic) -> bool {
    name == topic.as_str() || names::topic_of(name).is_ok_and(|pattern| pattern.as_str() == topic.as_str())
}

fn no_cursor(text: &str) -> Error {
    let text: String = text.chars().take(64).collect();
    Error::new(
        Code::InvalidPayload,
        format!("{text:?} is not a place in this subscription; give the last one that was received"),
    )
}
