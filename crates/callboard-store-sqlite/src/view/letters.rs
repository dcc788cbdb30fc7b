use callboard_core::batch::{DeadLetter, DeadLetterSource};
use callboard_core::{MessageId, Position};
use rusqlite::Row;

use super::View;
use crate::encode::{Columns, limit, message_id, read_topic};
use crate::fault::{Fault, Outcome};

const LETTER: &str = "SELECT id, target, action, type, payload, headers, source, topic, epoch, seq, code, message, \
                      attempts, time FROM dead_letter";

impl View<'_> {
    pub(crate) fn dead_letters(&mut self, after: Option<MessageId>, most: usize) -> Outcome<Vec<DeadLetter>> {
        let sql = format!("{LETTER} WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut statement = self.db.prepare_cached(&sql)?;
        let after = after.map_or_else(Vec::new, |id| message_id(id).to_vec());
        let mut rows = statement.query((after, limit(most)))?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            page.push(self.letter(row)?);
        }
        Ok(page)
    }

    pub(crate) fn dead_letter(&mut self, id: MessageId) -> Outcome<Option<DeadLetter>> {
        let sql = format!("{LETTER} WHERE id = ?1");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([message_id(id)])?;
        rows.next()?.map(|row| self.letter(row)).transpose()
    }

    fn letter(&mut self, row: &Row<'_>) -> Outcome<DeadLetter> {
        let mut columns = Columns::of(row);
        let (id, target, action) = (columns.message_id()?, columns.actor()?, columns.name()?);
        let payload = self.payload(columns.signed()?, columns.blob()?)?;
        let (headers, source_id) = (columns.headers()?, columns.message_id()?);
        let (topic, epoch, seq) = (columns.optional_text()?, columns.optional()?, columns.optional()?);
        let source = match (topic, epoch, seq) {
            (None, _, _) => DeadLetterSource::Effect { id: source_id },
            (Some(topic), Some(epoch), Some(seq)) => {
                let position = Position::new(epoch.unsigned_abs(), seq.unsigned_abs());
                DeadLetterSource::Publication { id: source_id, topic: read_topic(topic)?, position }
            }
            (Some(_), _, _) => return Err(Fault::Corrupt(format!("the dead letter {id} has no position"))),
        };
        let (code, message) = (columns.code()?, columns.text()?.to_owned());
        let (attempts, time) = (columns.count32()?, columns.time()?);
        Ok(DeadLetter { id, target, action, payload, headers, source, code, message, attempts, time })
    }
}
