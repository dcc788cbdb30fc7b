//! [`Drive`]: cycle after cycle, a node is started, checked, loaded and killed; now and then everything comes to rest and is
//! proved.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use callboard_crash::account::Account;
use http::Method;
use rustix::process::Signal;

use crate::book::Book;
use crate::check::{Evidence, Wrong};
use crate::door::Door;
use crate::figures::Figures;
use crate::follow::Follower;
use crate::http::{Http, Trouble};
use crate::lines::Lines;
use crate::load::{self, Load};
use crate::moment::now;
use crate::plan::{End, Plan};
use crate::process::{Node, Place};
use crate::random::Random;
use crate::shown::{Shown, parked};

/// How long nothing may move before what is under way counts as lost.
const STALLED_AFTER: Duration = Duration::from_secs(45);

/// How often it is looked whether everything has come to rest.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The gauge writes 150 ms behind its replies. What is older than this when it is killed has to be there; the rest of the time
/// is for a slow machine.
const BEHIND_MOST: Duration = Duration::from_secs(5);

/// Revisions that are kept of each actor.
const REVISIONS: u64 = 100;

/// A run.
#[derive(Debug)]
pub(crate) struct Drive {
    pub(crate) place: Place,
    pub(crate) book: Arc<Book>,
    pub(crate) figures: Figures,
    seed: u64,
    random: Random,
    verbose: bool,
    follower: Follower,
    lines: Lines,
    before: Shown,
    dropped: BTreeSet<u64>,
    address: Option<SocketAddr>,
    // When the node before ended, and whether it was told to.
    ended: Option<(Instant, bool)>,
    backlog: u64,
    log_read: u64,
}

impl Drive {
    pub(crate) fn new(place: Place, seed: u64, verbose: bool) -> Self {
        let book = Arc::<Book>::default();
        Self {
            follower: Follower::new(&book),
            lines: Lines::of(&place.journal()),
            place,
            book,
            figures: Figures::default(),
            seed,
            random: Random::new(seed, 0),
            verbose,
            before: Shown::default(),
            dropped: BTreeSet::new(),
            address: None,
            ended: None,
            backlog: 0,
            log_read: 0,
        }
    }

    /// One cycle. Gives the plan, for the report, and how it went.
    pub(crate) async fn cycle(&mut self, cycle: u64) -> (Plan, Result<()>) {
        let plan = Plan::draw(self.seed, cycle, self.figures.start_typical(), self.backlog);
        if self.verbose {
            println!("cycle {cycle}: {plan:?}, backlog {}", self.backlog);
        }
        let result = self.run(plan).await;
        let result = result.and_then(|()| self.violations());
        self.figures.cycles += 1;
        self.figures.ends[plan.end.kind()] += 1;
        (plan, result)
    }

    async fn run(&mut self, plan: Plan) -> Result<()> {
        let listen = self.address.filter(|_| plan.same_address);
        self.figures.same_address += u64::from(listen.is_some());
        if let End::KilledAtStart { after } = plan.end {
            let starting = self.place.start(&listen_on(listen))?;
            tokio::time::sleep(after).await;
            starting.kill().await?;
            self.figures.kills += 1;
            self.ended = None;
            return Ok(());
        }
        let node = self.start(listen).await?;
        if plan.checked {
            self.check(&node).await?;
        } else {
            self.book.take_moves();
        }
        let load = Load::start(node.address, plan.volume, &self.book, &mut self.random);
        let graceful = self.end(node, plan.end).await?;
        self.figures.kills += u64::from(!graceful);
        self.ended = (!matches!(plan.end, End::Halted { .. })).then(|| (now(), graceful));
        load.end().await?;
        self.follower.detach().await;
        self.read_log()
    }

    /// Ends a node as planned; says whether it ended by itself because it was told to.
    async fn end(&mut self, node: Node, end: End) -> Result<bool> {
        match end {
            End::KilledAtStart { .. } => node.kill().await?,
            End::Killed { after } => {
                tokio::time::sleep(after).await;
                node.kill().await?;
            }
            End::KilledAtStop { after, then } => {
                tokio::time::sleep(after).await;
                return node.stop_and_kill(then).await;
            }
            End::Stopped { after } => {
                tokio::time::sleep(after).await;
                let took = node.stop().await?;
                self.figures.stop_longest = self.figures.stop_longest.max(took);
                return Ok(true);
            }
            End::Halted { after, pause, then } => {
                tokio::time::sleep(after).await;
                node.signal(Signal::STOP)?;
                tokio::time::sleep(pause).await;
                if let Some(then) = then {
                    node.signal(Signal::CONT)?;
                    tokio::time::sleep(then).await;
                }
                node.kill().await?;
            }
            End::Rivalled { after } => {
                tokio::time::sleep(after).await;
                let (status, said) = self.place.rival().await?;
                ensure!(!status.success(), "a second node on the same folder was not refused");
                ensure!(
                    said.contains(&format!("process {}", node.pid)),
                    "a second node on the same folder was not told that process {} has it, but: {said}",
                    node.pid
                );
                node.kill().await?;
            }
        }
        Ok(false)
    }

