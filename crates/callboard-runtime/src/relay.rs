//! Effects: [`Relay`] takes them from the outbox when they are due and invokes their targets. The target's commit takes the
//! effect out of the outbox, so that what it decides happens once.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::batch::{DeadLetter, DeadLetterSource, OutboxEntry};
use callboard_core::invocation::CallChain;
use callboard_core::limits::{CALL_DEADLINE, DELIVERY_ATTEMPTS_MAX, DUE_WINDOW_LEN};
use callboard_core::port::{CommitError, EffectPlace, StoreError};
use callboard_core::retry::backoff;
use callboard_core::{Blame, Cause, Code, Error, Invocation, MessageId, Shard, Timestamp, Write};
use parking_lot::Mutex;
use rapidhash::RapidHashSet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::due::DueWindow;
use crate::mail::Letter;
use crate::perform::{LaneReader, Later};
use crate::router::Router;

/// Effects under way at one time.
const IN_FLIGHT_MAX: usize = 256;

/// Performs effects.
pub(crate) struct Relay {
    router: Arc<Router>,
    window: Mutex<DueWindow<EffectPlace, OutboxEntry>>,
    in_flight: Mutex<RapidHashSet<MessageId>>,
    room: Arc<Semaphore>,
}

impl Relay {
    pub(crate) fn new(router: Arc<Router>) -> Arc<Self> {
        Arc::new(Self {
            router,
            window: Mutex::new(DueWindow::new(DUE_WINDOW_LEN)),
            in_flight: Mutex::default(),
            room: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        })
    }

    /// Runs until the lane is closed or the node stops.
    pub(crate) async fn run(self: Arc<Self>, lane: Arc<LaneReader<Later>>) {
        let mut queue = lane.queue.lock().await;
        let mut taken = Vec::with_capacity(64);
        // A service that was restarted may have lost what it had taken.
        self.window.lock().reset();
        while self.router.is_accepting() {
            if let Err(error) = self.load().await {
                tracing::warn!(%error, "the outbox cannot be read; effects wait");
                tokio::time::sleep(backoff(5, self.router.ports.entropy.next())).await;
                continue;
            }
            let now = self.router.ports.clock.now();
            let due = self.window.lock().first().map(|place| place.due);
            let wait = due.map(|due| due.since(now));
            tokio::select! {
                biased;
                () = lane.behind.wait() => {
                    lane.behind.take();
                    self.window.lock().reset();
                }
                count = queue.recv_many(&mut taken, 64) => {
                    if count == 0 {
                        return;
                    }
                    taken.drain(..).for_each(|later| self.note(later));
                }
                permit = Arc::clone(&self.room).acquire_owned(), if wait == Some(Duration::ZERO) => {
                    let Ok(permit) = permit else { return };
                    self.perform_next(permit);
                }
                () = tokio::time::sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some_and(|wait| !wait.is_zero()) => {}
            }
        }
    }

    async fn load(&self) -> Result<(), StoreError> {
        let Some(after) = self.window.lock().wants() else { return Ok(()) };
        let limit = self.window.lock().page_len();
        let forever = Timestamp::from_millis(i64::MAX.unsigned_abs());
        let page = self.router.ports.store.effects(after.unwrap_or_default(), forever, limit).await?;
        let page = page.into_iter().map(|entry| (place_of(&entry), entry)).collect();
        self.window.lock().loaded(page);
        Ok(())
    }

    fn note(&self, later: Later) {
        match later {
            Later::Effect(entry) => self.window.lock().offer(place_of(&entry), entry),
            Later::EffectCancelled(id) => self.window.lock().retain(|place| place.id != Some(id)),
            Later::Timer(_) => {}
        }
    }

    /// Sends the first effect. The sending is not concurrent, so effects reach an actor in their order.
    fn perform_next(self: &Arc<Self>, permit: OwnedSemaphorePermit) {
        let Some((_, entry)) = self.window.lock().pop() else { return };
        if !self.in_flight.lock().insert(entry.id) {
            return;
        }
        let sent = self.send(&entry);
        let relay = Arc::clone(self);
        self.router.tasks.spawn(async move {
            relay.see_through(&entry, sent).await;
            relay.in_flight.lock().remove(&entry.id);
            drop(permit);
        });
    }

    fn send(&self, entry: &OutboxEntry) -> Result<Arc<Letter>, Error> {
        let invocation = Invocation {
            target: entry.target.clone(),
            action: entry.action.clone(),
            payload: entry.payload.clone(),
            deadline: self.router.ports.clock.instant() + CALL_DEADLINE,
            key: None,
            headers: entry.headers.clone(),
            trace: entry.trace,
            chain: CallChain::new(),
        };
        self.router.send(invocation, Cause::Effect { id: entry.id })
    }

    /// Tries an effect until it is done or set aside.
    async fn see_through(&self, entry: &OutboxEntry, mut sent: Result<Arc<Letter>, Error>) {
        let (mut attempts, mut counted) = (0, 0);
        loop {
            let result = match sent {
                Ok(letter) => letter.answer().await,
                Err(error) => Err(error),
            };
            let error = match result {
                Ok(_) => return,
                // Whoever owns the actor now finds the effect in the outbox.
                Err(error) if error.code() == Code::Fenced => return,
                Err(error) => error,
            };
            attempts += 1;
            counted += u32::from(error.blame() != Blame::Platform || error.code() == Code::DeadlineExceeded);
            if counted >= DELIVERY_ATTEMPTS_MAX && self.set_aside(entry, &error, attempts).await {
                return;
            }
            self.router.delivery_retried();
            tokio::time::sleep(backoff(attempts, self.router.ports.entropy.next())).await;
            if !self.router.is_accepting() {
                return;
            }
            sent = self.send(entry);
        }
    }

    async fn set_aside(&self, entry: &OutboxEntry, error: &Error, attempts: u32) -> bool {
        let now = self.router.ports.clock.now();
        let letter = DeadLetter {
            id: MessageId::new(now, self.router.ports.entropy.next_u128()),
            target: entry.target.clone(),
            action: entry.action.clone(),
            payload: entry.payload.clone(),
            headers: entry.headers.clone(),
            source: DeadLetterSource::Effect { id: entry.id },
            code: error.code(),
            message: error.message().to_owned(),
            attempts,
            time: now,
        };
        let shard = Shard::of_actor(&self.router.system, &entry.target);
        let writes = vec![Write::ConsumeEffect(entry.id), Write::DeadLetter(Box::new(letter))];
        match self.router.commit(shard, None, writes).await {
            Ok(_) => {
                tracing::warn!(effect = %entry.id, target = %entry.target, %error, attempts, "an effect was set aside");
                self.router.delivery_given_up(callboard_core::declaration::FailurePolicy::DeadLetter);
                true
            }
            Err(CommitError::Duplicate | CommitError::Fenced(_)) => true,
            Err(CommitError::Conflict | CommitError::Store(_)) => false,
        }
    }
}

const fn place_of(entry: &OutboxEntry) -> EffectPlace {
    EffectPlace { due: entry.due, id: Some(entry.id) }
}
