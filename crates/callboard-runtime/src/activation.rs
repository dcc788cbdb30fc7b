//! One actor in memory: the task that drives [`Lifecycle`] and performs what it says.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use callboard_core::activation::{Input, Lifecycle, Step};
use callboard_core::batch::{StoreKey, TimerEntry};
use callboard_core::declaration::{ActorKind, Durability};
use callboard_core::limits::CALL_DEADLINE;
use callboard_core::port::{
    ActivationPhase, ActorState, Clock, CommitError, Dispatcher, Entropy, Instance, Store, StoreError, Turn, TurnAction,
};
use callboard_core::retry::backoff;
use callboard_core::topic::TopicRules;
use callboard_core::{
    ActorId, Batch, Cause, Code, Error, Headers, MessageId, Payload, Reply, Revision, Timestamp, Value, Write,
};
use futures_util::FutureExt;

use crate::commit::{CommitHandle, public_error};
use crate::decision::{Decision, Facts, decide, state_write};
use crate::hosts::Asked;
use crate::hub::Hub;
use crate::mailbox::{Control, Mail, ReplySlot, Wake};
use crate::registry::{Cell, Registry};
use crate::written_behind::WrittenBehind;

/// What an activation stands on.
pub(crate) struct ActivationPorts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) rules: Arc<TopicRules>,
    pub(crate) committer: CommitHandle,
    pub(crate) hub: Arc<Hub>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) passivation: crate::passivation::Schedule,
}

/// Drives an activation until it ends. Whatever ends it, mail that waits is answered and the registry forgets it.
pub(crate) async fn drive(cell: Arc<Cell>, ports: Arc<ActivationPorts>, dispatcher: Arc<dyn Dispatcher>) {
    let departure = Departure { cell: Arc::clone(&cell), ports: Arc::clone(&ports) };
    cell.host.metrics.activations.increment(1);
    Activation { cell, ports, dispatcher, life: Lifecycle::Vacant, present: None, retry: None }.run().await;
    drop(departure);
}

struct Departure {
    cell: Arc<Cell>,
    ports: Arc<ActivationPorts>,
}

impl Drop for Departure {
    fn drop(&mut self) {
        let left = self.cell.mailbox.close();
        self.ports.registry.remove(&self.cell);
        for mail in left {
            // Safe to send again: it was never looked at.
            let error = Error::new(Code::Unavailable, "the actor left memory before it took the call; try again")
                .with_retry(callboard_core::Retry::Safe);
            let _ = mail.reply.send(Err(error));
        }
    }
}

struct Activation {
    cell: Arc<Cell>,
    ports: Arc<ActivationPorts>,
    dispatcher: Arc<dyn Dispatcher>,
    life: Lifecycle,
    present: Option<Present>,
    retry: Option<LoadRetry>,
}

/// The pause after loading failed; mail that comes meanwhile is answered with the error at once.
struct LoadRetry {
    at: Instant,
    error: Error,
}

/// The actor as it is in memory.
struct Present {
    instance: Box<dyn Instance>,
    key: Option<StoreKey>,
    revision: Revision,
    state: Option<Payload>,
    tags: Headers,
    behind: Option<Box<WrittenBehind>>,
}

/// How an action ended.
enum Outcome {
    Decided(Value),
    Failed(Error),
    Panicked(String),
}

impl Activation {
    async fn run(&mut self) {
        loop {
            match self.next_wake().await {
                None => {
                    self.flush_behind().await;
                }
                Some(Wake::Mail(mail)) => {
                    self.cell.touch(self.ports.registry.tick());
                    self.mail(mail).await;
                    if self.life == Lifecycle::Fenced {
                        return;
                    }
                }
                Some(Wake::Control(control)) => {
                    if self.control(control).await {
                        return;
                    }
                }
            }
        }
    }

    /// The next thing to do; `None` when what waits behind replies is due to be written.
    async fn next_wake(&mut self) -> Option<Wake> {
        let due = self.present.as_ref().and_then(|present| present.behind.as_ref()).map(|behind| behind.due());
        match due {
            None => Some(self.cell.mailbox.next().await),
            Some(due) => tokio::time::timeout_at(due.into(), self.cell.mailbox.next()).await.ok(),
        }
    }

