//! `snapshot` actors: they reply first and write behind.

use std::time::Duration;

use callboard_core::Timestamp;
use callboard_core::activation::{Input, Lifecycle};
use callboard_core::port::CommitError;
use callboard_core::retry::backoff;

use super::Activation;
use super::turn::Settled;
use crate::decision::Decision;
use crate::written_behind::WrittenBehind;

impl Activation {
    /// Adds a decision to what is written behind. What caused it, when that must leave with it, has it written at once.
    pub(super) fn settle_behind(&mut self, mut decision: Decision, now: Timestamp, interval: Duration) -> Settled {
        let due = self.ports.clock.instant() + interval;
        let at_once = decision.at_once;
        let mut shown = decision.revision;
        let mut full = false;
        if let Some(present) = &mut self.present {
            let changed = decision.stores_state;
            if changed || !decision.writes.is_empty() || !decision.ephemeral.is_empty() {
                let behind = present.behind.get_or_insert_with(|| Box::new(WrittenBehind::new(due)));
                let (writes, ephemeral) =
                    (std::mem::take(&mut decision.writes), std::mem::take(&mut decision.ephemeral));
                behind.add(now, changed, writes, ephemeral);
                full = behind.is_full();
            }
            // The revision under which this will be stored; several turns may share it.
            decision.revision = present.revision;
            let stores = present.behind.as_ref().is_some_and(|behind| behind.stores_state());
            shown = if stores { present.revision.next() } else { present.revision };
        }
        let mut reply = self.perform(decision, Vec::new());
        reply.revision = shown;
        if at_once || full {
            return Settled::Flush(Box::new(reply));
        }
        self.step(Input::Decided { commit: false });
        Settled::Replied(Ok(reply))
    }

    /// Writes what waits behind replies; what cannot be written now is tried again later.
    pub(super) async fn flush_behind(&mut self) {
        let Err(error) = self.commit_behind().await else { return };
        tracing::error!(actor = %self.cell.id, %error, "what a snapshot actor replied could not be written yet");
        if !matches!(error, CommitError::Store(_)) {
            self.present = None;
            self.life = Lifecycle::Vacant;
        } else if let Some(behind) = self.present.as_mut().and_then(|present| present.behind.as_mut()) {
            behind.postpone(self.ports.clock.instant() + backoff(3, self.ports.entropy.next()));
        }
    }

    /// Writes what waits behind replies. After `CommitError::Store` it still waits.
    pub(super) async fn commit_behind(&mut self) -> Result<(), CommitError> {
        let Some(present) = &mut self.present else { return Ok(()) };
        let Some(behind) = present.behind.take() else { return Ok(()) };
        let revision = if behind.stores_state() { present.revision.next() } else { present.revision };
        let writes = behind.writes(revision, present.state.as_ref(), &present.tags);
        let batch = self.batch(behind.now(), writes);
        match self.ports.committer.commit(batch).await {
            Ok(committed) => {
                if let Some(present) = &mut self.present {
                    present.key = committed.receipt().key.or(present.key);
                    present.revision = revision;
                }
                for announcement in behind.into_ephemeral() {
                    self.ports.hub.announce(announcement);
                }
                Ok(())
            }
            Err(error) => {
                if let (CommitError::Store(_), Some(present)) = (&error, &mut self.present) {
                    present.behind = Some(behind);
                }
                Err(error)
            }
        }
    }
}
