use std::sync::Arc;

use callboard_core::port::{CommitError, Store};
use callboard_core::{Encoding, Headers, Payload, Revision, Write};

use super::fixture::{Fixture, Shown, actor, at, cursor, payload, reply, state, tagged, text, timer};

pub(super) async fn a_state_is_committed_only_on_top_of_the_revision_before_it(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    assert_eq!(fx.refused("order/1", vec![state(2, "too early")]).await, CommitError::Conflict);
    assert_eq!(fx.revision("order/1").await, None);
    fx.write("order/1", 10, vec![state(1, "first")]).await;
    for stale in [0, 1, 3] {
        assert_eq!(fx.refused("order/1", vec![state(stale, "stale")]).await, CommitError::Conflict);
    }
    fx.write("order/1", 11, vec![state(2, "second")]).await;
    let loaded = fx.load("order/1").await.unwrap();
    assert_eq!((loaded.revision, loaded.time), (Revision(2), at(11)));
    assert_eq!(text(&loaded.state.unwrap()), "second");
}

pub(super) async fn batches_of_one_call_build_on_each_other(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let batch = |revision, text| fx.batch("order/1", 1, vec![state(revision, text)]);
    let answers = fx.store.commit(vec![batch(1, "a"), batch(2, "b"), batch(2, "c"), batch(3, "d")]).await;
    let refused: Vec<bool> = answers.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, false, true, false]);
    assert_eq!(text(&fx.load("order/1").await.unwrap().state.unwrap()), "d");
    assert_eq!(fx.store.commit(Vec::new()).await.len(), 0);
}

pub(super) async fn what_was_committed_is_loaded_as_it_was(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let tags = Headers::new().with("colour", "rouge\u{0}ü").with("empty", "");
    let states = [
        Some(Payload::new("shop.v1.Order", Encoding::Protobuf, vec![0, 255, 1])),
        Some(Payload::new("shop.v1.Order", Encoding::Json, "{}")),
        Some(Payload::new("", Encoding::Bytes, Vec::new())),
        Some(Payload::new("shop.v1.Large", Encoding::Bytes, vec![7; 100_000])),
        Some(Payload::empty()),
        None,
    ];
    for (revision, state) in (1..).map(Revision).zip(states) {
        let write = Write::State { revision, state: state.clone(), tags: tags.clone() };
        fx.write("bücher/ü 1", revision.0 * 10, vec![write]).await;
        let loaded = fx.load("bücher/ü 1").await.unwrap();
        assert_eq!((loaded.revision, loaded.state, loaded.tags), (revision, state, tags.clone()));
        assert_eq!(loaded.time, at(revision.0 * 10));
    }
}

pub(super) async fn an_actor_of_which_nothing_was_stored_is_not_there(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/1", 1, vec![state(1, "x")]).await;
    for other in ["order/2", "order", "user/1"] {
        assert!(fx.load(other).await.is_none());
        assert!(fx.store.at_revision(&actor(other), Revision(1)).await.unwrap().is_none());
        assert!(fx.store.at_time(&actor(other), at(99)).await.unwrap().is_none());
        assert!(fx.store.recorded(&actor(other), "k").await.unwrap().is_none());
    }
}

pub(super) async fn an_actor_that_has_no_state_yet_is_at_revision_zero(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/timer", 5, vec![Write::ArmTimer(timer("order/timer", "t", 9))]).await;
    fx.write("order/cursor", 5, vec![cursor("order/cursor", "a.b", 1)]).await;
    fx.write("order/reply", 5, vec![Write::Reply(reply("k", "r", 5))]).await;
    fx.write("order/nothing", 5, Vec::new()).await;
    for id in ["order/timer", "order/cursor", "order/reply"] {
        let loaded = fx.load(id).await.unwrap();
        assert_eq!((loaded.revision, loaded.time), (Revision::ZERO, at(5)));
        assert!(loaded.state.is_none() && loaded.tags.is_empty());
        assert!(fx.store.at_revision(&actor(id), Revision::ZERO).await.unwrap().is_none());
        fx.write(id, 6, vec![state(1, "born")]).await;
        assert_eq!(fx.revision(id).await, Some(1));
    }
    assert!(fx.load("order/nothing").await.is_none());
}