    /// Says whether the activation ends.
    async fn control(&mut self, control: Control) -> bool {
        match control {
            Control::Idle => {
                let timeout = self.ports.passivation.ticks(self.cell.host.declaration.deactivate_timeout);
                let idle = self.cell.idle_ticks(self.ports.registry.tick()) >= timeout;
                idle && self.cell.mailbox.is_empty() && self.end(Input::IdleElapsed).await
            }
            Control::Stop => self.end(Input::Stop).await,
            Control::Forget(done) => {
                self.present = None;
                self.life = Lifecycle::Vacant;
                let _ = done.send(());
                false
            }
            Control::State(slot) => {
                let id = self.cell.id.clone();
                if let Ok(present) = self.load().await {
                    let state = ActorState {
                        id,
                        revision: present.revision,
                        state: present.state.clone(),
                        tags: present.tags.clone(),
                        time: None,
                        phase: ActivationPhase::Active,
                    };
                    let _ = slot.send(state);
                }
                false
            }
        }
    }

    /// Writes what waits and closes the mailbox; says whether the activation ended. Mail that came meanwhile keeps it alive.
    async fn end(&mut self, input: Input) -> bool {
        if self.step(input) == Step::Drain {
            self.flush_behind().await;
            self.step(Input::Drained);
        }
        let ended = self.cell.mailbox.close_if_empty();
        if !ended && self.present.is_some() {
            self.life = Lifecycle::Idle;
        }
        ended
    }

    fn step(&mut self, input: Input) -> Step {
        let (life, step) = self.life.next(input);
        self.life = life;
        step
    }

