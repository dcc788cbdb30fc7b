//! `callboard tail`.

use callboard_wire::pb::v1;
use callboard_wire::pb::v1::subscribe_response::Event;
use serde_json::{Value, json};
use tonic::Request;

use crate::arguments::Tail;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Style, printable};
use crate::payload;

pub(crate) async fn run(client: &Client, options: Tail, output: &mut Output) -> Result<(), Failure> {
    let Tail { pattern, from, limit, no_follow } = options;
    let start = from.request(&pattern).map_err(|text| Failure::new(Exit::Usage, text))?;
    let message = v1::SubscribeRequest { pattern, start, format: v1::PayloadFormat::Json.into() };
    let mut events = client.topics().subscribe(Request::new(message)).await?.into_inner();
    let mut left = limit;
    let mut last = None;
    while left != Some(0) {
        let event = events.message().await.map_err(|status| interrupted(status, last.as_deref()))?;
        match event.and_then(|response| response.event) {
            Some(Event::Publication(publication)) => {
                last = Some(place(&publication));
                left = left.map(|left| left - 1);
                show(publication, output)?;
            }
            Some(Event::Gap(gap)) => show_gap(&gap, output)?,
            Some(Event::CaughtUp(_)) if no_follow => return Ok(()),
            Some(Event::CaughtUp(_)) => {}
            None => return Ok(()),
        }
    }
    Ok(())
}

fn place(publication: &v1::Publication) -> String {
    let position = publication.position.as_ref().map(payload::position).unwrap_or_default();
    format!("{} at {position}", publication.topic)
}

fn interrupted(status: tonic::Status, last: Option<&str>) -> Failure {
    let failure = Failure::from(status);
    match last {
        Some(last) => failure.advise(format!("the last publication was on {last}; --from goes on after a position")),
        None => failure,
    }
}

fn show(publication: v1::Publication, output: &mut Output) -> Result<(), Failure> {
    let v1::Publication { id, topic, position, mark, time, payload, headers, traceparent, publisher } = publication;
    let position = position.as_ref().map(payload::position).unwrap_or_default();
    let time = payload::time(time.as_ref());
    let (type_name, value) = payload::show(payload);
    if output.is_json() {
        let headers = payload::object(&headers);
        return output.object(&json!({
            "event": "publication", "id": id, "topic": topic, "position": position, "mark": mark, "time": time,
            "type": type_name, "payload": value, "headers": headers, "traceparent": optional(traceparent),
            "publisher": optional(publisher),
        }));
    }
    let (time, topic) = (output.paint(Style::Dim, &time), output.paint(Style::Name, &printable(&topic)));
    let type_name = output.paint(Style::Dim, &printable(&type_name));
    output.line(&format!("{time} {topic} {position} {type_name} {value}"))
}

fn optional(text: String) -> Value {
    if text.is_empty() { Value::Null } else { Value::String(text) }
}

fn show_gap(gap: &v1::Gap, output: &mut Output) -> Result<(), Failure> {
    let after = gap.after.as_ref().map(payload::position).unwrap_or_default();
    let next = gap.next.as_ref().map(payload::position).unwrap_or_default();
    output.either(
        || json!({ "event": "gap", "topic": gap.topic, "after": after, "next": next }),
        |output| {
            let text = format!("-- {}: what was between {after} and {next} is no longer kept", printable(&gap.topic));
            output.paint(Style::Bad, &text)
        },
    )
}
