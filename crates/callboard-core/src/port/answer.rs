use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::BoxFuture;
use crate::{Code, Error, Reply};

/// The reply that is waited for. Dropping it gives up the answer; the action may still run and commit.
///
/// It is a type of its own because most answers need nothing that would have to be boxed: they are there at once, or wait in a place
/// that the asked side has anyway ([`Awaited`]).
#[must_use = "an answer is there when it is awaited"]
pub struct Answer(Kind);

enum Kind {
    Ready(Option<Result<Reply, Error>>),
    Awaited(Arc<dyn Awaited>),
    Boxed(BoxFuture<'static, Result<Reply, Error>>),
}

/// A place where one answer is put, and where one asker waits for it.
pub trait Awaited: Send + Sync {
    /// Takes the answer, or notes whom to wake when it is there. Only the last one who asked is woken.
    fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<Result<Reply, Error>>;
}

impl Answer {
    /// Waits where the answer is put.
    pub fn awaited(place: Arc<dyn Awaited>) -> Self {
        Self(Kind::Awaited(place))
    }
}

impl From<Result<Reply, Error>> for Answer {
    fn from(result: Result<Reply, Error>) -> Self {
        Self(Kind::Ready(Some(result)))
    }
}

impl From<BoxFuture<'static, Result<Reply, Error>>> for Answer {
    fn from(future: BoxFuture<'static, Result<Reply, Error>>) -> Self {
        Self(Kind::Boxed(future))
    }
}

impl Future for Answer {
    type Output = Result<Reply, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Awaited(place) => place.poll_answer(cx),
            Kind::Boxed(future) => future.as_mut().poll(cx),
            Kind::Ready(result) => Poll::Ready(
                result.take().unwrap_or_else(|| Err(Error::new(Code::Internal, "the answer was asked for twice"))),
            ),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
