//! The embedded store of Callboard: SQLite, one writer, group commit.
