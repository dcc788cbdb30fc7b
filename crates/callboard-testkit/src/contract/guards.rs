use std::sync::Arc;

use callboard_core::port::{CommitError, EffectPlace, Store};
use callboard_core::{Mark, Position, Timestamp, Write};

use super::fixture::{
    ALL, Fixture, actor, at, cursor, effect, id, letter, name, park, parked, publish, rearm, reply, state,
    subscription, timer, topic, unpark,
};

pub(super) async fn a_publication_is_handled_once_by_each_subscription(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/1", 1, vec![cursor("order/1", "a.b", 3)]).await;
    for handled in [1, 3] {
        assert_eq!(fx.refused("order/1", vec![cursor("order/1", "a.b", handled)]).await, CommitError::Duplicate);
    }
    fx.write("order/1", 1, vec![cursor("order/1", "a.b", 4)]).await;
    // Another actor, another topic, another pattern and a subscriber outside have their own.
    fx.write("order/2", 1, vec![cursor("order/2", "a.b", 1)]).await;
    fx.write("order/1", 1, vec![cursor("order/1", "a.c", 1)]).await;
    let wide = Write::Cursor {
        subscription: subscription("order/1", "a.>"),
        topic: topic("a.b"),
        position: Position::new(1, 1),
    };
    fx.write("order/1", 1, vec![wide]).await;
    fx.write("", 1, vec![cursor("external:order", "a.b", 1)]).await;
    fx.write("order", 1, vec![cursor("order", "a.b", 2)]).await;
    let at = async |who: &str, pattern: &str, name: &str| {
        fx.store.cursor(&subscription(who, pattern), &topic(name)).await.unwrap().map(|position| position.seq.0)
    };
    assert_eq!(at("order/1", "a.b", "a.b").await, Some(4));
    assert_eq!(at("order/1", "a.>", "a.b").await, Some(1));
    assert_eq!(at("order/1", "a.c", "a.c").await, Some(1));
    assert_eq!(at("external:order", "a.b", "a.b").await, Some(1));
    assert_eq!(at("order", "a.b", "a.b").await, Some(2));
    assert_eq!(at("order/3", "a.b", "a.b").await, None);
    assert_eq!(at("order/2", "a.b", "a.x").await, None);
}

pub(super) async fn a_cursor_may_go_anywhere_in_another_epoch(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/1", 1, vec![cursor("order/1", "a.b", 9)]).await;
    let (subscription, topic) = (subscription("order/1", "a.b"), topic("a.b"));
    let to = |epoch, seq| Write::Cursor {
        subscription: subscription.clone(),
        topic: topic.clone(),
        position: Position::new(epoch, seq),
    };
    fx.write("order/1", 1, vec![to(2, 1)]).await;
    assert_eq!(fx.refused("order/1", vec![to(2, 1)]).await, CommitError::Duplicate);
    assert_eq!(fx.store.cursor(&subscription, &topic).await.unwrap(), Some(Position::new(2, 1)));
}

pub(super) async fn an_effect_is_consumed_once(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.refused("mailer", vec![Write::ConsumeEffect(id(1))]).await, CommitError::Duplicate);
    fx.write("order/1", 1, vec![Write::Effect(effect(1, 5))]).await;
    fx.write("mailer", 1, vec![Write::ConsumeEffect(id(1)), state(1, "sent")]).await;
    let again = vec![Write::ConsumeEffect(id(1)), state(2, "sent twice")];
    assert_eq!(fx.refused("mailer", again).await, CommitError::Duplicate);
    assert_eq!(fx.revision("mailer").await, Some(1));
    assert!(fx.store.effects(EffectPlace::default(), at(u64::MAX >> 1), ALL).await.unwrap().is_empty());
}

pub(super) async fn a_timer_fires_once_for_each_due_time(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.refused("clock", vec![rearm("tick", 100, 130)]).await, CommitError::Duplicate);
    fx.write("clock", 1, vec![Write::ArmTimer(timer("clock", "tick", 100))]).await;
    fx.write("clock", 100, vec![rearm("tick", 100, 130)]).await;
    assert_eq!(fx.refused("clock", vec![rearm("tick", 100, 160)]).await, CommitError::Duplicate);
    assert_eq!(fx.refused("other", vec![rearm("tick", 130, 160)]).await, CommitError::Duplicate);
    assert_eq!(fx.store.timers_of(&actor("clock")).await.unwrap(), [timer("clock", "tick", 130)]);
}

pub(super) async fn a_dead_letter_is_dropped_once_and_a_parked_subscription_goes_on_once(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.refused("", vec![Write::DropDeadLetter(id(1))]).await, CommitError::Duplicate);
    assert_eq!(fx.refused("", vec![unpark("order/1", "a.b")]).await, CommitError::Duplicate);
    fx.write("", 1, vec![Write::DeadLetter(Box::new(letter(1))), park(parked("order/1", "a.b", 4))]).await;
    fx.write("", 1, vec![Write::DropDeadLetter(id(1)), unpark("order/1", "a.b")]).await;
    assert_eq!(fx.refused("", vec![Write::DropDeadLetter(id(1))]).await, CommitError::Duplicate);
    assert_eq!(fx.refused("", vec![unpark("order/1", "a.b")]).await, CommitError::Duplicate);
}

