//! The gRPC door: `callboard.v1`, health and reflection, as one router that shares the listener with HTTP/JSON.
//!
//! * `actors`, `topics`, `system`: the three services. Each parses what came into domain values (`callboard_wire::pb::convert`),
//!   asks a port, and writes the answer back; there is no decision here.
//! * `call`: what every call goes through: who asks, deadline, trace, meters. `invoke_stream`: many invocations over one stream.
//! * `mend`: statuses of the library, which know nothing of Callboard's codes, become ours.
//!
//! Every failure leaves with a [`callboard_core::Code`] in its details. A message over [`MESSAGE_LEN_MAX`] is refused without
//! being read.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use callboard_core::{Code, Error, limits};
use callboard_wire::pb::status_from_error;
use callboard_wire::pb::v1::{actors_server::ActorsServer, system_server::SystemServer, topics_server::TopicsServer};
use http::Response;
use tonic::Request;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic_health::pb::health_server::HealthServer;

use crate::auth::Authenticator;
use crate::doors::{Closing, Doors};

mod actors;
mod call;
mod health;
mod invoke_stream;
mod listing;
mod mend;
mod meters;
mod system;
mod topics;

use call::Door;
use mend::Mend;

/// Bytes of one message: a payload of the greatest length with everything around it (headers, positions, names).
pub const MESSAGE_LEN_MAX: usize = limits::PAYLOAD_LEN_MAX + 512 * 1024;

const SERVICES: [&str; 4] =
    ["callboard.v1.Actors", "callboard.v1.Topics", "callboard.v1.System", "grpc.health.v1.Health"];

/// The gRPC services as a router. Its streams end when `closing` says so.
pub fn routes(doors: &Doors, auth: &Arc<Authenticator>, closing: Closing) -> Router {
    let health = HealthServer::new(health::Health::new(doors.operator.clone(), closing.clone()));
    let door = Arc::new(Door::new(doors.clone(), Arc::clone(auth), closing));
    let actors = ActorsServer::new(actors::Actors(Arc::clone(&door)));
    let topics = TopicsServer::new(topics::Topics(Arc::clone(&door)));
    let system = SystemServer::new(system::System(door));
    let routes = Routes::new(actors.max_decoding_message_size(MESSAGE_LEN_MAX).max_encoding_message_size(usize::MAX))
        .add_service(topics.max_decoding_message_size(MESSAGE_LEN_MAX).max_encoding_message_size(usize::MAX))
        .add_service(system.max_decoding_message_size(MESSAGE_LEN_MAX).max_encoding_message_size(usize::MAX))
        .add_service(health);
    let router = with_reflection(routes, doors, auth).into_axum_router();
    router.layer(tower::layer::layer_fn(Mend)).with_state(())
}

// Both versions: tools still ask for the older one first. It knows the users' own types too, so that tools show the content of
// an `Any`.
fn with_reflection(routes: Routes, doors: &Doors, auth: &Arc<Authenticator>) -> Routes {
    let descriptors = doors.descriptors.file_descriptor_set();
    let builder = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(&descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.reflection.v1.ServerReflection");
        SERVICES.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => {
            let known = || {
                let (auth, doors) = (Arc::clone(auth), doors.clone());
                move |request: Request<()>| match call::known(&auth, &doors, request.metadata()) {
                    Ok(_) => Ok(request),
                    Err(error) => Err(status_from_error(&error)),
                }
            };
            routes
                .add_service(InterceptedService::new(v1, known()))
                .add_service(InterceptedService::new(v1alpha, known()))
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "the descriptors cannot be reflected; gRPC works, tools need the .proto files");
            routes
        }
    }
}

/// The answer to a call that is not even looked at, because the node has as much to do as it may.
#[must_use]
pub fn overloaded() -> Response<Body> {
    let error = Error::new(Code::Overloaded, "the node has as many calls under way as it may; try again after a pause");
    status_from_error(&error).into_http()
}

/// The end of a stream because the node stops.
fn stopping() -> Error {
    Error::new(Code::Unavailable, "the node is stopping; take the stream up again at another one, or when it is back")
}