    async fn start(&mut self, listen: Option<SocketAddr>) -> Result<Node> {
        let node = self.place.start(&listen_on(listen))?.ready().await.context("starting a node")?;
        self.figures.starts.push(node.took);
        self.address = Some(node.address);
        self.follower.attach(node.address);
        Ok(node)
    }

    /// Looks at everything that has to hold after a start.
    async fn check(&mut self, node: &Node) -> Result<()> {
        let mut http = Http::connect(node.address).await?;
        let shown = self.shown(&mut http).await?;
        let mut wrong = Wrong::default();
        let evidence = self.evidence(&shown);
        evidence.after_start(&mut wrong);
        self.backlog = evidence.backlog();
        self.gauge(&shown, &mut wrong);
        self.before = shown;
        self.figures.checks += 1;
        self.report(wrong)
    }

    /// What replied first and wrote behind.
    fn gauge(&mut self, shown: &Shown, wrong: &mut Wrong) {
        let (number, moves) = (shown.gauge.number, self.book.take_moves());
        let announced = shown.head(callboard_crash::gauge::TOPIC);
        if number != announced {
            wrong.0.push(format!("the gauge moved {number} times and announced {announced}"));
        }
        if number < moves.kept {
            wrong.0.push(format!("the gauge moved {number} times, and {} were written before the answer", moves.kept));
        }
        let Some((ended, graceful)) = self.ended.take() else { return };
        let lost = moves.lost(number, ended);
        if graceful && !lost.is_zero() {
            wrong.0.push(format!("the gauge moved {number} times, and more were answered before it stopped by itself"));
        }
        if lost > BEHIND_MOST {
            wrong.0.push(format!("the gauge lost a move that was answered {lost:?} before it was killed"));
        }
        self.figures.gauge_lost_most = self.figures.gauge_lost_most.max(lost);
    }

    async fn shown(&mut self, http: &mut Http) -> Result<Shown> {
        let listeners: Vec<String> = self.book.listeners().into_iter().map(|(name, _)| name).collect();
        let followed = self.follower.look(|seen| seen.positions());
        let shown = Shown::read(http, &listeners, followed).await.context("looking at the node")?;
        self.lines.read()?;
        Ok(shown)
    }

    fn evidence<'a>(&'a self, shown: &'a Shown) -> Evidence<'a> {
        let Self { book, follower, lines, before, dropped, .. } = self;
        Evidence { book, follower, lines, shown, before, dropped }
    }

    fn report(&self, wrong: Wrong) -> Result<()> {
        wrong.0.into_iter().for_each(|what| self.book.violate(what));
        self.violations()
    }

    fn violations(&self) -> Result<()> {
        let violations = self.book.violations();
        if violations.is_empty() {
            return Ok(());
        }
        bail!("{}", violations.join("\n  "))
    }

    /// Lets everything come to rest and proves it; kills the node, and looks whether all is still there.
    pub(crate) async fn prove(&mut self) -> Result<()> {
        let begin = now();
        self.stand_still().await?;
        let node = self.start(None).await?;
        self.check(&node).await?;
        let mut http = Http::connect(node.address).await?;
        let mut door = Door::Http(Http::connect(node.address).await?);
        self.send_again(&mut door).await?;
        load::persuade(&mut door, true).await?;
        let shown = self.rest(&mut http, &mut door).await?;
        let mut wrong = Wrong::default();
        let evidence = self.evidence(&shown);
        evidence.after_start(&mut wrong);
        evidence.at_rest(&mut wrong);
        let aside = evidence.set_aside();
        self.book.settle();
        self.guests(&mut http, &mut door).await?;
        self.revisions(&mut http, &shown).await?;
        self.report(wrong)?;
        for letter in &shown.letters {
            let path = format!("/v1/system/dead-letters/{}", letter.id);
            http.send(Method::DELETE, &path, &[], String::new()).await?;
        }
        self.figures.letters += shown.letters.len() as u64;
        self.dropped = aside;
        self.figures.publications = shown.publications();
        self.figures.deliveries = shown.deliveries() + self.lines.count;
        self.figures.effects = shown.effects();
        self.figures.journal_again = self.lines.again;
        self.figures.resumed = self.follower.look(|seen| seen.resumed);
        self.before = Shown { letters: Vec::new(), ..shown };
        self.kill(node).await?;
        let node = self.start(None).await?;
        self.check(&node).await?;
        self.kill(node).await?;
        self.figures.proofs += 1;
        self.figures.proof_longest = self.figures.proof_longest.max(begin.elapsed());
        self.violations()
    }

