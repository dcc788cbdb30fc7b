use callboard_core::batch::SubscriptionId;
use callboard_core::{ActorId, Position, Topic, Write};

use super::transaction::{Refusal, Transaction};
use crate::encode::{int, message_id, subscriber, time};
use crate::fault::Outcome;

impl Transaction<'_> {
    /// Checks a write's guard, if it has one. Nothing is written.
    pub(super) fn check(&mut self, actor: Option<&ActorId>, write: &Write) -> Result<(), Refusal> {
        let is_there = match write {
            Write::State { revision, .. } => {
                let stored = match self.known_actor(actor.ok_or(Refusal::CONFLICT)?)? {
                    Some(actor) => actor.revision,
                    None => 0,
                };
                return if stored.checked_add(1) == Some(revision.0) { Ok(()) } else { Err(Refusal::CONFLICT) };
            }
            Write::DeleteActor => {
                let stored = self.known_actor(actor.ok_or(Refusal::CONFLICT)?)?;
                return stored.map(|_| ()).ok_or(Refusal::CONFLICT);
            }
            Write::Reply(_) => return actor.map(|_| ()).ok_or(Refusal::CONFLICT),
            Write::Cursor { subscription, topic, position } => !self.was_handled(subscription, topic, *position)?,
            Write::ConsumeEffect(id) => self.exists("SELECT 1 FROM effect WHERE id = ?1", [message_id(*id)])?,
            Write::DropDeadLetter(id) => self.exists("SELECT 1 FROM dead_letter WHERE id = ?1", [message_id(*id)])?,
            Write::RearmTimer { name, fired, .. } => {
                let id = actor.ok_or(Refusal::DUPLICATE)?;
                let sql = "SELECT 1 FROM timer WHERE actor = ?1 AND name = ?2 AND due = ?3";
                self.exists(sql, (id.as_str(), name.as_str(), time(*fired)))?
            }
            Write::Unpark { subscription, topic } => {
                let (kind, name) = subscriber(&subscription.subscriber);
                let sql = "SELECT 1 FROM parked WHERE kind = ?1 AND subscriber = ?2 AND pattern = ?3 AND topic = ?4";
                self.exists(sql, (kind, name, subscription.pattern.as_str(), topic.as_str()))?
            }
            Write::Publish(_)
            | Write::Effect(_)
            | Write::CancelEffect(_)
            | Write::ArmTimer(_)
            | Write::DropTimer(_)
            | Write::DeadLetter(_)
            | Write::Park(_)
            | Write::Watermark(_) => true,
        };
        if is_there { Ok(()) } else { Err(Refusal::DUPLICATE) }
    }

    fn was_handled(&mut self, subscription: &SubscriptionId, topic: &Topic, position: Position) -> Outcome<bool> {
        let Some(listener) = self.known_listener(&subscription.subscriber)? else { return Ok(false) };
        let Some(pattern) = self.known_pattern(&subscription.pattern)? else { return Ok(false) };
        let Some(topic) = self.known_topic(topic)? else { return Ok(false) };
        let sql = "SELECT 1 FROM cursor \
                   WHERE subscriber = ?1 AND pattern = ?2 AND topic = ?3 AND epoch = ?4 AND seq >= ?5";
        self.exists(sql, (listener, pattern, topic.id, int(position.epoch.0), int(position.seq.0)))
    }

    fn exists(&self, sql: &str, parameters: impl rusqlite::Params) -> Outcome<bool> {
        Ok(self.number(sql, parameters)?.is_some())
    }
}
