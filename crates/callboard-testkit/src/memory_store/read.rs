use std::ops::Bound;
use std::sync::Arc;

use callboard_core::batch::{DeadLetter, OutboxEntry, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::port::{
    ActorQuery, ActorSummary, EffectPlace, LogBounds, Snapshot, TimerPlace, TopicQuery, TopicSummary,
};
use callboard_core::{ActorId, Headers, Mark, MessageId, Name, Position, Publication, Revision, Seq, Timestamp, Topic};

use super::tables::{ActorRow, LOG_EPOCH, StateRow, Tables, revisions_of};

impl Tables {
    pub(super) fn load(&self, id: &ActorId) -> Option<Snapshot> {
        let row = self.actors.get(id)?;
        Some(self.revisions.get(&(id.clone(), row.revision)).map_or_else(
            || Snapshot { key: row.key(), revision: Revision::ZERO, state: None, tags: Headers::new(), time: row.time },
            |state| snapshot(*row, row.revision, state),
        ))
    }

    pub(super) fn at_revision(&self, id: &ActorId, revision: Revision) -> Option<Snapshot> {
        let row = self.actors.get(id)?;
        self.revisions.get(&(id.clone(), revision)).map(|state| snapshot(*row, revision, state))
    }

    pub(super) fn at_time(&self, id: &ActorId, time: Timestamp) -> Option<Snapshot> {
        let row = self.actors.get(id)?;
        let mut kept = self.revisions.range(revisions_of(id)).rev();
        kept.find(|(_, state)| state.time <= time).map(|((_, revision), state)| snapshot(*row, *revision, state))
    }

    pub(super) fn actors(&self, query: &ActorQuery) -> Vec<ActorSummary> {
        let from = query.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let listed = self.actors.range((from, Bound::Unbounded)).filter(|(id, row)| {
            query.declared.as_ref().is_none_or(|name| id.declared() == name.as_str())
                && query.prefix.as_ref().is_none_or(|prefix| id.as_str().starts_with(prefix.as_str()))
                && query.created_until.is_none_or(|mark| row.created <= mark)
        });
        let summary = |(id, row): (&ActorId, &ActorRow)| {
            let state = self.revisions.get(&(id.clone(), row.revision));
            ActorSummary {
                id: id.clone(),
                revision: row.revision,
                tags: state.map_or_else(Headers::new, |state| state.tags.clone()),
                time: state.map_or(row.time, |state| state.time),
                created: row.created,
            }
        };
        listed.take(query.limit).map(summary).collect()
    }

    pub(super) fn bounds(&self, topic: &Topic) -> Option<LogBounds> {
        let head = *self.topics.get(topic)?;
        let newest = self.log_by_topic.get(&(topic.clone(), head));
        let first = self.log_by_topic.range((topic.clone(), Seq::ZERO)..=(topic.clone(), head)).next();
        Some(LogBounds {
            epoch: LOG_EPOCH,
            first: first.map_or_else(|| head.next(), |((_, seq), _)| *seq),
            head,
            head_mark: newest.map_or(Mark::ZERO, |publication| publication.mark),
        })
    }

    pub(super) fn topics(&self, query: &TopicQuery) -> Vec<TopicSummary> {
        let from = query.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let listed = self.topics.range((from, Bound::Unbounded)).filter(|(topic, _)| query.pattern.matches(topic));
        let summary = |(topic, head): (&Topic, &Seq)| TopicSummary {
            topic: topic.clone(),
            head: Position { epoch: LOG_EPOCH, seq: *head },
            first: self.bounds(topic).map_or_else(|| head.next(), |bounds| bounds.first),
        };
        listed.take(query.limit).map(summary).collect()
    }

    pub(super) fn read(&self, topic: &Topic, after: Seq, limit: usize) -> Vec<Arc<Publication>> {
        let range = (Bound::Excluded((topic.clone(), after)), Bound::Included((topic.clone(), Seq(u64::MAX))));
        if after == Seq(u64::MAX) {
            return Vec::new();
        }
        self.log_by_topic.range(range).take(limit).map(|(_, publication)| Arc::clone(publication)).collect()
    }

    pub(super) fn tail(&self, after: Mark, limit: usize) -> Vec<Arc<Publication>> {
        let later = self.log.range((Bound::Excluded(after), Bound::Unbounded));
        later.take(limit).map(|(_, publication)| Arc::clone(publication)).collect()
    }

    pub(super) fn mark_before(&self, time: Timestamp) -> Mark {
        let first = self.log.values().find(|publication| publication.time >= time);
        first.map_or(self.head, |publication| Mark(publication.mark.0 - 1))
    }

    pub(super) fn hears_after(&self, subscription: &SubscriptionId) -> Option<Mark> {
        let declared = self.declared(subscription)?;
        match &subscription.subscriber {
            Subscriber::Actor(id) if id.parent().is_some() => {
                let created = self.actors.get(id).map_or(Mark::ZERO, |row| row.created);
                Some(declared.max(created))
            }
            Subscriber::Actor(_) | Subscriber::External(_) => Some(declared),
        }
    }

    pub(super) fn effects_after(&self, after: EffectPlace) -> impl Iterator<Item = &(Timestamp, MessageId)> {
        let from = match after.id {
            Some(id) => Bound::Excluded((after.due, id)),
            None => Bound::Included((after.due, MessageId::from_bits(0))),
        };
        self.outbox_by_due.range((from, Bound::Unbounded)).map(|(key, ())| key)
    }

    pub(super) fn effects(&self, after: EffectPlace, until: Timestamp, limit: usize) -> Vec<OutboxEntry> {
        let due = self.effects_after(after).take_while(|(due, _)| *due <= until);
        due.take(limit).filter_map(|(_, id)| self.outbox.get(id).cloned()).collect()
    }

    pub(super) fn timers(&self, after: Option<TimerPlace>, limit: usize) -> Vec<TimerEntry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let places = self.timers_by_due.range((from, Bound::Unbounded)).take(limit);
        places.filter_map(|(p, ())| self.timers.get(&(p.actor.clone(), p.name.clone())).cloned()).collect()
    }

    pub(super) fn timers_of(&self, id: &ActorId) -> Vec<TimerEntry> {
        let from_first = self.timers.range((id.clone(), Name::from_static(""))..).map(|(_, timer)| timer);
        from_first.take_while(|timer| timer.actor == *id).cloned().collect()
    }

    pub(super) fn dead_letters(&self, after: Option<MessageId>, limit: usize) -> Vec<DeadLetter> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.letters.range((from, Bound::Unbounded)).take(limit).map(|(_, letter)| letter.clone()).collect()
    }
}

fn snapshot(row: ActorRow, revision: Revision, state: &StateRow) -> Snapshot {
    Snapshot { key: row.key(), revision, state: state.state.clone(), tags: state.tags.clone(), time: state.time }
}
