//! `callboard dead-letters`: list, show, retry, drop.

use callboard_wire::pb::v1;
use callboard_wire::pb::v1::dead_letter::Source;
use serde_json::{Value, json};

use crate::arguments::{DeadLetters, DeadLettersCommand};
use crate::client::{Client, page_size, question};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::payload;
use crate::progress::waiting;
use crate::table::Table;

pub(crate) async fn run(client: &Client, options: DeadLetters, output: &mut Output) -> Result<(), Failure> {
    match options.command {
        None => list(client, options.limit, output).await,
        Some(DeadLettersCommand::List { limit }) => list(client, limit, output).await,
        Some(DeadLettersCommand::Show { id }) => show(client, &id, output).await,
        Some(DeadLettersCommand::Retry { id: Some(id), all: _ }) => {
            retry(client, id.clone()).await?;
            output.either(|| json!({ "retried": id }), |_| format!("{id} is on its way"))
        }
        Some(DeadLettersCommand::Retry { id: None, all: _ }) => retry_all(client, output).await,
        Some(DeadLettersCommand::Drop { id }) => {
            client.system().drop_dead_letter(question(v1::DropDeadLetterRequest { id: id.clone() })).await?;
            output.either(|| json!({ "dropped": id }), |_| format!("{id} is dropped"))
        }
    }
}

/// The letters page by page.
struct Pages<'a> {
    client: &'a Client,
    token: Option<String>,
}

impl<'a> Pages<'a> {
    fn new(client: &'a Client) -> Self {
        Self { client, token: Some(String::new()) }
    }

    async fn next(&mut self, left: Option<usize>) -> Result<Option<Vec<v1::DeadLetter>>, Failure> {
        let Some(page_token) = self.token.take() else { return Ok(None) };
        let message = v1::ListDeadLettersRequest {
            page_size: page_size(left),
            page_token,
            format: v1::PayloadFormat::Json.into(),
        };
        let mut system = self.client.system();
        let page = waiting("listing", system.list_dead_letters(question(message))).await?.into_inner();
        self.token = Some(page.next_page_token).filter(|token| !token.is_empty());
        Ok(Some(page.letters))
    }
}

async fn list(client: &Client, limit: Option<usize>, output: &mut Output) -> Result<(), Failure> {
    let mut pages = Pages::new(client);
    let (mut left, mut head) = (limit, true);
    while left != Some(0) {
        let Some(letters) = pages.next(left).await? else { break };
        left = left.map(|left| left.saturating_sub(letters.len()));
        if output.is_json() {
            for letter in letters {
                output.object(&object(letter))?;
            }
            continue;
        }
        let mut table = Table::new(&["ID", "TARGET", "ACTION", "FROM", "ATTEMPTS", "TIME", "ERROR"]);
        for letter in letters {
            let error = letter.error.clone().unwrap_or_default();
            let (from, time) = (source(&letter), payload::time(letter.time.as_ref()));
            let error = format!("{}: {}", error.code, error.message);
            table.row([letter.id, letter.target, letter.action, from, letter.attempts.to_string(), time, error]);
        }
        if head && table.is_empty() {
            return output.line("there are no dead letters");
        }
        output.table(&table, head)?;
        head = false;
    }
    Ok(())
}

async fn show(client: &Client, id: &str, output: &mut Output) -> Result<(), Failure> {
    let mut pages = Pages::new(client);
    while let Some(letters) = pages.next(None).await? {
        if let Some(letter) = letters.into_iter().find(|letter| letter.id == id) {
            let value = object(letter);
            return if output.is_json() { output.object(&value) } else { output.pretty(&value) };
        }
    }
    Err(Failure::new(Exit::NotFound, format!("there is no dead letter {id}"))
        .advise("`callboard dead-letters` lists those that are there"))
}

async fn retry(client: &Client, id: String) -> Result<(), Failure> {
    client.system().retry_dead_letter(question(v1::RetryDeadLetterRequest { id })).await?;
    Ok(())
}

async fn retry_all(client: &Client, output: &mut Output) -> Result<(), Failure> {
    // All are read first: a letter that fails again comes back under the end of the list.
    let mut pages = Pages::new(client);
    let mut ids = Vec::new();
    while let Some(letters) = pages.next(None).await? {
        ids.extend(letters.into_iter().map(|letter| letter.id));
    }
    let total = ids.len();
    for (n, id) in ids.into_iter().enumerate() {
        waiting(&format!("retrying {} of {total}", n + 1), retry(client, id)).await?;
    }
    output.either(|| json!({ "retried": total }), |_| format!("{total} dead letters are on their way"))
}

fn source(letter: &v1::DeadLetter) -> String {
    match &letter.source {
        None => String::new(),
        Some(Source::EffectId(id)) => format!("effect {id}"),
        Some(Source::Publication(publication)) => {
            let position = publication.position.as_ref().map(payload::position).unwrap_or_default();
            format!("{} {position}", publication.topic)
        }
    }
}

fn object(letter: v1::DeadLetter) -> Value {
    let source = match &letter.source {
        None => Value::Null,
        Some(Source::EffectId(id)) => json!({ "effect": id }),
        Some(Source::Publication(publication)) => json!({
            "publication": publication.id,
            "topic": publication.topic,
            "position": publication.position.as_ref().map(payload::position),
        }),
    };
    let error = letter.error.unwrap_or_default();
    let (type_name, value) = payload::show(letter.payload);
    json!({
        "id": letter.id, "target": letter.target, "action": letter.action, "type": type_name, "payload": value,
        "headers": payload::object(&letter.headers), "source": source, "attempts": letter.attempts,
        "time": payload::time(letter.time.as_ref()),
        "error": { "code": error.code, "message": error.message, "retry": error.retry, "blame": error.blame },
    })
}
