//! Random calls on a store and on [`MemoryStore`]: every answer and every read must be the same.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use callboard_core::batch::{Fence, OutboxEntry, Registration, StoreKey, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::declaration::{ActorKind, FailurePolicy};
use callboard_core::port::{ActorQuery, BoxFuture, EffectPlace, Store, SweepRequest, TopicQuery};
use callboard_core::publication::Announcement;
use callboard_core::topic::{Retention, TopicPolicy, TopicRules};
use callboard_core::{
    Batch, Encoding, Epoch, Headers, Mark, Payload, Position, Publication, Revision, Seq, Shard, Timestamp, Write,
};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::fixture::{
    ALL, NODE, Shown, actor, at, effect, id, letter, name, parked, pattern, reply, subscription, timer, topic,
};
use super::script::{ACTORS, Decision, Deed, EXTERNALS, NAMES, PATTERNS, SUBSCRIBERS, Step, TOPICS, script};
use crate::MemoryStore;

/// How a store under test is opened: called first for an empty one, and again after the one before was dropped. A store
/// that forgets gives the same one again.
pub type Open<'a> = &'a dyn Fn() -> BoxFuture<'static, Arc<dyn Store>>;

/// Runs `cases` random scripts, the same on every run, each on a store from `open_empty` and on a [`MemoryStore`].
///
/// `open_empty` gives, for each case, a function that opens that case's store, and again after a drop.
///
/// # Panics
/// When an answer or a read differs, with the shortest script found that shows it.
pub fn compare_with_memory<F>(cases: u32, open_empty: impl Fn() -> F)
where
    F: Fn() -> BoxFuture<'static, Arc<dyn Store>>,
{
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let run = |steps: Vec<Step>| -> Result<(), TestCaseError> {
        let open = open_empty();
        runtime.block_on(run_script(steps, &open)).map_err(TestCaseError::fail)
    };
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&script(), run) {
        panic!("the store differs from the one in memory:\n{error}");
    }
}

async fn run_script(steps: Vec<Step>, open: Open<'_>) -> Result<(), String> {
    let mut expected = Subject::new(Arc::new(MemoryStore::new())).await;
    let mut found = Subject::new(open().await).await;
    for (number, step) in steps.into_iter().enumerate() {
        if matches!(step, Step::Reopen) {
            let placeholder: Arc<dyn Store> = Arc::new(MemoryStore::new());
            found.store = placeholder;
            found.store = open().await;
        }
        same(number, &expected.run(&step).await, &found.run(&step).await)?;
        same(number, &expected.everything().await, &found.everything().await)?;
    }
    Ok(())
}

fn same(step: usize, expected: &str, found: &str) -> Result<(), String> {
    let differs = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    match differs {
        Some((expected, found)) => Err(format!("after step {step}\nexpected {expected}\nfound    {found}")),
        None if expected == found => Ok(()),
        None => Err(format!("after step {step}\nexpected\n{expected}\nfound\n{found}")),
    }
}

/// One of the two stores, with what a node would remember of it.
struct Subject {
    store: Arc<dyn Store>,
    fences: Vec<Fence>,
    stale: Fence,
    keys: HashMap<usize, StoreKey>,
}

impl Subject {
    async fn new(store: Arc<dyn Store>) -> Self {
        let fences = store.acquire(NODE, Shard::all().collect()).await.unwrap();
        let stale = Fence { epoch: Epoch(0), ..fences[0] };
        Self { store, fences, stale, keys: HashMap::new() }
    }

