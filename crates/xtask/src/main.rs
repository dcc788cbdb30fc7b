//! Developer commands of this repository: `cargo xtask test` runs every check, `cargo xtask tidy` the house rules.

mod clients;
mod crash;
mod exceptions;
mod source;
mod suite;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use workspace::Workspace;

/// Developer commands of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check: formatting, house rules, lints, tests, doc tests, documentation.
    Test,
    /// Check the house rules: who may use whom, lengths, names, licences, links.
    Tidy,
    /// Check dependencies with cargo-deny, which has to be installed.
    Deny,
    /// Measure against baselines; `cargo xtask bench --help` says what can be chosen.
    #[command(disable_help_flag = true)]
    Bench(Rest),
    /// Try the stock clients of every protocol against a node; names say which test files, e.g. `phoenix`.
    Clients(Rest),
    /// Kill a node under load again and again, and prove that nothing is lost, doubled or out of order.
    Crash(crash::Crash),
}

/// What is handed on to the program behind a command.
#[derive(Args)]
struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

const BENCH: &[&str] = &["run", "--release", "--quiet", "--package", "callboard-bench", "--bin", "bench", "--"];

fn main() -> ExitCode {
    let result = Workspace::load().and_then(|workspace| match Arguments::parse().command {
        Command::Test => suite::run(&workspace),
        Command::Tidy => tidy::run(&workspace).map(|()| println!("tidy: nothing to say")),
        Command::Deny => suite::deny(&workspace),
        Command::Bench(rest) => suite::program(&workspace, BENCH, &rest.arguments),
        Command::Clients(rest) => clients::run(&workspace, &rest.arguments, &mut suite::Counts::default()),
        Command::Crash(crash) => crash.run(&workspace),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
