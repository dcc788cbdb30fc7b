use callboard_core::ActorId;
use callboard_core::batch::TimerEntry;
use callboard_core::port::TimerPlace;

use super::View;
use crate::encode::{Columns, limit, time};
use crate::fault::Outcome;

impl View<'_> {
    pub(crate) fn timers(&mut self, after: Option<&TimerPlace>, most: usize) -> Outcome<Vec<TimerEntry>> {
        let sql = "SELECT actor, name, due, every, catch_up FROM timer \
                   WHERE (due, actor, name) > (?1, ?2, ?3) ORDER BY due, actor, name LIMIT ?4";
        let (due, actor, name) =
            after.map_or((-1, "", ""), |place| (time(place.due), place.actor.as_str(), place.name.as_str()));
        self.timer_rows(sql, (due, actor, name, limit(most)))
    }

    pub(crate) fn timers_of(&mut self, actor: &ActorId) -> Outcome<Vec<TimerEntry>> {
        let sql = "SELECT actor, name, due, every, catch_up FROM timer WHERE actor = ?1 ORDER BY name";
        self.timer_rows(sql, [actor.as_str()])
    }

    fn timer_rows(&self, sql: &str, parameters: impl rusqlite::Params) -> Outcome<Vec<TimerEntry>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        let mut timers = Vec::new();
        while let Some(row) = rows.next()? {
            let mut columns = Columns::of(row);
            let (actor, name, due) = (columns.actor()?, columns.name()?, columns.time()?);
            let (every_ms, catch_up) = (columns.unsigned()?, columns.catch_up()?);
            timers.push(TimerEntry { actor, name, due, every_ms, catch_up });
        }
        Ok(timers)
    }
}
