//! `callboard timers`.

use callboard_node::config::Span;
use callboard_wire::pb::v1;
use serde_json::json;

use crate::arguments::Timers;
use crate::client::{Client, question};
use crate::exit::Failure;
use crate::output::Output;
use crate::payload;
use crate::table::Table;

pub(crate) async fn run(client: &Client, options: Timers, output: &mut Output) -> Result<(), Failure> {
    let message = v1::ListTimersRequest { actor: options.actor.unwrap_or_default(), limit: options.limit };
    let answer = client.system().list_timers(question(message)).await?.into_inner();
    let mut table = Table::new(&["DUE", "ACTOR", "TIMER", "EVERY", "AFTER A PAUSE"]);
    for timer in answer.timers {
        let catch_up = match timer.catch_up() {
            v1::CatchUp::Once => "once",
            v1::CatchUp::All => "all",
            v1::CatchUp::Skip => "skip",
            v1::CatchUp::Unspecified => "",
        };
        let every = timer.every.and_then(|every| every.try_into().ok()).map(|every| Span(every).to_string());
        let due = payload::time(timer.due.as_ref());
        if output.is_json() {
            let (actor, name) = (timer.actor, timer.name);
            output.object(&json!({ "actor": actor, "name": name, "due": due, "every": every, "catchUp": catch_up }))?;
            continue;
        }
        table.row([due, timer.actor, timer.name, every.unwrap_or_default(), catch_up.to_owned()]);
    }
    match (output.is_json(), table.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => output.line("no timer is set"),
        (false, false) => output.table(&table, true),
    }
}
