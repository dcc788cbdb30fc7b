use std::time::Duration;

use callboard_core::batch::{DeadLetter, DeadLetterSource, Parked, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::timer::CatchUp;
use callboard_core::{ActorId, Code, Encoding, Headers, MessageId, Pattern, Payload, Position, Timestamp, Topic};
use callboard_wire::pb::v1::{self, dead_letter::Source, subscription::Subscriber as WireSubscriber};

use crate::{Server, code};

#[tokio::test]
async fn the_catalogue_says_what_the_actors_take() {
    let server = Server::start().await;
    let mut system = server.system().await;
    let catalogue = system.catalogue(v1::CatalogueRequest {}).await.unwrap().into_inner();
    assert_eq!(catalogue.system, "shop");
    let names: Vec<&str> = catalogue.actors.iter().map(|actor| actor.name.as_str()).collect();
    assert_eq!(names, ["clerk", "email_service", "order_processor", "user"]);
    let processor = &catalogue.actors[2];
    let order_data = v1::TypeRef { name: "shop.v1.OrderData".into(), encoding: v1::Encoding::Protobuf.into() };
    assert_eq!(processor.state.as_ref(), Some(&order_data));
    assert_eq!(processor.actions[0].handlers[0].input.as_ref(), Some(&order_data));
    assert_eq!((processor.kind(), processor.durability()), (v1::ActorKind::Named, v1::Durability::Durable));
    assert_eq!(processor.deactivate_timeout, Some(prost_types::Duration { seconds: 10, nanos: 0 }));
    assert_eq!(catalogue.actors[3].kind(), v1::ActorKind::Unnamed);
    server.stop().await;
}

#[tokio::test]
async fn a_topic_is_explained_with_those_who_hear_it() {
    let server = Server::start().await;
    let mut system = server.system().await;
    let explained = system.explain(v1::ExplainRequest { topic: "order.events".into() }).await.unwrap().into_inner();
    assert!(explained.durable);
    assert_eq!((explained.retention_len, explained.head), (10_000, Some(v1::Position { epoch: 1, seq: 42 })));
    let hearer = &explained.hearers[0];
    assert_eq!((hearer.name.as_str(), hearer.kind()), ("email_service", v1::HearerKind::PassiveActor));
    assert_eq!((hearer.pattern.as_str(), hearer.action.as_str()), ("order.>", "handle_order_event"));
    assert_eq!(code(system.explain(v1::ExplainRequest { topic: "order.*".into() }).await), Code::InvalidTopic);
    server.stop().await;
}

fn letter(n: u128) -> DeadLetter {
    let topic = Topic::parse("order.events").unwrap();
    DeadLetter {
        id: MessageId::from_bits(n),
        target: ActorId::named("email_service").unwrap(),
        action: "handle_order_event".into(),
        payload: Payload::new("shop.v1.OrderCreated", Encoding::Protobuf, vec![255]),
        headers: Headers::new(),
        source: match n % 2 {
            0 => DeadLetterSource::Effect { id: MessageId::from_bits(n) },
            _ => DeadLetterSource::Publication { id: MessageId::from_bits(n), topic, position: Position::new(1, 5) },
        },
        code: Code::ActionFailed,
        message: "no mail server".into(),
        attempts: 5,
        time: Timestamp::from_millis(1000),
    }
}

#[tokio::test]
async fn dead_letters_are_listed_retried_and_dropped() {
    let server = Server::start().await;
    server.node.dead_letters.lock().unwrap().extend((1..=30).map(letter));
    let mut system = server.system().await;
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        // In JSON, although the payloads are not what they say: that may be why they are here.
        let format = v1::PayloadFormat::Json.into();
        let request = v1::ListDeadLettersRequest { page_size: 12, page_token, format };
        let page = system.list_dead_letters(request).await.unwrap().into_inner();
        seen.extend(page.letters);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 30);
    let first = &seen[0];
    let error = first.error.as_ref().unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str(), first.attempts), ("ActionFailed", "no mail server", 5));
    assert!(matches!(&first.source, Some(Source::Publication(p)) if p.topic == "order.events"));
    assert!(matches!(&seen[1].source, Some(Source::EffectId(id)) if *id == seen[1].id));
    let id = first.id.clone();
    system.retry_dead_letter(v1::RetryDeadLetterRequest { id: id.clone() }).await.unwrap();
    system.drop_dead_letter(v1::DropDeadLetterRequest { id: id.clone() }).await.unwrap();
    assert_eq!(*server.node.acts.lock().unwrap(), [format!("retry letter {id}"), format!("drop letter {id}")]);
    for id in [String::new(), "x".into(), "1".repeat(1_000_000)] {
        assert_eq!(code(system.retry_dead_letter(v1::RetryDeadLetterRequest { id }).await), Code::InvalidPayload);
    }
    server.stop().await;
}