pub(super) async fn the_last_hundred_revisions_can_be_read_and_no_older_one(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let id = actor("order/1");
    let mut written = 0;
    for until in [1, 99, 100, 101, 133, 250] {
        for revision in written + 1..=until {
            fx.write("order/1", revision * 10, vec![state(revision, &format!("r{revision}"))]).await;
        }
        written = until;
        for revision in 0..=until + 1 {
            let found = fx.store.at_revision(&id, Revision(revision)).await.unwrap();
            let kept = revision > until.saturating_sub(100) && (1..=until).contains(&revision);
            assert_eq!(found.is_some(), kept, "revision {revision} when {until} is the newest");
            if let Some(found) = found {
                assert_eq!((found.revision.0, found.time), (revision, at(revision * 10)));
                assert_eq!(text(&found.state.unwrap()), format!("r{revision}"));
            }
        }
        assert_eq!(fx.revision("order/1").await, Some(until));
    }
}

pub(super) async fn an_actor_is_read_as_it_was_at_a_time(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let id = actor("order/1");
    let revision_at = async |ms| fx.store.at_time(&id, at(ms)).await.unwrap().map(|s| s.revision.0);
    // The second and third were committed in the same millisecond.
    for (revision, ms) in [(1, 100), (2, 200), (3, 200), (4, 300)] {
        fx.write("order/1", ms, vec![state(revision, "x")]).await;
    }
    for (ms, revision) in [(99, None), (100, Some(1)), (199, Some(1)), (200, Some(3)), (299, Some(3)), (9999, Some(4))]
    {
        assert_eq!(revision_at(ms).await, revision, "at {ms}");
    }
    for revision in 5..=104 {
        fx.write("order/1", revision * 100, vec![state(revision, "x")]).await;
    }
    assert_eq!(revision_at(300).await, None, "what it was then is no longer kept");
    assert_eq!(revision_at(500).await, Some(5));
}

pub(super) async fn a_key_saves_the_look_up_and_changes_nothing_else(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let receipt = fx.write("order/1", 1, vec![state(1, "x")]).await;
    assert_eq!(receipt.key, fx.key("order/1").await);
    assert!(receipt.key.is_some());
    let keyed = |key, writes| callboard_core::Batch { key, ..fx.batch("order/1", 2, writes) };
    let again = fx.try_commit(keyed(receipt.key, vec![state(2, "y")])).await.unwrap();
    assert_eq!(again.key, receipt.key);
    fx.write("order/2", 1, vec![state(1, "other")]).await;
    assert_ne!(fx.key("order/2").await, receipt.key);
    fx.write("order/1", 3, vec![Write::DeleteActor]).await;
    let stale = fx.try_commit(keyed(receipt.key, vec![state(3, "ghost")])).await;
    assert_eq!(stale.unwrap_err(), CommitError::Conflict, "the key of a deleted actor brings nothing back");
    let reborn = fx.try_commit(keyed(receipt.key, vec![state(1, "new life")])).await.unwrap();
    assert_eq!(reborn.key, fx.key("order/1").await);
    assert_eq!(fx.load("order/1").await.unwrap().state, Some(payload("new life")));
}

pub(super) async fn tags_are_replaced_as_a_whole(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/1", 1, vec![tagged(1, &[("a", "1"), ("b", "2")])]).await;
    fx.write("order/1", 2, vec![tagged(2, &[("b", "3")])]).await;
    assert_eq!(fx.load("order/1").await.unwrap().tags, Headers::new().with("b", "3"));
    let before = fx.store.at_revision(&actor("order/1"), Revision(1)).await.unwrap();
    assert_eq!(before.as_ref().unwrap().tags, Headers::new().with("a", "1").with("b", "2"), "{}", before.shown());
}
