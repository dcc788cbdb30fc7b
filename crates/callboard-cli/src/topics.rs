//! `callboard topics`.

use callboard_wire::pb::v1;
use serde_json::json;

use crate::client::{Client, page_size, question};
use crate::exit::Failure;
use crate::output::Output;
use crate::payload;
use crate::progress::waiting;
use crate::table::Table;

pub(crate) async fn run(
    client: &Client,
    pattern: Option<String>,
    limit: Option<usize>,
    output: &mut Output,
) -> Result<(), Failure> {
    let pattern = pattern.unwrap_or_default();
    let (mut left, mut head, mut token) = (limit, true, String::new());
    while left != Some(0) {
        let message = v1::ListTopicsRequest { pattern: pattern.clone(), page_size: page_size(left), page_token: token };
        let page = waiting("listing", client.topics().list(question(message))).await?.into_inner();
        left = left.map(|left| left.saturating_sub(page.topics.len()));
        show_page(page.topics, head, output)?;
        head = false;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    Ok(())
}

fn show_page(topics: Vec<v1::TopicSummary>, first: bool, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new(&["TOPIC", "NEWEST", "KEPT"]);
    for v1::TopicSummary { topic, head, first_seq } in topics {
        let seq = head.as_ref().map_or(0, |head| head.seq);
        let kept = (seq + 1).saturating_sub(first_seq);
        let head = head.as_ref().map(payload::position).unwrap_or_default();
        if output.is_json() {
            output.object(&json!({ "topic": topic, "head": head, "firstSeq": first_seq, "kept": kept }))?;
            continue;
        }
        table.row([topic, head, kept.to_string()]);
    }
    match (output.is_json(), table.is_empty()) {
        (true, _) => Ok(()),
        (false, true) if first => output.line("nothing was published on any such topic"),
        (false, _) => output.table(&table, first),
    }
}
