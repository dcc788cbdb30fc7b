//! Group commit: batches in, [`Committed`] out. Only this file can make one, so nothing can be performed before it is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use callboard_core::limits::{COMMIT_BATCHES_MAX, COMMIT_QUEUE_LEN_MAX};
use callboard_core::port::{BoxFuture, Clock, CommitError, Receipt, Store};
use callboard_core::{Batch, Code, Error};
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::Instrument as _;

use crate::metrics::EngineMetrics;
use crate::perform::Later;

/// What a commit gave; proof that it is durable.
#[derive(Debug)]
pub(crate) struct Committed(Receipt);

impl Committed {
    pub(crate) const fn receipt(&self) -> &Receipt {
        &self.0
    }
}

/// Who performs what was committed, in commit order. Called between commits: it hands over and returns at once.
pub(crate) trait Performer: Send + Sync + 'static {
    /// The publications of a receipt, and what else of its batch is acted on.
    fn perform(&self, receipt: &Receipt, later: Vec<Later>);
}

struct Request {
    batch: Batch,
    done: Done,
}

/// The way to the committer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CommitHandle(mpsc::Sender<Request>);

impl CommitHandle {
    /// Commits a batch. *Ordering*: batches are committed in the order in which they enter the queue. *Cancel safety*: a batch
    /// whose future is dropped after it entered is committed all the same.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let (done, committed) = oneshot::channel();
        let gone =
            || CommitError::Store(callboard_core::port::StoreError::Unavailable("the node is stopping".to_owned()));
        self.0.send(Request { batch, done }).await.map_err(|_| gone())?;
        committed.await.map_err(|_| gone())?
    }
}

/// The committer: takes what waits, gives it to the store as one group, and hands the outcome on. While the store flushes one group the
/// next one is already on its way to it.
pub(crate) struct Committer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    performer: Arc<dyn Performer>,
    requests: Mutex<mpsc::Receiver<Request>>,
    metrics: EngineMetrics,
}

type Done = oneshot::Sender<Result<Committed, CommitError>>;

struct Group {
    answers: BoxFuture<'static, Vec<Result<Receipt, CommitError>>>,
    waiting: Vec<(Done, Vec<Later>)>,
    began: std::time::Instant,
}

const GROUPS_IN_FLIGHT: usize = 2;

impl Committer {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        performer: Arc<dyn Performer>,
    ) -> (Arc<Self>, CommitHandle) {
        let (queue, requests) = mpsc::channel(COMMIT_QUEUE_LEN_MAX);
        let requests = Mutex::new(requests);
        let committer = Self { store, clock, performer, requests, metrics: EngineMetrics::new() };
        (Arc::new(committer), CommitHandle(queue))
    }

    /// Runs until every [`CommitHandle`] is gone or the queue is closed.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut requests = self.requests.lock().await;
        let mut groups: VecDeque<Group> = VecDeque::new();
        let mut taken = Vec::with_capacity(COMMIT_BATCHES_MAX);
        loop {
            let room = groups.len() < GROUPS_IN_FLIGHT;
            let event = std::future::poll_fn(|cx| {
                // The oldest group first, so that outcomes are performed in commit order.
                if let Some(group) = groups.front_mut()
                    && let Poll::Ready(answers) = group.answers.as_mut().poll(cx)
                {
                    return Poll::Ready(Some(answers));
                }
                for group in groups.iter_mut().skip(1) {
                    // Polled so that the store takes it; its outcome waits for its turn.
                    if let Poll::Ready(answers) = group.answers.as_mut().poll(cx) {
                        group.answers = Box::pin(std::future::ready(answers));
                    }
                }
                if !room {
                    return Poll::Pending;
                }
                match requests.poll_recv_many(cx, &mut taken, COMMIT_BATCHES_MAX) {
                    Poll::Ready(_) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            match event {
                Some(answers) => {
                    if let Some(group) = groups.pop_front() {
                        self.finish(group, answers);
                    }
                }
                None if taken.is_empty() => break,
                None => groups.push_back(self.begin(&mut taken)),
            }
        }
        while let Some(mut group) = groups.pop_front() {
            let answers = group.answers.as_mut().await;
            self.finish(group, answers);
        }
    }

    fn begin(&self, taken: &mut Vec<Request>) -> Group {
        let mut batches = Vec::with_capacity(taken.len());
        let mut waiting = Vec::with_capacity(taken.len());
        for Request { batch, done } in taken.drain(..) {
            waiting.push((done, Later::of(&batch)));
            batches.push(batch);
        }
        self.metrics.commit_batches.record(batches.len() as f64);
        let store = Arc::clone(&self.store);
        let span = tracing::debug_span!("commit", batches = batches.len());
        let answers = Box::pin(async move { store.commit(batches).await }.instrument(span));
        Group { answers, waiting, began: self.clock.instant() }
    }

    fn finish(&self, group: Group, answers: Vec<Result<Receipt, CommitError>>) {
        let took = self.clock.instant().saturating_duration_since(group.began);
        self.metrics.commit_seconds.record(took.as_secs_f64());
        self.metrics.commits.increment(answers.len() as u64);
        for ((done, later), answer) in group.waiting.into_iter().zip(answers) {
            match answer {
                Ok(receipt) => {
                    self.performer.perform(&receipt, later);
                    let _ = done.send(Ok(Committed(receipt)));
                }
                Err(error) => {
                    self.metrics.commit_errors.increment(1);
                    let _ = done.send(Err(error));
                }
            }
        }
    }
}

/// What a caller is told of a failed commit.
pub(crate) fn public_error(error: &CommitError) -> Error {
    let text = error.to_string();
    match error {
        CommitError::Fenced(_) => Error::new(Code::Fenced, text),
        CommitError::Conflict | CommitError::Duplicate => Error::new(Code::Conflict, text),
        // The answer may have been lost on the way, so "safe" would promise too much.
        CommitError::Store(_) => Error::new(Code::Unavailable, text),
    }
}
