//! A folder that cannot be written is still read. The system's permissions do not bind the superuser, so a superuser runs
//! the second half of the test as somebody else.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use callboard_core::port::{BroadcastLog, CommitError, Store, StoreError};
use callboard_core::{ActorId, Batch, Encoding, Headers, NodeId, Payload, Revision, Shard, Timestamp, Write};
use callboard_store_sqlite::{OpenError, SqliteConfig, SqliteStore};

const FOLDER: &str = "CALLBOARD_TEST_READ_ONLY_FOLDER";
const NOBODY: u32 = 65_534;

fn batch(fence: callboard_core::batch::Fence, revision: u64) -> Batch {
    let state = Some(Payload::new("t.State", Encoding::Bytes, vec![7; 10]));
    let write = Write::State { revision: Revision(revision), state, tags: Headers::new() };
    let actor = Some(ActorId::named("clerk").unwrap());
    Batch { fence, actor, key: None, now: Timestamp::from_millis(1), writes: vec![write] }
}

/// Writes three revisions in `closed`, and leaves the same in `killed` as a process that was killed would.
async fn fill(closed: &Path, killed: &Path) {
    let store = SqliteStore::open(SqliteConfig::new(closed)).unwrap();
    let fence = store.acquire(NodeId(1), vec![Shard::new(0).unwrap()]).await.unwrap()[0];
    for revision in 1..=3 {
        store.commit(vec![batch(fence, revision)]).await.remove(0).unwrap();
    }
    std::fs::create_dir(killed).unwrap();
    for file in ["callboard.db", "callboard.db-wal", "callboard.db-shm"] {
        std::fs::copy(closed.join(file), killed.join(file)).unwrap();
    }
}

async fn is_read_but_not_written(folder: &Path) {
    let store = SqliteStore::open(SqliteConfig::new(folder)).unwrap();
    assert!(store.is_read_only() && store.stats().is_read_only);
    let loaded = store.load(&ActorId::named("clerk").unwrap()).await.unwrap().unwrap();
    assert_eq!(loaded.revision, Revision(3));
    assert!(store.head().await.unwrap().0 > 0);
    let fence = callboard_core::batch::Fence {
        shard: Shard::new(0).unwrap(),
        owner: NodeId(1),
        epoch: callboard_core::Epoch(1),
    };
    let refused = store.commit(vec![batch(fence, 4)]).await.remove(0).unwrap_err();
    let CommitError::Store(StoreError::Unavailable(text)) = &refused else { panic!("{refused:?}") };
    assert!(text.contains("write permission"), "{text}");
    assert!(store.acquire(NodeId(1), vec![]).await.is_err());
    // Others may read beside it.
    assert!(SqliteStore::open(SqliteConfig::new(folder)).unwrap().is_read_only());
}

async fn second_half(folder: &Path) {
    is_read_but_not_written(&folder.join("closed")).await;
    is_read_but_not_written(&folder.join("killed")).await;
    let error = SqliteStore::open(SqliteConfig::new(folder.join("empty"))).unwrap_err();
    assert!(matches!(error, OpenError::NothingToRead { .. }), "{error}");
    let error = SqliteStore::open(SqliteConfig::new(folder.join("new"))).unwrap_err();
    assert!(matches!(error, OpenError::NothingToRead { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_read() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return second_half(Path::new(&folder)).await;
    }
    let root = tempfile::tempdir().unwrap();
    let (closed, killed, empty) = (root.path().join("closed"), root.path().join("killed"), root.path().join("empty"));
    fill(&closed, &killed).await;
    std::fs::create_dir(&empty).unwrap();
    let program = root.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for folder in [&closed, &killed, &empty] {
        for file in std::fs::read_dir(folder).unwrap() {
            set_permissions(file.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
        }
        set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
    }
    set_permissions(root.path(), Permissions::from_mode(0o555)).unwrap();
    let is_superuser = std::fs::metadata(root.path()).unwrap().uid() == 0;
    if is_superuser {
        let mut other = Command::new(&program);
        other.uid(NOBODY).gid(NOBODY).env(FOLDER, root.path());
        let output = other.args(["--exact", "a_folder_that_cannot_be_written_is_read"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    } else {
        second_half(root.path()).await;
    }
    // So that the folder can be removed.
    for folder in [root.path(), &closed, &killed, &empty] {
        set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
}
