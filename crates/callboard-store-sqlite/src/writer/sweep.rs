use callboard_core::limits::REPLY_KEPT;
use callboard_core::port::{SweepReport, SweepRequest};
use callboard_core::topic::{Retention, TopicPolicy};
use callboard_core::{Seq, Topic};

use super::transaction::Transaction;
use crate::encode::{Columns, int, limit};
use crate::fault::Outcome;

/// Replies that are looked at although they are young: behind a clock that was set back older ones may stand.
const YOUNG_REPLIES_MAX: usize = 100;

impl Transaction<'_> {
    pub(super) fn sweep(&mut self, request: &SweepRequest) -> Outcome<SweepReport> {
        let mut report = SweepReport::default();
        let mut rows = request.rows;
        let (topics, is_last_page) = self.topics_to_sweep(request)?;
        let mut ended = None;
        for topic in topics {
            let removed = self.sweep_topic(&topic, request, rows)?;
            rows -= removed;
            report.publications += removed as u64;
            ended = Some(topic);
            if rows == 0 {
                break;
            }
        }
        report.next = if is_last_page && rows > 0 { None } else { ended };
        report.replies = self.sweep_replies(request, rows)?;
        Ok(report)
    }

    /// The topics of this step, and whether no more follow. The one at which the last step ended comes again, for free: the
    /// step may have run out of rows there.
    fn topics_to_sweep(&self, request: &SweepRequest) -> Outcome<(Vec<Topic>, bool)> {
        let from = request.after.as_ref().map_or("", Topic::as_str);
        let sql = "SELECT name FROM topic WHERE name >= ?1 ORDER BY name LIMIT ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query((from, limit(request.topics.saturating_add(1))))?;
        let mut topics = Vec::new();
        while let Some(row) = rows.next()? {
            topics.push(Columns::of(row).topic()?);
        }
        let again = usize::from(topics.first().is_some_and(|topic| Some(topic) == request.after.as_ref()));
        let most = request.topics.saturating_add(again);
        let is_last_page = topics.len() < most;
        topics.truncate(most);
        Ok((topics, is_last_page))
    }

    fn sweep_topic(&mut self, name: &Topic, request: &SweepRequest, rows: usize) -> Outcome<usize> {
        let Some(topic) = self.known_topic(name)? else { return Ok(0) };
        let Retention { age, len } = match request.rules.policy(name) {
            TopicPolicy::Durable(retention) => retention,
            TopicPolicy::Ephemeral { age, len } => Retention { age, len: len as u64 },
        };
        let too_many = topic.head.0.saturating_sub(len);
        let waited_for = self.number("SELECT min(seq) FROM parked WHERE topic = ?1", [name.as_str()])?;
        let waited_for = waited_for.map(i64::unsigned_abs);
        let mut removed = 0;
        let mut last = Seq::ZERO;
        {
            let sql = "SELECT mark, seq, time FROM publication WHERE topic = ?1 ORDER BY seq LIMIT ?2";
            let mut statement = self.db.prepare_cached(sql)?;
            let mut oldest = statement.query((topic.id, limit(rows)))?;
            while let Some(row) = oldest.next()? {
                let mut columns = Columns::of(row);
                let (mark, seq, time) = (columns.unsigned()?, columns.seq()?, columns.time()?);
                let is_over = request.now.since(time) > age || seq.0 <= too_many;
                if !is_over || mark > request.watermark.0 || waited_for.is_some_and(|waited| seq.0 >= waited) {
                    break;
                }
                (removed, last) = (removed + 1, seq);
            }
        }
        if removed > 0 {
            self.keep_marks()?;
            self.execute("UPDATE topic SET head = ?2 WHERE id = ?1", (topic.id, int(topic.head.0)))?;
            self.execute("DELETE FROM publication WHERE topic = ?1 AND seq <= ?2", (topic.id, int(last.0)))?;
        }
        Ok(removed)
    }

    fn sweep_replies(&mut self, request: &SweepRequest, rows: usize) -> Outcome<u64> {
        let mut too_old = Vec::new();
        {
            let mut statement = self.db.prepare_cached("SELECT time, id FROM reply ORDER BY id")?;
            let mut oldest = statement.query([])?;
            let mut young = 0;
            while let Some(row) = oldest.next()? {
                let mut columns = Columns::of(row);
                if request.now.since(columns.time()?) > REPLY_KEPT {
                    too_old.push(columns.signed()?);
                } else {
                    young += 1;
                }
                if too_old.len() >= rows || young >= YOUNG_REPLIES_MAX {
                    break;
                }
            }
        }
        too_old.truncate(rows);
        for id in &too_old {
            self.execute("DELETE FROM reply WHERE id = ?1", [id])?;
        }
        if !too_old.is_empty() {
            self.memory.reply_round += 1;
        }
        Ok(too_old.len() as u64)
    }
}
