//! The HTTP/JSON door.
//!
//! * [`endpoint`]: what every request goes through: who asks, admission, its span, its meters, its problem document.
//! * [`call`]: one request as the handlers see it; [`body`]: its body as a payload; [`accept`]: which form of answer it takes.
//! * [`plan`]: which types an action takes, looked up without asking anybody.
//! * [`invoke`], [`actors`], [`topics`], [`follow`], [`system`], [`health`]: the routes. [`openapi`]: their description.

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use callboard_core::{Code, Principal};
use callboard_wire::problem::Problem;
use tokio::sync::Semaphore;

use crate::auth::Authenticator;
use crate::config::GatewayConfig;
use crate::doors::{Closing, Doors};

mod accept;
mod actors;
mod answer;
mod body;
mod call;
mod endpoint;
mod follow;
mod health;
mod invoke;
mod openapi;
pub(crate) mod plan;
mod system;
mod topics;

use answer::Answer;
use call::Call;
pub(crate) use endpoint::operators_only;
use endpoint::{Admission, Route};
use plan::Plans;

/// What the handlers of all routes share.
#[derive(Debug)]
struct Http {
    doors: Doors,
    auth: Arc<Authenticator>,
    // Who asks where nobody is asked who it is.
    nobody: Arc<Principal>,
    plans: Plans,
    config: GatewayConfig,
    // Requests under way, over all doors.
    requests: Arc<Semaphore>,
    // KiB of large bodies in memory.
    bodies: Arc<Semaphore>,
    // Open streams of publications.
    streams: Arc<Semaphore>,
    closing: Closing,
    openapi: Bytes,
}

/// Every route of the HTTP/JSON door.
pub(crate) fn routes(
    doors: Doors,
    auth: Arc<Authenticator>,
    config: &GatewayConfig,
    requests: Arc<Semaphore>,
    closing: Closing,
) -> Router {
    let catalogue = doors.operator.catalogue();
    let http = Arc::new(Http {
        openapi: openapi::document(&doors.system, &doors.descriptors, &catalogue).into(),
        plans: Plans::new(catalogue),
        bodies: Arc::new(Semaphore::new(config.bodies_len_max / 1024)),
        streams: Arc::new(Semaphore::new(config.streams_max)),
        config: config.clone(),
        auth,
        nobody: endpoint::nobody(),
        doors,
        requests,
        closing,
    });
    let (anyone, known, operators) = (Route::anyone(&http), Route::known(&http), Route::operators(&http));
    Router::new()
        .merge(actor_routes(&known, &operators))
        .merge(topic_routes(&known, &operators))
        .merge(system_routes(&operators))
        .route("/health/liveness", anyone.get_always("/health/liveness", health::liveness))
        .route("/health/readiness", anyone.get_always("/health/readiness", health::readiness))
        .route("/v1/openapi.json", known.get("/v1/openapi.json", openapi::get))
        .route("/", anyone.get("/", health::index))
        .method_not_allowed_fallback(anyone.endpoint("any", "unmatched", Admission::Free, wrong_method))
        .fallback(anyone.endpoint("any", "unmatched", Admission::Free, no_such_path))
}

fn actor_routes(known: &Route<'_>, operators: &Route<'_>) -> Router {
    const ONE: &str = "/v1/actors/{first}";
    const TWO: &str = "/v1/actors/{first}/{second}";
    Router::new()
        .route("/v1/actors", operators.get("/v1/actors", actors::list))
        .route(ONE, operators.get("/v1/actors/{name}", actors::state))
        .route(ONE, operators.delete("/v1/actors/{name}", actors::delete))
        .route(TWO, known.post("/v1/actors/{name}/{action}", invoke::named))
        .route(TWO, operators.get("/v1/actors/{parent}/{name}", actors::state))
        .route(TWO, operators.delete("/v1/actors/{parent}/{name}", actors::delete))
        .route(
            "/v1/actors/{first}/{second}/{third}",
            known.post("/v1/actors/{parent}/{name}/{action}", invoke::instance),
        )
}

fn topic_routes(known: &Route<'_>, operators: &Route<'_>) -> Router {
    const ONE: &str = "/v1/topics/{topic}";
    Router::new()
        .route("/v1/topics", operators.get("/v1/topics", topics::list))
        .route("/v1/topics", known.post("/v1/topics", topics::publish_batch))
        .route(ONE, known.post("/v1/topics/{topic}", topics::publish))
        .route(ONE, known.get("/v1/topics/{pattern}", follow::follow))
}

fn system_routes(route: &Route<'_>) -> Router {
    const EXPLAIN: &str = "/v1/system/explain/{topic}";
    const LETTERS: &str = "/v1/system/dead-letters";
    const LETTER: &str = "/v1/system/dead-letters/{id}";
    const RETRY_LETTER: &str = "/v1/system/dead-letters/{id}/retry";
    const PARKED: &str = "/v1/system/parked";
    const RETRY_PARKED: &str = "/v1/system/parked/retry";
    const SKIP_PARKED: &str = "/v1/system/parked/skip";
    const TIMERS: &str = "/v1/system/timers";
    const CATALOGUE: &str = "/v1/system/catalogue";
    Router::new()
        .route(EXPLAIN, route.get(EXPLAIN, system::explain))
        .route(LETTERS, route.get(LETTERS, system::dead_letters))
        .route(LETTER, route.delete(LETTER, system::drop_dead_letter))
        .route(RETRY_LETTER, route.post(RETRY_LETTER, system::retry_dead_letter))
        .route(PARKED, route.get(PARKED, system::parked))
        .route(RETRY_PARKED, route.post(RETRY_PARKED, system::retry_parked))
        .route(SKIP_PARKED, route.post(SKIP_PARKED, system::skip_parked))
        .route(TIMERS, route.get(TIMERS, system::timers))
        .route(CATALOGUE, route.get(CATALOGUE, system::catalogue))
}

async fn no_such_path(_: Arc<Http>, call: Call) -> Answer {
    let detail = format!("there is nothing at {}; GET / lists what there is", answer::excerpt(call.parts.uri.path()));
    Err(Problem::new(Code::InvalidPayload, detail).with_status(404, "No such path"))
}

async fn wrong_method(_: Arc<Http>, call: Call) -> Answer {
    let method = answer::excerpt(call.parts.method.as_str());
    let detail = format!("{method} is not possible here; the Allow header says what is");
    Err(Problem::new(Code::InvalidPayload, detail).with_status(405, "Wrong method"))
}
