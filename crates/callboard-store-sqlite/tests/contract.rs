//! The store on SQLite keeps every law of the port.

#![expect(clippy::unwrap_used, reason = "a store that does not open ends the test")]

use std::sync::Arc;

use callboard_core::port::{BoxFuture, Store};
use callboard_store_sqlite::{SqliteConfig, SqliteStore};
use tempfile::TempDir;

async fn open() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteConfig::new(folder.path())).unwrap();
    (Arc::new(store), folder)
}

callboard_testkit::store_contract!(open);

#[test]
fn random_calls_have_the_same_outcome_as_in_memory() {
    callboard_testkit::contract::compare_with_memory(40, || {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        move || -> BoxFuture<'static, Arc<dyn Store>> {
            let folder = Arc::clone(&folder);
            Box::pin(async move {
                let store = SqliteStore::open(SqliteConfig::new(folder.path())).unwrap();
                Arc::new(store) as Arc<dyn Store>
            })
        }
    });
}
