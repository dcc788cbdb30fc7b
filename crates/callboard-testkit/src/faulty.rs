//! [`FaultyStore`]: a store that fails when the test says so.

use std::sync::Arc;

use callboard_core::batch::{
    DeadLetter, Fence, OutboxEntry, Parked, RecordedReply, Registration, SubscriptionId, TimerEntry,
};
use callboard_core::port::{
    ActorQuery, ActorSummary, BoxFuture, BroadcastLog, CommitError, EffectPlace, LogBounds, Receipt, Snapshot, Store,
    StoreError, SweepReport, SweepRequest, TimerPlace, TopicQuery, TopicSummary,
};
use callboard_core::{
    ActorId, Batch, Mark, MessageId, Name, NodeId, Pattern, Position, Publication, Revision, Seq, Shard, Timestamp,
    Topic,
};
use parking_lot::Mutex;

/// What a [`FaultyStore`] does instead of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the store works.
    #[default]
    None,
    /// The n-th call from now (1 is the next) and all after it answer `Unavailable`, and nothing is done.
    Unavailable {
        /// Which call is the first to fail.
        from: u64,
        /// How many calls fail; then the store works again.
        times: u64,
    },
    /// Each batch is answered with `Fenced`, and nothing is done. Reads work.
    Fenced,
}

/// A store in front of another that fails on demand. Faults of commits and of reads are set apart; `acquire`, `register`
/// and `sweep` count as commits.
pub struct FaultyStore {
    store: Arc<dyn Store>,
    faults: Mutex<Faults>,
    read_only: std::sync::atomic::AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    commits: Counted,
    reads: Counted,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    fault: Fault,
    // Calls since the fault was set.
    calls: u64,
}

impl Counted {
    fn call(&mut self) -> Fault {
        self.calls += 1;
        match self.fault {
            Fault::Unavailable { from, times } if self.calls < from || self.calls - from >= times => Fault::None,
            fault => fault,
        }
    }
}

impl FaultyStore {
    /// A store that works until a fault is set.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, faults: Mutex::default(), read_only: false.into() }
    }

    /// From now on commits fail like this.
    pub fn fail_commits(&self, fault: Fault) {
        self.faults.lock().commits = Counted { fault, calls: 0 };
    }

    /// From now on reads fail like this. [`Fault::Fenced`] means nothing to a read.
    pub fn fail_reads(&self, fault: Fault) {
        self.faults.lock().reads = Counted { fault, calls: 0 };
    }

    /// From now on the store is one that was opened for reading only.
    pub fn make_read_only(&self) {
        self.read_only.store(true, std::sync::atomic::Ordering::Release);
        self.fail_commits(Fault::Unavailable { from: 1, times: u64::MAX });
    }

    /// The store works again.
    pub fn heal(&self) {
        *self.faults.lock() = Faults::default();
    }

    fn broken<'a, T: Send + 'a>(call: Fault) -> Option<BoxFuture<'a, Result<T, StoreError>>> {
        let Fault::Unavailable { .. } = call else { return None };
        Some(Box::pin(std::future::ready(Err(unavailable()))))
    }

    fn read_broken<'a, T: Send + 'a>(&self) -> Option<BoxFuture<'a, Result<T, StoreError>>> {
        Self::broken(self.faults.lock().reads.call())
    }

    fn write_broken<'a, T: Send + 'a>(&self) -> Option<BoxFuture<'a, Result<T, StoreError>>> {
        Self::broken(self.faults.lock().commits.call())
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the test made the store fail".to_owned())
}

impl std::fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyStore").field("faults", &*self.faults.lock()).finish_non_exhaustive()
    }
}

// A method that asks for a fault first and then hands its arguments on.
macro_rules! pass_on {
    ($($check:ident: fn $method:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        $(fn $method(&self $(, $argument: $type)*) -> BoxFuture<'_, Result<$answer, StoreError>> {
            self.$check().unwrap_or_else(|| self.store.$method($($argument),*))
        })*
    };
}

impl BroadcastLog for FaultyStore {
    pass_on! {
        read_broken: fn bounds(&self, topic: &Topic) -> Option<LogBounds>;
        read_broken: fn read(&self, topic: &Topic, after: Seq, limit: usize) -> Vec<Arc<Publication>>;
        read_broken: fn tail(&self, after: Mark, limit: usize) -> Vec<Arc<Publication>>;
        read_broken: fn head(&self) -> Mark;
        read_broken: fn mark_before(&self, time: Timestamp) -> Mark;
    }
}

impl Store for FaultyStore {
    fn is_read_only(&self) -> bool {
        self.read_only.load(std::sync::atomic::Ordering::Acquire)
    }

    fn commit(&self, batches: Vec<Batch>) -> BoxFuture<'_, Vec<Result<Receipt, CommitError>>> {
        let refuse = |answer: fn(&Batch) -> CommitError| -> BoxFuture<'_, Vec<Result<Receipt, CommitError>>> {
            Box::pin(std::future::ready(batches.iter().map(|batch| Err(answer(batch))).collect()))
        };
        match self.faults.lock().commits.call() {
            Fault::Unavailable { .. } => return refuse(|_| CommitError::Store(unavailable())),
            Fault::Fenced => return refuse(|batch| CommitError::Fenced(batch.fence.shard)),
            Fault::None => {}
        }
        self.store.commit(batches)
    }

    pass_on! {
        write_broken: fn acquire(&self, node: NodeId, shards: Vec<Shard>) -> Vec<Fence>;
        write_broken: fn register(&self, actors: Vec<Registration>, externals: Vec<(Name, Pattern)>, now: Timestamp) -> ();
        write_broken: fn sweep(&self, request: SweepRequest) -> SweepReport;
        read_broken: fn load(&self, actor: &ActorId) -> Option<Snapshot>;
        read_broken: fn at_revision(&self, actor: &ActorId, revision: Revision) -> Option<Snapshot>;
        read_broken: fn at_time(&self, actor: &ActorId, time: Timestamp) -> Option<Snapshot>;
        read_broken: fn recorded(&self, actor: &ActorId, key: &str) -> Option<RecordedReply>;
        read_broken: fn actors(&self, query: ActorQuery) -> Vec<ActorSummary>;
        read_broken: fn topics(&self, query: TopicQuery) -> Vec<TopicSummary>;
        read_broken: fn effects(&self, after: EffectPlace, until: Timestamp, limit: usize) -> Vec<OutboxEntry>;
        read_broken: fn next_effect_due(&self, after: EffectPlace) -> Option<Timestamp>;
        read_broken: fn timers(&self, after: Option<TimerPlace>, limit: usize) -> Vec<TimerEntry>;
        read_broken: fn timers_of(&self, actor: &ActorId) -> Vec<TimerEntry>;
        read_broken: fn cursor(&self, subscription: &SubscriptionId, topic: &Topic) -> Option<Position>;
        read_broken: fn hears_after(&self, subscription: &SubscriptionId) -> Option<Mark>;
        read_broken: fn watermark(&self) -> Mark;
        read_broken: fn dead_letters(&self, after: Option<MessageId>, limit: usize) -> Vec<DeadLetter>;
        read_broken: fn dead_letter(&self, id: MessageId) -> Option<DeadLetter>;
        read_broken: fn parked(&self) -> Vec<Parked>;
    }
}
