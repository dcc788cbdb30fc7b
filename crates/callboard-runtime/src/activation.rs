//! One actor in memory: the task that drives [`Lifecycle`] and performs what it says.
//!
//! Most turns decide at once and many change nothing that is stored. They run to their reply within one poll of the task and
//! leave nothing in its state; whatever waits (loading, an action that awaits, a commit) is boxed for as long as it waits. So
//! an idle actor costs little memory.

mod loading;
mod snapshot;
mod turn;

use std::sync::Arc;
use std::time::Instant;

use callboard_core::activation::{Input, Lifecycle, Step};
use callboard_core::batch::StoreKey;
use callboard_core::declaration::Durability;
use callboard_core::port::{ActivationPhase, ActorState, Clock, Entropy, Instance, Store, StoreError, TurnAction};
use callboard_core::topic::TopicRules;
use callboard_core::{ActorId, Batch, Cause, Code, Error, Headers, Mark, Payload, Reply, Revision, Timestamp, Write};

use crate::commit::CommitHandle;
use crate::hosts::Asked;
use crate::hub::Hub;
use crate::mail::{Letter, Mail};
use crate::mailbox::{Control, Wake};
use crate::registry::{Cell, Registry};
use crate::router::Lanes;
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
pub(crate) async fn drive(cell: Arc<Cell>, ports: Arc<ActivationPorts>, lanes: Arc<Lanes>) {
    cell.host.metrics.activations.increment(1);
    let entropy = ports.entropy.next();
    Activation { cell, ports, lanes, life: Lifecycle::Vacant, present: None, retry: None, entropy }.run().await;
}