#[tokio::test]
async fn parked_subscriptions_go_on_as_they_were_listed() {
    let server = Server::start().await;
    let subscribers = [Subscriber::Actor(ActorId::parse("order_saga/o1").unwrap()), Subscriber::External("erp".into())];
    server.node.parked.lock().unwrap().extend(subscribers.map(|subscriber| Parked {
        subscription: SubscriptionId { subscriber, pattern: Pattern::parse("payment.>").unwrap() },
        topic: Topic::parse("payment.events").unwrap(),
        position: Position::new(1, 5),
        code: Code::ActionPanicked,
        message: "it panicked".into(),
        attempts: 5,
        time: Timestamp::from_millis(1000),
    }));
    let mut system = server.system().await;
    let listed = system.list_parked(v1::ListParkedRequest {}).await.unwrap().into_inner();
    assert!(!listed.truncated);
    let [actor, external] = &listed.parked[..] else { panic!("{listed:?}") };
    assert_eq!(actor.error.as_ref().unwrap().code, "ActionPanicked");
    system.retry_parked(v1::RetryParkedRequest { subscription: actor.subscription.clone() }).await.unwrap();
    system.skip_parked(v1::SkipParkedRequest { subscription: external.subscription.clone() }).await.unwrap();
    let acts = server.node.acts.lock().unwrap().clone();
    assert_eq!(acts, ["retry order_saga/o1 payment.> payment.events", "skip external:erp payment.> payment.events"]);
    let nobody = v1::Subscription { subscriber: None, ..actor.subscription.clone().unwrap() };
    let bad = v1::Subscription { subscriber: Some(WireSubscriber::Actor("a//".into())), ..nobody.clone() };
    for subscription in [None, Some(nobody)] {
        assert_eq!(code(system.skip_parked(v1::SkipParkedRequest { subscription }).await), Code::InvalidPayload);
    }
    let wrong = v1::Subscription { topic: "payment.*".into(), ..bad };
    assert_eq!(code(system.skip_parked(v1::SkipParkedRequest { subscription: Some(wrong) }).await), Code::InvalidTopic);
    server.stop().await;
}

#[tokio::test]
async fn timers_are_listed_for_all_or_for_one() {
    let server = Server::start().await;
    let timer = |actor: &str, due| TimerEntry {
        actor: ActorId::parse(actor).unwrap(),
        name: "check_health".into(),
        due: Timestamp::from_millis(due),
        every_ms: 30_000,
        catch_up: CatchUp::Skip,
    };
    server.node.timers.lock().unwrap().extend([timer("health_monitor", 1000), timer("user/u1", 2000)]);
    let mut system = server.system().await;
    let all = system.list_timers(v1::ListTimersRequest::default()).await.unwrap().into_inner().timers;
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].due, Some(prost_types::Timestamp { seconds: 1, nanos: 0 }));
    let every = Duration::from_secs(30).as_secs().try_into().unwrap();
    assert_eq!(all[0].every, Some(prost_types::Duration { seconds: every, nanos: 0 }));
    assert_eq!(all[0].catch_up(), v1::CatchUp::Skip);
    let one = v1::ListTimersRequest { actor: "user/u1".into(), limit: 0 };
    assert_eq!(system.list_timers(one).await.unwrap().into_inner().timers.len(), 1);
    server.stop().await;
}
