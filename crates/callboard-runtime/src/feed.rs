//! One durable subscription in one topic, while it is not caught up: [`Feed`] delivers publication after publication, each with
//! its cursor committed, and ends when nothing is left.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use callboard_core::batch::{DeadLetter, DeadLetterSource, Parked, SubscriptionId};
use callboard_core::declaration::FailurePolicy;
use callboard_core::invocation::CallChain;
use callboard_core::limits::{CALL_DEADLINE, DELIVERY_ATTEMPTS_MAX, FEED_WINDOW_LEN};
use callboard_core::port::{CommitError, ExternalSubscriber, StoreError};
use callboard_core::retry::backoff;
use callboard_core::{
    ActorId, Blame, Cause, Code, Error, Invocation, Mark, MessageId, Name, Pattern, Publication, Seq, Shard, Topic,
    Write,
};
use parking_lot::Mutex;

use crate::router::Router;

/// Who gets the deliveries.
#[derive(Clone)]
pub(crate) enum Hearing {
    Actor { id: ActorId, action: Name, index: usize, on_failure: FailurePolicy },
    External(Arc<dyn ExternalSubscriber>),
}

impl Hearing {
    /// Hands an actor a publication of an ephemeral topic: once, without a cursor, not at all when its mailbox is full.
    pub(crate) fn hear_once(&self, router: &Router, pattern: &Pattern, publication: &Arc<Publication>) {
        let Self::Actor { id, action, index, .. } = self else { return };
        let Ok(host) = router.hosts.of(id) else { return };
        if host.takes(*index, publication.payload.type_name()) {
            let heard = router.send(invocation(router, id, action, publication), cause(pattern, publication));
            if let Err(error) = heard {
                tracing::debug!(actor = %id, topic = %publication.topic, %error, "an ephemeral publication was not heard");
            }
        }
    }
}

fn invocation(router: &Router, id: &ActorId, action: &Name, publication: &Publication) -> Invocation {
    Invocation {
        target: id.clone(),
        action: action.clone(),
        payload: publication.payload.clone(),
        deadline: router.ports.clock.instant() + CALL_DEADLINE,
        key: None,
        headers: publication.headers.clone(),
        trace: publication.trace,
        chain: CallChain::new(),
    }
}

fn cause(pattern: &Pattern, publication: &Arc<Publication>) -> Cause {
    Cause::Delivery { channel: pattern.clone(), publication: Arc::clone(publication) }
}

/// A subscription that has something to hear on a topic.
pub(crate) struct Feed {
    pub(crate) subscription: SubscriptionId,
    pub(crate) topic: Topic,
    hearing: Hearing,
    window: Mutex<Window>,
    // Everything of this topic up to this mark is done with.
    done: AtomicU64,
}

struct Window {
    waiting: VecDeque<Arc<Publication>>,
    // The last sequence number that entered the window.
    tail: Seq,
    // More is in the log than in the window.
    lagging: bool,
    // Why nothing more enters it.
    closed: Option<FeedEnd>,
}

/// Why a feed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedEnd {
    CaughtUp,
    Parked,
    /// The node lost the subscriber's shard or is stopping.
    Stopped,
}

impl Window {
    /// Puts a page of the log, read after `after`, before what was offered meanwhile.
    fn refill(&mut self, after: Seq, page: Result<Vec<Arc<Publication>>, StoreError>) {
        let newer = std::mem::take(&mut self.waiting);
        self.tail = after;
        let Ok(page) = page else {
            self.lagging = true;
            return;
        };
        // Behind a full page there may be more, which goes before what was offered.
        let full = page.len() >= FEED_WINDOW_LEN;
        self.lagging |= full;
        for publication in page.into_iter().chain(newer.into_iter().filter(|_| !full)) {
            if publication.position.seq > self.tail {
                self.tail = publication.position.seq;
                self.waiting.push_back(publication);
            }
        }
    }
}

