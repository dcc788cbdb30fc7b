//! The node of the tests with the stock clients. It says where it listens in one line of JSON on its standard output, and drains and
//! stops when it is told to end (SIGTERM). What it announces is published over HTTP.

mod channels;
mod score;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use callboard::prelude::*;
use callboard::system::auth::{Algorithm, AuthConfig, Key};
use callboard::{Gateway, Sqlite, System, ephemeral};
use clap::Parser;

/// Runs the node that the stock clients are tried against.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with its data.
    #[arg(long)]
    data: PathBuf,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// By which tokens are signed (HS256), at least 32 bytes.
    #[arg(long)]
    secret: String,
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
    let key = Key::new(Algorithm::Hs256, arguments.secret.as_bytes());
    let auth = AuthConfig { keys: vec![key], ..AuthConfig::default() };
    callboard::runtime().build()?.block_on(async {
        let system = System::builder("clients")
            .store(Sqlite::at(&arguments.data))
            .actor(score::Score)
            // The last 100, in memory: what is older is a gap.
            .topic("numbers.fleeting", ephemeral())
            .channel(channels::table())
            .channel(channels::tasks())
            .gateway(Gateway::on(&arguments.listen).auth(auth))
            .start()
            .await?;
        let ready = serde_json::json!({ "address": system.address(), "pid": std::process::id() });
        writeln!(std::io::stdout().lock(), "{ready}")?;
        system.run_until_signal().await?;
        Ok(())
    })
}
