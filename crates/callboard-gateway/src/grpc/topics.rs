//! The `Topics` service.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use callboard_core::port::{Events, TopicQuery};
use callboard_core::publication::Announcement;
use callboard_core::trace::TraceContext;
use callboard_core::{Code, Error, MessageId, Position, Principal, limits};
use callboard_wire::descriptors::Descriptors;
use callboard_wire::pb::convert::topics::{self as convert, Announced};
use callboard_wire::pb::v1;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::FutureExt as _;
use tonic::{Request, Response, Status};

use super::call::{Call, Door, refused};
use super::invoke_stream::ended;
use super::listing::page;
use super::meters::{Method, OpenStream};
use crate::auth::permit;

/// Topics of a listing that are read at once.
const CHUNK_LEN: usize = 500;

pub(super) struct Topics(pub(super) Arc<Door>);

impl Topics {
    fn announcement(
        &self,
        principal: &Principal,
        wire: v1::PublishRequest,
        trace: TraceContext,
    ) -> Result<Announcement, Error> {
        let Announced { topic, payload, headers } = wire.try_into()?;
        permit::publish(principal, &topic)?;
        let descriptors = &self.0.doors.descriptors;
        let payload = payload.into_payload(descriptors, |name, value| descriptors.resolve(name, value))?;
        let time = self.0.doors.clock.now();
        let id = MessageId::new(time, self.0.doors.entropy.next_u128());
        Ok(Announcement { id, topic, time, payload, headers, trace: Some(trace), publisher: None })
    }

    async fn publish_all(&self, announcements: Vec<Announcement>) -> Result<Vec<v1::PublishResponse>, Error> {
        if announcements.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<MessageId> = announcements.iter().map(|announcement| announcement.id).collect();
        let positions: Vec<Position> = self.0.doors.dispatcher.publish(announcements).await?;
        Ok(ids.into_iter().zip(positions).map(|(id, position)| convert::published(id, position)).collect())
    }
}

#[tonic::async_trait]
impl v1::topics_server::Topics for Topics {
    async fn publish(&self, request: Request<v1::PublishRequest>) -> Result<Response<v1::PublishResponse>, Status> {
        let call = Call::of(&self.0, Method::Publish, &request)?;
        let (principal, trace) = (Arc::clone(&call.principal), call.trace);
        let work = async {
            let announcement = self.announcement(&principal, request.into_inner(), trace)?;
            let published = self.publish_all(vec![announcement]).await?.pop();
            published.ok_or_else(|| Error::new(Code::Internal, "the publication has no position"))
        };
        call.run(work).await
    }

    async fn publish_batch(
        &self,
        request: Request<v1::PublishBatchRequest>,
    ) -> Result<Response<v1::PublishBatchResponse>, Status> {
        let call = Call::of(&self.0, Method::PublishBatch, &request)?;
        let (principal, trace) = (Arc::clone(&call.principal), call.trace);
        let work = async {
            let asked = request.into_inner().publications;
            if asked.len() > limits::VALUE_ITEMS_MAX {
                let (len, most) = (asked.len(), limits::VALUE_ITEMS_MAX);
                return Err(Error::new(Code::TooLarge, format!("{len} publications are too many; the most is {most}")));
            }
            let announcements = asked.into_iter().enumerate().map(|(at, publication)| {
                let place = |error: Error| Error::new(error.code(), format!("publications[{at}]: {}", error.message()));
                self.announcement(&principal, publication, trace).map_err(place)
            });
            let announcements = announcements.collect::<Result<Vec<_>, Error>>()?;
            Ok(v1::PublishBatchResponse { publications: self.publish_all(announcements).await? })
        };
        call.run(work).await
    }

    type SubscribeStream = Subscription;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let call = Call::of(&self.0, Method::Subscribe, &request)?;
        let end = ended(self.0.closing.clone(), call.asked, call.credentials_end()).boxed();
        let principal = Arc::clone(&call.principal);
        let work = async {
            let (subscribe, json) = convert::subscription(request.into_inner())?;
            permit::subscribe(&principal, &subscribe.pattern)?;
            let events = self.0.doors.dispatcher.subscribe(subscribe).await?;
            let descriptors = Arc::clone(&self.0.doors.descriptors);
            Ok(Subscription { events, end, json, descriptors, ended: false, _counted: OpenStream::opened() })
        };
        call.run(work).await
    }

    async fn list(&self, request: Request<v1::ListTopicsRequest>) -> Result<Response<v1::ListTopicsResponse>, Status> {
        let call = Call::of(&self.0, Method::ListTopics, &request)?;
        let work = async {
            let query = convert::query(request.get_ref())?;
            let (after, limit) = (query.after.clone(), query.limit);
            let fetch = |after, limit| self.0.doors.operator.topics(TopicQuery { after, limit, ..query.clone() });
            let page = page(after, limit, CHUNK_LEN, fetch, |row| row.topic.clone(), &|row| row.into()).await?;
            Ok(v1::ListTopicsResponse { topics: page.rows, next_page_token: page.next })
        };
        call.run(work).await
    }
}

/// What happens on a subscription, as it goes to the client. Nothing is kept here: when the client's window is full, nobody asks,
/// and the events wait where they are bounded.
pub(super) struct Subscription {
    events: Events,
    end: BoxFuture<'static, Error>,
    json: bool,
    descriptors: Arc<Descriptors>,
    ended: bool,
    _counted: OpenStream,
}

impl Stream for Subscription {
    type Item = Result<v1::SubscribeResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(error) = self.end.poll_unpin(cx) {
            self.ended = true;
            return Poll::Ready(Some(Err(refused(&error))));
        }
        Poll::Ready(match ready!(self.events.as_mut().poll_next(cx)) {
            Some(Ok(event)) => Some(Ok(convert::event(&event, self.json, &self.descriptors))),
            Some(Err(error)) => {
                self.ended = true;
                Some(Err(refused(&error)))
            }
            None => {
                self.ended = true;
                None
            }
        })
    }
}