    /// Takes a step and shows the answer.
    async fn run(&mut self, step: &Step) -> String {
        match step {
            Step::Reopen => String::new(),
            Step::Acquire => {
                self.stale = self.fences[0];
                self.fences = self.store.acquire(NODE, Shard::all().collect()).await.unwrap();
                format!("{:?}", self.fences)
            }
            Step::Commit(decisions) => self.commit(decisions).await,
            Step::Register { actors, externals } => {
                let actors =
                    actors.iter().map(|(declared, channels, timers)| registration(*declared, *channels, *timers));
                let externals =
                    externals.iter().map(|(external, p)| (name(EXTERNALS[*external]), pattern(PATTERNS[*p])));
                let (actors, externals) = (actors.collect(), externals.collect());
                format!("{:?}", self.store.register(actors, externals, at(50)).await)
            }
            Step::Sweep { keep, age, now, until, topics, rows } => {
                let mut rules = TopicRules::default();
                let retention = Retention { age: Duration::from_millis(*age), len: *keep };
                rules.declare(pattern(">"), TopicPolicy::Durable(retention));
                let (topics, rows) = (*topics, *rows);
                let watermark = self.mark_at(*until).await;
                let request =
                    SweepRequest { rules: Arc::new(rules), now: at(*now), watermark, after: None, topics, rows };
                self.sweep(request).await
            }
        }
    }

    /// Sweeps until a round removes nothing: what is left then is the same everywhere, however a store cuts its steps.
    async fn sweep(&self, mut request: SweepRequest) -> String {
        let mut removed = (0, 0);
        let mut in_round = 0;
        loop {
            let report = self.store.sweep(request.clone()).await.unwrap();
            removed = (removed.0 + report.publications, removed.1 + report.replies);
            in_round += report.publications + report.replies;
            if report.next.is_none() && std::mem::take(&mut in_round) == 0 {
                return format!("swept {removed:?}");
            }
            request.after = report.next;
        }
    }

    async fn commit(&mut self, decisions: &[Decision]) -> String {
        let mut batches = Vec::new();
        // The revisions that the states of this call are meant to build on.
        let mut ahead: HashMap<usize, u64> = HashMap::new();
        for decision in decisions {
            batches.push(self.batch(decision, &mut ahead).await);
        }
        let answers = self.store.commit(batches).await;
        let mut shown = String::new();
        for (decision, answer) in decisions.iter().zip(answers) {
            match answer {
                Ok(receipt) => {
                    if let (Some(actor), Some(key)) = (decision.actor, receipt.key) {
                        self.keys.insert(actor, key);
                    }
                    let publications = receipt.publications.iter().map(|publication| unmarked(publication));
                    let publications: String = publications.collect();
                    writeln!(shown, "key {} {publications}", receipt.key.is_some()).unwrap();
                }
                Err(error) => writeln!(shown, "{error:?}").unwrap(),
            }
        }
        shown
    }

    async fn batch(&self, decision: &Decision, ahead: &mut HashMap<usize, u64>) -> Batch {
        let id = decision.actor.map(|number| actor(ACTORS[number]));
        let key = decision.actor.filter(|_| decision.keyed).and_then(|number| self.keys.get(&number).copied());
        let mut writes = Vec::new();
        for deed in &decision.writes {
            writes.push(self.write(decision.actor, deed, ahead).await);
        }
        let fence = if decision.stale_fence { self.stale } else { self.fences[1] };
        Batch { fence, actor: id, key, now: at(decision.now), writes }
    }

