//! The health service (`grpc.health.v1`): serving is what [`Operator::health`] says.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::Operator;
use callboard_core::{Code, Error};
use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::SERVICES;
use super::call::refused;
use super::invoke_stream::ended;
use crate::doors::Closing;

/// How often a watch looks.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Health {
    operator: Arc<dyn Operator>,
    closing: Closing,
}

impl Health {
    pub(super) const fn new(operator: Arc<dyn Operator>, closing: Closing) -> Self {
        Self { operator, closing }
    }
}

fn is_known(service: &str) -> bool {
    // The empty name is the node as a whole.
    service.is_empty() || SERVICES.contains(&service)
}

fn serving(operator: &dyn Operator) -> ServingStatus {
    if operator.health().ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl tonic_health::pb::health_server::Health for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if is_known(&request.get_ref().service) {
            return Ok(Response::new(answer(serving(&*self.operator))));
        }
        // The protocol asks for NOT_FOUND.
        let text = format!("no such service; known are {}", SERVICES.join(", "));
        Err(refused(&Error::new(Code::ActorNotFound, text)))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let known = is_known(&request.get_ref().service);
        let operator = Arc::clone(&self.operator);
        let changes = stream::unfold(None, move |told: Option<ServingStatus>| {
            let operator = Arc::clone(&operator);
            async move {
                loop {
                    let now = if known { serving(&*operator) } else { ServingStatus::ServiceUnknown };
                    if told != Some(now) {
                        return Some((Ok(answer(now)), Some(now)));
                    }
                    tokio::time::sleep(WATCH_INTERVAL).await;
                }
            }
        });
        let end =
            stream::once(ended(self.closing.clone(), None, std::future::pending())).map(|error| Err(refused(&error)));
        // Whichever comes first; the end itself is the last that is sent.
        let all = stream::select(changes, end).scan(false, |over, item: Result<_, Status>| {
            let before = std::mem::replace(over, item.is_err());
            std::future::ready((!before).then_some(item))
        });
        Ok(Response::new(all.boxed()))
    }
}
