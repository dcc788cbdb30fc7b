use std::sync::Arc;

use callboard_core::Write;
use callboard_core::limits::REPLIES_PER_ACTOR_MAX;
use callboard_core::port::Store;

use super::fixture::{Fixture, Shown, actor, reply, state};

pub(super) async fn the_first_reply_under_a_key_stays(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let (first, second) = (reply("key", "first", 10), reply("key", "second", 20));
    fx.write("order/1", 10, vec![state(1, "x"), Write::Reply(first.clone())]).await;
    fx.write("order/1", 20, vec![state(2, "y"), Write::Reply(second)]).await;
    fx.write("order/2", 30, vec![Write::Reply(reply("key", "of another", 30))]).await;
    let recorded = fx.store.recorded(&actor("order/1"), "key").await.unwrap();
    assert_eq!(recorded.shown(), Some(first).shown());
    assert!(fx.store.recorded(&actor("order/1"), "KEY").await.unwrap().is_none());
    assert_eq!(fx.revision("order/1").await, Some(2));
}

pub(super) async fn a_thousand_replies_are_kept_per_actor_and_the_oldest_leave_first(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let recorded = async |id: &str, n: u64| {
        fx.store.recorded(&actor(id), &format!("k{n}")).await.unwrap().map(|reply| reply.time.as_millis())
    };
    let all = REPLIES_PER_ACTOR_MAX + 5;
    fx.write("order/2", 1, vec![Write::Reply(reply("k1", "x", 1))]).await;
    for first in (1..=all).step_by(100) {
        let page = first..=all.min(first + 99);
        let batches = page.map(|n| fx.batch("order/1", n, vec![Write::Reply(reply(&format!("k{n}"), "x", n))]));
        fx.store.commit(batches.collect()).await;
    }
    for n in [1, 5] {
        assert_eq!(recorded("order/1", n).await, None, "reply {n}");
    }
    for n in [6, 7, 500, all] {
        assert_eq!(recorded("order/1", n).await, Some(n), "reply {n}");
    }
    assert_eq!(recorded("order/2", 1).await, Some(1), "another actor's are its own");
}
