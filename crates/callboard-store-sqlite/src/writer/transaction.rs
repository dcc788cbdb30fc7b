use callboard_core::batch::{Fence, StoreKey, Subscriber, SubscriptionId};
use callboard_core::port::{CommitError, Receipt};
use callboard_core::{Batch, Epoch, NodeId, Shard, Write};
use rusqlite::Connection;

use super::memory::Memory;
use super::plan;
use crate::encode::{bits, int};
use crate::fault::{Fault, Outcome};

/// The transaction that is under way, with what is remembered of the database.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) db: &'a Connection,
    pub(super) memory: &'a mut Memory,
}

/// Why a batch is not applied: a guard of its own, or the database, which concerns the whole transaction.
#[derive(Debug)]
pub(super) enum Refusal {
    Guard(CommitError),
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Refusal {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

impl Refusal {
    pub(super) const CONFLICT: Self = Self::Guard(CommitError::Conflict);
    pub(super) const DUPLICATE: Self = Self::Guard(CommitError::Duplicate);
}

impl<'a> Transaction<'a> {
    pub(super) const fn new(db: &'a Connection, memory: &'a mut Memory) -> Self {
        Self { db, memory }
    }

    pub(super) fn acquire(&mut self, node: NodeId, shards: &[Shard]) -> Outcome<Vec<Fence>> {
        let mut fences = Vec::with_capacity(shards.len());
        for shard in shards {
            let held = self.memory.fences.get_mut(usize::from(shard.number()));
            let before = held.as_ref().and_then(|held| **held).map_or(0, |(_, epoch)| epoch.0);
            let fence = Fence { shard: *shard, owner: node, epoch: Epoch(before + 1) };
            if let Some(held) = held {
                *held = Some((node, fence.epoch));
            }
            let sql = "INSERT OR REPLACE INTO shard (shard, owner, epoch) VALUES (?1, ?2, ?3)";
            self.execute(sql, (shard.number(), bits(node.0), int(fence.epoch.0)))?;
            fences.push(fence);
        }
        Ok(fences)
    }

    /// Applies each batch or refuses it. An error concerns all of them.
    pub(super) fn commit(&mut self, batches: Vec<Batch>) -> Outcome<Vec<Result<Receipt, CommitError>>> {
        let mut answers = Vec::with_capacity(batches.len());
        for batch in batches {
            answers.push(match self.commit_one(batch) {
                Ok(receipt) => Ok(receipt),
                Err(Refusal::Guard(error)) => Err(error),
                Err(Refusal::Fault(fault)) => return Err(fault),
            });
        }
        self.clear_history()?;
        Ok(answers)
    }

    fn commit_one(&mut self, batch: Batch) -> Result<Receipt, Refusal> {
        if !self.memory.holds(&batch.fence) {
            return Err(Refusal::Guard(CommitError::Fenced(batch.fence.shard)));
        }
        if plan::guards_stand_alone(&batch.writes) {
            for write in &batch.writes {
                self.check(batch.actor.as_ref(), write)?;
            }
            self.write_all(batch, false)
        } else {
            self.with_savepoint(|transaction| transaction.write_all(batch, true))
        }
    }

    fn write_all(&mut self, batch: Batch, checks: bool) -> Result<Receipt, Refusal> {
        self.create_rows(&batch)?;
        let actor = batch.actor.as_ref();
        let mut publications = Vec::new();
        for write in batch.writes {
            if checks {
                self.check(actor, &write)?;
            }
            publications.extend(self.apply(actor, batch.now, write)?);
        }
        let key = match actor {
            Some(id) => self.known_actor(id)?.map(|actor| StoreKey(actor.id)),
            None => None,
        };
        Ok(Receipt { key, publications })
    }

    /// An actor that is stored for the first time takes its mark before the batch's publications, so that it hears them.
    fn create_rows(&mut self, batch: &Batch) -> Outcome<()> {
        if batch.writes.iter().any(|write| matches!(write, Write::DeleteActor)) {
            return Ok(());
        }
        for write in &batch.writes {
            let stored = match write {
                Write::State { .. } | Write::Reply(_) => batch.actor.as_ref(),
                Write::ArmTimer(timer) => Some(&timer.actor),
                Write::Cursor { subscription: SubscriptionId { subscriber: Subscriber::Actor(id), .. }, .. } => {
                    Some(id)
                }
                _ => None,
            };
            if let Some(id) = stored {
                self.actor(id, batch.now)?;
            }
        }
        Ok(())
    }

    /// Runs what may be refused after it has written, and takes back what it wrote then.
    fn with_savepoint(&mut self, work: impl FnOnce(&mut Self) -> Result<Receipt, Refusal>) -> Result<Receipt, Refusal> {
        let (head, horizon) = (self.memory.head, self.memory.horizon);
        self.execute("SAVEPOINT batch", [])?;
        let answer = work(self);
        if let Err(Refusal::Guard(_)) = answer {
            self.execute("ROLLBACK TO batch", [])?;
            (self.memory.head, self.memory.horizon) = (head, horizon);
            // It may hold what was just taken back.
            self.memory.forget_rows();
        }
        self.execute("RELEASE batch", [])?;
        answer
    }
}
