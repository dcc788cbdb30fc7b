//! What operators ask of the fake node.

use std::sync::atomic::Ordering;

use callboard_core::batch::{DeadLetter, Parked, SubscriptionId, TimerEntry};
use callboard_core::port::{
    ActivationPhase, ActorQuery, ActorState, ActorSummary, BoxFuture, Catalogue, Health, Hearer, HearerKind,
    LiveCounts, Operator, StateAt, TopicExplanation, TopicQuery, TopicSummary,
};
use callboard_core::topic::TopicPolicy;
use callboard_core::{ActorId, Code, Error, MessageId, Pattern, Position, Revision, Topic};

use super::{Fake, catalogue};

impl Fake {
    fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let result = self.check().and_then(|()| work());
        Box::pin(async move { result })
    }

    fn act(&self, what: String) -> BoxFuture<'static, Result<(), Error>> {
        self.answer(|| {
            self.acts.lock().unwrap().push(what);
            Ok(())
        })
    }
}

impl Operator for Fake {
    fn catalogue(&self) -> Catalogue {
        catalogue()
    }

    fn state(&self, actor: ActorId, at: StateAt) -> BoxFuture<'static, Result<ActorState, Error>> {
        self.answer(|| {
            let states = self.states.lock().unwrap();
            let state = states.iter().find(|state| state.id == actor).cloned();
            let mut state =
                state.ok_or_else(|| Error::new(Code::ActorNotFound, format!("nothing is known of {actor}")))?;
            match at {
                StateAt::Latest => Ok(state),
                StateAt::Revision(revision) if revision > state.revision => {
                    Err(Error::new(Code::Gap, format!("revision {revision} of {actor} is not kept")))
                }
                StateAt::Revision(revision) => {
                    state.revision = revision;
                    Ok(state)
                }
                StateAt::Time(time) => {
                    state.time = Some(time);
                    state.revision = Revision(1);
                    Ok(state)
                }
            }
        })
    }

    fn actors(&self, query: ActorQuery) -> BoxFuture<'static, Result<Vec<ActorSummary>, Error>> {
        self.answer(|| {
            let actors = self.actors.lock().unwrap();
            let wanted = actors.iter().filter(|row| {
                query.declared.as_ref().is_none_or(|declared| row.id.declared() == declared.as_str())
                    && query.prefix.as_ref().is_none_or(|prefix| row.id.as_str().starts_with(prefix))
                    && query.after.as_ref().is_none_or(|after| row.id > *after)
            });
            Ok(wanted.take(query.limit).cloned().collect())
        })
    }

    fn delete(&self, actor: ActorId) -> BoxFuture<'static, Result<(), Error>> {
        self.act(format!("delete {actor}"))
    }

    fn topics(&self, query: TopicQuery) -> BoxFuture<'static, Result<Vec<TopicSummary>, Error>> {
        self.answer(|| {
            let topics = self.topics.lock().unwrap();
            let wanted = topics.iter().filter(|row| {
                query.pattern.matches(&row.topic) && query.after.as_ref().is_none_or(|after| row.topic > *after)
            });
            Ok(wanted.take(query.limit).cloned().collect())
        })
    }

    fn explain(&self, topic: Topic) -> BoxFuture<'static, Result<TopicExplanation, Error>> {
        self.answer(|| {
            let hearer = Hearer {
                name: "email_service".to_owned(),
                kind: HearerKind::Actor(ActivationPhase::Passive),
                pattern: Pattern::parse("order.>").unwrap(),
                action: Some("handle_order_event".into()),
                cursor: Some(Position::new(1, 41)),
                parked: false,
            };
            let head = Some(Position::new(1, 42));
            Ok(TopicExplanation { topic, policy: TopicPolicy::default(), head, hearers: vec![hearer] })
        })
    }

    fn dead_letters(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<DeadLetter>, Error>> {
        self.answer(|| {
            let letters = self.dead_letters.lock().unwrap();
            let wanted = letters.iter().filter(|letter| after.is_none_or(|after| letter.id > after));
            Ok(wanted.take(limit).cloned().collect())
        })
    }

    fn retry_dead_letter(&self, id: MessageId) -> BoxFuture<'static, Result<(), Error>> {
        self.act(format!("retry letter {id}"))
    }

    fn drop_dead_letter(&self, id: MessageId) -> BoxFuture<'static, Result<(), Error>> {
        self.act(format!("drop letter {id}"))
    }

    fn parked(&self) -> BoxFuture<'static, Result<Vec<Parked>, Error>> {
        self.answer(|| Ok(self.parked.lock().unwrap().clone()))
    }

    fn retry_parked(&self, subscription: SubscriptionId, topic: Topic) -> BoxFuture<'static, Result<(), Error>> {
        self.act(format!("retry {} {} {topic}", subscription.subscriber, subscription.pattern))
    }

    fn skip_parked(&self, subscription: SubscriptionId, topic: Topic) -> BoxFuture<'static, Result<(), Error>> {
        self.act(format!("skip {} {} {topic}", subscription.subscriber, subscription.pattern))
    }

    fn timers(&self, actor: Option<ActorId>, limit: usize) -> BoxFuture<'static, Result<Vec<TimerEntry>, Error>> {
        self.answer(|| {
            let timers = self.timers.lock().unwrap();
            let wanted = timers.iter().filter(|timer| actor.as_ref().is_none_or(|actor| timer.actor == *actor));
            Ok(wanted.take(limit).cloned().collect())
        })
    }

    fn health(&self) -> Health {
        let ready = self.ready.load(Ordering::Relaxed);
        let problems = if ready { Vec::new() } else { vec!["the store cannot be written".to_owned()] };
        Health { ready, problems, counts: LiveCounts { activations: 2, feeds: 0, subscribers: 1 } }
    }
}
