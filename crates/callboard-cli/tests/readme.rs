//! The actor in README.md is the one that is compiled and run here.
#![allow(clippy::unwrap_used, dead_code, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use callboard::System;
use callboard::core::port::Store;
use callboard_testkit::MemoryStore;

mod stock {
    include!("readme/stock.rs");

    pub(super) fn actor() -> impl Actor {
        Stock
    }

    pub(super) async fn order(system: &callboard::System) -> (String, u32) {
        let mut changes = system.subscribe_to::<StockChanged>("stock.events").await.unwrap();
        let items = BTreeMap::from([("tea".to_owned(), 3)]);
        system.publish("order.events", OrderCreated { order_id: "ord_1".to_owned(), items }).await.unwrap();
        let change = changes.next().await.unwrap().unwrap().event;
        let state = system.operator().state(ActorId::named("stock").unwrap(), Default::default()).await.unwrap();
        let levels: Levels = serde_json::from_slice(state.state.unwrap().bytes()).unwrap();
        (change.order_id, levels.ordered["tea"])
    }
}

#[test]
fn the_readme_shows_the_code_that_is_tested() {
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(include_str!("readme/stock.rs")), "README.md and tests/readme/stock.rs differ");
}

#[test]
fn the_actor_of_the_readme_counts_what_was_ordered_and_says_so() {
    callboard::runtime().worker_threads(2).build().unwrap().block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let system = System::builder("shop").store(store).actor(stock::actor()).start().await.unwrap();
        assert_eq!(stock::order(&system).await, ("ord_1".to_owned(), 3));
        system.stop(Duration::from_secs(5)).await;
    });
}
