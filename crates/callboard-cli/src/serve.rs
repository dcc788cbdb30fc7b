//! `callboard serve`: a node without actors of its own.

use std::path::Path;

use bytes::Bytes;
use callboard_node::config::{Flags, LogFlags, ProcessEnvironment, Span};
use callboard_node::{Config, Node, Parts, StoreChoice, telemetry};
use serde_json::json;

use crate::arguments::Serve;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Style};
use crate::process::Signals;

pub(crate) async fn run(options: Serve, output: &mut Output) -> Result<(), Failure> {
    let Serve { config: file, system, data, listen, log_format, log } = options;
    let listen = listen.map(|address| address.to_string());
    let flags = Flags { system, data, listen, log: LogFlags { format: log_format, filter: log } };
    let config = Config::load(file.as_deref(), &ProcessEnvironment, &flags).map_err(|error| start(&error))?;
    telemetry::install_logs(&config.log).map_err(|error| start(&error))?;
    let descriptors = config.descriptors.iter().map(|file| descriptor(file)).collect::<Result<_, _>>()?;
    let parts = Parts {
        system: config.system().map_err(|error| start(&error))?,
        hosts: Vec::new(),
        externals: Vec::new(),
        topics: config.topic_rules().map_err(|error| start(&error))?,
        store: StoreChoice::Sqlite(config.data.clone()),
        gateway: Some(config.gateway().map_err(|error| start(&error))?),
        channels: Vec::new(),
        pages: Vec::new(),
        descriptors,
    };
    // What comes while the node starts or greets is heard, and drains it.
    let mut signals = Signals::listen()?;
    let node = Node::start(parts).await.map_err(|error| start(&error))?;
    let url = node.address().map(|address| format!("http://{address}")).unwrap_or_default();
    let data = config.data.display();
    output.either(
        || json!({ "url": url, "system": config.system, "data": data.to_string(), "pid": std::process::id() }),
        |output| {
            let url = output.paint(Style::Bold, &url);
            format!(
                "{} listens on {url} (HTTP/JSON and gRPC), keeps its data in {data}; Ctrl-C stops it",
                config.system
            )
        },
    )?;
    until_stopped(&node, &mut signals, config.stop_within).await
}

/// Runs until the process is asked to end, then lets accepted work end. Asked a second time, it ends at once.
async fn until_stopped(node: &Node, signals: &mut Signals, within: Span) -> Result<(), Failure> {
    tokio::select! {
        () = signals.asked() => {}
        what = node.failed() => return Err(Failure::new(Exit::Failed, what)),
    }
    tracing::info!(%within, "stopping");
    tokio::select! {
        () = node.stop(within.0) => Ok(()),
        () = signals.asked() => Err(Failure::new(Exit::Failed, "stopped before accepted work had ended")),
    }
}

fn descriptor(file: &Path) -> Result<Bytes, Failure> {
    let read = std::fs::read(file).map(Bytes::from);
    read.map_err(|error| Failure::new(Exit::Start, format!("descriptors {}: {error}", file.display())))
}

fn start(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Start, error.to_string())
}
