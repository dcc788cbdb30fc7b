//! The embedded store of Callboard: SQLite, one writer, group commit.
//!
//! One thread writes. It takes commit calls from a bounded queue and puts as many as wait into one transaction, whose flush
//! they share; what it needs to know (fences, revisions, heads of topics) it remembers, so that the usual commit replaces one
//! row, appends the one that it replaced to the history, and looks up none. Other threads read, each on its own connection, and never wait for the writer. Another moves
//! committed pages from the log into the database file, beside the commits.
//!
//! Modules in reading order: [`config`] and [`open`] (folder, lock, version), `migrate` and `schema/v1.sql` (the tables,
//! drawn), `store` (the port's face), `writer` (guards, then writes), `view` (reads),
//! `checkpoint`, [`stats`].
//!
//! # Guarantees
//!
//! * What a commit acknowledges was flushed to the disk (`synchronous=FULL`), in a write-ahead log. After a crash or a loss
//!   of power the database opens where the last acknowledged commit left it.
//! * One process uses a folder: it holds a lock on `callboard.lock`, which goes with the process however it ends.
//! * When the disk is full or fails, commits answer `Unavailable` with what to do, nothing is left half written, reads go on,
//!   and commits work again as soon as they can.
//!
//! # Backups
//!
//! The folder holds an ordinary SQLite database. While the node runs, `sqlite3 data/callboard.db ".backup copy.db"` and
//! `sqlite3 data/callboard.db "VACUUM INTO 'copy.db'"` make a consistent copy; to restore, put the copy at
//! `callboard.db` in an empty folder. Copying the files of a running node is not a backup: what was committed last stands in
//! `callboard.db-wal`. Other programs may read the database at any time; if one writes, commits wait for it.

pub mod config;
pub mod open;
pub mod stats;

mod cache;
mod checkpoint;
mod encode;
mod fault;
mod lock;
mod migrate;
mod reader;
mod slots;
mod store;
mod view;
mod writer;

pub use config::SqliteConfig;
pub use open::OpenError;
pub use stats::StoreStats;
pub use store::SqliteStore;
