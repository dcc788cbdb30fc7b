//! [`Returning`]: what is remembered, for a few minutes and in memory, of clients that may come back.
//!
//! Nothing depends on it: a client that is not remembered subscribes again, and with its positions misses nothing. It saves work after a
//! drop ([`Returning::restore`]), and tells clients of protocols without positions to look again ([`Returning::missed`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use callboard_core::port::JoinRequest;
use callboard_core::{Position, Topic};

/// How long a client is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);
/// How many are; whoever comes later is not.
const REMEMBERED_MAX: usize = 100_000;
/// How long after its start a node takes every client for one that was there before.
const YOUNG: Duration = Duration::from_secs(120);

/// Where the topics of a subscription stood when its client was last seen.
pub(super) type Seen = HashMap<Topic, Position>;

#[derive(Debug)]
pub(super) struct Returning {
    started: Instant,
    sessions: Mutex<Memory<String, Kept>>,
    departures: Mutex<Memory<Departure, Seen>>,
}

/// A session that may be restored: whose it is, and its keepsake.
type Kept = (Option<Arc<str>>, Vec<Arc<str>>);

/// A subscription of somebody who left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Departure {
    subject: Option<Arc<str>>,
    channel: Arc<str>,
    params: Arc<str>,
}

impl Returning {
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, sessions: Mutex::default(), departures: Mutex::default() }
    }

    /// Remembers a session under its secret name.
    pub(super) fn keep(&self, now: Instant, sid: String, subject: Option<Arc<str>>, kept: Vec<Arc<str>>) {
        lock(&self.sessions).insert(now, sid, (subject, kept));
    }

    /// What was kept under a session's secret name, once, for the subject that it belonged to.
    pub(super) fn restore(&self, now: Instant, sid: &str, subject: Option<&Arc<str>>) -> Option<Vec<Arc<str>>> {
        let mut sessions = lock(&self.sessions);
        let (owner, kept) = sessions.remove(now, &sid.to_owned())?;
        (owner.as_ref() == subject).then_some(kept)
    }

    /// Remembers where a subscription stood when its client left. Of several clients that cannot be told apart, e.g. two windows of one
    /// user, the first counts: better one look too many than one too few.
    pub(super) fn left(&self, now: Instant, join: &JoinRequest, seen: Seen) {
        let mut departures = lock(&self.departures);
        let key = departure(join);
        if departures.get(now, &key).is_none() {
            departures.insert(now, key, seen);
        }
    }

    /// Whether a client that subscribes now may have missed something: it left at another place, or nobody knows because the node
    /// itself was away.
    pub(super) fn missed(&self, now: Instant, join: &JoinRequest, heads: &Seen) -> bool {
        match lock(&self.departures).get(now, &departure(join)) {
            Some(seen) => seen != heads,
            None => {
                now.saturating_duration_since(self.started) < YOUNG
                    && heads.values().any(|head| *head != Position::default())
            }
        }
    }
}

fn departure(join: &JoinRequest) -> Departure {
    Departure {
        subject: join.principal.subject.clone(),
        channel: Arc::clone(&join.channel),
        params: Arc::clone(&join.params),
    }
}

/// A bounded map that forgets.
#[derive(Debug)]
struct Memory<K, V> {
    entries: HashMap<K, (Instant, V)>,
    swept: Option<Instant>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), swept: None }
    }
}

impl<K: std::hash::Hash + Eq, V> Memory<K, V> {
    fn insert(&mut self, now: Instant, key: K, value: V) {
        // One pass over everything a minute at most.
        let due = self.swept.is_none_or(|swept| now.saturating_duration_since(swept) > Duration::from_secs(60));
        if due {
            self.swept = Some(now);
            self.entries.retain(|_, (since, _)| now.saturating_duration_since(*since) < REMEMBERED);
        }
        if self.entries.len() < REMEMBERED_MAX {
            self.entries.insert(key, (now, value));
        }
    }

    fn get(&self, now: Instant, key: &K) -> Option<&V> {
        let (since, value) = self.entries.get(key)?;
        (now.saturating_duration_since(*since) < REMEMBERED).then_some(value)
    }

    fn remove(&mut self, now: Instant, key: &K) -> Option<V> {
        let (since, value) = self.entries.remove(key)?;
        (now.saturating_duration_since(since) < REMEMBERED).then_some(value)
    }
}

fn lock<T>(memory: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Each change is one insertion or removal; a panic elsewhere cannot leave half of it.
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_core::{Grants, Principal};

    fn join(subject: &str) -> JoinRequest {
        let principal = Principal { subject: Some(subject.into()), ..Principal::anonymous(Grants::default()) };
        JoinRequest { channel: "c".into(), params: "{}".into(), principal: Arc::new(principal) }
    }

    #[expect(clippy::disallowed_methods, reason = "a place on a clock that the test moves by hand")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_session_is_restored_once_and_by_its_subject_alone() {
        let (now, ann, bob): (_, Arc<str>, Arc<str>) = (start(), "ann".into(), "bob".into());
        let returning = Returning::new(now);
        let keep = |sid: &str| returning.keep(now, sid.to_owned(), Some(Arc::clone(&ann)), vec!["one".into()]);
        keep("s1");
        assert_eq!(returning.restore(now, "s1", Some(&ann)).unwrap().len(), 1);
        assert!(returning.restore(now, "s1", Some(&ann)).is_none(), "once");
        keep("s2");
        assert!(returning.restore(now, "s2", Some(&bob)).is_none());
        assert!(returning.restore(now, "s2", Some(&ann)).is_none(), "who tries another's secret burns it");
        keep("s3");
        assert!(returning.restore(now + REMEMBERED, "s3", Some(&ann)).is_none());
    }

    #[test]
    fn who_left_before_something_was_published_is_told() {
        let now = start();
        let later = now + YOUNG;
        let returning = Returning::new(now);
        let heads = |seq| Seen::from([(Topic::parse("a.b").unwrap(), Position::new(1, seq))]);
        assert!(!returning.missed(later, &join("ann"), &heads(7)), "never seen before");
        returning.left(later, &join("ann"), heads(7));
        assert!(!returning.missed(later, &join("ann"), &heads(7)), "nothing happened meanwhile");
        assert!(!returning.missed(later, &join("bob"), &heads(8)), "somebody else");
        returning.left(later, &join("ann"), heads(8));
        for window in ["first", "second"] {
            assert!(returning.missed(later, &join("ann"), &heads(8)), "{window}");
        }
        assert!(!returning.missed(later + REMEMBERED, &join("ann"), &heads(9)), "forgotten");
    }

    #[test]
    fn a_node_that_has_just_started_knows_nobody_and_takes_all_for_old() {
        let now = start();
        let returning = Returning::new(now);
        let heads = |seq| Seen::from([(Topic::parse("a.b").unwrap(), Position::new(u64::from(seq > 0), seq))]);
        assert!(returning.missed(now, &join("ann"), &heads(3)));
        assert!(!returning.missed(now, &join("ann"), &heads(0)), "nothing to miss");
    }
}
