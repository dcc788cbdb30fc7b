//! What is heard outside of actors: [`Received`], and the [`EventStream`] of it.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use callboard_core::port::{BoxFuture, Dispatcher, Events, Start, StreamEvent, SubscribeRequest};
use callboard_core::{Code, Pattern, Publication, Timestamp};
use futures_core::Stream;

use crate::message::read;
use crate::{AnyPayload, CallError, Message};

/// A publication with its event read as a `T`. Everything else of the publication (topic, position, id, time, headers) is at
/// hand by its own names.
#[derive(Clone, Debug)]
pub struct Received<T = AnyPayload> {
    /// What was announced.
    pub event: T,
    publication: Arc<Publication>,
}

impl<T: Message> Received<T> {
    /// Reads the event of a publication; `None` when it is of another type.
    ///
    /// # Errors
    /// `InvalidPayload` when it says that it is a `T` and cannot be read as one.
    pub fn of(publication: Arc<Publication>) -> Result<Option<Self>, CallError> {
        if !T::accepts(&publication.payload) {
            return Ok(None);
        }
        Ok(Some(Self { event: T::from_payload(&publication.payload)?, publication }))
    }
}

impl<T> Received<T> {
    /// The publication.
    #[must_use]
    pub const fn publication(&self) -> &Arc<Publication> {
        &self.publication
    }

    /// Whether the event says that it is an `E`.
    #[must_use]
    pub fn is<E: Message>(&self) -> bool {
        E::accepts(&self.publication.payload)
    }

    /// Reads the event as an `E`.
    ///
    /// # Errors
    /// `InvalidPayload` when it is of another type or cannot be read.
    pub fn read<E: Message>(&self) -> Result<E, CallError> {
        read(&self.publication.payload)
    }
}

impl<T> Deref for Received<T> {
    type Target = Publication;
    fn deref(&self) -> &Publication {
        &self.publication
    }
}

/// A subscription that is about to begin; await it for the [`EventStream`].
#[must_use = "a subscription begins when it is awaited"]
pub struct Subscribe<T> {
    dispatcher: Arc<dyn Dispatcher>,
    pattern: Result<Pattern, CallError>,
    start: Start,
    event: PhantomData<fn() -> T>,
}

impl<T: Message> Subscribe<T> {
    pub(crate) fn new(dispatcher: Arc<dyn Dispatcher>, pattern: &str) -> Self {
        let pattern = Pattern::parse(pattern).map_err(CallError::from);
        Self { dispatcher, pattern, start: Start::Live, event: PhantomData }
    }

    /// Begins with the oldest publication that is kept, instead of with what is published from now on.
    pub fn from_the_beginning(self) -> Self {
        self.start(Start::Beginning)
    }

    /// Begins with the first publication at or after a time.
    pub fn since(self, time: Timestamp) -> Self {
        self.start(Start::Time(time))
    }

    /// Begins anywhere, for instance behind the positions that were seen last.
    pub fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }
}

impl<T> fmt::Debug for Subscribe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe").field("pattern", &self.pattern).field("start", &self.start).finish_non_exhaustive()
    }
}

impl<T: Message> IntoFuture for Subscribe<T> {
    type Output = Result<EventStream<T>, CallError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = SubscribeRequest { pattern: self.pattern?, start: self.start };
            Ok(EventStream { events: self.dispatcher.subscribe(request).await?, event: PhantomData })
        })
    }
}

/// The events of type `T` on the topics of a pattern; those of other types are passed over. Dropping it ends the subscription.
///
/// *Ordering*: history strictly before live, each publication at most once, in order per topic. *Errors*: an item with the
/// code `Gap` says that publications in between are no longer kept, and the stream goes on; one with `InvalidPayload`, that an
/// event could not be read. After any other error the stream ends.
pub struct EventStream<T = AnyPayload> {
    events: Events,
    event: PhantomData<fn() -> T>,
}

impl<T: Message> EventStream<T> {
    /// The next event; `None` when the subscription has ended.
    pub async fn next(&mut self) -> Option<Result<Received<T>, CallError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The stream as it comes: publications of all types, gaps, and the moment at which history is done.
    #[must_use]
    pub fn into_events(self) -> Events {
        self.events
    }
}

impl<T: Message> Stream for EventStream<T> {
    type Item = Result<Received<T>, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let event = match ready!(self.events.as_mut().poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(event)) => event,
            };
            match event {
                StreamEvent::CaughtUp => {}
                StreamEvent::Gap { topic, after, next } => {
                    let message = format!("what was published on {topic} between {after} and {next} is no longer kept");
                    return Poll::Ready(Some(Err(CallError::new(Code::Gap, message))));
                }
                StreamEvent::Publication(publication) => match Received::of(publication) {
                    Ok(None) => {}
                    Ok(Some(received)) => return Poll::Ready(Some(Ok(received))),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            }
        }
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}
