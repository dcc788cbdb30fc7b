use callboard_core::batch::{Parked, Subscriber, SubscriptionId};
use callboard_core::{ActorId, Mark, Position, Topic};

use super::View;
use crate::encode::Columns;
use crate::fault::{Fault, Outcome};

impl View<'_> {
    pub(crate) fn cursor(&mut self, subscription: &SubscriptionId, topic: &Topic) -> Outcome<Option<Position>> {
        let listener = match &subscription.subscriber {
            Subscriber::Actor(id) if id.parent().is_some() => self.creation(id)?,
            declared => self.declared(declared)?.map(|id| -id),
        };
        let (Some(listener), Some(pattern)) = (listener, self.pattern(&subscription.pattern)?) else { return Ok(None) };
        let sql = "SELECT epoch, seq FROM cursor \
                   WHERE subscriber = ?1 AND pattern = ?2 AND topic = (SELECT id FROM topic WHERE name = ?3)";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query((listener, pattern, topic.as_str()))?;
        rows.next()?.map(|row| Columns::of(row).position()).transpose()
    }

    pub(crate) fn hears_after(&mut self, subscription: &SubscriptionId) -> Outcome<Option<Mark>> {
        let (declared, created) = match &subscription.subscriber {
            Subscriber::Actor(id) if id.parent().is_some() => {
                let parent = ActorId::named(id.declared()).map_err(|error| Fault::Corrupt(error.to_string()))?;
                (self.declared(&Subscriber::Actor(parent))?, self.creation(id)?)
            }
            declared => (self.declared(declared)?, None),
        };
        let (Some(declared), Some(pattern)) = (declared, self.pattern(&subscription.pattern)?) else { return Ok(None) };
        let sql = "SELECT after FROM subscription WHERE subscriber = ?1 AND pattern = ?2";
        let after = self.number(sql, (declared, pattern))?;
        Ok(after.map(|after| Mark(after.max(created.unwrap_or(0)).unsigned_abs())))
    }

    /// The row of an actor, which is the mark of its creation.
    fn creation(&self, id: &ActorId) -> Outcome<Option<i64>> {
        self.number("SELECT id FROM actor WHERE name = ?1", [id.as_str()])
    }

    pub(crate) fn watermark(&mut self) -> Outcome<Mark> {
        let mark = self.number("SELECT watermark FROM store", [])?;
        Ok(Mark(mark.unwrap_or(0).unsigned_abs()))
    }

    pub(crate) fn parked(&mut self) -> Outcome<Vec<Parked>> {
        let sql = "SELECT kind, subscriber, pattern, topic, epoch, seq, code, message, attempts, time FROM parked";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut parked = Vec::new();
        while let Some(row) = rows.next()? {
            let mut columns = Columns::of(row);
            let subscription = SubscriptionId { subscriber: columns.subscriber()?, pattern: columns.pattern()? };
            let (topic, position, code) = (columns.topic()?, columns.position()?, columns.code()?);
            let (message, attempts, time) = (columns.text()?.to_owned(), columns.count32()?, columns.time()?);
            parked.push(Parked { subscription, topic, position, code, message, attempts, time });
        }
        Ok(parked)
    }
}
