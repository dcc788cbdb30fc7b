//! `callboard explain`.

use callboard_node::config::Span;
use callboard_wire::pb::v1;
use serde_json::{Value, json};

use crate::client::{Client, question};
use crate::exit::Failure;
use crate::output::{Output, Style, printable};
use crate::payload;
use crate::table::Table;

pub(crate) async fn run(client: &Client, topic: String, output: &mut Output) -> Result<(), Failure> {
    let answer = client.system().explain(question(v1::ExplainRequest { topic })).await?.into_inner();
    let age: Option<std::time::Duration> = answer.retention_age.and_then(|age| age.try_into().ok());
    let age = age.map(|age| Span(age).to_string()).unwrap_or_default();
    let head = answer.head.as_ref().map(payload::position);
    if output.is_json() {
        let hearers: Vec<Value> = answer.hearers.iter().map(hearer).collect();
        return output.object(&json!({
            "topic": answer.topic, "durable": answer.durable, "retentionAge": age, "retentionLen": answer.retention_len,
            "head": head, "hearers": hearers,
        }));
    }
    let kept =
        if answer.durable { "durable: kept on disk" } else { "ephemeral: kept in memory, delivered at most once" };
    let head = head.map_or_else(|| "nothing was published yet".to_owned(), |head| format!("newest {head}"));
    let topic = output.paint(Style::Name, &printable(&answer.topic));
    output.line(&format!("{topic}  {kept}, {age} or {} publications; {head}", answer.retention_len))?;
    let mut table = Table::new(&["HEARD BY", "KIND", "THROUGH", "ACTION", "DONE WITH", ""]);
    for hearer in &answer.hearers {
        let cursor = hearer.cursor.as_ref().map(payload::position).unwrap_or_default();
        let parked = if hearer.parked { "parked" } else { "" };
        let v1::Hearer { name, pattern, action, .. } = hearer;
        table.row([name.clone(), kind(hearer).to_owned(), pattern.clone(), action.clone(), cursor, parked.to_owned()]);
    }
    if table.is_empty() { output.line("nobody would hear it") } else { output.table(&table, true) }
}

fn kind(hearer: &v1::Hearer) -> &'static str {
    match hearer.kind() {
        v1::HearerKind::ActiveActor => "actor, active",
        v1::HearerKind::PassiveActor => "actor, passive",
        v1::HearerKind::Instances => "every instance",
        v1::HearerKind::External => "external, durable",
        v1::HearerKind::Live => "live",
        v1::HearerKind::Unspecified => "",
    }
}

fn hearer(hearer: &v1::Hearer) -> Value {
    let cursor = hearer.cursor.as_ref().map(payload::position);
    let v1::Hearer { name, pattern, action, parked, .. } = hearer;
    json!({
        "name": name, "kind": kind(hearer), "pattern": pattern, "action": action, "cursor": cursor, "parked": parked,
    })
}
