//! From the store into memory: the state, the timers of instances, init.

use std::sync::Arc;
use std::time::Instant;

use callboard_core::activation::{Input, Lifecycle};
use callboard_core::declaration::{ActorKind, Durability};
use callboard_core::invocation::CallChain;
use callboard_core::limits::CALL_DEADLINE;
use callboard_core::port::TurnAction;
use callboard_core::retry::backoff;
use callboard_core::{Cause, Declaration, Error, Headers, Invocation, Payload, Revision, Timestamp, Write};

use super::{Activation, LoadRetry, Present, unavailable};
use crate::commit::public_error;
use crate::mail::Mail;
use crate::runtime::timer_entry;

impl Activation {
    /// Loads the actor for a piece of mail; gives it back unless it was answered.
    pub(super) async fn load_for(&mut self, mail: Mail) -> Option<Mail> {
        let now = self.ports.clock.instant();
        let deadline = mail.invocation.deadline.into();
        let mut loading = Box::pin(self.load(now));
        let loaded = match tokio::time::timeout_at(deadline, &mut loading).await {
            Ok(loaded) => loaded,
            Err(_late) => {
                mail.too_late();
                drop(loading.await);
                return None;
            }
        };
        match loaded {
            Ok(()) => Some(mail),
            Err(error) => {
                mail.answer(Err(error));
                None
            }
        }
    }

    /// Reads the stored state and runs init. After a failure it is tried again when mail comes behind a pause; mail that comes
    /// before is answered with the failure.
    async fn load(&mut self, now: Instant) -> Result<(), Error> {
        let mut attempt = 1;
        if let Some(retry) = &self.retry {
            if now < retry.at {
                return Err(retry.error.clone());
            }
            self.step(Input::RetryDue);
        } else {
            self.life = Lifecycle::Vacant;
            self.step(Input::Mail);
        }
        if let Lifecycle::Loading { attempt: so_far } = self.life {
            attempt = so_far;
        }
        match self.try_load().await {
            Ok(()) => {
                self.retry = None;
                Ok(())
            }
            Err(error) => {
                self.present = None;
                self.life = Lifecycle::Loading { attempt };
                self.step(Input::LoadFailed);
                let pause = backoff(attempt, self.ports.entropy.next());
                let at = self.ports.clock.instant() + pause;
                self.retry = Some(Box::new(LoadRetry { at, error: error.clone() }));
                Err(error)
            }
        }
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
        if declaration.init { self.init().await } else { Ok(()) }
    }

    /// The timers of an instance are armed when it is first activated; those of named actors at registration.
    async fn arm_timers(&mut self, declaration: &Declaration) -> Result<(), Error> {
        let armed = self.ports.store.timers_of(&self.cell.id).await.map_err(|e| unavailable(&e))?;
        let now: Timestamp = self.ports.clock.now();
        let missing = declaration.actions.iter().filter(|action| armed.iter().all(|timer| timer.name != action.name));
        let entries = missing.filter_map(|action| timer_entry(&self.cell.id, action, now));
        let writes: Vec<Write> = entries.map(Write::ArmTimer).collect();
        if writes.is_empty() {
            return Ok(());
        }
        let committed = self.ports.committer.commit(self.batch(now, writes)).await;
        let committed = committed.map_err(|error| public_error(&error))?;
        if let Some(present) = &mut self.present {
            present.key = committed.receipt().key.or(present.key);
        }
        Ok(())
    }

    async fn init(&mut self) -> Result<(), Error> {
        let invocation = Invocation {
            target: self.cell.id.clone(),
            action: "init".into(),
            payload: Payload::empty(),
            deadline: self.ports.clock.instant() + CALL_DEADLINE,
            key: None,
            headers: Headers::new(),
            trace: None,
            chain: CallChain::new(),
        };
        let (mail, _) = Mail::new(invocation, Cause::Init);
        let now = self.ports.clock.now();
        let outcome = self.invoke(TurnAction::Init, &mail, now).await;
        let settled = self.settle(outcome, &mail, now, 0);
        self.resolve(settled).await.map(drop)
    }
}
