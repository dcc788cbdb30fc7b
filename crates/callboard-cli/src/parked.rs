//! `callboard parked`: list, retry, skip.

use callboard_wire::pb::v1;
use callboard_wire::pb::v1::subscription::Subscriber;
use serde_json::json;

use crate::arguments::{Parked, ParkedCommand, ParkedOne};
use crate::client::{Client, question};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::payload;
use crate::table::Table;

pub(crate) async fn run(client: &Client, options: Parked, output: &mut Output) -> Result<(), Failure> {
    match options.command {
        None | Some(ParkedCommand::List) => list(client, output).await,
        Some(ParkedCommand::Retry(one)) => {
            let subscription = Some(find(client, &one).await?);
            client.system().retry_parked(question(v1::RetryParkedRequest { subscription })).await?;
            done("retried", &one, "goes on with the publication at which it stopped", output)
        }
        Some(ParkedCommand::Skip(one)) => {
            let subscription = Some(find(client, &one).await?);
            client.system().skip_parked(question(v1::SkipParkedRequest { subscription })).await?;
            done("skipped", &one, "goes on behind the publication at which it stopped", output)
        }
    }
}

fn done(what: &str, one: &ParkedOne, text: &str, output: &mut Output) -> Result<(), Failure> {
    let ParkedOne { subscriber, topic, .. } = one;
    output.either(|| json!({ what: { "subscriber": subscriber, "topic": topic } }), |_| format!("{subscriber} {text}"))
}

async fn parked(client: &Client) -> Result<v1::ListParkedResponse, Failure> {
    Ok(client.system().list_parked(question(v1::ListParkedRequest {})).await?.into_inner())
}

fn subscriber(subscription: &v1::Subscription) -> &str {
    match &subscription.subscriber {
        Some(Subscriber::Actor(name) | Subscriber::External(name)) => name,
        None => "",
    }
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let answer = parked(client).await?;
    let mut table = Table::new(&["SUBSCRIBER", "TOPIC", "PATTERN", "POSITION", "ATTEMPTS", "SINCE", "ERROR"]);
    for one in answer.parked {
        let v1::Parked { subscription, position, error, attempts, time } = one;
        let (subscription, error) = (subscription.unwrap_or_default(), error.unwrap_or_default());
        let position = position.as_ref().map(payload::position).unwrap_or_default();
        let (name, time) = (subscriber(&subscription).to_owned(), payload::time(time.as_ref()));
        let v1::Subscription { pattern, topic, .. } = subscription;
        if output.is_json() {
            let error = json!({ "code": error.code, "message": error.message });
            output.object(&json!({
                "subscriber": name, "topic": topic, "pattern": pattern, "position": position, "attempts": attempts,
                "time": time, "error": error,
            }))?;
            continue;
        }
        let error = format!("{}: {}", error.code, error.message);
        table.row([name, topic, pattern, position, attempts.to_string(), time, error]);
    }
    match (output.is_json(), table.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => output.line("nothing is parked"),
        (false, false) => {
            output.table(&table, true)?;
            if answer.truncated { output.line("there are more; these go first") } else { Ok(()) }
        }
    }
}

/// The parked subscription that was meant.
async fn find(client: &Client, one: &ParkedOne) -> Result<v1::Subscription, Failure> {
    let answer = parked(client).await?;
    let meant = |subscription: &v1::Subscription| {
        subscriber(subscription) == one.subscriber
            && subscription.topic == one.topic
            && one.pattern.as_ref().is_none_or(|pattern| *pattern == subscription.pattern)
    };
    let mut found: Vec<v1::Subscription> =
        answer.parked.into_iter().filter_map(|parked| parked.subscription).filter(meant).collect();
    match (found.pop(), found.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => Err(Failure::new(Exit::NotFound, format!("{} is not parked on {}", one.subscriber, one.topic))
            .advise("`callboard parked` lists what is")),
        (Some(last), others) => {
            let patterns: Vec<&str> = others.iter().chain([&last]).map(|s| s.pattern.as_str()).collect();
            let text = format!("{} hears {} through several patterns", one.subscriber, one.topic);
            Err(Failure::new(Exit::Usage, text).advise(format!("choose one with --pattern: {}", patterns.join(", "))))
        }
    }
}
