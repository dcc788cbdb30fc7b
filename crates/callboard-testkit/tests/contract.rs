//! The store in memory keeps every law of the port.

use std::sync::Arc;

use callboard_core::port::Store;
use callboard_testkit::MemoryStore;

async fn open() -> (Arc<dyn Store>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

callboard_testkit::store_contract!(open);
