//! The store on SQLite keeps every law of the port.

#![expect(clippy::unwrap_used, reason = "a store that does not open ends the test")]

use std::sync::Arc;

use callboard_core::port::Store;
use callboard_store_sqlite::{SqliteConfig, SqliteStore};
use tempfile::TempDir;

async fn open() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteConfig::new(folder.path())).unwrap();
    (Arc::new(store), folder)
}

callboard_testkit::store_contract!(open);
