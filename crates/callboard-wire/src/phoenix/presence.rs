//! Who is there, as the client's `Presence` reads it.

use callboard_core::Timestamp;
use serde_json::{Map, Value, json};

use crate::session::{Member, PresenceChange};

/// Everybody under their names: the payload of `presence_state`.
pub(super) fn state(members: &[Member]) -> String {
    let mut keys = Keys::default();
    for member in members {
        keys.add(member);
    }
    keys.into_value().to_string()
}

/// What changed: the payload of `presence_diff`.
pub(super) fn diff(changes: &[PresenceChange]) -> String {
    let (mut joins, mut leaves) = (Keys::default(), Keys::default());
    for change in changes {
        match change {
            // The client takes joins before leaves: of one connection only the last word counts.
            PresenceChange::Joined { member, .. } => {
                leaves.remove(member);
                joins.add(member);
            }
            PresenceChange::Left { member, .. } => {
                joins.remove(member);
                leaves.add(member);
            }
        }
    }
    json!({ "joins": joins.into_value(), "leaves": leaves.into_value() }).to_string()
}

/// The event that tells people, who have names, and not connections; `None` when a name was there before or still is.
pub(super) fn told(change: &PresenceChange, now: Timestamp) -> Option<(&'static str, String)> {
    let seconds = |time: Timestamp| time.as_millis() / 1000;
    match change {
        PresenceChange::Joined { member, first: true } => {
            let payload = json!({ "user_id": &*member.id, "online_at": seconds(member.since) });
            Some(("user_joined", payload.to_string()))
        }
        PresenceChange::Left { member, last: true, timed_out } => {
            let event = if *timed_out { "user_timeout" } else { "user_left" };
            Some((event, json!({ "user_id": &*member.id, "last_seen": seconds(now) }).to_string()))
        }
        PresenceChange::Joined { first: false, .. } | PresenceChange::Left { last: false, .. } => None,
    }
}

/// `{"u1":{"metas":[{"phx_ref":"F1aa","online_at":1795211419}]}}`
#[derive(Default)]
struct Keys(Map<String, Value>);

impl Keys {
    fn add(&mut self, member: &Member) {
        // Older clients take this name for something else.
        if &*member.id == "__proto__" {
            return;
        }
        self.remove(member);
        let entry = self.0.entry(&*member.id).or_insert_with(|| json!({ "metas": [] }));
        if let Some(metas) = entry["metas"].as_array_mut() {
            metas.push(meta(member));
        }
    }

    fn remove(&mut self, member: &Member) {
        let Some(metas) = self.0.get_mut(&*member.id).and_then(|entry| entry["metas"].as_array_mut()) else { return };
        metas.retain(|meta| meta["phx_ref"] != *member.session);
        if metas.is_empty() {
            self.0.remove(&*member.id);
        }
    }

    fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// Each connection has its own `phx_ref`, so that one that goes takes no other with it.
fn meta(member: &Member) -> Value {
    let info = serde_json::from_str(&member.info).unwrap_or(Value::Null);
    let mut meta = match info {
        Value::Object(info) => info,
        Value::Null => Map::new(),
        other => Map::from_iter([("info".to_owned(), other)]),
    };
    meta.entry("online_at").or_insert_with(|| Value::from(member.since.as_millis() / 1000));
    meta.insert("phx_ref".to_owned(), Value::from(&*member.session));
    Value::Object(meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, session: &str, info: &str) -> Member {
        Member { id: id.into(), session: session.into(), info: info.into(), since: Timestamp::from_millis(7_000) }
    }

    fn joined(id: &str, session: &str, info: &str) -> PresenceChange {
        PresenceChange::Joined { member: member(id, session, info), first: true }
    }

    fn left(id: &str, session: &str) -> PresenceChange {
        PresenceChange::Left { member: member(id, session, "{}"), last: true, timed_out: false }
    }

    #[test]
    fn a_name_has_one_meta_for_each_connection() {
        let members = [member("u1", "a", "{\"at\":\"desk\"}"), member("u1", "b", "7"), member("__proto__", "c", "{}")];
        assert_eq!(
            state(&members),
            r#"{"u1":{"metas":[{"at":"desk","online_at":7,"phx_ref":"a"},{"info":7,"online_at":7,"phx_ref":"b"}]}}"#
        );
    }

    #[test]
    fn of_one_connection_only_the_last_word_is_told() {
        let u1 = r#"{"u1":{"metas":[{"online_at":7,"phx_ref":"a"}]}}"#;
        assert_eq!(diff(&[left("u1", "a"), joined("u1", "a", "{}")]), format!("{{\"joins\":{u1},\"leaves\":{{}}}}"));
        assert_eq!(diff(&[joined("u1", "a", "{}"), left("u1", "a")]), format!("{{\"joins\":{{}},\"leaves\":{u1}}}"));
    }

    #[test]
    fn people_are_told_of_names_and_not_of_connections() {
        let now = Timestamp::from_millis(9_500);
        let told = |change: &PresenceChange| told(change, now);
        assert_eq!(
            told(&joined("u1", "a", "{}")),
            Some(("user_joined", r#"{"online_at":7,"user_id":"u1"}"#.to_owned()))
        );
        assert_eq!(told(&left("u1", "a")), Some(("user_left", r#"{"last_seen":9,"user_id":"u1"}"#.to_owned())));
        let member = member("u1", "a", "{}");
        assert_eq!(told(&PresenceChange::Joined { member: member.clone(), first: false }), None);
        assert_eq!(told(&PresenceChange::Left { member, last: false, timed_out: true }), None);
    }
}
