//! `POST /v1/actors/...`: invoke an action.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use callboard_core::invocation::CallChain;
use callboard_core::{ActorId, Code, Encoding, Invocation, Name, Reply, limits};
use callboard_wire::json;
use callboard_wire::problem::Problem;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, Answer, excerpt};
use super::body::{self, Takes};
use super::{Call, Http, accept};
use crate::auth::permit;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct InvokeQuery {
    #[serde(rename = "type")]
    type_name: Option<String>,
}

pub(super) async fn named(http: Arc<Http>, mut call: Call) -> Answer {
    let [name, action] = call.path().await?;
    let target = ActorId::named(&name).map_err(callboard_core::Error::from)?;
    invoke(&http, call, target, &action).await
}

pub(super) async fn instance(http: Arc<Http>, mut call: Call) -> Answer {
    let [parent, name, action] = call.path().await?;
    let target = ActorId::instance(&parent, &name).map_err(callboard_core::Error::from)?;
    invoke(&http, call, target, &action).await
}

/// The forms of a response, in the order of preference when the client has none.
const FORMS: [&str; 4] =
    ["application/json", "application/protobuf", "application/x-protobuf", "application/octet-stream"];
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/protobuf");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

async fn invoke(http: &Http, mut call: Call, target: ActorId, action: &str) -> Answer {
    let plan = http.plans.action(&target, action);
    // Who may not invoke it does not learn whether it is there.
    permit::invoke(&call.principal, &target, plan.as_ref().map_or(action, |plan| plan.name.as_str()))?;
    let plan = plan?;
    let query = if call.parts.uri.query().is_some() { call.query()? } else { InvokeQuery::default() };
    // Everything that can be refused is refused before the actor is asked.
    let form = accept::choose(call.header("accept")?, &FORMS)?;
    let key = idempotency_key(&call)?;
    let deadline = http.doors.clock.instant() + deadline(&call)?;
    let posted = prefers_async(&call)?;
    if posted && key.is_some() {
        let detail = "an Idempotency-Key has no effect with Prefer: respond-async, because there is no response to \
                      record; leave out one of them";
        return Err(Problem::new(Code::InvalidPayload, detail));
    }
    let headers = call.metadata()?;
    let takes = Takes::Action(plan.handlers);
    let payload = body::payload(http, &mut call, takes, query.type_name.as_deref()).await?;
    let trace = Some(call.trace);
    let chain = CallChain::new();
    let invocation = Invocation { target, action: plan.name, payload, deadline, key, headers, trace, chain };
    if posted {
        let id = http.doors.dispatcher.post(invocation).await?;
        let mut response = answer::json_with(StatusCode::ACCEPTED, &json!({ "id": id.to_string() }));
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
        return Ok(response);
    }
    let reply = http.doors.dispatcher.invoke(invocation).await?;
    Ok(respond(http, &reply, FORMS[form]))
}

fn respond(http: &Http, reply: &Reply, form: &str) -> Response {
    let payload = &reply.payload;
    let mut response = match payload.encoding() {
        Encoding::Protobuf if form.ends_with("protobuf") => answer::body(PROTOBUF, payload.to_bytes()),
        // Whoever prefers nothing in particular gets bytes as bytes; whoever asks for JSON gets them as base64.
        Encoding::Bytes if form != "application/json" => answer::body(OCTETS, payload.to_bytes()),
        Encoding::Protobuf | Encoding::Json | Encoding::Bytes => {
            let mut text = Vec::with_capacity(payload.bytes().len() * 2 + 32);
            json::write_payload(&mut text, &http.doors.descriptors, payload);
            answer::body(answer::JSON, text)
        }
    };
    let headers = response.headers_mut();
    headers.insert("callboard-revision", reply.revision.0.into());
    answer::set(headers, "callboard-type", payload.type_name().as_str().to_owned());
    // The answer depends on what the client takes, and on the moment.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn idempotency_key(call: &Call) -> Result<Option<Name>, Problem> {
    let Some(key) = call.header("idempotency-key")? else { return Ok(None) };
    // The draft standard writes it as a quoted string, most clients write it bare.
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    if key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_LEN_MAX {
        let detail =
            format!("the Idempotency-Key has {} bytes; give 1 to {}", key.len(), limits::IDEMPOTENCY_KEY_LEN_MAX);
        return Err(Problem::new(Code::InvalidPayload, detail));
    }
    Ok(Some(key.to_owned().into()))
}

fn prefers_async(call: &Call) -> Result<bool, Problem> {
    let prefer = call.header("prefer")?.unwrap_or_default();
    Ok(prefer.split([',', ';']).any(|preference| preference.trim().eq_ignore_ascii_case("respond-async")))
}

fn deadline(call: &Call) -> Result<Duration, Problem> {
    for name in ["callboard-deadline", "request-timeout"] {
        let Some(text) = call.header(name)? else { continue };
        return match parse_duration(text) {
            Some(within) if !within.is_zero() && within <= limits::CALL_DEADLINE_MAX => Ok(within),
            _ => Err(Problem::new(
                Code::InvalidPayload,
                format!(
                    "the header {name} is {:?}; give seconds (\"2.5\", \"30s\") or milliseconds (\"500ms\"), more than \
                     nothing and at most {} s",
                    excerpt(text),
                    limits::CALL_DEADLINE_MAX.as_secs()
                ),
            )),
        };
    }
    Ok(limits::CALL_DEADLINE)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let number = number.trim();
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = plain.then(|| number.parse::<f64>().ok())?? * unit;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_seconds_or_milliseconds() {
        for (text, millis) in [("5", 5000), ("2.5", 2500), ("30s", 30_000), ("500ms", 500), ("0", 0), ("1 s", 1000)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "ms", "-1", "1e9", "inf", "NaN", "1h", "1.2.3", "99999999999999999999999999"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
