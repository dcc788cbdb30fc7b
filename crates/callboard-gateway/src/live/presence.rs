//! [`Presence`]: who is shown to the others of a room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callboard_wire::session::{Member, PresenceChange};

/// Members of a room that are shown; who comes later is there and not shown.
const MEMBERS_MAX: usize = 10_000;

/// The shown members of every room, on this node. A connection that ends takes its members with it.
#[derive(Debug, Default)]
pub(super) struct Presence(Mutex<HashMap<Arc<str>, Vec<Member>>>);

impl Presence {
    /// Shows a member; `None` when that changes nothing: it is shown already, or there are too many.
    pub(super) fn join(&self, room: &Arc<str>, member: Member) -> Option<PresenceChange> {
        let mut rooms = self.lock();
        let members = rooms.entry(Arc::clone(room)).or_default();
        let shown = members.iter().any(|other| other.session == member.session);
        if shown || members.len() >= MEMBERS_MAX {
            return None;
        }
        let first = members.iter().all(|other| other.id != member.id);
        members.push(member.clone());
        Some(PresenceChange::Joined { member, first })
    }

    /// No longer shows the member of a connection.
    pub(super) fn leave(&self, room: &str, session: &str) -> Option<PresenceChange> {
        let mut rooms = self.lock();
        let members = rooms.get_mut(room)?;
        let place = members.iter().position(|member| &*member.session == session)?;
        let member = members.remove(place);
        let last = members.iter().all(|other| other.id != member.id);
        if members.is_empty() {
            rooms.remove(room);
        }
        Some(PresenceChange::Left { member, last, timed_out: false })
    }

    /// Everybody who is shown.
    pub(super) fn members(&self, room: &str) -> Vec<Member> {
        self.lock().get(room).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<Member>>> {
        // Each change is one insertion or removal; a panic elsewhere cannot leave half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_core::Timestamp;

    #[test]
    fn one_name_on_two_connections_comes_once_and_goes_with_the_last() {
        let presence = Presence::default();
        let room: Arc<str> = "campaign.7".into();
        let member = |session: &str| Member {
            id: "ann".into(),
            session: session.into(),
            info: "{}".into(),
            since: Timestamp::from_millis(1),
        };
        assert!(matches!(presence.join(&room, member("1")), Some(PresenceChange::Joined { first: true, .. })));
        assert!(matches!(presence.join(&room, member("2")), Some(PresenceChange::Joined { first: false, .. })));
        assert!(presence.join(&room, member("2")).is_none(), "it is shown already");
        assert_eq!(presence.members(&room).len(), 2);
        assert!(matches!(presence.leave(&room, "1"), Some(PresenceChange::Left { last: false, .. })));
        assert!(matches!(presence.leave(&room, "2"), Some(PresenceChange::Left { last: true, .. })));
        assert!(presence.leave(&room, "2").is_none() && presence.members(&room).is_empty());
    }
}
