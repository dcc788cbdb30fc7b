//! Performs what is committed: hands publications to the hub and the feeds, effects to the relay, timers to their service.
//! Nothing here waits: each queue is bounded, and its reader goes to the store when it overflowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callboard_core::batch::OutboxEntry;
use callboard_core::port::{Receipt, TimerPlace};
use callboard_core::{Batch, MessageId, Name, Publication, Write};
use tokio::sync::{Mutex, Notify, mpsc};

use crate::commit::Performer;

/// A bounded queue whose reader can make up for what did not fit.
pub(crate) struct Lane<T> {
    queue: mpsc::Sender<T>,
    behind: Arc<Behind>,
}

/// The reader's end of a [`Lane`]; held under a lock so that a restarted service goes on with it.
pub(crate) struct LaneReader<T> {
    pub(crate) queue: Mutex<mpsc::Receiver<T>>,
    pub(crate) behind: Arc<Behind>,
}

/// Whether something did not fit.
#[derive(Default)]
pub(crate) struct Behind {
    flag: AtomicBool,
    set: Notify,
}

impl Behind {
    fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.set.notify_one();
    }

    /// Takes the flag back.
    pub(crate) fn take(&self) -> bool {
        self.flag.swap(false, Ordering::AcqRel)
    }

    /// Waits until something did not fit.
    pub(crate) async fn wait(&self) {
        while !self.flag.load(Ordering::Acquire) {
            self.set.notified().await;
        }
    }
}

impl<T> Lane<T> {
    pub(crate) fn new(capacity: usize) -> (Self, LaneReader<T>) {
        let (queue, reader) = mpsc::channel(capacity);
        let behind = Arc::<Behind>::default();
        (Self { queue, behind: Arc::clone(&behind) }, LaneReader { queue: Mutex::new(reader), behind })
    }

    /// Hands one thing over, or notes that it did not fit.
    pub(crate) fn offer(&self, item: T) {
        if self.queue.try_send(item).is_err() {
            self.behind.set();
        }
    }
}

impl<T> Clone for Lane<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), behind: Arc::clone(&self.behind) }
    }
}

/// What is acted on after a commit, besides publications.
#[derive(Clone, Debug)]
pub(crate) enum Later {
    Effect(OutboxEntry),
    EffectCancelled(MessageId),
    Timer(TimerPlace),
}

impl Later {
    /// What of a batch is acted on after its commit.
    pub(crate) fn of(batch: &Batch) -> Vec<Self> {
        let place = |name: &Name, due| Some(TimerPlace { due, actor: batch.actor.clone()?, name: name.clone() });
        let later = batch.writes.iter().filter_map(|write| match write {
            Write::Effect(entry) => Some(Self::Effect(entry.clone())),
            Write::CancelEffect(id) => Some(Self::EffectCancelled(*id)),
            Write::ArmTimer(timer) => place(&timer.name, timer.due).map(Self::Timer),
            Write::RearmTimer { name, next, .. } => place(name, *next).map(Self::Timer),
            Write::State { .. }
            | Write::Publish(_)
            | Write::ConsumeEffect(_)
            | Write::Cursor { .. }
            | Write::DropTimer(_)
            | Write::Reply(_)
            | Write::DeadLetter(_)
            | Write::DropDeadLetter(_)
            | Write::Park(_)
            | Write::Unpark { .. }
            | Write::DeleteActor
            | Write::Watermark(_) => None,
        });
        later.collect()
    }
}

/// Everything that acts on committed decisions.
pub(crate) struct Lanes {
    pub(crate) hub: Lane<Arc<Publication>>,
    pub(crate) feeds: Lane<Arc<Publication>>,
    pub(crate) effects: Lane<Later>,
    pub(crate) timers: Lane<TimerPlace>,
}

impl Performer for Lanes {
    fn perform(&self, receipt: &Receipt, later: Vec<Later>) {
        for publication in &receipt.publications {
            self.hub.offer(Arc::clone(publication));
            self.feeds.offer(Arc::clone(publication));
        }
        for later in later {
            match later {
                Later::Effect(_) | Later::EffectCancelled(_) => self.effects.offer(later),
                Later::Timer(place) => self.timers.offer(place),
            }
        }
    }
}
