//! `callboard actors`: list, declared, show, delete.

use callboard_wire::pb::v1;
use callboard_wire::pb::v1::get_state_request::At;
use serde_json::{Value, json};

use crate::arguments::{Actors, ActorsCommand, ActorsList};
use crate::client::{Client, page_size, question};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Style, printable};
use crate::progress::waiting;
use crate::table::Table;
use crate::{payload, start};

pub(crate) async fn run(client: &Client, options: Actors, output: &mut Output) -> Result<(), Failure> {
    match options.command {
        None => list(client, options.list, output).await,
        Some(ActorsCommand::List(options)) => list(client, options, output).await,
        Some(ActorsCommand::Declared) => declared(client, output).await,
        Some(ActorsCommand::Show { id, revision, at }) => {
            let at = match (revision, at) {
                (Some(revision), _) => Some(At::Revision(revision)),
                (None, Some(text)) => Some(At::Time(start::time(&text).map_err(|e| Failure::new(Exit::Usage, e))?)),
                (None, None) => None,
            };
            show(client, id, at, output).await
        }
        Some(ActorsCommand::Delete { id }) => {
            let message = v1::DeleteActorRequest { actor: id.clone(), ..Default::default() };
            client.actors().delete(question(message)).await?;
            output.either(|| json!({ "deleted": id }), |_| format!("deleted {id}"))
        }
    }
}

async fn list(client: &Client, options: ActorsList, output: &mut Output) -> Result<(), Failure> {
    let ActorsList { of, prefix, limit } = options;
    let (declared, prefix) = (of.unwrap_or_default(), prefix.unwrap_or_default());
    let mut left = limit;
    let mut token = String::new();
    let mut head = true;
    while left != Some(0) {
        let message = v1::ListActorsRequest {
            declared: declared.clone(),
            prefix: prefix.clone(),
            page_size: page_size(left),
            page_token: token,
        };
        let page = waiting("listing", client.actors().list(question(message))).await?.into_inner();
        left = left.map(|left| left.saturating_sub(page.actors.len()));
        show_page(&page.actors, head, output)?;
        head = false;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    Ok(())
}

fn show_page(actors: &[v1::ActorSummary], head: bool, output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        for v1::ActorSummary { actor, revision, tags, time } in actors {
            let (tags, time) = (payload::object(tags), payload::time(time.as_ref()));
            output.object(&json!({ "actor": actor, "revision": revision, "tags": tags, "time": time }))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&["ACTOR", "REVISION", "CHANGED", "TAGS"]);
    for v1::ActorSummary { actor, revision, tags, time } in actors {
        table.row([actor.clone(), revision.to_string(), payload::time(time.as_ref()), payload::line(tags)]);
    }
    if head && table.is_empty() {
        return output.line("nothing is stored of any such actor");
    }
    output.table(&table, head)
}

async fn declared(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let catalogue = client.system().catalogue(question(v1::CatalogueRequest {})).await?.into_inner();
    if !output.is_json() && catalogue.actors.is_empty() {
        return output.line("this node has no actors of its own");
    }
    for actor in &catalogue.actors {
        if output.is_json() {
            output.object(&declaration(actor))?;
            continue;
        }
        let kind = if actor.kind() == v1::ActorKind::Unnamed { " (unnamed: address its instances)" } else { "" };
        let name = output.paint(Style::Name, &printable(&actor.name));
        output.line(&format!("{name}{kind}"))?;
        for action in &actor.actions {
            let takes: Vec<&str> = action.handlers.iter().map(takes).collect();
            output.line(&format!("  {}({})", printable(&action.name), takes.join(" | ")))?;
        }
        for channel in &actor.channels {
            output.line(&format!("  hears {} with {}", printable(&channel.pattern), printable(&channel.action)))?;
        }
    }
    Ok(())
}

fn takes(handler: &v1::Handler) -> &str {
    handler.input.as_ref().map_or("any", |input| &input.name)
}

fn declaration(actor: &v1::ActorDeclaration) -> Value {
    let actions: Vec<Value> = actor
        .actions
        .iter()
        .map(|action| json!({ "name": action.name, "takes": action.handlers.iter().map(takes).collect::<Vec<_>>() }))
        .collect();
    let channels: Vec<Value> =
        actor.channels.iter().map(|channel| json!({ "pattern": channel.pattern, "action": channel.action })).collect();
    let kind = if actor.kind() == v1::ActorKind::Unnamed { "unnamed" } else { "named" };
    let state = actor.state.as_ref().map(|state| &state.name);
    json!({ "name": actor.name, "kind": kind, "state": state, "actions": actions, "channels": channels })
}

async fn show(client: &Client, id: String, at: Option<At>, output: &mut Output) -> Result<(), Failure> {
    let message = v1::GetStateRequest { actor: id, at, format: v1::PayloadFormat::Json.into(), ..Default::default() };
    let answer = client.actors().get_state(question(message)).await?.into_inner();
    let active = answer.phase() == v1::ActivationPhase::Active;
    let v1::GetStateResponse { actor, revision, state, tags, time, phase: _ } = answer;
    let (type_name, value) = payload::show(state);
    let time = payload::time(time.as_ref());
    let phase = if active { "active" } else { "passive" };
    if output.is_json() {
        return output.object(&json!({
            "actor": actor, "revision": revision, "type": type_name, "state": value, "tags": payload::object(&tags),
            "time": time, "phase": phase,
        }));
    }
    let phase = output.paint(if active { Style::Good } else { Style::Dim }, phase);
    let actor = output.paint(Style::Name, &printable(&actor));
    let tags = printable(&payload::line(&tags));
    let head = format!("{actor}  revision {revision}  {time}  {phase}  {}  {tags}", printable(&type_name));
    output.line(head.trim_end())?;
    output.pretty(&value)
}