impl Feed {
    /// A feed whose subscription is done with everything of the topic up to `last` and `done`.
    pub(crate) fn new(
        subscription: SubscriptionId,
        topic: Topic,
        hearing: Hearing,
        last: Seq,
        done: Mark,
        lagging: bool,
    ) -> Arc<Self> {
        let window = Mutex::new(Window { waiting: VecDeque::new(), tail: last, lagging, closed: None });
        Arc::new(Self { subscription, topic, hearing, window, done: AtomicU64::new(done.0) })
    }

    /// Adds a publication.
    ///
    /// # Errors
    /// Why the feed has ended. One that caught up needs a successor; behind another one there is more in the log, which goes
    /// before this publication.
    pub(crate) fn offer(&self, publication: &Arc<Publication>) -> Result<(), FeedEnd> {
        let mut window = self.window.lock();
        if let Some(end) = window.closed {
            return Err(end);
        }
        if window.lagging || publication.position.seq <= window.tail {
            // It is in the log, or was read from there before.
        } else if window.waiting.len() >= FEED_WINDOW_LEN {
            window.lagging = true;
        } else {
            window.tail = publication.position.seq;
            window.waiting.push_back(Arc::clone(publication));
        }
        Ok(())
    }

    /// Everything of the topic up to this mark is done with.
    pub(crate) fn done(&self) -> Mark {
        Mark(self.done.load(Ordering::Acquire))
    }

    /// Delivers until nothing is left.
    pub(crate) async fn run(self: Arc<Self>, router: Arc<Router>) -> FeedEnd {
        loop {
            let Some(publication) = self.take(&router).await else { return FeedEnd::CaughtUp };
            if let Some(end) = self.deliver(&router, &publication).await {
                self.window.lock().closed = Some(end);
                return end;
            }
            self.done.store(publication.mark.0, Ordering::Release);
        }
    }

    /// The next publication, from the window or the log; `None` closes the feed.
    async fn take(&self, router: &Arc<Router>) -> Option<Arc<Publication>> {
        loop {
            let after = {
                let mut window = self.window.lock();
                if let Some(publication) = window.waiting.pop_front() {
                    return Some(publication);
                }
                if !window.lagging {
                    window.closed = Some(FeedEnd::CaughtUp);
                    return None;
                }
                // Before the log is read: what is offered from here on is kept, what was left out is in the page.
                window.lagging = false;
                window.tail
            };
            let page = router.ports.store.read(&self.topic, after, FEED_WINDOW_LEN).await;
            let failed = page.is_err();
            self.window.lock().refill(after, page);
            if failed {
                tracing::warn!(topic = %self.topic, "the log cannot be read; deliveries wait");
                self.pause(router, 5).await;
            }
        }
    }

    /// Delivers one publication, as often as it takes; says why the feed must end.
    async fn deliver(&self, router: &Arc<Router>, publication: &Arc<Publication>) -> Option<FeedEnd> {
        let mut counted = 0;
        let mut attempts = 0;
        loop {
            if !router.is_accepting() {
                return Some(FeedEnd::Stopped);
            }
            let result = match &self.hearing {
                Hearing::Actor { id, action, index, .. } => {
                    self.to_actor(router, id, action, *index, publication).await
                }
                Hearing::External(subscriber) => self.to_external(router, subscriber.as_ref(), publication).await,
            };
            let error = match result {
                Ok(()) => return None,
                Err(error) if error.code() == Code::Fenced => return Some(FeedEnd::Stopped),
                Err(error) => error,
            };
            attempts += 1;
            // A platform that cannot work now says nothing about the handler.
            counted += u32::from(error.blame() != Blame::Platform || error.code() == Code::DeadlineExceeded);
            if counted >= DELIVERY_ATTEMPTS_MAX
                && let Hearing::Actor { id, action, on_failure, .. } = &self.hearing
            {
                match self.give_up(router, id, action, *on_failure, publication, &error, attempts).await {
                    Ok(end) => return end,
                    Err(error) => tracing::warn!(%error, "a failed delivery could not be set aside yet"),
                }
            }
            router.delivery_retried();
            tracing::debug!(subscriber = %self.subscription.subscriber, topic = %self.topic,
                position = %publication.position, %error, attempts, "a delivery failed and is tried again");
            self.pause(router, attempts).await;
        }
    }