    async fn write(&self, owner: Option<usize>, deed: &Deed, ahead: &mut HashMap<usize, u64>) -> Write {
        let owner_name = owner.map_or("nobody", |number| ACTORS[number]);
        let heard = |subscriber: usize, listened: usize| subscribed(subscriber, PATTERNS[listened]);
        match deed {
            Deed::State { ahead: by, tags, len } => {
                let stored =
                    self.store.load(&actor(owner_name)).await.unwrap().map_or(0, |snapshot| snapshot.revision.0);
                let built_on = ahead.entry(owner.unwrap_or(usize::MAX)).or_insert(stored);
                let revision = Revision(*built_on + by);
                *built_on += 1;
                let state = (*len > 0).then(|| Payload::new(NAMES[len % 3], Encoding::Bytes, vec![7; *len]));
                let tags = (0..*tags).map(|tag| (name(NAMES[tag]), name(owner_name))).collect();
                Write::State { revision, state, tags }
            }
            Deed::Publish { topic: number, time } => Write::Publish(Announcement {
                id: id(u128::from(*time)),
                topic: topic(TOPICS[*number]),
                time: at(*time),
                payload: Payload::new("t.Event", Encoding::Json, owner_name),
                headers: Headers::new(),
                trace: None,
                publisher: owner.map(|number| actor(ACTORS[number])),
            }),
            Deed::Effect { id, due } => {
                let origin = owner.map(|number| actor(ACTORS[number]));
                Write::Effect(OutboxEntry { origin, ..effect(*id, *due) })
            }
            Deed::CancelEffect(number) => Write::CancelEffect(id(*number)),
            Deed::ConsumeEffect(number) => Write::ConsumeEffect(id(*number)),
            Deed::Cursor { subscriber, pattern, topic: number, epoch, seq } => Write::Cursor {
                subscription: heard(*subscriber, *pattern),
                topic: topic(TOPICS[*number]),
                position: Position::new(*epoch, *seq),
            },
            Deed::ArmTimer { name, due } => Write::ArmTimer(timer(owner_name, NAMES[*name], *due)),
            Deed::RearmTimer { name: number, fired, next } => {
                Write::RearmTimer { name: name(NAMES[*number]), fired: at(*fired), next: at(*next) }
            }
            Deed::DropTimer(number) => Write::DropTimer(name(NAMES[*number])),
            Deed::Reply { key, time } => Write::Reply(reply(NAMES[*key], owner_name, *time)),
            Deed::DeadLetter(number) => Write::DeadLetter(Box::new(letter(*number))),
            Deed::DropDeadLetter(number) => Write::DropDeadLetter(id(*number)),
            Deed::Park { subscriber, pattern, topic: number, seq } => {
                let subscription = heard(*subscriber, *pattern);
                let at = callboard_core::batch::Parked { subscription, ..parked("clerk", TOPICS[*number], *seq) };
                Write::Park(Box::new(at))
            }
            Deed::Unpark { subscriber, pattern, topic: number } => {
                Write::Unpark { subscription: heard(*subscriber, *pattern), topic: topic(TOPICS[*number]) }
            }
            Deed::DeleteActor => Write::DeleteActor,
            Deed::Watermark(number) => Write::Watermark(self.mark_at(*number).await),
        }
    }

    /// The mark of the n-th publication that is kept; zero for none.
    async fn mark_at(&self, number: usize) -> Mark {
        let tail = self.store.tail(Mark::ZERO, ALL).await.unwrap();
        number.checked_sub(1).and_then(|number| tail.get(number)).map_or(Mark::ZERO, |publication| publication.mark)
    }

    /// Every read that there is, as text. Marks are shown as the number of publications at or before them, since stores need
    /// not number alike.
    async fn everything(&self) -> String {
        let tail = self.store.tail(Mark::ZERO, ALL).await.unwrap();
        let place = |mark: Mark| tail.iter().filter(|publication| publication.mark <= mark).count();
        let mut shown = String::new();
        for publication in &tail {
            writeln!(shown, "published {}", unmarked(publication)).unwrap();
        }
        self.show_actors(&mut shown, &place).await;
        self.show_topics(&mut shown, &place).await;
        self.show_subscriptions(&mut shown, &place).await;
        let store = &self.store;
        let effects = store.effects(EffectPlace::default(), at(7), ALL).await.unwrap();
        writeln!(shown, "effects {}", effects.as_slice().shown()).unwrap();
        writeln!(shown, "due {:?}", store.next_effect_due(EffectPlace { due: at(3), id: Some(id(1)) }).await).unwrap();
        writeln!(shown, "timers {:?}", store.timers(None, ALL).await).unwrap();
        writeln!(shown, "letters {}", store.dead_letters(None, ALL).await.unwrap().as_slice().shown()).unwrap();
        writeln!(shown, "watermark {}", place(store.watermark().await.unwrap())).unwrap();
        writeln!(shown, "head {}", place(store.head().await.unwrap())).unwrap();
        for ms in (0..100).step_by(7) {
            writeln!(shown, "before {ms}: {}", place(store.mark_before(at(ms)).await.unwrap())).unwrap();
        }
        shown
    }

