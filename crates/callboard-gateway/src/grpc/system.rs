//! The `System` service.

use std::sync::Arc;

use callboard_core::limits::PAGE_LEN_MAX;
use callboard_core::{Error, Topic};
use callboard_wire::pb::convert::payload::wants_json;
use callboard_wire::pb::convert::system::{self as convert, subscription};
use callboard_wire::pb::convert::{actor_id, message_id, page_len};
use callboard_wire::pb::v1;
use tonic::{Request, Response, Status};

use super::call::{Call, Door};
use super::listing::page;
use super::meters::Method;

/// Dead letters that are read at once: each may have a payload of the greatest length.
const CHUNK_LEN: usize = 8;

pub(super) struct System(pub(super) Arc<Door>);

#[tonic::async_trait]
impl v1::system_server::System for System {
    async fn catalogue(
        &self,
        request: Request<v1::CatalogueRequest>,
    ) -> Result<Response<v1::CatalogueResponse>, Status> {
        let call = Call::of(&self.0, Method::Catalogue, &request)?;
        let catalogue = self.0.doors.operator.catalogue();
        let actors = catalogue.iter().map(|declaration| declaration.as_ref().into()).collect();
        call.answer(Ok(v1::CatalogueResponse { system: self.0.doors.system.to_string(), actors }))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Result<Response<v1::ExplainResponse>, Status> {
        let call = Call::of(&self.0, Method::Explain, &request)?;
        let work = async {
            let topic = Topic::parse(&request.get_ref().topic)?;
            Ok((&self.0.doors.operator.explain(topic).await?).into())
        };
        call.run(work).await
    }

    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<Response<v1::ListDeadLettersResponse>, Status> {
        let call = Call::of(&self.0, Method::ListDeadLetters, &request)?;
        let work = async {
            let v1::ListDeadLettersRequest { page_size, page_token, format } = request.get_ref();
            let json = wants_json(*format, false)?;
            let after = (!page_token.is_empty()).then(|| message_id(page_token)).transpose()?;
            let fetch = |after, limit| self.0.doors.operator.dead_letters(after, limit);
            let descriptors = &self.0.doors.descriptors;
            let convert = |letter: &_| convert::dead_letter(letter, json, descriptors);
            let page = page(after, page_len(*page_size), CHUNK_LEN, fetch, |letter| letter.id, &convert).await?;
            Ok(v1::ListDeadLettersResponse { letters: page.rows, next_page_token: page.next })
        };
        call.run(work).await
    }

    async fn retry_dead_letter(
        &self,
        request: Request<v1::RetryDeadLetterRequest>,
    ) -> Result<Response<v1::RetryDeadLetterResponse>, Status> {
        let call = Call::of(&self.0, Method::RetryDeadLetter, &request)?;
        let work = async {
            self.0.doors.operator.retry_dead_letter(message_id(&request.get_ref().id)?).await?;
            Ok(v1::RetryDeadLetterResponse {})
        };
        call.run(work).await
    }

    async fn drop_dead_letter(
        &self,
        request: Request<v1::DropDeadLetterRequest>,
    ) -> Result<Response<v1::DropDeadLetterResponse>, Status> {
        let call = Call::of(&self.0, Method::DropDeadLetter, &request)?;
        let work = async {
            self.0.doors.operator.drop_dead_letter(message_id(&request.get_ref().id)?).await?;
            Ok(v1::DropDeadLetterResponse {})
        };
        call.run(work).await
    }

    async fn list_parked(
        &self,
        request: Request<v1::ListParkedRequest>,
    ) -> Result<Response<v1::ListParkedResponse>, Status> {
        let call = Call::of(&self.0, Method::ListParked, &request)?;
        let work = async {
            let parked = self.0.doors.operator.parked().await?;
            let truncated = parked.len() > PAGE_LEN_MAX;
            Ok(v1::ListParkedResponse { parked: parked.iter().take(PAGE_LEN_MAX).map(Into::into).collect(), truncated })
        };
        call.run(work).await
    }

    async fn retry_parked(
        &self,
        request: Request<v1::RetryParkedRequest>,
    ) -> Result<Response<v1::RetryParkedResponse>, Status> {
        let call = Call::of(&self.0, Method::RetryParked, &request)?;
        let work = async {
            let (subscription, topic) = subscription(request.into_inner().subscription)?;
            self.0.doors.operator.retry_parked(subscription, topic).await?;
            Ok(v1::RetryParkedResponse {})
        };
        call.run(work).await
    }

    async fn skip_parked(
        &self,
        request: Request<v1::SkipParkedRequest>,
    ) -> Result<Response<v1::SkipParkedResponse>, Status> {
        let call = Call::of(&self.0, Method::SkipParked, &request)?;
        let work = async {
            let (subscription, topic) = subscription(request.into_inner().subscription)?;
            self.0.doors.operator.skip_parked(subscription, topic).await?;
            Ok(v1::SkipParkedResponse {})
        };
        call.run(work).await
    }

    async fn list_timers(
        &self,
        request: Request<v1::ListTimersRequest>,
    ) -> Result<Response<v1::ListTimersResponse>, Status> {
        let call = Call::of(&self.0, Method::ListTimers, &request)?;
        let work = async {
            let v1::ListTimersRequest { actor, limit } = request.get_ref();
            let actor = (!actor.is_empty()).then(|| actor_id(actor, "")).transpose()?;
            let timers = self.0.doors.operator.timers(actor, page_len(*limit)).await?;
            Ok::<_, Error>(v1::ListTimersResponse { timers: timers.iter().map(Into::into).collect() })
        };
        call.run(work).await
    }
}