    async fn pause(&self, router: &Arc<Router>, attempt: u32) {
        tokio::time::sleep(backoff(attempt, router.ports.entropy.next())).await;
    }

    async fn to_actor(
        &self,
        router: &Arc<Router>,
        id: &ActorId,
        action: &Name,
        index: usize,
        publication: &Arc<Publication>,
    ) -> Result<(), Error> {
        let host = router.hosts.of(id)?;
        if !host.takes(index, publication.payload.type_name()) {
            // Many types share a topic; the actor hears those that it has a handler for.
            host.metrics.deliveries_skipped.increment(1);
            // A cursor would bring an instance back that was deleted meanwhile. Without one it is passed over again after a
            // restart.
            return if id.parent().is_some() { Ok(()) } else { self.move_cursor(router, publication).await };
        }
        let letter =
            router.send(invocation(router, id, action, publication), cause(&self.subscription.pattern, publication))?;
        letter.answer().await.map(drop)
    }

    async fn to_external(
        &self,
        router: &Arc<Router>,
        subscriber: &dyn ExternalSubscriber,
        publication: &Arc<Publication>,
    ) -> Result<(), Error> {
        use futures_util::FutureExt;
        let received = std::panic::AssertUnwindSafe(async { subscriber.receive(Arc::clone(publication)).await });
        received.catch_unwind().await.unwrap_or_else(|_| {
            Err(Error::new(Code::ActionPanicked, format!("{} panicked", self.subscription.subscriber)))
        })?;
        self.move_cursor(router, publication).await
    }

    async fn move_cursor(&self, router: &Arc<Router>, publication: &Publication) -> Result<(), Error> {
        let moved = router.commit(self.shard(router), None, vec![self.cursor(publication)]).await;
        match moved {
            Ok(_) | Err(CommitError::Duplicate) => Ok(()),
            Err(error) => Err(crate::commit::public_error(&error)),
        }
    }

    fn cursor(&self, publication: &Publication) -> Write {
        Write::Cursor {
            subscription: self.subscription.clone(),
            topic: self.topic.clone(),
            position: publication.position,
        }
    }

    fn shard(&self, router: &Router) -> Shard {
        match &self.hearing {
            Hearing::Actor { id, .. } => Shard::of_actor(&router.system, id),
            Hearing::External(_) => Shard::of_topic(&router.system, &self.topic),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one failure, used once")]
    async fn give_up(
        &self,
        router: &Arc<Router>,
        id: &ActorId,
        action: &Name,
        on_failure: FailurePolicy,
        publication: &Arc<Publication>,
        error: &Error,
        attempts: u32,
    ) -> Result<Option<FeedEnd>, CommitError> {
        let now = router.ports.clock.now();
        let (writes, end) = match on_failure {
            FailurePolicy::DeadLetter => {
                let letter = DeadLetter {
                    id: MessageId::new(now, router.ports.entropy.next_u128()),
                    target: id.clone(),
                    action: action.clone(),
                    payload: publication.payload.clone(),
                    headers: publication.headers.clone(),
                    source: DeadLetterSource::Publication {
                        id: publication.id,
                        topic: self.topic.clone(),
                        position: publication.position,
                    },
                    code: error.code(),
                    message: error.message().to_owned(),
                    attempts,
                    time: now,
                };
                (vec![Write::DeadLetter(Box::new(letter)), self.cursor(publication)], None)
            }
            FailurePolicy::Park => {
                let parked = Parked {
                    subscription: self.subscription.clone(),
                    topic: self.topic.clone(),
                    position: publication.position,
                    code: error.code(),
                    message: error.message().to_owned(),
                    attempts,
                    time: now,
                };
                (vec![Write::Park(Box::new(parked))], Some(FeedEnd::Parked))
            }
        };
        match router.commit(self.shard(router), None, writes).await {
            Ok(_) | Err(CommitError::Duplicate) => {}
            Err(error) => return Err(error),
        }
        tracing::warn!(subscriber = %self.subscription.subscriber, topic = %self.topic,
            position = %publication.position, %error, attempts, policy = ?on_failure, "a delivery was given up");
        router.delivery_given_up(on_failure);
        Ok(end)
    }
}
