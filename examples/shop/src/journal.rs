//! [`Journal`]: a file of lines, each written once, however often it is asked for and whenever the process dies.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callboard::MessageId;
use serde::Serialize;

/// Ids that are known without looking into the file.
const RECENT_LEN: usize = 10_000;

/// Bytes of one line. What is longer is refused, since what is written down may come from anybody.
const LINE_LEN_MAX: u64 = 64 * 1024;

/// How a line begins; behind it stands the id.
const BEGIN: &str = "{\"id\":\"";
/// Characters of an id.
const ID_LEN: usize = 36;

/// A file of JSON lines, each under an id, in the order in which they were written.
///
/// *Durability*: when [`Journal::append`] returns, the line is on disk. *Once*: an id that is in the file already is not
/// written again, also by a later process; a line that a crash cut off is removed. *Bounds*: the newest ids are in memory; an
/// older one is looked up in the file. *Exclusive*: one process at a time.
///
/// The file is opened with the first use, which is when the store is open and has said who else uses the folder.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    book: Mutex<Book>,
}

#[derive(Debug)]
enum Book {
    Closed,
    Open(Open),
    // What is in the file is no longer certain. The next start finds out.
    Broken(String),
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the file now.
    Written,
    /// It was in the file before.
    Known,
}

impl Journal {
    /// The journal in this file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Shared { path: path.into(), book: Mutex::new(Book::Closed) }))
    }

    /// Writes a line with these fields under an id, unless there is one, and waits until it is on disk.
    ///
    /// *Cancel safety*: the line is then written or not, and never half.
    ///
    /// # Errors
    /// The file cannot be opened, is another process's, or the disk is full; nothing was written then.
    pub async fn append(&self, id: MessageId, fields: &impl Serialize) -> io::Result<Appended> {
        let line = line(id, fields)?;
        self.blocking(move |open| open.append(id, &line)).await
    }

    /// Opens the file if it is not open yet, and says what is wrong with it.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn check(&self) -> io::Result<()> {
        self.blocking(|_| Ok(())).await
    }

    // A flush takes as long as the disk takes; actors must not wait for that on a thread that others need.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Open) -> Result<T, Failure> + Send + 'static,
    ) -> io::Result<T> {
        let shared = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || shared.work(work)).await;
        worked.map_err(io::Error::other)?
    }
}

impl Shared {
    fn work<T>(&self, work: impl FnOnce(&mut Open) -> Result<T, Failure>) -> io::Result<T> {
        let mut book = self.book();
        if matches!(*book, Book::Closed) {
            *book = Book::Open(Open::from_disk(&self.path).map_err(|error| self.named(&error))?);
        }
        let failure = match &mut *book {
            Book::Open(open) => match work(open) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            },
            Book::Broken(why) => return Err(io::Error::other(why.clone())),
            Book::Closed => return Err(io::Error::other("opened and closed at once")),
        };
        if let Failure::Broken(error) = &failure {
            *book = Book::Broken(format!("{}: {error}; start again", self.path.display()));
        }
        let (Failure::Undone(error) | Failure::Broken(error)) = failure;
        Err(self.named(&error))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
    }
}

#[derive(Debug)]
enum Failure {
    /// The file is what it was.
    Undone(io::Error),
    /// Nobody knows what the file is.
    Broken(io::Error),
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Bytes of whole lines.
    len: u64,
    /// The ids written last, in that order, and sorted.
    recent: VecDeque<MessageId>,
    sorted: BTreeSet<MessageId>,
    /// The greatest id that is in the file and not in `recent`. Ids begin with a time, so a new one is nearly always greater.
    greatest_older: Option<MessageId>,
}

