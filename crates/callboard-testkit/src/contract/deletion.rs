use std::sync::Arc;

use callboard_core::port::{ActorQuery, CommitError, EffectPlace, Store};
use callboard_core::{Revision, Write};

use super::fixture::{
    ALL, Fixture, actor, at, cursor, effect, letter, park, parked, publish, reply, state, subscription, tagged, text,
    timer, topic,
};

async fn fill(fx: &Fixture, id: &str) {
    let writes = vec![
        state(1, "x"),
        tagged(2, &[("a", "b")]),
        state(3, "y"),
        Write::ArmTimer(timer(id, "t", 5)),
        Write::Reply(reply("k", "r", 1)),
        cursor(id, "a.b", 7),
        park(parked(id, "a.c", 2)),
        publish("a.b", id),
    ];
    fx.write(id, 1, writes).await;
}

pub(super) async fn a_deleted_actor_leaves_nothing_of_its_own(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.refused("order/1", vec![Write::DeleteActor]).await, CommitError::Conflict);
    for id in ["order/1", "order/10"] {
        fill(&fx, id).await;
    }
    let letter = Write::DeadLetter(Box::new(letter(1)));
    fx.write("order/1", 1, vec![Write::Effect(effect(1, 5)), letter]).await;
    let receipt = fx.write("order/1", 2, vec![Write::DeleteActor]).await;
    assert_eq!(receipt.key, None);
    let id = actor("order/1");
    assert!(fx.load("order/1").await.is_none());
    assert!(fx.store.at_revision(&id, Revision(3)).await.unwrap().is_none());
    assert!(fx.store.at_time(&id, at(99)).await.unwrap().is_none());
    assert!(fx.store.recorded(&id, "k").await.unwrap().is_none());
    assert!(fx.store.timers_of(&id).await.unwrap().is_empty());
    assert_eq!(fx.store.cursor(&subscription("order/1", "a.b"), &topic("a.b")).await.unwrap(), None);
    assert_eq!(fx.store.parked().await.unwrap().len(), 1);
    let listed = fx.store.actors(ActorQuery { limit: ALL, ..ActorQuery::default() }).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["order/10"]);
    // What it told others stays, and so does everything of the others.
    assert_eq!(fx.log("a.b").await, ["order/1", "order/10"]);
    assert_eq!(fx.store.effects(EffectPlace::default(), at(9), ALL).await.unwrap().len(), 1);
    assert_eq!(fx.store.dead_letters(None, ALL).await.unwrap().len(), 1);
    assert_eq!(fx.store.timers(None, ALL).await.unwrap(), [timer("order/10", "t", 5)]);
    let other = fx.store.cursor(&subscription("order/10", "a.b"), &topic("a.b")).await.unwrap();
    assert_eq!(other.unwrap().seq.0, 7);
    assert_eq!(fx.refused("order/1", vec![Write::DeleteActor]).await, CommitError::Conflict);
}

pub(super) async fn a_deleted_actor_begins_anew_at_revision_one(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fill(&fx, "order/1").await;
    let before = fx.key("order/1").await;
    fx.write("order/1", 2, vec![Write::DeleteActor]).await;
    assert_eq!(fx.refused("order/1", vec![state(4, "ghost")]).await, CommitError::Conflict);
    fx.write("order/1", 9, vec![state(1, "new"), cursor("order/1", "a.b", 1)]).await;
    let loaded = fx.load("order/1").await.unwrap();
    assert_eq!((text(&loaded.state.unwrap()), loaded.revision.0), ("new".to_owned(), 1));
    assert!(fx.store.at_revision(&actor("order/1"), Revision(3)).await.unwrap().is_none());
    assert!(fx.store.at_time(&actor("order/1"), at(8)).await.unwrap().is_none());
    assert_ne!(Some(loaded.key), before, "a key never means another life");
}

pub(super) async fn a_named_actor_that_is_deleted_keeps_its_place_in_the_topics(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fill(&fx, "clerk").await;
    fx.write("clerk", 2, vec![Write::DeleteActor]).await;
    assert!(fx.load("clerk").await.is_none());
    assert!(fx.store.timers_of(&actor("clerk")).await.unwrap().is_empty());
    // Its subscription goes on, so that it does not hear again what it has handled.
    let position = fx.store.cursor(&subscription("clerk", "a.b"), &topic("a.b")).await.unwrap();
    assert_eq!(position.unwrap().seq.0, 7);
    assert_eq!(fx.store.parked().await.unwrap().len(), 1);
    assert_eq!(fx.refused("clerk", vec![cursor("clerk", "a.b", 7)]).await, CommitError::Duplicate);
    fx.write("clerk", 3, vec![cursor("clerk", "a.b", 8), state(1, "new")]).await;
}
