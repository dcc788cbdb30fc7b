//! One piece of mail: what is asked of an actor and the place for the answer, in one allocation that both sides share. The actor has
//! the [`Mail`], whoever asked has the [`Letter`], mostly behind an [`Answer`](callboard_core::port::Answer).

use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use callboard_core::port::Awaited;
use callboard_core::{Cause, Code, Error, Invocation, Payload, Reply, Retry};
use parking_lot::Mutex;

/// What both sides see.
#[derive(Debug)]
pub(crate) struct Letter {
    /// What is asked, without its payload, which [`Letter::take_payload`] gives.
    pub(crate) invocation: Invocation,
    pub(crate) cause: Cause,
    exchange: Mutex<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    asker: Option<Waker>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Payload(Payload),
    // The payload is with the actor, or the answer with the asker.
    Taken,
    Answer(Result<Reply, Error>),
}

/// The actor's side. If it is dropped without an answer, the asker is told so.
#[derive(Debug)]
pub(crate) struct Mail {
    letter: Arc<Letter>,
    answered: bool,
}

impl Mail {
    /// Mail, and where its answer will be.
    pub(crate) fn new(mut invocation: Invocation, cause: Cause) -> (Self, Arc<Letter>) {
        let payload = std::mem::replace(&mut invocation.payload, Payload::empty());
        let exchange = Mutex::new(Exchange { asker: None, content: Content::Payload(payload) });
        let letter = Arc::new(Letter { invocation, cause, exchange });
        (Self { letter: Arc::clone(&letter), answered: false }, letter)
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_forsaken(&self) -> bool {
        Arc::strong_count(&self.letter) == 1
    }

    /// Gives the answer.
    pub(crate) fn answer(mut self, result: Result<Reply, Error>) {
        let asker = self.put(result);
        // Let go before the asker wakes: it frees the letter then, on the thread that made it.
        drop(self);
        if let Some(asker) = asker {
            asker.wake();
        }
    }

    /// Tells the caller that its deadline passed before the actor had time.
    pub(crate) fn too_late(self) {
        let text = format!("actor {} had no time before the deadline", self.invocation.target);
        self.answer(Err(Error::new(Code::DeadlineExceeded, text).with_retry(Retry::Safe)));
    }

    fn put(&mut self, result: Result<Reply, Error>) -> Option<Waker> {
        self.answered = true;
        let mut exchange = self.letter.exchange.lock();
        exchange.content = Content::Answer(result);
        exchange.asker.take()
    }
}

impl Deref for Mail {
    type Target = Letter;

    fn deref(&self) -> &Letter {
        &self.letter
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        if !self.answered && !self.is_forsaken() {
            let error = Error::new(Code::Internal, "the activation ended without an answer");
            if let Some(asker) = self.put(Err(error)) {
                asker.wake();
            }
        }
    }
}

impl Letter {
    /// The payload, the first time.
    pub(crate) fn take_payload(&self) -> Payload {
        let mut exchange = self.exchange.lock();
        match std::mem::replace(&mut exchange.content, Content::Taken) {
            Content::Payload(payload) => payload,
            content => {
                exchange.content = content;
                Payload::empty()
            }
        }
    }

    /// Shows the payload to `look`, before it is taken.
    pub(crate) fn with_payload<T>(&self, look: impl FnOnce(&Payload) -> T) -> T {
        match &self.exchange.lock().content {
            Content::Payload(payload) => look(payload),
            Content::Taken | Content::Answer(_) => look(&Payload::empty()),
        }
    }

    /// Waits for the answer. *Cancel safety*: nothing is lost when the future is dropped.
    pub(crate) async fn answer(&self) -> Result<Reply, Error> {
        std::future::poll_fn(|cx| self.poll_answer(cx)).await
    }
}

impl Awaited for Letter {
    fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<Result<Reply, Error>> {
        let mut exchange = self.exchange.lock();
        if let Content::Answer(_) = &exchange.content
            && let Content::Answer(result) = std::mem::replace(&mut exchange.content, Content::Taken)
        {
            return Poll::Ready(result);
        }
        match &exchange.asker {
            Some(asker) if asker.will_wake(cx.waker()) => {}
            Some(_) | None => exchange.asker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}
