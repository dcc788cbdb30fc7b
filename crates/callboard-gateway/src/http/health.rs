//! Whether the node lives, whether it is ready, and what is here.

use std::sync::Arc;

use callboard_wire::json;
use http::StatusCode;
use serde_json::json;

use super::answer::{self, Answer};
use super::{Call, Http, endpoint};

/// `GET /health/liveness`: the process answers.
pub(super) async fn liveness(_: Arc<Http>, _: Call) -> Answer {
    Ok(answer::json(&json!({ "status": "alive" })))
}

/// `GET /health/readiness`: 503 with the problems when the node does not take work.
pub(super) async fn readiness(http: Arc<Http>, _: Call) -> Answer {
    let health = http.doors.operator.health();
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(answer::json_with(status, &json::health(&health)))
}

/// `GET /`: what is here.
pub(super) async fn index(http: Arc<Http>, call: Call) -> Answer {
    let mut document = json!({
        "callboard": env!("CARGO_PKG_VERSION"),
        "system": http.doors.system.as_str(),
        "try": {
            "what every actor takes": "GET /v1/openapi.json",
            "invoke": "POST /v1/actors/{name}/{action}",
            "invoke an instance": "POST /v1/actors/{parent}/{name}/{action}",
            "look at a state": "GET /v1/actors/{name}",
            "list actors": "GET /v1/actors",
            "publish": "POST /v1/topics/{topic}",
            "follow (in a pattern write > as %3E)": "GET /v1/topics/{pattern}?from=beginning",
            "list topics": "GET /v1/topics",
            "who hears a topic": "GET /v1/system/explain/{topic}",
            "what failed": "GET /v1/system/dead-letters, GET /v1/system/parked",
            "is it ready": "GET /health/readiness",
            "gRPC, on the same port": "callboard.v1.Actors, callboard.v1.Topics, callboard.v1.System",
        },
    });
    // What is declared is nothing for passers-by.
    if endpoint::known(&http, &call.parts).is_ok() {
        let actors = http.plans.catalogue().iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
        document["actors"] = actors.into();
    }
    let mut text = serde_json::to_vec_pretty(&document).unwrap_or_default();
    text.push(b'\n');
    Ok(answer::body(answer::JSON, text))
}
