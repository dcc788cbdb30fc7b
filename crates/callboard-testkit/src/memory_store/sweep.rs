use std::ops::Bound;

use callboard_core::limits::REPLY_KEPT;
use callboard_core::port::{SweepReport, SweepRequest};
use callboard_core::topic::{Retention, TopicPolicy};
use callboard_core::{Publication, Seq, Topic};

use super::tables::Tables;

impl Tables {
    pub(super) fn sweep(&mut self, request: &SweepRequest) -> SweepReport {
        let mut report = SweepReport::default();
        let mut rows = request.rows;
        // The topic at which the last step ended is looked at again: it may have run out of rows there.
        let from = request.after.clone().map_or(Bound::Unbounded, Bound::Included);
        let again = usize::from(request.after.as_ref().is_some_and(|topic| self.topics.contains_key(topic)));
        let most = request.topics.saturating_add(again);
        let topics: Vec<Topic> =
            self.topics.range((from, Bound::Unbounded)).map(|(topic, _)| topic.clone()).take(most).collect();
        let is_last_page = topics.len() < most;
        let mut ended = None;
        for topic in topics {
            let removed = self.sweep_topic(&topic, request, rows);
            rows -= removed;
            report.publications += removed as u64;
            ended = Some(topic);
            if rows == 0 {
                break;
            }
        }
        report.replies = self.sweep_replies(request, rows);
        report.next = if is_last_page && rows > 0 { None } else { ended };
        self.keep();
        report
    }

    fn sweep_topic(&mut self, topic: &Topic, request: &SweepRequest, rows: usize) -> usize {
        let Some(head) = self.topics.get(topic).copied() else { return 0 };
        let Retention { age, len } = match request.rules.policy(topic) {
            TopicPolicy::Durable(retention) => retention,
            TopicPolicy::Ephemeral { age, len } => Retention { age, len: len as u64 },
        };
        let waited_for = self.parked.values().filter(|parked| parked.topic == *topic).map(|p| p.position.seq).min();
        let may_go = |publication: &Publication| {
            let seq = publication.position.seq;
            let is_old = request.now.since(publication.time) > age || seq.0 <= head.0.saturating_sub(len);
            is_old && publication.mark <= request.watermark && waited_for.is_none_or(|w| seq < w)
        };
        let kept = self.log_by_topic.range((topic.clone(), Seq::ZERO)..=(topic.clone(), head));
        let gone: Vec<_> =
            kept.take_while(|(_, p)| may_go(p)).take(rows).map(|(key, p)| (key.clone(), p.mark)).collect();
        for (key, mark) in &gone {
            self.log_by_topic.take(key);
            self.log.take(mark);
        }
        gone.len()
    }

    fn sweep_replies(&mut self, request: &SweepRequest, rows: usize) -> u64 {
        let too_old = self.replies.iter().filter(|(_, (_, reply))| request.now.since(reply.time) > REPLY_KEPT);
        let gone: Vec<_> = too_old.take(rows).map(|(key, (number, _))| (key.clone(), *number)).collect();
        for (key, number) in &gone {
            self.replies_by_age.take(&(key.0.clone(), *number));
            self.replies.take(key);
        }
        gone.len() as u64
    }
}
