use std::collections::BTreeSet;

use callboard_core::batch::{Registration, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::{ActorId, Name, Pattern, Timestamp};

use super::tables::Tables;

impl Tables {
    pub(super) fn register(&mut self, actors: Vec<Registration>, externals: Vec<(Name, Pattern)>, now: Timestamp) {
        let mut present = BTreeSet::new();
        for (name, pattern) in externals {
            present.insert(self.subscribe(Subscriber::External(name), pattern));
        }
        for registration in actors {
            let Ok(id) = ActorId::named(&registration.name) else { continue };
            for (pattern, _) in registration.channels {
                present.insert(self.subscribe(Subscriber::Actor(id.clone()), pattern));
            }
            self.declare_timers(&id, registration.timers, now);
        }
        self.note_absent(&present);
        self.keep();
    }

    fn subscribe(&mut self, subscriber: Subscriber, pattern: Pattern) -> SubscriptionId {
        let subscription = SubscriptionId { subscriber, pattern };
        if !self.subscriptions.contains_key(&subscription) {
            self.subscriptions.put(subscription.clone(), self.head);
        }
        subscription
    }

    /// Whoever comes back after an absence has not seen what the others were done with meanwhile.
    fn note_absent(&mut self, present: &BTreeSet<SubscriptionId>) {
        for subscription in present {
            if let Some(since) = self.absent.remove(subscription) {
                self.watermark = self.watermark.min(since);
            }
        }
        for subscription in self.subscriptions.keys().filter(|subscription| !present.contains(subscription)) {
            self.absent.entry(subscription.clone()).or_insert(self.watermark);
        }
    }

    fn declare_timers(&mut self, id: &ActorId, declared: Vec<TimerEntry>, now: Timestamp) {
        let names: BTreeSet<Name> = declared.iter().map(|timer| timer.name.clone()).collect();
        for timer in self.timers_of(id) {
            if !names.contains(&timer.name) {
                self.disarm(id, &timer.name);
            }
        }
        for mut timer in declared {
            self.actor_row(&timer.actor, now);
            let armed = self.timers.get(&(timer.actor.clone(), timer.name.clone()));
            if let Some(armed) = armed.filter(|armed| armed.every_ms == timer.every_ms) {
                timer.due = armed.due;
            }
            self.disarm(&timer.actor.clone(), &timer.name.clone());
            self.arm(timer);
        }
    }
}
