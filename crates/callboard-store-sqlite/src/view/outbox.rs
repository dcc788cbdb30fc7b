use callboard_core::Timestamp;
use callboard_core::batch::OutboxEntry;
use callboard_core::port::EffectPlace;

use super::View;
use crate::encode::{Columns, limit, message_id, time};
use crate::fault::Outcome;

impl View<'_> {
    pub(crate) fn effects(&mut self, after: EffectPlace, until: Timestamp, most: usize) -> Outcome<Vec<OutboxEntry>> {
        let sql = "SELECT id, origin, target, action, type, payload, headers, trace, due FROM effect \
                   WHERE (due, id) > (?1, ?2) AND due <= ?3 ORDER BY due, id LIMIT ?4";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query((time(after.due), place(after), time(until), limit(most)))?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            let mut columns = Columns::of(row);
            let (id, origin, target) = (columns.message_id()?, columns.optional_actor()?, columns.actor()?);
            let action = columns.name()?;
            let payload = self.payload(columns.signed()?, columns.blob()?)?;
            let (headers, trace, due) = (columns.headers()?, columns.trace()?, columns.time()?);
            page.push(OutboxEntry { id, origin, target, action, payload, headers, trace, due });
        }
        Ok(page)
    }

    pub(crate) fn next_effect_due(&mut self, after: EffectPlace) -> Outcome<Option<Timestamp>> {
        let sql = "SELECT due FROM effect WHERE (due, id) > (?1, ?2) ORDER BY due, id LIMIT 1";
        let due = self.number(sql, (time(after.due), place(after)))?;
        Ok(due.map(|due| Timestamp::from_millis(due.unsigned_abs())))
    }
}

// The empty bytes stand before every id.
fn place(after: EffectPlace) -> Vec<u8> {
    after.id.map_or_else(Vec::new, |id| message_id(id).to_vec())
}