    async fn show_actors(&self, shown: &mut String, place: &impl Fn(Mark) -> usize) {
        let store = &self.store;
        for one in store.actors(ActorQuery { limit: ALL, ..ActorQuery::default() }).await.unwrap() {
            let created = place(one.created);
            writeln!(shown, "{} {} {:?} {} created {created}", one.id, one.revision, one.tags, one.time).unwrap();
        }
        let query =
            ActorQuery { declared: Some(name("order")), prefix: Some("order/1".to_owned()), ..ActorQuery::default() };
        let listed = store.actors(ActorQuery { limit: 2, ..query }).await.unwrap();
        writeln!(shown, "listed {:?}", listed.iter().map(|one| &one.id).collect::<Vec<_>>()).unwrap();
        for id in ACTORS.map(actor) {
            writeln!(shown, "{id} {}", store.load(&id).await.unwrap().shown()).unwrap();
            for revision in [0, 1, 2, 3, 5, 8] {
                let then = store.at_revision(&id, Revision(revision)).await.unwrap();
                writeln!(shown, "{id} at {revision} {}", then.shown()).unwrap();
            }
            for ms in [0, 20, 50, 99] {
                writeln!(shown, "{id} then {ms} {}", store.at_time(&id, at(ms)).await.unwrap().shown()).unwrap();
            }
            for key in NAMES {
                writeln!(shown, "{id} reply {}", store.recorded(&id, key).await.unwrap().shown()).unwrap();
            }
            writeln!(shown, "{id} timers {:?}", store.timers_of(&id).await).unwrap();
        }
    }

    async fn show_topics(&self, shown: &mut String, place: &impl Fn(Mark) -> usize) {
        for number in TOPICS {
            let bounds = self.store.bounds(&topic(number)).await.unwrap();
            let head = bounds.map(|bounds| (bounds.epoch, bounds.first, bounds.head, place(bounds.head_mark)));
            writeln!(shown, "{number} bounds {head:?}").unwrap();
            let read = self.store.read(&topic(number), Seq(1), 3).await.unwrap();
            writeln!(shown, "{number} {:?}", read.iter().map(|p| unmarked(p)).collect::<String>()).unwrap();
        }
        for selected in PATTERNS {
            let query = TopicQuery { pattern: pattern(selected), after: None, limit: ALL };
            writeln!(shown, "{selected} {:?}", self.store.topics(query).await).unwrap();
        }
    }

    async fn show_subscriptions(&self, shown: &mut String, place: &impl Fn(Mark) -> usize) {
        for subscriber in 0..SUBSCRIBERS {
            for selected in PATTERNS {
                let heard = subscribed(subscriber, selected);
                let after = self.store.hears_after(&heard).await.unwrap().map(place);
                writeln!(shown, "{heard:?} hears after {after:?}").unwrap();
                for number in TOPICS {
                    writeln!(shown, "{number} {:?}", self.store.cursor(&heard, &topic(number)).await).unwrap();
                }
            }
        }
        let mut parked: Vec<String> = self.store.parked().await.unwrap().iter().map(Shown::shown).collect();
        parked.sort();
        writeln!(shown, "parked {parked:?}").unwrap();
    }
}

fn unmarked(publication: &Publication) -> String {
    Publication { mark: Mark::ZERO, ..publication.clone() }.shown()
}

fn subscribed(subscriber: usize, listened: &str) -> SubscriptionId {
    match ACTORS.get(subscriber) {
        Some(id) => subscription(id, listened),
        None => SubscriptionId {
            subscriber: Subscriber::External(name(EXTERNALS[subscriber - ACTORS.len()])),
            pattern: pattern(listened),
        },
    }
}

fn registration(declared: usize, channels: usize, timers: usize) -> Registration {
    let timer = |number: usize| TimerEntry {
        every_ms: 10 + channels as u64,
        due: Timestamp::from_millis(timers as u64),
        ..timer(ACTORS[declared], NAMES[number], 0)
    };
    Registration {
        name: name(ACTORS[declared]),
        kind: ActorKind::Named,
        channels: PATTERNS[..channels].iter().map(|text| (pattern(text), FailurePolicy::Park)).collect(),
        timers: (0..timers).map(timer).collect(),
    }
}
