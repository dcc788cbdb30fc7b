//! Who is in memory: [`Registry`] maps an [`ActorId`] to the [`Cell`] of its activation, without a global lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use callboard_core::ActorId;
use callboard_core::batch::Fence;
use rapidhash::fast::RandomState;

use crate::hosts::HostEntry;
use crate::mail::Mail;
use crate::mailbox::{Control, Mailbox, Refused};

/// What everybody else knows of an activation. What each piece of mail needs stands first, in as few cache lines as possible.
#[repr(C)]
pub(crate) struct Cell {
    pub(crate) host: Arc<HostEntry>,
    // The coarse time of the last mail, in ticks of the sweeper.
    touched: AtomicU32,
    pub(crate) mailbox: Mailbox,
    pub(crate) id: ActorId,
    /// Under which everything that the activation decides is committed.
    pub(crate) fence: Fence,
}

impl Cell {
    pub(crate) fn new(id: ActorId, host: Arc<HostEntry>, fence: Fence, tick: u32) -> Self {
        let mailbox = Mailbox::new(host.declaration.mailbox_len_max);
        Self { id, host, fence, mailbox, touched: AtomicU32::new(tick) }
    }

    /// Notes that the actor is used.
    pub(crate) fn touch(&self, tick: u32) {
        self.touched.store(tick, Ordering::Relaxed);
    }

    /// How many ticks ago the actor was last used.
    pub(crate) fn idle_ticks(&self, tick: u32) -> u32 {
        tick.saturating_sub(self.touched.load(Ordering::Relaxed))
    }
}

/// Deadlines that are farther away than this are kept by the sweeper, to within one of its rounds; nearer ones by a timer.
const FAR: Duration = Duration::from_secs(5);

/// The activations of a node.
#[derive(Default)]
pub(crate) struct Registry {
    cells: papaya::HashMap<ActorId, Arc<Cell>, RandomState>,
    // Counts the sweeper's rounds; a clock that costs one relaxed load.
    tick: AtomicU32,
    // The instant of the last round, in milliseconds since the first: late by at most a round.
    coarse_ms: AtomicU64,
    first_round: OnceLock<Instant>,
}

impl Registry {
    pub(crate) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    /// Whether an instant is so far away that the sweeper sees to it.
    pub(crate) fn is_far(&self, instant: Instant) -> bool {
        let coarse = Duration::from_millis(self.coarse_ms.load(Ordering::Relaxed));
        self.first_round.get().is_some_and(|first| instant > *first + coarse + FAR)
    }

    /// Answers mail whose deadline passed while it waited for its turn.
    pub(crate) fn expire(&self, now: Instant) {
        let first = *self.first_round.get_or_init(|| now);
        let since = u64::try_from((now - first).as_millis()).unwrap_or(u64::MAX);
        self.coarse_ms.store(since, Ordering::Relaxed);
        self.each(|cell| cell.mailbox.expire(now).into_iter().for_each(|mail| mail.too_late()));
    }

    pub(crate) fn advance_tick(&self) -> u32 {
        self.tick.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Shows the cell of an actor in memory to `look`.
    pub(crate) fn with<T>(&self, id: &ActorId, look: impl FnOnce(&Arc<Cell>) -> T) -> Option<T> {
        self.cells.pin().get(id).map(look)
    }

    /// Puts mail into the mailbox of an actor in memory. One that is not, or is about to leave, is closed.
    pub(crate) fn push(&self, mail: Mail) -> Result<(), Refused> {
        let cells = self.cells.pin();
        let Some(cell) = cells.get(&mail.invocation.target) else { return Err(Refused::Closed(mail)) };
        let pushed = cell.mailbox.push(mail);
        if matches!(pushed, Err(Refused::Closed(_))) {
            // It is on its way out; whoever comes next starts anew.
            let _ = cells.remove_if(&cell.id, |_, registered| Arc::ptr_eq(registered, cell));
        }
        pushed
    }

    /// Tells an actor in memory something. For one that is not, or is about to leave, it is given back.
    pub(crate) fn control(&self, id: &ActorId, control: Control) -> Result<(), Control> {
        let cells = self.cells.pin();
        let Some(cell) = cells.get(id) else { return Err(control) };
        let told = cell.mailbox.control(control);
        if told.is_err() {
            let _ = cells.remove_if(&cell.id, |_, registered| Arc::ptr_eq(registered, cell));
        }
        told
    }

    /// The cell of an actor, new if there is none; says whether it is new. Whoever made it starts its activation.
    pub(crate) fn get_or_insert(&self, id: &ActorId, make: impl FnOnce() -> Cell) -> (Arc<Cell>, bool) {
        let cells = self.cells.pin();
        if let Some(cell) = cells.get(id) {
            return (Arc::clone(cell), false);
        }
        let made = Arc::new(make());
        match cells.try_insert(id.clone(), Arc::clone(&made)) {
            Ok(_) => (made, true),
            Err(taken) => (Arc::clone(taken.current), false),
        }
    }

    /// Removes a cell, if it is still the one that is registered.
    pub(crate) fn remove(&self, cell: &Arc<Cell>) {
        let cells = self.cells.pin();
        let _ = cells.remove_if(&cell.id, |_, registered| Arc::ptr_eq(registered, cell));
    }

    /// Shows every cell to `look`.
    pub(crate) fn each(&self, look: impl FnMut(&Arc<Cell>)) {
        self.cells.pin().values().for_each(look);
    }

    /// Asks every activation to end; says how many are left.
    pub(crate) fn stop_all(&self) -> usize {
        self.each(|cell| cell.mailbox.ask_to_stop());
        self.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}
