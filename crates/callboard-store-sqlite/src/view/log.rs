use std::sync::Arc;

use callboard_core::port::{LogBounds, TopicQuery, TopicSummary};
use callboard_core::{Epoch, Mark, Pattern, Position, Publication, Seq, Timestamp, Topic};
use rusqlite::Row;

use super::View;
use crate::encode::{Columns, int, limit, read_topic, time};
use crate::fault::Outcome;
use crate::slots;

const PUBLICATION: &str =
    "SELECT mark, topic, seq, id, time, type, payload, headers, trace, publisher FROM publication";

impl View<'_> {
    pub(crate) fn bounds(&mut self, topic: &Topic) -> Outcome<Option<LogBounds>> {
        let mut statement = self.db.prepare_cached("SELECT id, epoch, head FROM topic WHERE name = ?1")?;
        let mut rows = statement.query([topic.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut columns = Columns::of(row);
        let (id, epoch, head) = (columns.signed()?, Epoch(columns.unsigned()?), columns.seq()?);
        self.bounds_of(id, epoch, head)
    }

    /// `None` when nothing was ever published: the topic is only known by a cursor.
    fn bounds_of(&mut self, topic: i64, epoch: Epoch, head: Seq) -> Outcome<Option<LogBounds>> {
        let end = |order: &str| -> Outcome<Option<(Seq, Mark)>> {
            let sql = format!("SELECT seq, mark FROM publication WHERE topic = ?1 ORDER BY seq {order} LIMIT 1");
            let mut statement = self.db.prepare_cached(&sql)?;
            let mut rows = statement.query([topic])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let mut columns = Columns::of(row);
            Ok(Some((columns.seq()?, Mark(columns.unsigned()?))))
        };
        Ok(match (end("ASC")?, end("DESC")?) {
            (Some((first, _)), Some((newest, head_mark))) => {
                Some(LogBounds { epoch, first, head: newest.max(head), head_mark })
            }
            _ if head == Seq::ZERO => None,
            _ => Some(LogBounds { epoch, first: head.next(), head, head_mark: Mark::ZERO }),
        })
    }

    pub(crate) fn topics(&mut self, query: &TopicQuery) -> Outcome<Vec<TopicSummary>> {
        let prefix = literal_prefix(&query.pattern);
        let after = query.after.as_ref().map_or("", Topic::as_str);
        let is_after = if after >= prefix { ">" } else { ">=" };
        let sql = format!("SELECT name, id, epoch, head FROM topic WHERE name {is_after} ?1 ORDER BY name");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([after.max(prefix)])?;
        let mut listed = Vec::new();
        while listed.len() < query.limit {
            let Some(row) = rows.next()? else { break };
            let mut columns = Columns::of(row);
            let name = columns.text()?;
            if !name.starts_with(prefix) {
                break;
            }
            let topic = read_topic(name)?;
            if !query.pattern.matches(&topic) {
                continue;
            }
            let (id, epoch, head) = (columns.signed()?, Epoch(columns.unsigned()?), columns.seq()?);
            if let Some(LogBounds { epoch, first, head, .. }) = self.bounds_of(id, epoch, head)? {
                listed.push(TopicSummary { topic, head: Position { epoch, seq: head }, first });
            }
        }
        Ok(listed)
    }

    pub(crate) fn read_topic(&mut self, topic: &Topic, after: Seq, most: usize) -> Outcome<Vec<Arc<Publication>>> {
        let mut statement = self.db.prepare_cached("SELECT id, epoch FROM topic WHERE name = ?1")?;
        let mut rows = statement.query([topic.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(Vec::new()) };
        let mut columns = Columns::of(row);
        let (id, epoch) = (columns.signed()?, Epoch(columns.unsigned()?));
        let sql = format!("{PUBLICATION} WHERE topic = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query((id, int(after.0), limit(most)))?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            page.push(self.publication(row, Some((topic, epoch)))?);
        }
        Ok(page)
    }

    pub(crate) fn tail(&mut self, after: Mark, most: usize) -> Outcome<Vec<Arc<Publication>>> {
        let sql = format!("{PUBLICATION} WHERE mark > ?1 ORDER BY mark LIMIT ?2");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query((int(after.0), limit(most)))?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            page.push(self.publication(row, None)?);
        }
        Ok(page)
    }

    fn publication(&mut self, row: &Row<'_>, of: Option<(&Topic, Epoch)>) -> Outcome<Arc<Publication>> {
        let mut columns = Columns::of(row);
        let (mark, topic, seq) = (Mark(columns.unsigned()?), columns.signed()?, columns.seq()?);
        let (topic, epoch) = match of {
            Some((topic, epoch)) => (topic.clone(), epoch),
            None => self.topic_of(topic)?,
        };
        let (id, time) = (columns.message_id()?, columns.time()?);
        let payload = self.payload(columns.signed()?, columns.blob()?)?;
        let (headers, trace, publisher) = (columns.headers()?, columns.trace()?, columns.optional_actor()?);
        let position = Position { epoch, seq };
        Ok(Arc::new(Publication { id, topic, position, mark, time, payload, headers, trace, publisher }))
    }

    pub(crate) fn head(&mut self) -> Outcome<Mark> {
        slots::head(self.db)
    }

    /// Finds the first publication at or after a time by bisection over `horizon`, which never falls.
    pub(crate) fn mark_before(&mut self, at: Timestamp) -> Outcome<Mark> {
        let ends = |end| self.number(&format!("SELECT {end}(mark) FROM publication"), []);
        let (Some(mut low), Some(high)) = (ends("min")?, ends("max")?) else { return self.head() };
        // Everything before `low` is earlier; what stands at `high` is not, or nothing is.
        let mut high = high + 1;
        while low < high {
            let middle = low + (high - low) / 2;
            let sql = "SELECT CASE WHEN horizon < ?2 THEN mark END FROM \
                       (SELECT mark, horizon FROM publication WHERE mark >= ?1 ORDER BY mark LIMIT 1)";
            match self.number(sql, (middle, time(at)))? {
                Some(earlier) => low = earlier + 1,
                None => high = middle,
            }
        }
        // A publication that raised the horizon may have been swept since, so the first one found need not be late enough.
        let sql = "SELECT mark FROM publication WHERE mark >= ?1 AND time >= ?2 ORDER BY mark LIMIT 1";
        match self.number(sql, (low, time(at)))? {
            Some(first) => Ok(Mark(first.unsigned_abs() - 1)),
            None => self.head(),
        }
    }
}

/// What every topic of a pattern begins with.
fn literal_prefix(pattern: &Pattern) -> &str {
    let text = pattern.as_str();
    let mut end = 0;
    for token in pattern.tokens() {
        if token == "*" || token == ">" {
            return &text[..end];
        }
        end += token.len() + 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_over_topics_starts_where_a_pattern_can_match() {
        for (pattern, prefix) in
            [("a.b", "a.b"), ("a.*", "a."), ("a.>", "a."), (">", ""), ("*.b", ""), ("a.b.*.c", "a.b.")]
        {
            assert_eq!(literal_prefix(&Pattern::parse(pattern).unwrap()), prefix, "{pattern}");
        }
    }
}
