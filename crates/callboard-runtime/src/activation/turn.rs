//! One turn: invoke the author's code, decide, commit, perform, reply.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Instant;

use callboard_core::activation::Input;
use callboard_core::declaration::Durability;
use callboard_core::port::{BoxFuture, CommitError, Turn, TurnAction};
use callboard_core::{ActorId, Cause, Code, Error, MessageId, Payload, Position, Reply, Revision, Timestamp, Value};
use futures_util::FutureExt;
use tracing::Instrument;

use super::{Activation, deadline_exceeded};
use crate::commit::public_error;
use crate::decision::{Decision, Facts, decide, state_write};
use crate::mail::{Letter, Mail};

/// How an action ended.
pub(super) enum Outcome {
    Decided(Value),
    Failed(Error),
    Panicked(String),
}

type Handled = Result<Value, Error>;

/// How far the author's code came at once.
enum Begun<'a> {
    Ended(Outcome),
    Waits(Waiting<'a>),
}

/// An action that awaits.
struct Waiting<'a> {
    handling: BoxFuture<'a, Handled>,
    span: tracing::Span,
    deadline: Instant,
    actor: ActorId,
}

/// What remains to be done once the author's code has decided.
pub(super) enum Settled {
    /// Nothing.
    Replied(Result<Reply, Error>),
    /// To commit what was decided, and then to reply.
    Commit(Box<ToCommit>),
    /// To write what waits behind replies of a `snapshot` actor, and then to reply.
    Flush(Box<Reply>),
    /// To forget what is in memory, and then to reply.
    Forget(Error),
}

/// A decision on its way to the store.
pub(super) struct ToCommit {
    decision: Decision,
    batch: callboard_core::Batch,
}

impl Activation {
    pub(super) async fn turn(&mut self, action: TurnAction, mail: Mail, fingerprint: u64) {
        let now = self.ports.clock.now();
        let outcome = self.invoke(action, &mail, now).await;
        let settled = self.settle(outcome, &mail, now, fingerprint);
        match settled {
            Settled::Replied(result) => mail.answer(result),
            waiting => Box::pin(self.finish(waiting, mail)).await,
        }
    }

    /// Runs the author's code, with its panics and its deadline contained.
    pub(super) async fn invoke(&mut self, action: TurnAction, mail: &Letter, now: Timestamp) -> Outcome {
        let mut parts = Some((self, mail));
        // Most actions are done at the first poll. Nothing of them becomes part of this task, and only the others pay for a timer.
        let begun = std::future::poll_fn(|cx| {
            Poll::Ready(parts.take().map(|(activation, mail)| activation.begin(action, mail, now, cx)))
        });
        match begun.await {
            Some(Begun::Ended(outcome)) => outcome,
            Some(Begun::Waits(waiting)) => Box::pin(waiting.see_through()).await,
            None => Outcome::Failed(Error::new(Code::Internal, "the turn began twice")),
        }
    }