    /// Has the stubborn one stand still at a bad parcel, over a crash, and go on, over another.
    async fn stand_still(&mut self) -> Result<()> {
        let node = self.start(None).await?;
        let mut http = Http::connect(node.address).await?;
        let mut door = Door::Http(Http::connect(node.address).await?);
        load::persuade(&mut door, false).await?;
        for bad in [false, true, false, false] {
            load::parcel(&mut door, &self.book, bad).await?;
        }
        let stands = async {
            while parked(&mut http).await?.is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok::<_, Trouble>(())
        };
        tokio::time::timeout(STALLED_AFTER, stands)
            .await
            .context("stubborn does not stand still at a bad parcel")??;
        self.kill(node).await?;
        let node = self.start(None).await?;
        let mut door = Door::Http(Http::connect(node.address).await?);
        let still = parked(&mut Http::connect(node.address).await?).await?;
        ensure!(still.len() == 1, "stubborn stood still before it was killed, and now {still:?} stand still");
        load::persuade(&mut door, true).await?;
        load::go_on(&mut door).await?;
        tokio::time::sleep(Duration::from_millis(self.random.within(0, 20))).await;
        self.kill(node).await
    }

    /// Kills a node that nobody asks anything.
    async fn kill(&mut self, node: Node) -> Result<()> {
        node.kill().await?;
        self.follower.detach().await;
        self.read_log()
    }

    /// Sends the keyed deposits again of which nobody knows whether they happened.
    async fn send_again(&self, door: &mut Door) -> Result<()> {
        while let Some((op, deposit)) = self.book.resend() {
            match load::deposit(door, &self.book, op, &deposit).await {
                Ok(()) | Err(Trouble::Refused(_)) => {}
                Err(trouble) => bail!("sending a deposit again under its key: {trouble}"),
            }
        }
        Ok(())
    }

    /// Waits until nothing is under way.
    async fn rest(&mut self, http: &mut Http, door: &mut Door) -> Result<Shown> {
        let mut moved = (now(), 0);
        loop {
            let shown = self.shown(http).await?;
            let missing = self.evidence(&shown).under_way();
            if missing.is_empty() {
                return Ok(shown);
            }
            if !shown.parked.is_empty() {
                load::go_on(door).await?;
            }
            let followed = self.book.counts().followed;
            // The timers tick on their own, so they are no progress.
            let ticks = shown.ticks.once.count + shown.ticks.each.count;
            let progress =
                shown.deliveries() + shown.effects() + self.lines.count + followed + shown.letters.len() as u64;
            let progress = progress.saturating_sub(8 * ticks);
            if progress > moved.1 {
                moved = (now(), progress);
            }
            self.violations()?;
            ensure!(
                moved.0.elapsed() < STALLED_AFTER,
                "nothing moved for {STALLED_AFTER:?} and this is still under way:\n  {}",
                missing.join("\n  ")
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Instances are there, or were deleted and stay it. Those that are there go, so that they do not become too many.
    async fn guests(&mut self, http: &mut Http, door: &mut Door) -> Result<()> {
        for (actor, known) in self.book.take_guests() {
            let stored = http.state::<serde::de::IgnoredAny>(&actor).await?;
            let there = stored.is_some();
            ensure!(known.is_none_or(|known| known == there), "{actor} is there: {there}; acknowledged: {known:?}");
            if there {
                door.delete(&actor).await?;
            }
            self.figures.guests += 1;
        }
        Ok(())
    }

    /// The revisions that are kept have no holes, and each is the account after that many deposits.
    async fn revisions(&mut self, http: &mut Http, shown: &Shown) -> Result<()> {
        for (name, (revision, _)) in &shown.accounts {
            if !self.random.one_in(3) {
                continue;
            }
            let mut later: Option<Account> = None;
            for number in (revision.saturating_sub(REVISIONS - 1).max(1)..=*revision).rev() {
                let path = format!("account/{name}?revision={number}");
                let stored = http.state::<Account>(&path).await.with_context(|| format!("reading {path}"))?;
                let stored = stored.with_context(|| format!("there is no {path}"))?;
                let Some(account) = stored.state.filter(|account| account.number == number) else {
                    bail!("{path} shows {:?} at revision {}", stored.state, stored.revision);
                };
                let grows = later.is_none_or(|later| later.balance > account.balance);
                ensure!(stored.revision == number && grows, "{path} shows {account:?} below {later:?}");
                later = Some(account);
                self.figures.revisions += 1;
            }
        }
        Ok(())
    }

    /// The node says when something is wrong that does not show outside.
    fn read_log(&mut self) -> Result<()> {
        let mut log = std::fs::File::open(self.place.log()).context("opening the node's log")?;
        log.seek(SeekFrom::Start(self.log_read))?;
        let mut text = Vec::new();
        self.log_read += log.read_to_end(&mut text)? as u64;
        let text = String::from_utf8_lossy(&text);
        self.figures.parked += text.matches("policy=Park").count() as u64;
        for line in text.lines().filter(|line| line.contains("panicked") || line.contains(" ERROR ")) {
            self.book.violate(format!("the node says: {line}"));
        }
        Ok(())
    }
}

fn listen_on(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string())
}