impl Open {
    fn from_disk(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let is_new = !path.exists();
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another process writes it"),
            TryLockError::Error(error) => error,
        })?;
        if is_new {
            sync_folder(path)?;
        }
        let (recent, sorted) = (VecDeque::new(), BTreeSet::new());
        let mut open = Self { file, len: 0, recent, sorted, greatest_older: None };
        open.read()?;
        Ok(open)
    }

    /// Learns what is in the file, and cuts off the beginning of a line that never became one.
    fn read(&mut self) -> io::Result<()> {
        let file = self.file.try_clone()?;
        let mut lines = Lines::of(&file)?;
        while let Some(line) = lines.next()? {
            if let Some(id) = id_of(line) {
                self.remember(id);
            }
        }
        self.len = lines.whole;
        let torn = self.file.metadata()?.len() - self.len;
        if torn > 0 {
            tracing::warn!(bytes = torn, "the last line was cut off by a crash and is removed");
            self.file.set_len(self.len)?;
            self.file.sync_all()?;
        }
        Ok(())
    }

    fn append(&mut self, id: MessageId, line: &[u8]) -> Result<Appended, Failure> {
        if self.knows(id).map_err(Failure::Undone)? {
            return Ok(Appended::Known);
        }
        if let Err(error) = self.file.write_all(line) {
            // Perhaps half of it was written, e.g. because the disk is full.
            return Err(match self.file.set_len(self.len) {
                Ok(()) => Failure::Undone(error),
                Err(worse) => Failure::Broken(worse),
            });
        }
        // After a flush that failed nobody knows what is on disk, and a second one may wrongly succeed.
        self.file.sync_data().map_err(Failure::Broken)?;
        self.len += line.len() as u64;
        self.remember(id);
        Ok(Appended::Written)
    }

    fn knows(&self, id: MessageId) -> io::Result<bool> {
        if self.sorted.contains(&id) {
            return Ok(true);
        }
        if self.greatest_older.is_none_or(|older| older < id) {
            return Ok(false);
        }
        let mut lines = Lines::of(&self.file)?;
        while let Some(line) = lines.next()? {
            if id_of(line) == Some(id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remember(&mut self, id: MessageId) {
        self.recent.push_back(id);
        self.sorted.insert(id);
        if self.recent.len() > RECENT_LEN
            && let Some(older) = self.recent.pop_front()
        {
            self.sorted.remove(&older);
            self.greatest_older = self.greatest_older.max(Some(older));
        }
    }
}

/// The whole lines of a file, from its beginning.
struct Lines<'a> {
    reader: BufReader<&'a File>,
    line: Vec<u8>,
    /// Bytes of the lines read so far.
    whole: u64,
}

impl<'a> Lines<'a> {
    fn of(mut file: &'a File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { reader: BufReader::with_capacity(1 << 16, file), line: Vec::new(), whole: 0 })
    }

    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = (&mut self.reader).take(LINE_LEN_MAX + 1).read_until(b'\n', &mut self.line)?;
        if self.line.last() != Some(&b'\n') {
            if read as u64 > LINE_LEN_MAX {
                let text = "it has a line that no journal has; move the file away";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            return Ok(None);
        }
        self.whole += read as u64;
        Ok(Some(&self.line))
    }
}

/// A file that was made is there for good only when its folder was flushed.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[derive(Serialize)]
struct Line<'a, T> {
    id: String,
    #[serde(flatten)]
    fields: &'a T,
}

