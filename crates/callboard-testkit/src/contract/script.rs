//! Random sequences of calls, small enough that they meet: few actors, topics, patterns, effects, timers and keys.

use proptest::collection::vec;
use proptest::prelude::*;

pub(super) const ACTORS: [&str; 6] = ["clerk", "order", "order/1", "order/2", "order/10", "user/1"];
pub(super) const TOPICS: [&str; 4] = ["a", "a.b", "a.c", "b.a"];
pub(super) const PATTERNS: [&str; 4] = ["a.b", "a.>", "*.a", ">"];
pub(super) const EXTERNALS: [&str; 2] = ["bridge", "clerk"];
pub(super) const NAMES: [&str; 3] = ["x", "y", "z"];

/// One call of the store.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Commit(Vec<Decision>),
    /// The shards are taken anew; the fences from before are stale.
    Acquire,
    /// Which actors and external subscribers are declared, with how many channels and timers.
    Register {
        actors: Vec<(usize, usize, usize)>,
        externals: Vec<(usize, usize)>,
    },
    Sweep {
        keep: u64,
        age: u64,
        now: u64,
        until: usize,
        topics: usize,
        rows: usize,
    },
    /// The store is closed and opened again, where it can be.
    Reopen,
}

/// One batch.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) actor: Option<usize>,
    pub(super) stale_fence: bool,
    /// Whether the batch carries the key of the actor's last receipt, which may be of an earlier life.
    pub(super) keyed: bool,
    pub(super) now: u64,
    pub(super) writes: Vec<Deed>,
}

/// One write.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// `ahead` is 1 for the revision that fits.
    State {
        ahead: u64,
        tags: usize,
        len: usize,
    },
    Publish {
        topic: usize,
        time: u64,
    },
    Effect {
        id: u128,
        due: u64,
    },
    CancelEffect(u128),
    ConsumeEffect(u128),
    Cursor {
        subscriber: usize,
        pattern: usize,
        topic: usize,
        epoch: u64,
        seq: u64,
    },
    ArmTimer {
        name: usize,
        due: u64,
    },
    RearmTimer {
        name: usize,
        fired: u64,
        next: u64,
    },
    DropTimer(usize),
    Reply {
        key: usize,
        time: u64,
    },
    DeadLetter(u128),
    DropDeadLetter(u128),
    Park {
        subscriber: usize,
        pattern: usize,
        topic: usize,
        seq: u64,
    },
    Unpark {
        subscriber: usize,
        pattern: usize,
        topic: usize,
    },
    DeleteActor,
    /// At the n-th publication that is kept.
    Watermark(usize),
}

/// Subscribers are the actors and then the external ones.
pub(super) const SUBSCRIBERS: usize = ACTORS.len() + EXTERNALS.len();

pub(super) fn script() -> impl Strategy<Value = Vec<Step>> {
    let declared = (
        vec((0..2_usize, 0..PATTERNS.len(), 0..NAMES.len() + 1), 0..3),
        vec((0..EXTERNALS.len(), 0..PATTERNS.len()), 0..3),
    );
    let sweep = (0..4_u64, 0..80_u64, 0..120_u64, 0..20_usize, 1..4_usize, 1..10_usize);
    let step = prop_oneof![
        12 => vec(decision(), 1..5).prop_map(Step::Commit),
        1 => Just(Step::Acquire),
        2 => declared.prop_map(|(actors, externals)| Step::Register { actors, externals }),
        2 => sweep.prop_map(|(keep, age, now, until, topics, rows)| Step::Sweep { keep, age, now, until, topics, rows }),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..30)
}

fn decision() -> impl Strategy<Value = Decision> {
    let actor = prop_oneof![5 => (0..ACTORS.len()).prop_map(Some), 1 => Just(None)];
    let rarely = || prop::bool::weighted(0.05);
    (actor, rarely(), any::<bool>(), 0..100_u64, vec(deed(), 0..6))
        .prop_map(|(actor, stale_fence, keyed, now, writes)| Decision { actor, stale_fence, keyed, now, writes })
}

fn deed() -> impl Strategy<Value = Deed> {
    let (id, name) = (0..4_u128, 0..NAMES.len());
    let (subscriber, pattern, topic) = (0..SUBSCRIBERS, 0..PATTERNS.len(), 0..TOPICS.len());
    let heard = (subscriber.clone(), pattern.clone(), topic.clone());
    prop_oneof![
        6 => (prop_oneof![9 => Just(1_u64), 1 => 0..4_u64], 0..3_usize, 0..50_usize)
            .prop_map(|(ahead, tags, len)| Deed::State { ahead, tags, len }),
        5 => (topic, 0..100_u64).prop_map(|(topic, time)| Deed::Publish { topic, time }),
        2 => (id.clone(), 0..9_u64).prop_map(|(id, due)| Deed::Effect { id, due }),
        1 => id.clone().prop_map(Deed::CancelEffect),
        1 => id.clone().prop_map(Deed::ConsumeEffect),
        3 => (heard.clone(), 1..3_u64, 0..12_u64).prop_map(|((subscriber, pattern, topic), epoch, seq)| {
            Deed::Cursor { subscriber, pattern, topic, epoch, seq }
        }),
        2 => (name.clone(), 0..9_u64).prop_map(|(name, due)| Deed::ArmTimer { name, due }),
        1 => (name.clone(), 0..9_u64, 0..9_u64).prop_map(|(name, fired, next)| Deed::RearmTimer { name, fired, next }),
        1 => name.clone().prop_map(Deed::DropTimer),
        2 => (name, 0..9_u64).prop_map(|(key, time)| Deed::Reply { key, time }),
        1 => id.clone().prop_map(Deed::DeadLetter),
        1 => id.prop_map(Deed::DropDeadLetter),
        1 => (heard.clone(), 0..12_u64).prop_map(|((subscriber, pattern, topic), seq)| {
            Deed::Park { subscriber, pattern, topic, seq }
        }),
        1 => heard.prop_map(|(subscriber, pattern, topic)| Deed::Unpark { subscriber, pattern, topic }),
        1 => Just(Deed::DeleteActor),
        1 => (0..20_usize).prop_map(Deed::Watermark),
    ]
}
