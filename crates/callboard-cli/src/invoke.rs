//! `callboard invoke`.

use callboard_wire::pb::v1;
use serde_json::json;
use tonic::Request;

use crate::arguments::Invoke;
use crate::client::{Client, question};
use crate::exit::Failure;
use crate::output::{Output, Style};
use crate::payload;
use crate::progress::waiting;

pub(crate) async fn run(client: &Client, options: Invoke, output: &mut Output) -> Result<(), Failure> {
    let Invoke { actor, action, payload: argument, type_name, key, deadline, detach, headers } = options;
    let message = v1::InvokeRequest {
        payload: payload::read(argument.as_deref(), type_name)?,
        idempotency_key: key.unwrap_or_default(),
        metadata: headers.into_iter().collect(),
        r#async: detach,
        response_format: v1::PayloadFormat::Json.into(),
        actor: actor.clone(),
        action,
        ..Default::default()
    };
    let request = if detach {
        question(message)
    } else {
        let mut request = Request::new(message);
        request.set_timeout(deadline.0);
        request
    };
    let mut actors = client.actors();
    let answer = waiting(&format!("waiting for {actor}"), actors.invoke(request)).await?.into_inner();
    if detach {
        let id = answer.message_id;
        return output
            .either(|| json!({ "id": id }), |output| format!("accepted as {}", output.paint(Style::Name, &id)));
    }
    let positions: Vec<String> = answer.positions.iter().map(payload::position).collect();
    let (type_name, value) = payload::show(answer.payload);
    if output.is_json() {
        let revision = answer.revision;
        return output
            .object(&json!({ "type": type_name, "payload": value, "revision": revision, "positions": positions }));
    }
    if !value.is_null() {
        output.pretty(&value)?;
    }
    Ok(())
}
