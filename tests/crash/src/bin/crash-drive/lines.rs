//! [`Lines`]: the file that the node's external subscriber writes, read as it grows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use callboard_crash::journal::Line;

/// How much is read at once.
const CHUNK_LEN: u64 = 8 * 1024 * 1024;

/// What was read so far.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    offset: u64,
    /// The last line by topic.
    pub(crate) last: BTreeMap<String, Line>,
    /// How many publications.
    pub(crate) count: u64,
    /// How many of them came once more, which is allowed for the last one before a crash.
    pub(crate) again: u64,
}

impl Lines {
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0, last: BTreeMap::new(), count: 0, again: 0 }
    }

    /// Reads what is new.
    ///
    /// # Errors
    /// A line that does not follow the one before of its topic.
    pub(crate) fn read(&mut self) -> Result<()> {
        loop {
            let text = self.chunk()?;
            let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
            self.offset += end as u64 + 1;
            for line in text[..end].split(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(line);
                let line = Line::parse(&line).with_context(|| format!("the journal has the line {line:?}"))?;
                self.line(line)?;
            }
        }
    }

    fn chunk(&self) -> Result<Vec<u8>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).context("opening the journal"),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = Vec::new();
        file.take(CHUNK_LEN).read_to_end(&mut text)?;
        Ok(text)
    }

    fn line(&mut self, line: Line) -> Result<()> {
        let position = line.position;
        match self.last.get(&line.topic) {
            Some(last) if *last == line => {
                self.again += 1;
                return Ok(());
            }
            Some(last) if position.epoch == last.position.epoch && position.seq == last.position.seq.next() => {}
            None if position.seq.0 == 1 => {}
            last => bail!("the journal has {} {position} behind {:?}", line.topic, last.map(|last| last.position)),
        }
        self.count += 1;
        self.last.insert(line.topic.clone(), line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use callboard::MessageId;
    use callboard::core::Position;

    use super::*;

    fn line(seq: u64, id: u128) -> Line {
        Line { topic: "a.events".to_owned(), position: Position::new(1, seq), id: MessageId::from_bits(id) }
    }

    #[test]
    fn only_the_last_line_of_a_topic_may_come_again() {
        let mut lines = Lines::of(Path::new("-"));
        lines.line(line(1, 1)).unwrap();
        lines.line(line(2, 2)).unwrap();
        lines.line(line(2, 2)).unwrap();
        assert_eq!((lines.count, lines.again), (2, 1));
        assert!(lines.line(line(1, 1)).is_err(), "one that was followed by another came again");
        assert!(lines.line(line(4, 4)).is_err(), "one is missing");
        assert!(lines.line(line(2, 9)).is_err(), "another publication at the same place");
    }
}
