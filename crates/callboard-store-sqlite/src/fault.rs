//! What can go wrong with the database, in words that say what to do.

use std::path::Path;

use callboard_core::port::StoreError;
use rusqlite::ErrorCode;

/// Why a statement or a row could not be used.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    /// A row that no version of this store writes.
    Corrupt(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

pub(crate) type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// The error as the port knows it.
    pub(crate) fn to_store_error(&self, database: &Path) -> StoreError {
        let path = database.display();
        let error = match self {
            Self::Corrupt(what) => return StoreError::Corrupt(format!("{path}: {what}; {RESTORE}")),
            Self::Sqlite(error) => error,
        };
        let text = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => format!(
                "the disk under {path} is full (or its size limit is reached); free some space: nothing was lost, reads go \
                 on, and commits work again as soon as there is room"
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
                format!("{path} may not be written; give this process write permission on its folder: reads go on")
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                format!("another program holds {path} locked; let it finish or close it")
            }
            Some(ErrorCode::SystemIoFailure) => {
                format!("{path} cannot be read or written ({error}); check the disk and the system's log")
            }
            Some(ErrorCode::CannotOpen) => {
                format!("{path} cannot be opened ({error}); check that its folder is there and may be used")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                return StoreError::Corrupt(format!("{path} is damaged ({error}); {RESTORE}"));
            }
            _ => format!("{path}: {error}"),
        };
        StoreError::Unavailable(text)
    }
}

const RESTORE: &str =
    "stop the node, keep a copy of the folder, and restore a backup or run `sqlite3 callboard.db .recover`";
