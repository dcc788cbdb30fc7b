//! [`SqliteConfig`]: where the database is and how much memory it may use.

use std::path::{Path, PathBuf};

/// Where the database is and how much memory it may use. [`SqliteConfig::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The data folder. It is created when it is not there; the database is the file `callboard.db` in it.
    pub folder: PathBuf,
    /// Memory for pages on the connection that commits, in KiB.
    pub writer_cache_kib: u32,
    /// Memory for pages on each connection that reads, in KiB.
    pub reader_cache_kib: u32,
    /// Threads that read, each with its own connection.
    pub readers: usize,
    /// Actors (and topics) whose revision or head is remembered between commits, so that it need not be read.
    pub remembered: usize,
    /// Commit calls that may wait for the one thread that writes; more of them wait in their callers.
    pub queue_len_max: usize,
    /// The database grows no further than this; then commits answer `Unavailable` until something is removed. `None` leaves
    /// the limit to the disk.
    pub size_bytes_max: Option<u64>,
}

impl SqliteConfig {
    /// The defaults, for a data folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            writer_cache_kib: 64 * 1024,
            reader_cache_kib: 8 * 1024,
            readers: 2,
            remembered: 100_000,
            queue_len_max: 1024,
            size_bytes_max: None,
        }
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join("callboard.db")
    }

    /// The file by which a process holds the folder.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.folder.join("callboard.lock")
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
