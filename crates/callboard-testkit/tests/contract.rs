//! The store in memory keeps every law of the port.

use std::sync::Arc;

use callboard_core::port::{BoxFuture, Store};
use callboard_testkit::MemoryStore;

async fn open() -> (Arc<dyn Store>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

callboard_testkit::store_contract!(open);

#[test]
fn the_store_in_memory_agrees_with_itself() {
    callboard_testkit::contract::compare_with_memory(50, || {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        move || -> BoxFuture<'static, Arc<dyn Store>> {
            let store = Arc::clone(&store);
            Box::pin(async move { store })
        }
    });
}