struct Activation {
    cell: Arc<Cell>,
    ports: Arc<ActivationPorts>,
    lanes: Arc<Lanes>,
    life: Lifecycle,
    present: Option<Present>,
    // Set while loading fails.
    retry: Option<Box<LoadRetry>>,
    // Where the turns' random numbers come from, apart from other activations'.
    entropy: u64,
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

impl Drop for Activation {
    fn drop(&mut self) {
        let left = self.cell.mailbox.close();
        self.ports.registry.remove(&self.cell);
        for mail in left {
            // Safe to send again: it was never looked at.
            let error = Error::new(Code::Unavailable, "the actor left memory before it took the call; try again")
                .with_retry(callboard_core::Retry::Safe);
            mail.answer(Err(error));
        }
    }
}

impl Activation {
    async fn run(&mut self) {
        loop {
            let due = self.present.as_ref().and_then(|present| present.behind.as_ref()).map(|behind| behind.due());
            let wake = match due {
                None => Some(self.cell.mailbox.next().await),
                // What waits behind replies is written when nothing else came before its time.
                Some(due) => Box::pin(tokio::time::timeout_at(due.into(), self.cell.mailbox.next())).await.ok(),
            };
            match wake {
                None => Box::pin(self.flush_behind()).await,
                Some(Wake::Mail(mail)) => {
                    self.cell.touch(self.ports.registry.tick());
                    self.mail(mail).await;
                    if self.life == Lifecycle::Fenced {
                        return;
                    }
                }
                Some(Wake::Control(control)) => {
                    if Box::pin(self.control(control)).await {
                        return;
                    }
                }
            }
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
            Control::Delete(done) => {
                // Between two turns: what the actor decided is written before or not at all, so it cannot come back by it.
                self.present = None;
                self.life = Lifecycle::Vacant;
                let batch = self.batch(self.ports.clock.now(), vec![Write::DeleteActor]);
                let _ = done.send(self.ports.committer.commit(batch).await.map(drop));
                self.cell.mailbox.close_if_empty()
            }
            Control::State(slot) => {
                // Only what is in memory is shown from here; the rest is read from the store.
                if let Some(present) = &self.present {
                    let state = ActorState {
                        id: self.cell.id.clone(),
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
    async fn mail(&mut self, mail: Mail) {
        if mail.is_forsaken() && matches!(mail.cause, Cause::Call) {
            // Nobody waits any more, and nothing was promised.
            return;
        }
        match self.cell.host.resolve(&mail.invocation.action) {
            Err(error) => mail.answer(Err(error)),
            Ok(Asked::Run(action)) if self.is_at_hand(&mail) => self.turn(action, mail, 0).await,
            Ok(asked) => Box::pin(self.prepared(asked, mail)).await,
        }
    }

    /// Whether a turn needs nothing from the store before it runs.
    fn is_at_hand(&self, mail: &Letter) -> bool {
        self.present.is_some() && mail.invocation.key.is_none() && !self.is_for_a_stored_instance(&mail.cause)
    }

    /// The same with what has to be looked up first.
    async fn prepared(&mut self, asked: Asked, mail: Mail) {
        if self.is_for_a_stored_instance(&mail.cause) && self.is_nothing_stored().await {
            return mail.answer(Ok(Reply {
                payload: Payload::empty(),
                revision: Revision::ZERO,
                positions: Vec::new(),
            }));
        }
        let mail = if self.present.is_some() { Some(mail) } else { self.load_for(mail).await };
        let Some(mail) = mail else { return };
        match asked {
            Asked::State => mail.answer(Ok(self.state_reply())),
            Asked::Run(action) if mail.invocation.key.is_some() => self.keyed(action, mail).await,
            Asked::Run(action) => self.turn(action, mail, 0).await,
        }
    }

    /// Publications go to instances that were there before them.
    fn is_for_a_stored_instance(&self, cause: &Cause) -> bool {
        let Cause::Delivery { publication, .. } = cause else { return false };
        let declaration = &self.cell.host.declaration;
        let stored = declaration.durability != Durability::Volatile && declaration.state.is_some();
        stored && publication.mark != Mark::ZERO && self.cell.id.parent().is_some()
    }

    /// An instance that was deleted must not come back by what was on its way to it.
    async fn is_nothing_stored(&mut self) -> bool {
        match &self.present {
            Some(present) => present.key.is_none(),
            None => matches!(self.ports.store.load(&self.cell.id).await, Ok(None)),
        }
    }

    fn state_reply(&self) -> Reply {
        let present = self.present.as_ref();
        let payload = present.and_then(|present| present.state.clone()).unwrap_or_else(Payload::empty);
        let revision = present.map_or(Revision::ZERO, |present| present.revision);
        Reply { payload, revision, positions: Vec::new() }
    }

    /// A call under an idempotency key: answered from the record if it was run before.
    async fn keyed(&mut self, action: TurnAction, mail: Mail) {
        let Some(key) = mail.invocation.key.clone() else { return };
        let fingerprint = mail.with_payload(|payload| fingerprint_of(&mail.invocation.action, payload));
        let deadline = mail.invocation.deadline.into();
        let recorded = tokio::time::timeout_at(deadline, self.ports.store.recorded(&self.cell.id, &key)).await;
        let Ok(recorded) = recorded else { return mail.too_late() };
        match recorded {
            Ok(None) => self.turn(action, mail, fingerprint).await,
            Ok(Some(recorded)) if recorded.fingerprint == fingerprint => {
                let (payload, revision) = (recorded.payload, recorded.revision);
                mail.answer(Ok(Reply { payload, revision, positions: Vec::new() }));
            }
            Ok(Some(_)) => mail.answer(Err(Error::new(
                Code::IdempotencyMismatch,
                "this idempotency key was used for another action or payload; use a new key for a new request",
            ))),
            Err(error) => mail.answer(Err(unavailable(&error))),
        }
    }

    /// Random bits; SplitMix64.
    fn random(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.entropy ^ (self.entropy >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn batch(&self, now: Timestamp, writes: Vec<Write>) -> Batch {
        let key = self.present.as_ref().and_then(|present| present.key);
        Batch { fence: self.cell.fence, actor: Some(self.cell.id.clone()), key, now, writes }
    }

    fn restore(&mut self) {
        let Some(present) = &mut self.present else { return };
        if let Err(error) = present.instance.restore(present.state.as_ref()) {
            tracing::error!(actor = %self.cell.id, %error, "the actor's state could not be restored; it is read again");
            self.present = None;
            self.life = Lifecycle::Vacant;
        }
    }
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
