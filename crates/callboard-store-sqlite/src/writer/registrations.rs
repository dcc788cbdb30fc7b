use std::collections::BTreeSet;

use callboard_core::batch::{Subscriber, TimerEntry};
use callboard_core::declaration::FailurePolicy;
use callboard_core::{ActorId, Pattern, Timestamp};

use super::Registrations;
use super::transaction::Transaction;
use crate::encode::{Columns, catch_up, int, time};
use crate::fault::Outcome;

/// A subscription's key: subscriber and pattern, by their rows.
type Key = (i64, i64);

impl Transaction<'_> {
    pub(super) fn register(&mut self, registrations: Registrations) -> Outcome<()> {
        let Registrations { actors, externals, now } = registrations;
        let mut present = BTreeSet::new();
        for (name, pattern) in externals {
            // An external subscriber is tried again for as long as it takes: it is never set aside.
            present.insert(self.subscribe(&Subscriber::External(name), &pattern, FailurePolicy::Park)?);
        }
        for registration in actors {
            let Ok(id) = ActorId::named(&registration.name) else { continue };
            for (pattern, policy) in &registration.channels {
                present.insert(self.subscribe(&Subscriber::Actor(id.clone()), pattern, *policy)?);
            }
            self.declare_timers(&id, &registration.timers, now)?;
        }
        self.note_absent(&present)
    }

    /// Makes a subscription durable, if it is not, and gives its key.
    fn subscribe(&mut self, subscriber: &Subscriber, pattern: &Pattern, policy: FailurePolicy) -> Outcome<Key> {
        let policy = match policy {
            FailurePolicy::DeadLetter => 0,
            FailurePolicy::Park => 1,
        };
        let (subscriber, pattern) = (self.declared(subscriber)?, self.pattern(pattern)?);
        let sql = "INSERT INTO subscription (subscriber, pattern, after, policy) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (subscriber, pattern) DO UPDATE SET policy = excluded.policy \
                   WHERE policy <> excluded.policy";
        self.execute(sql, (subscriber, pattern, int(self.memory.head), policy))?;
        Ok((subscriber, pattern))
    }

    /// Whoever comes back after an absence has not seen what the others were done with meanwhile.
    fn note_absent(&self, present: &BTreeSet<Key>) -> Outcome<()> {
        let mut changed = Vec::new();
        {
            let mut statement = self.db.prepare_cached("SELECT subscriber, pattern, absent FROM subscription")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let mut columns = Columns::of(row);
                let (key, absent) = ((columns.signed()?, columns.signed()?), columns.optional()?);
                if present.contains(&key) != absent.is_none() {
                    changed.push((key, absent));
                }
            }
        }
        let (back, gone): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(_, absent)| absent.is_some());
        for (key, since) in back {
            self.execute("UPDATE store SET watermark = min(watermark, ?1)", [since])?;
            self.execute("UPDATE subscription SET absent = NULL WHERE subscriber = ?1 AND pattern = ?2", key)?;
        }
        for (key, _) in gone {
            let sql = "UPDATE subscription SET absent = (SELECT watermark FROM store) \
                       WHERE subscriber = ?1 AND pattern = ?2";
            self.execute(sql, key)?;
        }
        Ok(())
    }

    fn declare_timers(&mut self, id: &ActorId, declared: &[TimerEntry], now: Timestamp) -> Outcome<()> {
        let names: BTreeSet<&str> = declared.iter().map(|timer| timer.name.as_str()).collect();
        for armed in self.timer_names(id)? {
            if !names.contains(armed.as_str()) {
                self.execute("DELETE FROM timer WHERE actor = ?1 AND name = ?2", (id.as_str(), armed))?;
            }
        }
        for timer in declared {
            self.actor(&timer.actor, now)?;
            let sql = "INSERT INTO timer (actor, name, due, every, catch_up) VALUES (?1, ?2, ?3, ?4, ?5) \
                       ON CONFLICT (actor, name) DO UPDATE SET catch_up = excluded.catch_up, every = excluded.every, \
                       due = iif(every = excluded.every, due, excluded.due)";
            let (actor, name) = (timer.actor.as_str(), timer.name.as_str());
            self.execute(sql, (actor, name, time(timer.due), int(timer.every_ms), catch_up(timer.catch_up)))?;
        }
        Ok(())
    }

    fn timer_names(&self, id: &ActorId) -> Outcome<Vec<String>> {
        let mut statement = self.db.prepare_cached("SELECT name FROM timer WHERE actor = ?1")?;
        let names = statement.query_map([id.as_str()], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}
