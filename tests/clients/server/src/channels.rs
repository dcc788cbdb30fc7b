//! What the clients join.

use std::time::Duration;

use callboard::channel::{ClientEvent, Reaction, Who, invoke, publish};
use callboard::{AnyPayload, Channel};
use serde::Deserialize;

/// How long a client has to acknowledge.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize)]
struct TableParams {
    id: u64,
}

/// `TableChannel {id}`, `table:7`: data as it was published, presence, whispers, an actor behind an event.
pub(crate) fn table() -> Channel {
    Channel::new("TableChannel")
        .alias("table:{id}")
        .topic("table.{id}")
        .authorize(seated)
        .on("add", invoke("score/{id}", "add"))
        .on("say", publish("table.{id}").with_who("author"))
        .on("receive", publish("table.{id}").with_who("author"))
        .on("echo", |event: &ClientEvent| event.data::<AnyPayload>().map(Reaction::reply))
        .presence()
        .whisper()
        .reload("seats")
}

/// `TaskChannel {id}`, `task:7`: what comes is to be acknowledged.
pub(crate) fn tasks() -> Channel {
    Channel::new("TaskChannel")
        .alias("task:{id}")
        .topic("task.{id}")
        .authorize(seated)
        .acknowledged(ACK_TIMEOUT)
        .envelope()
}

fn seated(who: &Who, params: &TableParams) -> bool {
    who.has("tables", &params.id.to_string())
}
