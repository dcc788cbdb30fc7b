//! [`Rooms`]: who hears whom without the log: whispers and presence.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callboard_wire::session::SubId;

use super::inbox::{Inbox, Notice};

/// One subscription of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    pub(super) connection: u64,
    pub(super) sub: SubId,
}

/// Every room that somebody is in.
#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<HashMap<Arc<str>, Members>>);

type Members = HashMap<Seat, Arc<Inbox>>;

impl Rooms {
    pub(super) fn enter(&self, room: &Arc<str>, seat: Seat, inbox: &Arc<Inbox>) {
        self.lock().entry(Arc::clone(room)).or_default().insert(seat, Arc::clone(inbox));
    }

    pub(super) fn leave(&self, room: &str, seat: Seat) {
        let mut rooms = self.lock();
        if let Some(members) = rooms.get_mut(room) {
            members.remove(&seat);
            if members.is_empty() {
                rooms.remove(room);
            }
        }
    }

    /// Tells everybody in a room, but not `except`. Who has no room for it does not hear it: none of this is kept.
    pub(super) fn tell(&self, room: &str, except: Option<Seat>, notice: impl Fn(SubId) -> Notice) {
        let rooms = self.lock();
        for (seat, inbox) in rooms.get(room).into_iter().flatten() {
            if Some(*seat) != except {
                inbox.push(notice(seat.sub));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Members>> {
        // Each change is one insertion or removal; a panic elsewhere cannot leave half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
