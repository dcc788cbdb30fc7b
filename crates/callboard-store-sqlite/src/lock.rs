//! [`FolderLock`]: one process per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::open::OpenError;

/// Holds a data folder until it is dropped or the process ends, however it ends: the operating system gives the lock back.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: Option<File>,
}

impl FolderLock {
    /// Takes the folder for writing, alone.
    pub(crate) fn exclusive(path: &Path) -> Result<Self, LockFault> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(file, path)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: Some(file) })
    }

    /// Takes the folder for reading, beside others that read. Where no process ever wrote there is nothing to take.
    pub(crate) fn shared(path: &Path) -> Result<Self, LockFault> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self { _file: None }),
            Err(error) => return Err(error.into()),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(held(file, path)),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// Why a folder could not be taken.
#[derive(Debug)]
pub(crate) enum LockFault {
    Held { pid: Option<u32>, path: PathBuf },
    Io(std::io::Error),
}

impl From<std::io::Error> for LockFault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl LockFault {
    pub(crate) fn into_open_error(self, folder: &Path) -> OpenError {
        match self {
            Self::Held { pid, path } => OpenError::InUse { folder: folder.to_owned(), lock: path, pid },
            Self::Io(source) => OpenError::Folder { folder: folder.to_owned(), source },
        }
    }
}

fn held(mut file: File, path: &Path) -> LockFault {
    let mut text = String::new();
    // The holder may be between taking the lock and writing its number; then the number is not known.
    let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
    LockFault::Held { pid, path: path.to_owned() }
}
