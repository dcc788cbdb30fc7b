//! `callboard publish`.

use callboard_wire::pb::v1;
use serde_json::json;

use crate::arguments::Publish;
use crate::client::{Client, question};
use crate::exit::Failure;
use crate::output::{Output, Style};
use crate::payload;
use crate::progress::waiting;

pub(crate) async fn run(client: &Client, options: Publish, output: &mut Output) -> Result<(), Failure> {
    let Publish { topic, payload: argument, type_name, headers } = options;
    let payload = payload::read(argument.as_deref(), type_name)?;
    let message = v1::PublishRequest { topic: topic.clone(), payload, headers: headers.into_iter().collect() };
    let mut topics = client.topics();
    let answer = waiting("publishing", topics.publish(question(message))).await?.into_inner();
    let position = answer.position.as_ref().map(payload::position).unwrap_or_default();
    output.either(
        || json!({ "id": answer.id, "topic": topic, "position": position }),
        |output| format!("published on {} at {position} as {}", output.paint(Style::Name, &topic), answer.id),
    )
}
