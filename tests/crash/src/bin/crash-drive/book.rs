//! [`Book`]: what was asked of the node, what it acknowledged, and what was seen of it on the topics.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use callboard_crash::account::{self, Account};
use callboard_crash::{mill, picky};
use parking_lot::Mutex;

use crate::moment::now;
use crate::random::Random;

/// As many violations are kept in words.
const VIOLATIONS_KEPT: usize = 20;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A deposit.
    Deposit(Deposit),
    /// A publication on each of some topics, all or none.
    Notes(Vec<String>),
    /// A parcel.
    Parcel,
    /// A call that is not waited for.
    Post,
}

/// A deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deposit {
    pub(crate) account: String,
    pub(crate) amount: u64,
    /// Sent under an idempotency key, again and again until it is acknowledged.
    pub(crate) keyed: bool,
}

impl What {
    /// The topics on which it is announced, each once.
    fn topics(&self) -> Vec<String> {
        match self {
            Self::Deposit(deposit) => vec![account::EVENTS.to_owned(), account::topic_of(&deposit.account)],
            Self::Notes(topics) => topics.clone(),
            Self::Parcel => vec![picky::TOPIC.to_owned()],
            Self::Post => vec![mill::TOPIC.to_owned()],
        }
    }
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is under way.
    Open,
    /// It was acknowledged; where its publications stand, as far as the answer said.
    Done(Vec<(String, u64)>),
    /// The node said that nothing was done.
    Refused,
    /// No answer came.
    Unknown,
}

#[derive(Clone, Debug)]
struct Op {
    what: What,
    fate: Fate,
    seen: Vec<(String, u64)>,
}

/// What was acknowledged of an account.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The greatest number.
    pub(crate) number: u64,
    /// The balance behind it.
    pub(crate) balance: u64,
}

/// What was acknowledged of the gauge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moves {
    /// The greatest number that was written before it was acknowledged.
    pub(crate) kept: u64,
    /// Numbers since the last start, and when they were acknowledged.
    pub(crate) made: Vec<(u64, Instant)>,
}

/// How much was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Requests without an answer.
    pub(crate) unknown: u64,
    /// Of those, the ones that had been committed.
    pub(crate) unknown_done: u64,
    /// Requests that were refused.
    pub(crate) refused: u64,
    /// Deposits that were sent again under their key.
    pub(crate) resent: u64,
    /// Publications that were followed.
    pub(crate) followed: u64,
}

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last_op: u64,
    ops: HashMap<u64, Op>,
    resend: BTreeSet<u64>,
    accounts: BTreeMap<String, Known>,
    heads: BTreeMap<String, u64>,
    // By listener: the first publication that it has to hear, as far as that is known.
    listeners: BTreeMap<String, Option<u64>>,
    bad_parcels: BTreeSet<u64>,
    // Instances by their whole names, and whether each is there; `None` when that is not known.
    guests: BTreeMap<String, Option<bool>>,
    moves: Moves,
    counts: Counts,
    violations: Vec<String>,
    violated: u64,
}

impl Book {
    /// Notes that a request is sent, and gives it its number.
    pub(crate) fn begin(&self, what: What) -> u64 {
        let mut inner = self.0.lock();
        inner.last_op += 1;
        let op = inner.last_op;
        inner.ops.insert(op, Op { what, fate: Fate::Open, seen: Vec::new() });
        op
    }

    /// A keyed deposit whose fate is not known, to be sent again.
    pub(crate) fn resend(&self) -> Option<(u64, Deposit)> {
        let mut inner = self.0.lock();
        let op = inner.resend.pop_first()?;
        inner.counts.resent += 1;
        let entry = inner.ops.get_mut(&op)?;
        entry.fate = Fate::Open;
        match &entry.what {
            What::Deposit(deposit) => Some((op, deposit.clone())),
            What::Notes(_) | What::Parcel | What::Post => None,
        }
    }

