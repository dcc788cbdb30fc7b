//! Durable timers: [`Timers`] invokes the timer actions of actors, activated or not, when they are due. The action's commit
//! sets the timer anew.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::invocation::CallChain;
use callboard_core::limits::{CALL_DEADLINE, DELIVERY_ATTEMPTS_MAX, DUE_WINDOW_LEN};
use callboard_core::port::{StoreError, TimerPlace};
use callboard_core::retry::backoff;
use callboard_core::timer::{Firing, next_due};
use callboard_core::{Blame, Cause, Code, Error, Headers, Invocation, Payload, Shard, Timestamp, Write};
use parking_lot::Mutex;
use rapidhash::RapidHashSet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::due::DueWindow;
use crate::perform::LaneReader;
use crate::router::Router;

/// Timer actions under way at one time.
const IN_FLIGHT_MAX: usize = 256;

/// Fires timers.
pub(crate) struct Timers {
    router: Arc<Router>,
    window: Mutex<DueWindow<TimerPlace, ()>>,
    in_flight: Mutex<RapidHashSet<TimerPlace>>,
    room: Arc<Semaphore>,
}

impl Timers {
    pub(crate) fn new(router: Arc<Router>) -> Arc<Self> {
        Arc::new(Self {
            router,
            window: Mutex::new(DueWindow::new(DUE_WINDOW_LEN)),
            in_flight: Mutex::default(),
            room: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        })
    }

    /// Runs until the lane is closed or the node stops.
    pub(crate) async fn run(self: Arc<Self>, lane: Arc<LaneReader<TimerPlace>>) {
        let mut queue = lane.queue.lock().await;
        let mut taken = Vec::with_capacity(64);
        self.window.lock().reset();
        while self.router.is_accepting() {
            if let Err(error) = self.load().await {
                tracing::warn!(%error, "the timers cannot be read; they wait");
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
                    let mut window = self.window.lock();
                    taken.drain(..).for_each(|place| window.offer(place, ()));
                }
                permit = Arc::clone(&self.room).acquire_owned(), if wait == Some(Duration::ZERO) => {
                    let Ok(permit) = permit else { return };
                    self.fire_next(permit);
                }
                () = tokio::time::sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some_and(|wait| !wait.is_zero()) => {}
            }
        }
    }

    async fn load(&self) -> Result<(), StoreError> {
        let Some(after) = self.window.lock().wants() else { return Ok(()) };
        let limit = self.window.lock().page_len();
        let page = self.router.ports.store.timers(after, limit).await?;
        let place = |timer: callboard_core::batch::TimerEntry| {
            (TimerPlace { due: timer.due, actor: timer.actor, name: timer.name }, ())
        };
        self.window.lock().loaded(page.into_iter().map(place).collect());
        Ok(())
    }

    fn fire_next(self: &Arc<Self>, permit: OwnedSemaphorePermit) {
        let Some((place, ())) = self.window.lock().pop() else { return };
        if !self.in_flight.lock().insert(place.clone()) {
            return;
        }
        let timers = Arc::clone(self);
        self.router.tasks.spawn(async move {
            timers.fire(&place).await;
            timers.in_flight.lock().remove(&place);
            drop(permit);
        });
    }

    /// Tries one firing until it is done or given up; either way the timer is set anew.
    async fn fire(&self, place: &TimerPlace) {
        let Some(firing) = self.decide(place) else {
            self.write(place, Write::DropTimer(place.name.clone())).await;
            return;
        };
        if firing.fire && self.see_through(place).await {
            return;
        }
        let next = self.decide(place).map_or(firing.next, |later| later.next);
        let name = place.name.clone();
        self.write(place, Write::RearmTimer { name, fired: place.due, next }).await;
    }

    /// Invokes the action until it succeeds; says whether nothing is left to do.
    async fn see_through(&self, place: &TimerPlace) -> bool {
        let (mut attempts, mut counted) = (0, 0);
        loop {
            let error = match self.invoke(place).await {
                Ok(()) => return true,
                Err(error) if error.code() == Code::Fenced => return true,
                Err(error) => error,
            };
            attempts += 1;
            counted += u32::from(error.blame() != Blame::Platform || error.code() == Code::DeadlineExceeded);
            if counted >= DELIVERY_ATTEMPTS_MAX {
                tracing::warn!(actor = %place.actor, timer = %place.name, %error, attempts,
                    "a timer action keeps failing; its next time comes as declared");
                return false;
            }
            tokio::time::sleep(backoff(attempts, self.router.ports.entropy.next())).await;
            if !self.router.is_accepting() {
                return true;
            }
        }
    }

    /// What its declaration says of a timer that is due; `None` when it is no longer declared.
    fn decide(&self, place: &TimerPlace) -> Option<Firing> {
        let host = self.router.hosts.of(&place.actor).ok()?;
        let action = host.declaration.actions.iter().find(|action| action.name == place.name)?;
        let timer = action.timer?;
        let now: Timestamp = self.router.ports.clock.now();
        Some(next_due(place.due, timer.every, timer.catch_up, now))
    }

    async fn invoke(&self, place: &TimerPlace) -> Result<(), Error> {
        let invocation = Invocation {
            target: place.actor.clone(),
            action: place.name.clone(),
            payload: Payload::empty(),
            deadline: self.router.ports.clock.instant() + CALL_DEADLINE,
            key: None,
            headers: Headers::new(),
            trace: None,
            chain: CallChain::new(),
        };
        let cause = Cause::Timer { name: place.name.clone(), due: place.due };
        self.router.send(invocation, cause)?.answer().await.map(drop)
    }

    async fn write(&self, place: &TimerPlace, write: Write) {
        let shard = Shard::of_actor(&self.router.system, &place.actor);
        let actor = Some((place.actor.clone(), None));
        if let Err(error) = self.router.commit(shard, actor, vec![write]).await {
            // It stays due in the store, and is seen again after a restart of the node.
            tracing::warn!(actor = %place.actor, timer = %place.name, %error, "a timer could not be set anew");
        }
    }
}
