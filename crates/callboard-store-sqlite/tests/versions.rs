//! A database of each version that was ever written opens and says what it said.

use callboard_core::port::{BroadcastLog, EffectPlace, Store};
use callboard_core::{ActorId, Mark, Revision, Seq, Timestamp, Topic};
use callboard_store_sqlite::{SqliteConfig, SqliteStore};

/// What version 1 writes, spelled in its own words: an actor with a past, a topic of which one publication was swept, and
/// an effect that waits.
const VERSION_1: &str = "
    INSERT INTO type VALUES (1, 't.State', 1);
    INSERT INTO actor VALUES (4, 'order/1', 3, 2, 300, NULL, 1, x'7b7d');
    INSERT INTO history VALUES (1, 4, 1, 0, 100, NULL, NULL, NULL), (2, 4, 2, 1, 200, NULL, 1, x'31');
    INSERT INTO topic VALUES (1, 'order.events', 1, 1);
    INSERT INTO publication VALUES (9, 1, 2, x'000102030405060708090a0b0c0d0e0f', 250, 250, 1, x'32', NULL, NULL, 'order/1');
    INSERT INTO effect VALUES (x'0f0e0d0c0b0a09080706050403020100', NULL, 'mailer', 'send', 1, x'33', NULL, NULL, 400);
    INSERT INTO shard VALUES (0, -1, 7);
    UPDATE store SET mark = 12, watermark = 9;
    PRAGMA application_id = 1128427361;
    PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_database_of_version_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(folder.path().join("callboard.db")).unwrap();
    database.execute_batch(include_str!("../src/schema/v1.sql")).unwrap();
    database.execute_batch(VERSION_1).unwrap();
    drop(database);

    let store = SqliteStore::open(SqliteConfig::new(folder.path())).unwrap();
    let id = ActorId::parse("order/1").unwrap();
    let present = store.load(&id).await.unwrap().unwrap();
    assert_eq!((present.revision, present.time), (Revision(3), Timestamp::from_millis(300)));
    assert_eq!(present.state.unwrap().bytes(), b"{}");
    let before = store.at_revision(&id, Revision(2)).await.unwrap().unwrap();
    assert_eq!(before.state.unwrap().bytes(), b"1");
    assert!(store.at_revision(&id, Revision(1)).await.unwrap().unwrap().state.is_none());
    let topic = Topic::parse("order.events").unwrap();
    let bounds = store.bounds(&topic).await.unwrap().unwrap();
    assert_eq!((bounds.first, bounds.head, bounds.head_mark), (Seq(2), Seq(2), Mark(9)));
    let read = store.tail(Mark::ZERO, 10).await.unwrap();
    assert_eq!(read[0].publisher.as_ref(), Some(&id));
    assert_eq!((store.head().await.unwrap(), store.watermark().await.unwrap()), (Mark(12), Mark(9)));
    let effects = store.effects(EffectPlace::default(), Timestamp::from_millis(400), 10).await.unwrap();
    assert_eq!(effects[0].target.as_str(), "mailer");
    let shard = callboard_core::Shard::new(0).unwrap();
    let fences = store.acquire(callboard_core::NodeId(5), vec![shard]).await.unwrap();
    assert_eq!(fences[0].epoch, callboard_core::Epoch(8));
}
