//! The process that is killed. It says where it listens in one line on its standard output, and runs until it is told to end.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use callboard::prelude::Result;
use callboard_crash::node::{Ready, node};
use clap::Parser;

/// Runs the node of the crash harness.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with its data.
    #[arg(long)]
    data: PathBuf,
    /// The file of its journal.
    #[arg(long)]
    journal: PathBuf,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).with_ansi(false).init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    callboard::runtime().build()?.block_on(async {
        let system = node(&arguments.data, &arguments.journal, &arguments.listen)?.start().await?;
        if let Some(address) = system.address() {
            let ready = serde_json::to_string(&Ready { address, pid: std::process::id() })?;
            writeln!(std::io::stdout().lock(), "{ready}")?;
        }
        system.run_until_signal().await?;
        Ok(())
    })
}