pub(super) async fn a_refused_batch_leaves_nothing_behind(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/1", 1, vec![state(1, "kept"), publish("a.b", "kept")]).await;
    let (head, kept) = (fx.store.head().await.unwrap(), Write::Effect(effect(1, 1)));
    fx.write("order/1", 1, vec![kept, Write::ArmTimer(timer("order/1", "t", 50))]).await;
    let writes = vec![
        state(2, "gone"),
        publish("a.b", "gone"),
        publish("a.new", "gone"),
        Write::Effect(effect(2, 1)),
        Write::CancelEffect(id(1)),
        cursor("order/1", "a.b", 1),
        cursor("order/9", "a.b", 1),
        Write::ArmTimer(timer("order/8", "t", 5)),
        Write::DropTimer(name("t")),
        Write::Reply(reply("k", "gone", 1)),
        Write::DeadLetter(Box::new(letter(3))),
        park(parked("order/1", "a.b", 1)),
        Write::Watermark(head),
        Write::ConsumeEffect(id(404)),
    ];
    assert_eq!(fx.refused("order/1", writes).await, CommitError::Duplicate);
    assert_eq!(fx.revision("order/1").await, Some(1));
    assert_eq!((fx.log("a.b").await, fx.log("a.new").await), (vec!["kept".to_owned()], vec![]));
    assert_eq!(fx.store.bounds(&topic("a.new")).await.unwrap(), None);
    let effects = fx.store.effects(EffectPlace::default(), Timestamp::from_millis(9), ALL).await.unwrap();
    assert_eq!(effects.iter().map(|effect| effect.id).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(fx.store.cursor(&subscription("order/1", "a.b"), &topic("a.b")).await.unwrap(), None);
    assert!(fx.load("order/9").await.is_none() && fx.load("order/8").await.is_none());
    assert_eq!(fx.store.timers(None, ALL).await.unwrap(), [timer("order/1", "t", 50)]);
    assert!(fx.store.recorded(&actor("order/1"), "k").await.unwrap().is_none());
    assert!(fx.store.dead_letters(None, ALL).await.unwrap().is_empty());
    assert!(fx.store.parked().await.unwrap().is_empty());
    assert_eq!(fx.store.watermark().await.unwrap(), Mark::ZERO);
    // No hole: the next publication has the next number.
    let receipt =
        fx.write("order/1", 1, vec![state(2, "next"), publish("a.b", "next"), publish("a.new", "next")]).await;
    assert_eq!(super::fixture::seqs(&receipt.publications), [2, 1]);
}

pub(super) async fn a_refused_batch_leaves_the_others_of_the_call_untouched(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let batches = (1..=20_u64).map(|n| {
        // Every third one is refused at its end, after it would have written.
        let guard = (n % 3 == 0).then(|| Write::ConsumeEffect(id(404)));
        let mut writes = vec![state(1, "x"), publish("a.b", &n.to_string())];
        writes.extend(guard);
        fx.batch(&format!("order/{n}"), n, writes)
    });
    let answers = fx.store.commit(batches.collect()).await;
    let mut expected = Vec::new();
    for (n, answer) in (1_u64..).zip(&answers) {
        assert_eq!(answer.is_err(), n % 3 == 0, "batch {n}");
        assert_eq!(fx.revision(&format!("order/{n}")).await, (n % 3 != 0).then_some(1));
        if n % 3 != 0 {
            expected.push(n.to_string());
        }
    }
    assert_eq!(fx.log("a.b").await, expected);
    let read = fx.store.read(&topic("a.b"), callboard_core::Seq::ZERO, ALL).await.unwrap();
    assert_eq!(super::fixture::seqs(&read), (1..=14).collect::<Vec<_>>());
}

pub(super) async fn a_guard_sees_what_the_batch_wrote_before_it(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let writes = vec![
        state(1, "a"),
        state(2, "b"),
        Write::Effect(effect(1, 1)),
        Write::ConsumeEffect(id(1)),
        Write::ArmTimer(timer("order/1", "t", 5)),
        rearm("t", 5, 35),
        cursor("order/1", "a.b", 1),
        cursor("order/1", "a.b", 2),
        Write::DeadLetter(Box::new(letter(1))),
        Write::DropDeadLetter(id(1)),
        park(parked("order/1", "a.b", 4)),
        unpark("order/1", "a.b"),
    ];
    fx.write("order/1", 1, writes).await;
    assert_eq!(fx.revision("order/1").await, Some(2));
    assert_eq!(fx.store.timers_of(&actor("order/1")).await.unwrap(), [timer("order/1", "t", 35)]);
    let twice = vec![cursor("order/1", "a.b", 3), publish("a.b", "gone"), cursor("order/1", "a.b", 3)];
    assert_eq!(fx.refused("order/1", twice).await, CommitError::Duplicate);
    let spent = vec![Write::Effect(effect(2, 1)), Write::CancelEffect(id(2)), Write::ConsumeEffect(id(2))];
    assert_eq!(fx.refused("order/1", spent).await, CommitError::Duplicate);
    let reborn = vec![Write::DeleteActor, state(1, "new life")];
    fx.write("order/1", 2, reborn).await;
    assert_eq!(fx.revision("order/1").await, Some(1));
    assert!(fx.store.timers_of(&actor("order/1")).await.unwrap().is_empty());
}

pub(super) async fn a_batch_without_an_actor_cannot_write_a_state(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    for write in [state(1, "x"), Write::Reply(reply("k", "r", 1)), Write::DeleteActor] {
        assert_eq!(fx.refused("", vec![publish("a.b", "gone"), write]).await, CommitError::Conflict);
    }
    assert_eq!(fx.refused("", vec![rearm("t", 1, 2)]).await, CommitError::Duplicate);
    assert!(fx.log("a.b").await.is_empty());
}