    /// Notes how a request ended.
    pub(crate) fn end(&self, op: u64, fate: Fate) {
        let mut inner = self.0.lock();
        let Some(entry) = inner.ops.get_mut(&op) else { return };
        entry.fate = fate.clone();
        let keyed = matches!(&entry.what, What::Deposit(deposit) if deposit.keyed);
        match fate {
            Fate::Open => {}
            Fate::Done(places) => {
                inner.counts.acknowledged += 1;
                for (topic, seq) in places {
                    let head = inner.heads.entry(topic).or_default();
                    *head = seq.max(*head);
                }
            }
            Fate::Refused => {
                inner.counts.refused += 1;
                if keyed {
                    inner.resend.insert(op);
                }
            }
            Fate::Unknown => {
                inner.counts.unknown += 1;
                if keyed {
                    inner.resend.insert(op);
                }
            }
        }
    }

    /// Notes the account as the answer to a deposit showed it.
    pub(crate) fn deposited(&self, account: &str, shown: Account) {
        let mut inner = self.0.lock();
        let known = inner.accounts.entry(account.to_owned()).or_default();
        if shown.number > known.number {
            *known = Known { number: shown.number, balance: shown.balance };
        }
    }

    /// Notes a move of the gauge.
    pub(crate) fn moved(&self, number: u64, kept: bool) {
        let mut inner = self.0.lock();
        inner.counts.acknowledged += 1;
        inner.moves.made.push((number, now()));
        if kept {
            inner.moves.kept = inner.moves.kept.max(number);
        }
    }

    /// Takes what was acknowledged of the gauge since the last start; `kept` stays.
    pub(crate) fn take_moves(&self) -> Moves {
        let mut inner = self.0.lock();
        Moves { kept: inner.moves.kept, made: std::mem::take(&mut inner.moves.made) }
    }

    /// Listeners that are known to be there.
    pub(crate) fn listeners(&self) -> Vec<(String, Option<u64>)> {
        self.0.lock().listeners.iter().map(|(name, first)| (name.clone(), *first)).collect()
    }

    /// Notes that a listener is there: it is no longer a guest of whom nothing is known.
    pub(crate) fn greeted(&self, name: &str) {
        let mut inner = self.0.lock();
        inner.counts.acknowledged += 1;
        inner.guests.remove(&format!("listener/{name}"));
        inner.listeners.insert(name.to_owned(), None);
    }

    /// Takes a listener that is to be deleted, if there are more than `least`. From now on it is a guest.
    pub(crate) fn dismiss(&self, least: usize, random: &mut Random) -> Option<String> {
        let mut inner = self.0.lock();
        let extra = inner.listeners.len().checked_sub(least + 1)?;
        let nth = usize::try_from(random.within(0, extra as u64)).unwrap_or_default();
        let name = inner.listeners.keys().nth(nth)?.clone();
        inner.listeners.remove(&name);
        inner.guests.insert(format!("listener/{name}"), None);
        Some(name)
    }

    /// The listeners that are there when a request is sent: they hear what comes of it.
    pub(crate) fn hearers(&self) -> Vec<String> {
        self.0.lock().listeners.iter().filter(|(_, first)| first.is_none()).map(|(name, _)| name.clone()).collect()
    }

    /// Notes that a publication that was sent when these listeners were there stands at `seq`.
    pub(crate) fn must_hear(&self, hearers: &[String], seq: u64) {
        let mut inner = self.0.lock();
        for name in hearers {
            if let Some(first) = inner.listeners.get_mut(name) {
                *first = Some(first.map_or(seq, |known| known.min(seq)));
            }
        }
    }

    /// Notes whether an instance is there, as far as that is known.
    pub(crate) fn guest(&self, name: &str, there: Option<bool>) {
        let mut inner = self.0.lock();
        inner.counts.acknowledged += u64::from(there.is_some());
        inner.guests.insert(name.to_owned(), there);
    }

    /// Takes all guests.
    pub(crate) fn take_guests(&self) -> BTreeMap<String, Option<bool>> {
        std::mem::take(&mut self.0.lock().guests)
    }

    /// Notes a bad parcel where it was seen.
    pub(crate) fn bad_parcel(&self, seq: u64) {
        self.0.lock().bad_parcels.insert(seq);
    }

    /// Where the bad parcels stand.
    pub(crate) fn bad_parcels(&self) -> BTreeSet<u64> {
        self.0.lock().bad_parcels.clone()
    }

