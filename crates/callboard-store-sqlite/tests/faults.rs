//! What the store says and does when the folder, the file or the disk is not as it should be.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use callboard_core::batch::Fence;
use callboard_core::port::{BroadcastLog, CommitError, Store, StoreError};
use callboard_core::publication::Announcement;
use callboard_core::{
    ActorId, Batch, Encoding, Headers, Mark, MessageId, NodeId, Payload, Revision, Seq, Shard, Timestamp, Topic, Write,
};
use callboard_store_sqlite::{OpenError, SqliteConfig, SqliteStore};

fn actor(name: &str) -> ActorId {
    ActorId::parse(name).unwrap()
}

fn state(revision: u64, len: usize) -> Write {
    let state = Some(Payload::new("t.State", Encoding::Bytes, vec![7; len]));
    Write::State { revision: Revision(revision), state, tags: Headers::new() }
}

fn publish(text: &str) -> Write {
    Write::Publish(Announcement {
        id: MessageId::from_bits(1),
        topic: Topic::parse("a.b").unwrap(),
        time: Timestamp::from_millis(1),
        payload: Payload::new("t.Event", Encoding::Json, text.as_bytes().to_vec()),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    })
}

async fn fence(store: &SqliteStore) -> Fence {
    store.acquire(NodeId(1), vec![Shard::new(0).unwrap()]).await.unwrap()[0]
}

async fn commit(store: &SqliteStore, fence: Fence, id: &str, writes: Vec<Write>) -> Result<(), CommitError> {
    let batch = Batch { fence, actor: Some(actor(id)), key: None, now: Timestamp::from_millis(9), writes };
    store.commit(vec![batch]).await.remove(0).map(drop)
}

fn open(folder: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(SqliteConfig::new(folder))
}

#[test]
fn a_second_store_on_the_folder_is_refused_with_the_first_ones_pid() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(first);
    open(folder.path()).unwrap();
}

#[test]
fn what_is_not_our_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("callboard.db");
    std::fs::write(&database, vec![b'x'; 10_000]).unwrap();
    assert!(matches!(open(folder.path()), Err(OpenError::NotADatabase { .. })));
    assert_eq!(std::fs::read(&database).unwrap(), vec![b'x'; 10_000]);
    std::fs::remove_file(&database).unwrap();
    let other = rusqlite::Connection::open(&database).unwrap();
    other.execute_batch("CREATE TABLE recipe (title TEXT)").unwrap();
    drop(other);
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert!(error.to_string().contains("another folder"), "{error}");
}

#[test]
fn a_database_of_a_later_version_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let database = rusqlite::Connection::open(folder.path().join("callboard.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[test]
fn a_path_that_is_a_file_is_not_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open(&file).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
}

#[tokio::test]
async fn a_full_disk_refuses_commits_and_nothing_else_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig { size_bytes_max: Some(600 * 1024), ..SqliteConfig::new(folder.path()) };
    let store = SqliteStore::open(&config).unwrap();
    let fence = fence(&store).await;
    let mut written = 0;
    let error = loop {
        let id = format!("order/{written}");
        match commit(&store, fence, &id, vec![state(1, 3000), publish(&id)]).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "the limit is never reached");
    };
    let CommitError::Store(StoreError::Unavailable(text)) = &error else { panic!("{error:?}") };
    assert!(text.contains("full") && text.contains("free some space"), "{text}");
    // Nothing of the refused batch is there; everything else is, and can be read.
    assert!(store.load(&actor(&format!("order/{written}"))).await.unwrap().is_none());
    assert!(store.load(&actor("order/0")).await.unwrap().is_some());
    let topic = Topic::parse("a.b").unwrap();
    assert_eq!(store.bounds(&topic).await.unwrap().unwrap().head, Seq(written));
    assert!(commit(&store, fence, "order/x", vec![state(1, 3000)]).await.is_err());
    // Room is made: commits go on where they stopped, without a hole.
    for n in 0..20 {
        commit(&store, fence, &format!("order/{n}"), vec![Write::DeleteActor]).await.unwrap();
    }
    commit(&store, fence, "order/y", vec![state(1, 3000), publish("y")]).await.unwrap();
    assert_eq!(store.bounds(&topic).await.unwrap().unwrap().head, Seq(written + 1));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_process_that_never_closes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let old = fence(&store).await;
    for n in 1..=50 {
        commit(&store, old, "order/1", vec![state(n, 100), publish(&n.to_string())]).await.unwrap();
    }
    let head = store.head().await.unwrap();
    // The files as a killed process would leave them.
    let killed = tempfile::tempdir().unwrap();
    for file in ["callboard.db", "callboard.db-wal"] {
        std::fs::copy(folder.path().join(file), killed.path().join(file)).unwrap();
    }
    let store = open(killed.path()).unwrap();
    assert_eq!(store.load(&actor("order/1")).await.unwrap().unwrap().revision, Revision(50));
    assert_eq!((store.tail(Mark::ZERO, 100).await.unwrap().len(), store.head().await.unwrap()), (50, head));
    // The fences of the dead process are over once the shards are taken again.
    let new = fence(&store).await;
    assert!(new.epoch > old.epoch);
    let late = commit(&store, old, "order/1", vec![state(51, 100)]).await;
    assert_eq!(late.unwrap_err(), CommitError::Fenced(old.shard));
    commit(&store, new, "order/1", vec![state(51, 100), publish("51")]).await.unwrap();
    assert!(store.head().await.unwrap() > head);
}

#[tokio::test]
async fn a_row_that_no_version_wrote_is_an_error_and_not_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let fence = fence(&store).await;
    commit(&store, fence, "order/1", vec![state(1, 10), publish("x")]).await.unwrap();
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("callboard.db")).unwrap();
    database.execute_batch("UPDATE topic SET name = '*..'; UPDATE actor SET revision = -4, tags = x'ff'").unwrap();
    drop(database);
    let store = open(folder.path()).unwrap();
    assert!(matches!(store.tail(Mark::ZERO, 10).await, Err(StoreError::Corrupt(_))));
    let error = store.load(&actor("order/1")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(text) if text.contains("restore a backup")), "{error}");
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_applied_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let fence = fence(&store).await;
    for n in 1..=20 {
        let batch = |id: &str| Batch {
            fence,
            actor: Some(actor(id)),
            key: None,
            now: Timestamp::from_millis(1),
            writes: vec![state(n, 10), publish(id)],
        };
        let mut call = store.commit(vec![batch("order/1"), batch("order/2")]);
        // Handed over, and not waited for.
        assert!(futures_poll(&mut call).await.is_none());
        drop(call);
    }
    // Commits are applied in order: when this one is there, the others are.
    commit(&store, fence, "order/3", vec![state(1, 10)]).await.unwrap();
    for id in ["order/1", "order/2"] {
        assert_eq!(store.load(&actor(id)).await.unwrap().unwrap().revision, Revision(20));
    }
    assert_eq!(store.tail(Mark::ZERO, 100).await.unwrap().len(), 40);
    let stats = store.stats();
    assert_eq!((stats.batches, stats.refused, stats.is_read_only), (41, 0, false));
    assert!(stats.commits > 0 && stats.commits <= 22 && stats.flush_micros > 0 && stats.wal_bytes > 0);
}

/// Polls a future once.
async fn futures_poll<T>(future: &mut callboard_core::port::BoxFuture<'_, T>) -> Option<T> {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}
