use std::sync::Arc;

use callboard_core::batch::Fence;
use callboard_core::port::{CommitError, Store};
use callboard_core::{Batch, Epoch, NodeId, Shard};

use super::fixture::{Fixture, NODE, actor, at, publish, state};

fn batch(fence: Fence, text: &str) -> Batch {
    Batch { fence, actor: None, key: None, now: at(1), writes: vec![publish("a.b", text)] }
}

pub(super) async fn a_shard_that_nobody_took_takes_no_batch(store: Arc<dyn Store>) {
    let fx = Fixture { store, fences: Vec::new() };
    let shard = Shard::new(3).unwrap();
    for epoch in [0, 1] {
        let fence = Fence { shard, owner: NODE, epoch: Epoch(epoch) };
        assert_eq!(fx.try_commit(batch(fence, "gone")).await.unwrap_err(), CommitError::Fenced(shard));
    }
    let fence = fx.store.acquire(NODE, vec![shard]).await.unwrap()[0];
    fx.try_commit(batch(fence, "kept")).await.unwrap();
    assert_eq!(fx.log("a.b").await, ["kept"]);
}

pub(super) async fn an_older_fence_is_refused_once_the_shard_was_taken_again(store: Arc<dyn Store>) {
    let fx = Fixture { store, fences: Vec::new() };
    let (shard, other) = (Shard::new(3).unwrap(), Shard::new(4).unwrap());
    let first = fx.store.acquire(NODE, vec![shard, other]).await.unwrap();
    assert_eq!(
        first.iter().map(|fence| (fence.shard, fence.owner)).collect::<Vec<_>>(),
        [(shard, NODE), (other, NODE)]
    );
    fx.try_commit(batch(first[0], "first")).await.unwrap();
    // Taken by another node, then back: each time the terms before end.
    let second = fx.store.acquire(NodeId(2), vec![shard]).await.unwrap()[0];
    assert!(second.epoch > first[0].epoch && second.owner == NodeId(2));
    assert_eq!(fx.try_commit(batch(first[0], "gone")).await.unwrap_err(), CommitError::Fenced(shard));
    fx.try_commit(batch(second, "second")).await.unwrap();
    let third = fx.store.acquire(NODE, vec![shard]).await.unwrap()[0];
    assert!(third.epoch > second.epoch);
    for stale in [first[0], second, Fence { owner: NodeId(2), ..third }, Fence { epoch: Epoch(99), ..third }] {
        assert_eq!(fx.try_commit(batch(stale, "gone")).await.unwrap_err(), CommitError::Fenced(shard));
    }
    fx.try_commit(batch(third, "third")).await.unwrap();
    // The other shard was never taken from its owner.
    fx.try_commit(batch(first[1], "other")).await.unwrap();
    assert_eq!(fx.log("a.b").await, ["first", "second", "third", "other"]);
}

pub(super) async fn the_fence_of_every_batch_is_checked(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let good = fx.fences[5];
    let stale = Fence { epoch: Epoch(0), ..fx.fences[6] };
    let answers = fx.store.commit(vec![batch(good, "1"), batch(stale, "gone"), batch(good, "2")]).await;
    assert_eq!(answers[1].as_ref().unwrap_err(), &CommitError::Fenced(stale.shard));
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(fx.log("a.b").await, ["1", "2"]);
    // A fenced batch is told so before anything else is looked at.
    let both = Batch { writes: vec![state(9, "x")], actor: Some(actor("order/1")), ..batch(stale, "") };
    assert_eq!(fx.try_commit(both).await.unwrap_err(), CommitError::Fenced(stale.shard));
}
