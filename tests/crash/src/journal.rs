//! [`Journal`]: hears topics as a named external subscriber and writes a line to a file for each publication, flushed before
//! it says that it is done.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use callboard::core::port::{BoxFuture, ExternalSubscriber};
use callboard::core::{Position, Publication};
use callboard::{CallError, Code, MessageId};
use parking_lot::Mutex;

/// What it hears.
pub const PATTERN: &str = "*.events";

/// The name under which its cursors are kept.
pub const NAME: &str = "journal";

/// Writes the file. A line is `topic epoch-seq id`.
#[derive(Debug)]
pub struct Journal(Arc<Mutex<File>>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The topic.
    pub topic: String,
    /// The place in it.
    pub position: Position,
    /// The publication's id.
    pub id: MessageId,
}

impl Journal {
    /// Opens the file. A line that a crash left unfinished is cut off: nobody was told that it is there.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let len = file.metadata()?.len();
        let tail = len.saturating_sub(4096);
        file.seek(SeekFrom::Start(tail))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
        if tail + whole < len {
            file.set_len(tail + whole)?;
        }
        Ok(Self(Arc::new(Mutex::new(file))))
    }
}

impl ExternalSubscriber for Journal {
    fn receive(&self, publication: Arc<Publication>) -> BoxFuture<'_, Result<(), CallError>> {
        let file = Arc::clone(&self.0);
        let line = format!("{} {} {}\n", publication.topic, publication.position, publication.id);
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || {
                let mut file = file.lock();
                file.write_all(line.as_bytes())?;
                file.sync_data()
            });
            match written.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(CallError::new(Code::ActionFailed, format!("the journal: {error}"))),
                Err(error) => Err(CallError::new(Code::ActionFailed, format!("the journal: {error}"))),
            }
        })
    }
}

impl Line {
    /// Reads a line without its end.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (topic, position, id) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        Some(Self { topic: topic.to_owned(), position: Position::parse(position)?, id: MessageId::parse(id)? })
    }
}