    /// Runs the author's code up to where it first waits.
    fn begin(&mut self, action: TurnAction, mail: &Letter, now: Timestamp, cx: &mut Context<'_>) -> Begun<'_> {
        self.step(Input::Mail);
        let entropy = self.random();
        let Some(present) = &mut self.present else {
            let error = Error::new(Code::Internal, "the actor is not loaded");
            return Begun::Ended(Outcome::Failed(error));
        };
        if present.instance.needs_state()
            && present.state.is_some()
            && let Err(error) = present.instance.restore(present.state.as_ref())
        {
            return Begun::Ended(Outcome::Failed(error));
        }
        let invocation = &mail.invocation;
        let (deadline, trace) = (invocation.deadline, invocation.trace);
        let span = tracing::debug_span!("turn", actor = %self.cell.id, action = ?action, trace = trace.map(tracing::field::display));
        let turn = Turn {
            action,
            payload: mail.take_payload(),
            // Not the caller's: its references are counted where callers count theirs.
            actor: self.cell.id.clone(),
            now,
            deadline,
            revision: present.revision,
            tags: present.tags.clone(),
            cause: mail.cause.clone(),
            headers: invocation.headers.clone(),
            key: invocation.key.clone(),
            trace,
            chain: invocation.chain.clone(),
            entropy,
            dispatcher: self.lanes.dispatcher(),
        };
        let instance = &mut present.instance;
        let begun = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(move || {
                let mut handling = instance.handle(turn);
                match handling.as_mut().poll(cx) {
                    Poll::Ready(handled) => Ok(handled),
                    Poll::Pending => Err(handling),
                }
            }))
        });
        match begun {
            Ok(Ok(handled)) => Begun::Ended(outcome(handled)),
            Ok(Err(handling)) => Begun::Waits(Waiting { handling, span, deadline, actor: self.cell.id.clone() }),
            Err(panic) => Begun::Ended(Outcome::Panicked(panic_text(panic.as_ref()))),
        }
    }

    /// Decides what a turn's outcome leads to; performs it when nothing has to be committed.
    #[inline]
    pub(super) fn settle(&mut self, outcome: Outcome, mail: &Letter, now: Timestamp, fingerprint: u64) -> Settled {
        match outcome {
            Outcome::Decided(value) => self.settle_value(value, mail, now, fingerprint),
            Outcome::Failed(error) => {
                self.cell.host.metrics.turns_failed.increment(1);
                self.step(Input::Decided { commit: false });
                self.restore();
                Settled::Replied(Err(error))
            }
            Outcome::Panicked(text) => {
                self.cell.host.metrics.turns_panicked.increment(1);
                tracing::error!(actor = %self.cell.id, panic = text, "an action panicked");
                let error = format!("an action of actor {} panicked", self.cell.id);
                Settled::Forget(Error::new(Code::ActionPanicked, error).with_detail(text))
            }
        }
    }

    #[inline]
    fn settle_value(&mut self, value: Value, mail: &Letter, now: Timestamp, fingerprint: u64) -> Settled {
        if self.stays_in_memory(&value, mail) && value.check().is_ok() {
            return Settled::Replied(Ok(self.keep(value)));
        }
        self.settle_decision(value, mail, now, fingerprint)
    }

    /// Whether all that the action decided concerns this activation alone: nothing of it is written, announced or asked.
    fn stays_in_memory(&self, value: &Value, mail: &Letter) -> bool {
        let declaration = &self.cell.host.declaration;
        declaration.durability == Durability::Volatile
            && declaration.state.is_some()
            && matches!(mail.cause, Cause::Call)
            && mail.invocation.key.is_none()
            && value.broadcasts.is_empty()
            && value.effects.is_empty()
            && value.cancelled_effects.is_empty()
            && value.tags.is_none()
    }

    /// The same as deciding and performing, for a value that stays in memory. It is the most frequent turn of volatile actors, and moves
    /// the value once.
    fn keep(&mut self, value: Value) -> Reply {
        self.step(Input::Decided { commit: false });
        self.cell.host.metrics.turns_ok.increment(1);
        let mut revision = Revision::ZERO;
        if let Some(present) = &mut self.present {
            revision = present.revision;
            if value.state.is_some() {
                present.state = value.state;
            }
        }
        Reply { payload: value.response.unwrap_or_else(Payload::empty), revision, positions: Vec::new() }
    }

    fn settle_decision(&mut self, value: Value, mail: &Letter, now: Timestamp, fingerprint: u64) -> Settled {
        let Some(present) = &self.present else {
            return Settled::Replied(Err(Error::new(Code::Internal, "the actor is not loaded")));
        };
        let entropy = &self.ports.entropy;
        let facts = Facts {
            actor: &self.cell.id,
            declaration: &self.cell.host.declaration,
            rules: &self.ports.rules,
            cause: &mail.cause,
            headers: &mail.invocation.headers,
            key: mail.invocation.key.as_ref(),
            fingerprint,
            trace: mail.invocation.trace.map(|trace| trace.child(entropy.next() | 1)),
            now,
            revision: present.revision,
            tags: &present.tags,
            state: present.state.as_ref(),
        };
        let mut decision = match decide(value, &facts, || MessageId::new(now, entropy.next_u128())) {
            Ok(decision) => decision,
            Err(error) => return self.settle(Outcome::Failed(error), mail, now, fingerprint),
        };
        if let Durability::Snapshot(interval) = self.cell.host.declaration.durability {
            return self.settle_behind(decision, now, interval);
        }
        if decision.stores_state {
            let write = state_write(&decision, &facts);
            decision.writes.insert(0, write);
        }
        if decision.writes.is_empty() {
            self.step(Input::Decided { commit: false });
            return Settled::Replied(Ok(self.perform(decision, Vec::new())));
        }
        let writes = std::mem::take(&mut decision.writes);
        let batch = self.batch(now, writes);
        Settled::Commit(Box::new(ToCommit { decision, batch }))
    }

    /// Does what had to wait, and replies.
    async fn finish(&mut self, settled: Settled, mail: Mail) {
        let actor = self.cell.id.clone();
        let deadline = mail.invocation.deadline.into();
        let mut resolving = pin!(self.resolve(settled));
        match tokio::time::timeout_at(deadline, resolving.as_mut()).await {
            Ok(result) => mail.answer(result),
            Err(_late) => {
                // Whether it will be committed is not known yet; the caller is told so, the actor waits for it.
                mail.answer(Err(deadline_exceeded(&actor)));
                drop(resolving.await);
            }
        }
    }

    /// Does what remains to be done; gives the reply.
    pub(super) async fn resolve(&mut self, settled: Settled) -> Result<Reply, Error> {
        let result = match settled {
            Settled::Replied(result) => return result,
            Settled::Commit(to_commit) => self.commit(*to_commit).await,
            Settled::Flush(reply) => {
                self.step(Input::Decided { commit: true });
                match self.commit_behind().await {
                    Ok(()) => {
                        self.step(Input::Committed);
                        self.cell.host.metrics.turns_ok.increment(1);
                        Ok(*reply)
                    }
                    Err(error) => Err(error),
                }
            }
            Settled::Forget(error) => {
                // What was replied before it went wrong is still written.
                self.flush_behind().await;
                self.step(Input::Panicked);
                self.present = None;
                return Err(error);
            }
        };
        match result {
            Ok(reply) => Ok(reply),
            Err(error) => self.lost(&error),
        }
    }

    async fn commit(&mut self, ToCommit { decision, batch }: ToCommit) -> Result<Reply, CommitError> {
        self.step(Input::Decided { commit: true });
        let committed = self.ports.committer.commit(batch).await?;
        self.step(Input::Committed);
        let receipt = committed.receipt();
        let positions = receipt.publications.iter().map(|publication| publication.position).collect();
        if let Some(present) = &mut self.present {
            present.key = receipt.key.or(present.key);
        }
        Ok(self.perform(decision, positions))
    }

    /// The part of a decision that needs no commit, and the reply.
    pub(super) fn perform(&mut self, decision: Decision, mut positions: Vec<Position>) -> Reply {
        self.cell.host.metrics.turns_ok.increment(1);
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

    /// A commit was refused: what is in memory is not what is stored, and is forgotten.
    fn lost(&mut self, error: &CommitError) -> Result<Reply, Error> {
        let fenced = matches!(error, CommitError::Fenced(_));
        self.step(if fenced { Input::LeaseLost } else { Input::Lost });
        self.present = None;
        if matches!(error, CommitError::Duplicate) {
            // It was done before, by this node or the one before it: for its cause that is a success.
            let (payload, revision) = (Payload::empty(), Revision::ZERO);
            return Ok(Reply { payload, revision, positions: Vec::new() });
        }
        self.cell.host.metrics.turns_failed.increment(1);
        Err(public_error(error))
    }
}

fn outcome(handled: Handled) -> Outcome {
    match handled {
        Ok(value) => Outcome::Decided(value),
        Err(error) => Outcome::Failed(error),
    }
}

impl Waiting<'_> {
    /// Until it decides, panics or is late.
    async fn see_through(self) -> Outcome {
        let handling = AssertUnwindSafe(self.handling).catch_unwind().instrument(self.span);
        match tokio::time::timeout_at(self.deadline.into(), handling).await {
            Ok(Ok(handled)) => outcome(handled),
            Ok(Err(panic)) => Outcome::Panicked(panic_text(panic.as_ref())),
            Err(_elapsed) => Outcome::Failed(deadline_exceeded(&self.actor)),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a text".to_owned())
}
