//! The binary `callboard`: starts a node, and talks to a running one.
//!
//! * [`arguments`]: what can be written on the command line.
//! * [`exit`]: every way in which a command ends.
//! * [`client`], [`payload`], [`start`]: how a running node is asked.
//! * [`output`], [`table`], [`progress`]: what people and programs get to see.
//! * one module per command.

mod actors;
mod arguments;
mod client;
mod dead_letters;
mod demo;
mod exit;
mod explain;
mod invoke;
mod output;
mod parked;
mod payload;
mod process;
mod progress;
mod publish;
mod serve;
mod start;
mod table;
mod tail;
mod timers;
mod topics;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::arguments::{Arguments, Command};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::Output;

// Twice the rate of the system's allocator when many actors come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Wrong arguments, `--help` and `--version` end here, with 2, 0 and 0.
    let arguments = Arguments::parse();
    let json = arguments.json;
    match run(arguments) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            failure.report(json);
            failure.exit().into()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { url, token, json, command } = arguments;
    let mut output = Output::new(json);
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "callboard", &mut script);
            output.raw(&script)
        }
        Command::Serve(options) => process::node_runtime()?.block_on(serve::run(options, &mut output)),
        Command::Demo(options) => process::node_runtime()?.block_on(demo::run(options, &mut output)),
        command => process::client_runtime()?.block_on(async {
            let client = Client::connect(&url, token.as_deref()).await?;
            ask(&client, command, &mut output).await
        }),
    }
}

/// The commands that talk to a running node.
async fn ask(client: &Client, command: Command, output: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Invoke(options) => invoke::run(client, options, output).await,
        Command::Publish(options) => publish::run(client, options, output).await,
        Command::Tail(options) => tail::run(client, options, output).await,
        Command::Actors(options) => actors::run(client, options, output).await,
        Command::DeadLetters(options) => dead_letters::run(client, options, output).await,
        Command::Parked(options) => parked::run(client, options, output).await,
        Command::Timers(options) => timers::run(client, options, output).await,
        Command::Explain { topic } => explain::run(client, topic, output).await,
        Command::Topics { pattern, limit } => topics::run(client, pattern, limit, output).await,
        // These need no node and were done before.
        Command::Serve(_) | Command::Demo(_) | Command::Completions { .. } => Ok(()),
    }
}