    /// Takes one piece of mail from arrival to reply.
    async fn mail(&mut self, mail: Box<Mail>) {
        let Mail { invocation, cause, reply } = *mail;
        if reply.is_closed() && matches!(cause, Cause::Call) {
            // Nobody waits any more, and nothing was promised.
            return;
        }
        let now = self.ports.clock.instant();
        if invocation.deadline <= now {
            let _ = reply.send(Err(deadline_exceeded(&self.cell.id)));
            return;
        }
        if let Some(retry) = &self.retry {
            if now < retry.at {
                let _ = reply.send(Err(retry.error.clone()));
                return;
            }
            self.step(Input::RetryDue);
        }
        let asked = match self.cell.host.resolve(&invocation.action) {
            Ok(asked) => asked,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        if let Err(error) = self.load().await {
            let _ = reply.send(Err(error));
            return;
        }
        let Asked::Run(action) = asked else {
            let present = self.present.as_ref();
            let payload = present.and_then(|p| p.state.clone()).unwrap_or_else(Payload::empty);
            let revision = present.map_or(Revision::ZERO, |p| p.revision);
            let _ = reply.send(Ok(Reply { payload, revision, positions: Vec::new() }));
            return;
        };
        let mut fingerprint = 0;
        if let Some(key) = &invocation.key {
            fingerprint = fingerprint_of(&invocation.action, &invocation.payload);
            match self.recorded(key, fingerprint).await {
                Ok(None) => {}
                Ok(Some(recorded)) => return drop(reply.send(Ok(recorded))),
                Err(error) => return drop(reply.send(Err(error))),
            }
        }
        self.turn(action, invocation, cause, fingerprint, reply).await;
    }

    async fn recorded(&mut self, key: &str, fingerprint: u64) -> Result<Option<Reply>, Error> {
        let recorded = self.ports.store.recorded(&self.cell.id, key).await.map_err(|e| unavailable(&e))?;
        match recorded {
            None => Ok(None),
            Some(recorded) if recorded.fingerprint != fingerprint => Err(Error::new(
                Code::IdempotencyMismatch,
                "this idempotency key was used for another action or payload; use a new key for a new request",
            )),
            Some(recorded) => {
                Ok(Some(Reply { payload: recorded.payload, revision: recorded.revision, positions: Vec::new() }))
            }
        }
    }

    async fn turn(
        &mut self,
        action: TurnAction,
        invocation: callboard_core::Invocation,
        cause: Cause,
        fingerprint: u64,
        reply: ReplySlot,
    ) {
        self.step(Input::Mail);
        let context = TurnContext {
            now: self.ports.clock.now(),
            cause,
            headers: invocation.headers.clone(),
            key: invocation.key.clone(),
            trace: invocation.trace,
            fingerprint,
        };
        let outcome = self.invoke(action, invocation, &context).await;
        let host = Arc::clone(&self.cell.host);
        let metrics = &host.metrics;
        let result = match outcome {
            Outcome::Decided(value) => {
                let result = self.settle(value, &context).await;
                if result.is_ok() {
                    metrics.turns_ok.increment(1)
                } else {
                    metrics.turns_failed.increment(1)
                }
                result
            }
            Outcome::Failed(error) => {
                metrics.turns_failed.increment(1);
                self.step(Input::Decided { commit: false });
                self.restore();
                Err(error)
            }
            Outcome::Panicked(text) => {
                metrics.turns_panicked.increment(1);
                tracing::error!(actor = %self.cell.id, panic = text, "an action panicked");
                self.forget(Input::Panicked).await;
                Err(Error::new(Code::ActionPanicked, format!("an action of actor {} panicked", self.cell.id))
                    .with_detail(text))
            }
        };
        let _ = reply.send(result);
    }

    /// Runs the author's code, with its panics and its deadline contained.
    async fn invoke(
        &mut self,
        action: TurnAction,
        invocation: callboard_core::Invocation,
        context: &TurnContext,
    ) -> Outcome {
        let Some(present) = &mut self.present else {
            return Outcome::Failed(Error::new(Code::Internal, "the actor is not loaded"));
        };
        let deadline = invocation.deadline;
        let turn = Turn {
            action,
            payload: invocation.payload,
            actor: self.cell.id.clone(),
            now: context.now,
            deadline,
            revision: present.revision,
            tags: present.tags.clone(),
            cause: context.cause.clone(),
            headers: invocation.headers,
            key: invocation.key,
            trace: invocation.trace,
            chain: invocation.chain,
            entropy: self.ports.entropy.next(),
            dispatcher: Arc::clone(&self.dispatcher),
        };
        let span = tracing::debug_span!(
            "turn",
            actor = %self.cell.id,
            action = ?action,
            trace = invocation.trace.map(tracing::field::display),
        );
        let handled = std::panic::AssertUnwindSafe(async { present.instance.handle(turn).await }).catch_unwind();
        let mut handled = std::pin::pin!(tracing::Instrument::instrument(handled, span));
        // Most actions are done at the first poll; only the others pay for a timer.
        let first = std::future::poll_fn(|cx| Poll::Ready(handled.as_mut().poll(cx))).await;
        let result = match first {
            Poll::Ready(result) => Ok(result),
            Poll::Pending => tokio::time::timeout_at(deadline.into(), handled).await,
        };
        match result {
            Ok(Ok(Ok(value))) => Outcome::Decided(value),
            Ok(Ok(Err(error))) => Outcome::Failed(error),
            Ok(Err(panic)) => Outcome::Panicked(panic_text(panic.as_ref())),
            Err(_elapsed) => Outcome::Failed(deadline_exceeded(&self.cell.id)),
        }
    }

    /// From the value to the reply: decide, commit, perform.
    async fn settle(&mut self, value: Value, context: &TurnContext) -> Result<Reply, Error> {
        let ports = Arc::clone(&self.ports);
        let Some(present) = &self.present else {
            return Err(Error::new(Code::Internal, "the actor is not loaded"));
        };
        let facts = Facts {
            actor: &self.cell.id,
            declaration: &self.cell.host.declaration,
            rules: &ports.rules,
            cause: &context.cause,
            headers: &context.headers,
            key: context.key.as_ref(),
            fingerprint: context.fingerprint,
            trace: context.trace.map(|trace| trace.child(ports.entropy.next() | 1)),
            now: context.now,
            revision: present.revision,
            tags: &present.tags,
            state: present.state.as_ref(),
        };
        let mut decision = match decide(value, &facts, || MessageId::new(context.now, ports.entropy.next_u128())) {
            Ok(decision) => decision,
            Err(error) => {
                self.step(Input::Decided { commit: false });
                self.restore();
                return Err(error);
            }
        };
        if let Durability::Snapshot(interval) = self.cell.host.declaration.durability {
            return self.settle_behind(decision, context.now, interval).await;
        }
        if decision.stores_state {
            let write = state_write(&decision, &facts);
            decision.writes.insert(0, write);
        }
        if decision.writes.is_empty() {
            self.step(Input::Decided { commit: false });
            return Ok(self.perform(decision, Vec::new()));
        }
        self.step(Input::Decided { commit: true });
        let writes = std::mem::take(&mut decision.writes);
        let committed = self.ports.committer.commit(self.batch(context.now, writes)).await;
        match committed {
            Ok(committed) => {
                self.step(Input::Committed);
                let receipt = committed.receipt();
                let positions = receipt.publications.iter().map(|publication| publication.position).collect();
                if let Some(present) = &mut self.present {
                    present.key = receipt.key.or(present.key);
                }
                Ok(self.perform(decision, positions))
            }
            Err(error) => self.lost(error).await,
        }
    }

    /// The part of a decision that needs no commit, and the reply.
    fn perform(&mut self, decision: Decision, mut positions: Vec<callboard_core::Position>) -> Reply {
        if let Some(present) = &mut self.present {
            present.revision = decision.revision;
            if let Some(state) = decision.state {
                present.state = Some(state);
            }
            if let Some(tags) = decision.tags {
                present.tags = tags;
            }
        }
        positions.extend(decision.ephemeral.into_iter().map(|announcement| self.ports.hub.announce(announcement)));
        Reply { payload: decision.response, revision: decision.revision, positions }
    }

    /// A `snapshot` actor replies first and writes behind, unless what caused the turn must leave with it.
    async fn settle_behind(
        &mut self,
        mut decision: Decision,
        now: Timestamp,
        interval: std::time::Duration,
    ) -> Result<Reply, Error> {
        let due = self.ports.clock.instant() + interval;
        let at_once = decision.at_once;
        let revision = match &mut self.present {
            Some(present) => {
                let revision = present.revision;
                let changed = decision.stores_state;
                if changed || !decision.writes.is_empty() || !decision.ephemeral.is_empty() {
                    let behind = present.behind.get_or_insert_with(|| Box::new(WrittenBehind::new(due)));
                    behind.add(
                        now,
                        changed,
                        std::mem::take(&mut decision.writes),
                        std::mem::take(&mut decision.ephemeral),
                    );
                }
                // The revision under which this will be stored; several turns may share it.
                decision.revision = revision;
                if present.behind.as_ref().is_some_and(|b| b.stores_state()) { revision.next() } else { revision }
            }
            None => decision.revision,
        };
        let full = self.present.as_ref().and_then(|p| p.behind.as_ref()).is_some_and(|behind| behind.is_full());
        let mut reply = self.perform(decision, Vec::new());
        reply.revision = revision;
        if at_once || full {
            self.step(Input::Decided { commit: true });
            let flushed = self.commit_behind().await;
            return match flushed {
                Ok(()) => {
                    self.step(Input::Committed);
                    Ok(reply)
                }
                Err(error) => self.lost(error).await,
            };
        }
        self.step(Input::Decided { commit: false });
        Ok(reply)
    }

    /// Writes what waits behind replies; what cannot be written now is tried again later.
    async fn flush_behind(&mut self) {
        if let Err(error) = self.commit_behind().await {
            tracing::error!(actor = %self.cell.id, %error, "what a snapshot actor replied could not be written yet");
            let lost = !matches!(error, CommitError::Store(_));
            let pause = backoff(3, self.ports.entropy.next());
            let again = self.ports.clock.instant() + pause;
            if lost {
                self.present = None;
                self.life = Lifecycle::Vacant;
            } else if let Some(behind) = self.present.as_mut().and_then(|present| present.behind.as_mut()) {
                behind.postpone(again);
            }
        }
    }

    async fn commit_behind(&mut self) -> Result<(), CommitError> {
        let Some(present) = &mut self.present else { return Ok(()) };
        let Some(behind) = present.behind.take() else { return Ok(()) };
        let revision = if behind.stores_state() { present.revision.next() } else { present.revision };
        let writes = behind.writes(revision, present.state.as_ref(), &present.tags);
        let now = behind.now();
        let batch = self.batch(now, writes);
        match self.ports.committer.commit(batch).await {
            Ok(committed) => {
                if let Some(present) = &mut self.present {
                    present.key = committed.receipt().key.or(present.key);
                    present.revision = revision;
                }
                for announcement in behind.into_ephemeral() {
                    self.ports.hub.announce(announcement);
                }
                Ok(())
            }
            Err(error) => {
                if let (CommitError::Store(_), Some(present)) = (&error, &mut self.present) {
                    present.behind = Some(behind);
                }
                Err(error)
            }
        }
    }

    fn batch(&self, now: Timestamp, writes: Vec<Write>) -> Batch {
        let key = self.present.as_ref().and_then(|present| present.key);
        Batch { fence: self.cell.fence, actor: Some(self.cell.id.clone()), key, now, writes }
    }

    /// A commit was refused: what is in memory is not what is stored.
    async fn lost(&mut self, error: CommitError) -> Result<Reply, Error> {
        match error {
            CommitError::Fenced(_) => {
                self.step(Input::LeaseLost);
                self.present = None;
            }
            // It was done before, by this node or the one before it: for its cause that is a success.
            CommitError::Duplicate => {
                self.forget(Input::Lost).await;
                let (payload, revision) = (Payload::empty(), Revision::ZERO);
                return Ok(Reply { payload, revision, positions: Vec::new() });
            }
            CommitError::Conflict | CommitError::Store(_) => self.forget(Input::Lost).await,
        }
        Err(public_error(&error))
    }

    /// Forgets what is in memory, after writing what was replied before it went wrong.
    async fn forget(&mut self, input: Input) {
        if input == Input::Panicked {
            self.flush_behind().await;
        }
        self.step(input);
        self.present = None;
    }

    fn restore(&mut self) {
        let Some(present) = &mut self.present else { return };
        if let Err(error) = present.instance.restore(present.state.as_ref()) {
            tracing::error!(actor = %self.cell.id, %error, "the actor's state could not be restored; it is read again");
            self.present = None;
            self.life = Lifecycle::Vacant;
        }
    }

    /// Reads the stored state and runs init, if that has not happened.
    async fn load(&mut self) -> Result<&Present, Error> {
        if self.present.is_none() {
            if !matches!(self.life, Lifecycle::Loading { .. }) {
                self.life = Lifecycle::Vacant;
                self.step(Input::Mail);
            }
            match self.try_load().await {
                Ok(()) => {
                    self.retry = None;
                }
                Err(error) => {
                    let attempt = match self.life {
                        Lifecycle::Loading { attempt } => attempt,
                        Lifecycle::Vacant
                        | Lifecycle::Idle
                        | Lifecycle::Running { .. }
                        | Lifecycle::Committing { .. }
                        | Lifecycle::Draining
                        | Lifecycle::Backoff { .. }
                        | Lifecycle::Fenced => 1,
                    };
                    self.life = Lifecycle::Loading { attempt };
                    self.step(Input::LoadFailed);
                    self.present = None;
                    let pause = backoff(attempt, self.ports.entropy.next());
                    self.retry = Some(LoadRetry { at: self.ports.clock.instant() + pause, error: error.clone() });
                    return Err(error);
                }
            }
        }
        self.present.as_ref().ok_or_else(|| Error::new(Code::Internal, "the actor is not loaded"))
    }

    async fn try_load(&mut self) -> Result<(), Error> {
        let declaration = Arc::clone(&self.cell.host.declaration);
        let stored = if declaration.durability == Durability::Volatile || declaration.state.is_none() {
            None
        } else {
            self.ports.store.load(&self.cell.id).await.map_err(|e| unavailable(&e))?
        };
        let (key, revision, state, tags) = match stored {
            Some(stored) => (Some(stored.key), stored.revision, stored.state, stored.tags),
            None => (None, Revision::ZERO, None, Headers::new()),
        };
        let instance = self.cell.host.host.activate(&self.cell.id, state.as_ref())?;
        self.present = Some(Present { instance, key, revision, state, tags, behind: None });
        if declaration.kind == ActorKind::Unnamed && declaration.actions.iter().any(|action| action.timer.is_some()) {
            self.arm_timers(&declaration).await?;
        }
        self.step(Input::Loaded);
        if declaration.init {
            self.init().await?;
        }
        Ok(())
    }

    /// The timers of an instance are armed when it is first activated; those of named actors at registration.
    async fn arm_timers(&mut self, declaration: &callboard_core::Declaration) -> Result<(), Error> {
        let armed = self.ports.store.timers_of(&self.cell.id).await.map_err(|e| unavailable(&e))?;
        let now = self.ports.clock.now();
        let missing = declaration.actions.iter().filter(|action| armed.iter().all(|timer| timer.name != action.name));
        let writes: Vec<Write> = missing
            .filter_map(|action| {
                let timer = action.timer?;
                Some(Write::ArmTimer(TimerEntry {
                    actor: self.cell.id.clone(),
                    name: action.name.clone(),
                    due: now.after(timer.every),
                    every_ms: u64::try_from(timer.every.as_millis()).unwrap_or(u64::MAX),
                    catch_up: timer.catch_up,
                }))
            })
            .collect();
        if !writes.is_empty() {
            let committed = self.ports.committer.commit(self.batch(now, writes)).await;
            let committed = committed.map_err(|error| public_error(&error))?;
            if let Some(present) = &mut self.present {
                present.key = committed.receipt().key.or(present.key);
            }
        }
        Ok(())
    }

    async fn init(&mut self) -> Result<(), Error> {
        let invocation = callboard_core::Invocation {
            target: self.cell.id.clone(),
            action: "init".into(),
            payload: Payload::empty(),
            deadline: self.ports.clock.instant() + CALL_DEADLINE,
            key: None,
            headers: Headers::new(),
            trace: None,
            chain: callboard_core::invocation::CallChain::new(),
        };
        let context = TurnContext {
            now: self.ports.clock.now(),
            cause: Cause::Init,
            headers: Headers::new(),
            key: None,
            trace: None,
            fingerprint: 0,
        };
        self.step(Input::Mail);
        let outcome = self.invoke(TurnAction::Init, invocation, &context).await;
        match outcome {
            Outcome::Decided(value) => self.settle(value, &context).await.map(drop),
            Outcome::Failed(error) => Err(error),
            Outcome::Panicked(text) => {
                self.cell.host.metrics.turns_panicked.increment(1);
                Err(Error::new(Code::ActionPanicked, format!("init of actor {} panicked", self.cell.id))
                    .with_detail(text))
            }
        }
    }
}

/// What of an invocation is still needed once its action runs.
struct TurnContext {
    now: Timestamp,
    cause: Cause,
    headers: Headers,
    key: Option<callboard_core::Name>,
    trace: Option<callboard_core::trace::TraceContext>,
    fingerprint: u64,
}

fn deadline_exceeded(actor: &ActorId) -> Error {
    Error::new(Code::DeadlineExceeded, format!("the call to actor {actor} did not end before its deadline"))
}

pub(crate) fn unavailable(error: &StoreError) -> Error {
    match error {
        StoreError::Unavailable(text) => Error::new(Code::Unavailable, text.clone()),
        StoreError::Corrupt(text) => {
            Error::new(Code::Internal, "what is stored cannot be read").with_detail(text.clone())
        }
    }
}

/// Tells a repetition of a request from a misuse of its key.
fn fingerprint_of(action: &str, payload: &Payload) -> u64 {
    // Stored, so the hash must be the same in every process: the v3 function with its fixed secrets.
    let mut text = Vec::with_capacity(action.len() + payload.type_name().len() + payload.bytes().len() + 2);
    text.extend_from_slice(callboard_core::declaration::fold(action).as_bytes());
    text.push(0);
    text.extend_from_slice(payload.type_name().as_bytes());
    text.push(0);
    text.extend_from_slice(payload.bytes());
    rapidhash::v3::rapidhash_v3(&text)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a text".to_owned())
}