fn line(id: MessageId, fields: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Line { id: id.to_string(), fields }).map_err(io::Error::other)?;
    line.push(b'\n');
    if line.len() as u64 > LINE_LEN_MAX {
        let text = format!("a line of {} bytes; the most is {LINE_LEN_MAX}", line.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(line)
}

fn id_of(line: &[u8]) -> Option<MessageId> {
    let id = line.strip_prefix(BEGIN.as_bytes())?.get(..ID_LEN)?;
    MessageId::parse(std::str::from_utf8(id).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Note {
        text: String,
    }

    fn note(text: &str) -> Note {
        Note { text: text.to_owned() }
    }

    fn id(n: u64) -> MessageId {
        MessageId::new(callboard::Timestamp::from_millis(n), u128::from(n))
    }

    fn lines(path: &Path) -> Vec<String> {
        std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_line_is_written_once_also_by_a_later_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/mail.log");
        let journal = Journal::at(&path);
        assert_eq!(journal.append(id(1), &note("one\ntwo")).await.unwrap(), Appended::Written);
        assert_eq!(journal.append(id(1), &note("one\ntwo")).await.unwrap(), Appended::Known);
        drop(journal);
        let journal = Journal::at(&path);
        assert_eq!(journal.append(id(1), &note("one\ntwo")).await.unwrap(), Appended::Known);
        assert_eq!(journal.append(id(2), &note("three")).await.unwrap(), Appended::Written);
        let expected = |n, text: &str| format!("{{\"id\":\"{}\",\"text\":\"{text}\"}}", id(n));
        assert_eq!(lines(&path), [expected(1, "one\\ntwo"), expected(2, "three")]);
    }

    #[tokio::test]
    async fn whatever_a_crash_left_of_the_last_line_is_replaced_by_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail.log");
        let whole = [line(id(1), &note("one")).unwrap(), line(id(2), &note("two")).unwrap()].concat();
        let first = line(id(1), &note("one")).unwrap().len();
        for cut in first..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let journal = Journal::at(&path);
            assert_eq!(journal.append(id(1), &note("one")).await.unwrap(), Appended::Known);
            assert_eq!(journal.append(id(2), &note("two")).await.unwrap(), Appended::Written, "cut at {cut}");
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn an_id_that_left_memory_is_found_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail.log");
        let len = RECENT_LEN as u64 + 10;
        let text: Vec<u8> = (100..100 + len).flat_map(|n| line(id(n), &note("x")).unwrap()).collect();
        std::fs::write(&path, &text).unwrap();
        let journal = Journal::at(&path);
        assert_eq!(journal.append(id(100), &note("x")).await.unwrap(), Appended::Known);
        assert_eq!(journal.append(id(99 + len), &note("x")).await.unwrap(), Appended::Known);
        assert_eq!(journal.append(id(1), &note("late")).await.unwrap(), Appended::Written);
        assert_eq!(journal.append(id(1), &note("late")).await.unwrap(), Appended::Known);
        assert_eq!(lines(&path).len() as u64, len + 1);
    }

    #[tokio::test]
    async fn a_second_writer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail.log");
        let (first, second) = (Journal::at(&path), Journal::at(&path));
        first.append(id(1), &note("one")).await.unwrap();
        let error = second.append(id(2), &note("two")).await.unwrap_err();
        assert!(error.to_string().contains("mail.log: another process writes it"), "{error}");
        drop(first);
        assert_eq!(second.append(id(2), &note("two")).await.unwrap(), Appended::Written);
    }

    #[tokio::test]
    async fn what_is_no_line_is_neither_written_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail.log");
        let error = Journal::at(&path).append(id(1), &note(&"x".repeat(1 << 16))).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        std::fs::write(&path, vec![0; 1 << 20]).unwrap();
        let error = Journal::at(&path).append(id(1), &note("one")).await.unwrap_err();
        assert!(error.to_string().contains("mail.log: it has a line that no journal has"), "{error}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 20, "it is left as it was");
    }

    #[test]
    fn after_a_failure_that_nobody_understands_nothing_counts_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail.log");
        let journal = Journal::at(&path);
        journal.0.work(|_| Ok(())).unwrap();
        // A file that can be neither written nor cut.
        let read_only = File::open(&path).unwrap();
        if let Book::Open(open) = &mut *journal.0.book() {
            open.file = read_only;
        }
        let line = line(id(1), &note("one")).unwrap();
        for _ in 0..2 {
            assert!(journal.0.work(|open| open.append(id(1), &line)).is_err());
        }
        assert!(journal.0.work(|_| Ok(())).unwrap_err().to_string().contains("start again"));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