    /// Notes that the publication of a request was seen.
    pub(crate) fn saw(&self, op: u64, topic: &str, seq: u64) {
        let mut inner = self.0.lock();
        match inner.ops.get_mut(&op) {
            Some(entry) => entry.seen.push((topic.to_owned(), seq)),
            None => {
                let text = format!("{topic} {seq} is of request {op}, which was never sent or was settled before");
                inner.violate(text);
            }
        }
    }

    /// Notes a publication that was followed.
    pub(crate) fn followed(&self) {
        self.0.lock().counts.followed += 1;
    }

    /// Notes something that should not be.
    pub(crate) fn violate(&self, what: String) {
        self.0.lock().violate(what);
    }

    /// What should not be, in words.
    pub(crate) fn violations(&self) -> Vec<String> {
        let inner = self.0.lock();
        let more = inner.violated - inner.violations.len() as u64;
        let more = (more > 0).then(|| format!("and {more} more"));
        inner.violations.iter().cloned().chain(more).collect()
    }

    /// What was acknowledged of each account.
    pub(crate) fn accounts(&self) -> BTreeMap<String, Known> {
        self.0.lock().accounts.clone()
    }

    /// What was acknowledged of one account.
    pub(crate) fn account(&self, name: &str) -> Known {
        self.0.lock().accounts.get(name).copied().unwrap_or_default()
    }

    /// The greatest acknowledged position by topic.
    pub(crate) fn heads(&self) -> BTreeMap<String, u64> {
        self.0.lock().heads.clone()
    }

    /// How much was done.
    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// Acknowledged requests of which not everything was seen yet.
    pub(crate) fn unseen(&self) -> usize {
        let inner = self.0.lock();
        inner
            .ops
            .values()
            .filter(|op| matches!(op.fate, Fate::Done(_)) && op.seen.len() < op.what.topics().len())
            .count()
    }

    /// Settles every request once nothing is under way and everything was seen: what was acknowledged has left its traces,
    /// what was not acknowledged has left all of them or none, and none twice.
    pub(crate) fn settle(&self) {
        let mut inner = self.0.lock();
        let ops = std::mem::take(&mut inner.ops);
        for (number, op) in ops {
            let wanted: BTreeSet<String> = op.what.topics().into_iter().collect();
            let seen: BTreeSet<String> = op.seen.iter().map(|(topic, _)| topic.clone()).collect();
            let whole = seen == wanted && op.seen.len() == wanted.len();
            let wrong = match &op.fate {
                Fate::Done(places) if !whole => Some(format!("was acknowledged at {places:?}")),
                Fate::Done(places) => {
                    let off = places.iter().find(|place| !op.seen.contains(place));
                    off.map(|place| format!("was acknowledged at {place:?}"))
                }
                Fate::Unknown if op.seen.is_empty() => None,
                Fate::Unknown if whole => {
                    inner.counts.unknown_done += 1;
                    None
                }
                Fate::Unknown => Some("got no answer, so all of it is there or nothing".to_owned()),
                Fate::Refused if op.seen.is_empty() => None,
                Fate::Refused => Some("was refused, so nothing is there".to_owned()),
                Fate::Open => Some("is still under way".to_owned()),
            };
            if let Some(wrong) = wrong {
                inner.violate(format!("request {number} ({:?}) {wrong}; it was seen at {:?}", op.what, op.seen));
            } else if op.what == What::Post && op.fate == Fate::Unknown && op.seen.is_empty() {
                // It may wait in the outbox, where nobody looks.
                inner.ops.insert(number, op);
            }
        }
    }
}

impl Inner {
    fn violate(&mut self, what: String) {
        self.violated += 1;
        if self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(what);
        }
    }
}

impl Moves {
    /// How long before `then` the oldest of the moves was acknowledged that a state at `number` does not have.
    pub(crate) fn lost(&self, number: u64, then: Instant) -> Duration {
        let lost = self.made.iter().filter(|(made, _)| *made > number);
        lost.map(|(_, at)| then.saturating_duration_since(*at)).max().unwrap_or_default()
    }
}
