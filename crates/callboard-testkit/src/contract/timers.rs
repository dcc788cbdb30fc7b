use std::sync::Arc;

use callboard_core::Write;
use callboard_core::batch::TimerEntry;
use callboard_core::port::{Store, TimerPlace};
use callboard_core::timer::CatchUp;

use super::fixture::{ALL, Fixture, actor, at, name, rearm, state, timer};

async fn places(fx: &Fixture, after: Option<(u64, &str, &str)>, limit: usize) -> Vec<(u64, String, String)> {
    let after = after.map(|(due, owner, timer)| TimerPlace { due: at(due), actor: actor(owner), name: name(timer) });
    let timers = fx.store.timers(after, limit).await.unwrap();
    let place = |t: &TimerEntry| (t.due.as_millis(), t.actor.to_string(), t.name.to_string());
    timers.iter().map(place).collect()
}

pub(super) async fn a_timer_that_is_armed_stays_as_it_is(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let first = timer("clock", "tick", 100);
    let second = TimerEntry { every_ms: 99, catch_up: CatchUp::All, ..timer("clock", "tick", 7) };
    fx.write("clock", 1, vec![Write::ArmTimer(first.clone())]).await;
    fx.write("clock", 1, vec![Write::ArmTimer(second.clone())]).await;
    assert_eq!(fx.store.timers_of(&actor("clock")).await.unwrap(), [first]);
    fx.write("clock", 1, vec![Write::DropTimer(name("tick")), Write::ArmTimer(second.clone())]).await;
    assert_eq!(fx.store.timers(None, ALL).await.unwrap(), [second]);
    fx.write("clock", 1, vec![Write::DropTimer(name("tick")), Write::DropTimer(name("never"))]).await;
    assert!(fx.store.timers(None, ALL).await.unwrap().is_empty());
}

pub(super) async fn a_timer_that_fired_keeps_its_period_and_gets_a_new_due_time(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    for catch_up in [CatchUp::Once, CatchUp::All, CatchUp::Skip] {
        let armed = TimerEntry { catch_up, every_ms: 1 << 40, ..timer("clock", "tick", 100) };
        let writes = vec![Write::DropTimer(name("tick")), Write::ArmTimer(armed.clone())];
        fx.write("clock", 1, writes).await;
        fx.write("clock", 1, vec![rearm("tick", 100, 4000)]).await;
        let expected = TimerEntry { due: at(4000), ..armed };
        let (mine, all) = (fx.store.timers_of(&actor("clock")).await, fx.store.timers(None, ALL).await);
        assert_eq!(mine.unwrap(), all.unwrap());
        assert_eq!(fx.store.timers(None, ALL).await.unwrap(), [expected]);
    }
}

pub(super) async fn timers_come_in_the_order_of_due_time_actor_and_name_in_pages(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let armed =
        [("b", "x", 200), ("a", "z", 200), ("a", "y", 200), ("a/1", "y", 200), ("c", "x", 100), ("b", "w", 300)];
    for (owner, name, due) in armed {
        fx.write(owner, 1, vec![Write::ArmTimer(timer(owner, name, due))]).await;
    }
    let expected =
        [("c", "x", 100), ("a", "y", 200), ("a", "z", 200), ("a/1", "y", 200), ("b", "x", 200), ("b", "w", 300)];
    let expected = expected.map(|(owner, name, due)| (due, owner.to_owned(), name.to_owned()));
    assert_eq!(places(&fx, None, ALL).await, expected);
    assert_eq!(places(&fx, None, 2).await, expected[..2]);
    assert_eq!(places(&fx, Some((200, "a", "y")), 2).await, expected[2..4]);
    assert_eq!(places(&fx, Some((200, "aa", "")), ALL).await, expected[4..], "a place need not exist");
    assert!(places(&fx, Some((300, "b", "w")), ALL).await.is_empty());
    let mine = fx.store.timers_of(&actor("a")).await.unwrap();
    assert_eq!(mine.len(), 2);
    assert!(fx.store.timers_of(&actor("nobody")).await.unwrap().is_empty());
}

pub(super) async fn a_timer_outlives_what_happens_to_the_state(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("clock", 1, vec![state(1, "x"), Write::ArmTimer(timer("clock", "tick", 100))]).await;
    for revision in 2..=120 {
        fx.write("clock", revision, vec![state(revision, "x")]).await;
    }
    assert_eq!(fx.store.timers_of(&actor("clock")).await.unwrap(), [timer("clock", "tick", 100)]);
}
