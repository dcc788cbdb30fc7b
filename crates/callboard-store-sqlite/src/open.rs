//! Opening: the folder, its lock, the file, its version, and what each failure means.

use std::path::{Path, PathBuf};

use callboard_core::port::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::config::SqliteConfig;
use crate::fault::Fault;
use crate::lock::FolderLock;
use crate::migrate::{Found, NEWEST, look, migrate};

/// Why a store could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the folder.
    #[error("{} is in use by {}; stop it or choose another folder (the lock is {})", folder.display(), owner(*pid), lock.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// The other process, if it is known.
        pid: Option<u32>,
    },
    /// The folder can be neither used nor created.
    #[error("the data folder {} cannot be used: {source}; create it, or give this process permission to", folder.display())]
    Folder {
        /// The data folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not a database, or is one of another program.
    #[error("{} is not a database of Callboard; move it away or choose another folder", database.display())]
    NotADatabase {
        /// The file.
        database: PathBuf,
    },
    /// A later version of Callboard wrote it.
    #[error("{} has version {found}, and this program knows versions up to {known}; use a newer Callboard", database.display())]
    Newer {
        /// The file.
        database: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// The folder cannot be written, and what is in it cannot be read as it stands.
    #[error("{} cannot be written, and there is nothing in it to read; give this process write permission on it", folder.display())]
    NothingToRead {
        /// The data folder.
        folder: PathBuf,
    },
    /// The database cannot be read or written.
    #[error("{0}")]
    Database(#[from] StoreError),
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("the process {pid}"))
}

/// How the database is opened; every further connection is opened the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    ReadWrite,
    /// With the shared memory file that a writer left behind.
    ReadOnly,
    /// Without any file beside the database: it was closed properly, and nobody may write it now.
    Immutable,
}

impl Access {
    /// A connection for reading.
    pub(crate) fn reader(self, config: &SqliteConfig) -> rusqlite::Result<Connection> {
        let connection = self.connect(&config.database())?;
        connection.pragma_update(None, "cache_size", -i64::from(config.reader_cache_kib))?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// A connection that writes: every commit is flushed, and checkpoints are somebody else's work.
    pub(crate) fn writer(self, config: &SqliteConfig) -> rusqlite::Result<Connection> {
        let connection = self.connect(&config.database())?;
        connection.pragma_update(None, "cache_size", -i64::from(config.writer_cache_kib))?;
        if let Some(bytes) = config.size_bytes_max {
            let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(connection)
    }

    fn connect(self, database: &Path) -> rusqlite::Result<Connection> {
        let common = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self {
            Self::ReadWrite => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
                Connection::open_with_flags(database, common | flags)?
            }
            Self::ReadOnly => Connection::open_with_flags(database, common | OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            Self::Immutable => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(immutable_uri(database), common | flags)?
            }
        };
        // Only a foreign program can hold the file against us; it gets this long to finish.
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        connection.set_prepared_statement_cache_capacity(96);
        Ok(connection)
    }
}

// What means something in a URI is written as its code.
fn immutable_uri(database: &Path) -> String {
    let mut uri = "file:".to_owned();
    for c in database.to_string_lossy().chars() {
        match c {
            '%' | '?' | '#' => uri.push_str(&format!("%{:02x}", u32::from(c))),
            c => uri.push(c),
        }
    }
    uri + "?immutable=1"
}

/// A database that is open, and held.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) lock: FolderLock,
    pub(crate) access: Access,
    pub(crate) connection: Connection,
}

/// Opens the folder for writing, or for reading where it cannot be written.
pub(crate) fn open(config: &SqliteConfig) -> Result<Opened, OpenError> {
    match open_for_writing(config) {
        Err(error) if is_not_writable(&error) => open_for_reading(config),
        opened => opened,
    }
}

fn open_for_writing(config: &SqliteConfig) -> Result<Opened, OpenError> {
    let folder = |source| OpenError::Folder { folder: config.folder.clone(), source };
    create_folder(&config.folder).map_err(folder)?;
    let lock = FolderLock::exclusive(&config.lock_file()).map_err(|fault| fault.into_open_error(&config.folder))?;
    let database = config.database();
    let failed = |error: rusqlite::Error| database_error(error, &database);
    let mut connection = Access::ReadWrite.writer(config).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(read_only(config));
    }
    let version = version(look(&connection).map_err(failed)?, &database)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(failed)?;
    migrate(&mut connection, version).map_err(failed)?;
    Ok(Opened { lock, access: Access::ReadWrite, connection })
}

/// Creates the folder so that it is still there after a loss of power: SQLite sees to the files, not to what they are in.
fn create_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        // Not every system lets a folder be opened; those that do not keep its entries by themselves.
        let _ = std::fs::File::open(parent).and_then(|parent| parent.sync_all());
    }
    Ok(())
}

fn open_for_reading(config: &SqliteConfig) -> Result<Opened, OpenError> {
    let database = config.database();
    if !database.exists() {
        return Err(OpenError::NothingToRead { folder: config.folder.clone() });
    }
    let lock = FolderLock::shared(&config.lock_file()).map_err(|fault| fault.into_open_error(&config.folder))?;
    // A writer that was killed leaves its log and the memory file beside it, and both are needed to read what it committed.
    let log = database.with_extension("db-wal").metadata().is_ok_and(|log| log.len() > 0);
    let access = if log { Access::ReadOnly } else { Access::Immutable };
    let failed = |error: rusqlite::Error| database_error(error, &database);
    let connection = access.reader(config).map_err(failed)?;
    match version(look(&connection).map_err(failed)?, &database)? {
        NEWEST => Ok(Opened { lock, access, connection }),
        _ => Err(OpenError::NothingToRead { folder: config.folder.clone() }),
    }
}

fn version(found: Found, database: &Path) -> Result<i64, OpenError> {
    match found {
        Found::Empty => Ok(0),
        Found::Version(version) => Ok(version),
        Found::Newer(found) => Err(OpenError::Newer { database: database.to_owned(), found, known: NEWEST }),
        Found::Foreign => Err(OpenError::NotADatabase { database: database.to_owned() }),
    }
}

fn database_error(error: rusqlite::Error, database: &Path) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { database: database.to_owned() },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            let source = std::io::Error::new(std::io::ErrorKind::PermissionDenied, error);
            OpenError::Folder { folder: database.parent().unwrap_or(database).to_owned(), source }
        }
        _ => OpenError::Database(Fault::Sqlite(error).to_store_error(database)),
    }
}

fn read_only(config: &SqliteConfig) -> OpenError {
    let source = std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
    OpenError::Folder { folder: config.folder.clone(), source }
}

fn is_not_writable(error: &OpenError) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error, OpenError::Folder { source, .. } if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem))
}
