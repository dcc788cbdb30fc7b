//! The end-to-end benchmarks of Callboard: `bench [NAME...]`. Each workload runs against a baseline in the same process and
//! the same round; what is reported is the median of several rounds. The machine's own speed cancels out of the ratios.

mod activation;
mod actors;
mod baseline;
mod child;
mod durable;
mod fanout;
mod grpc;
mod http_client;
mod http_door;
mod measure;
mod memory;
mod report;
mod sockets;
mod stored;
mod volatile;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::report::Line;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the benchmarks and prints a table.
#[derive(Parser)]
struct Arguments {
    /// Which ones; all when none is named.
    #[arg(value_parser = NAMES)]
    names: Vec<String>,
    /// Seconds of each workload in each round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Stored actors of the start-up and the memory benchmark.
    #[arg(long, default_value_t = 1_000_000)]
    stored: usize,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// What this process is to measure for the one that started it.
    #[arg(long, hide = true, requires = "folder")]
    child: Option<String>,
    /// On what.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
}

const NAMES: [&str; 11] =
    ["volatile", "durable", "single", "http", "live", "deliveries", "grpc", "sockets", "crowd", "memory", "stored"];

/// How long and how often.
#[derive(Clone, Copy)]
struct Plan {
    time: Duration,
    rounds: usize,
    stored: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let plan = Plan {
        time: Duration::from_secs(arguments.seconds),
        rounds: arguments.rounds.max(1),
        stored: arguments.stored,
    };
    if let (Some(child), Some(folder)) = (&arguments.child, &arguments.folder) {
        return child::answer(child, folder, plan);
    }
    let mut lines: Vec<Line> = Vec::new();
    for name in NAMES {
        if !arguments.names.is_empty() && !arguments.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("{name} ...");
        lines.extend(match name {
            "volatile" => volatile::run(plan)?,
            "durable" => durable::many(plan)?,
            "single" => durable::single(plan)?,
            "http" => http_door::run(plan)?,
            "live" => fanout::live(plan)?,
            "deliveries" => fanout::deliveries(plan)?,
            "grpc" => grpc::run(plan)?,
            "sockets" => sockets::run(plan)?,
            "crowd" => sockets::many::run(plan)?,
            "memory" => memory::run(plan)?,
            _ => activation::run(plan)?,
        });
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        report::print(&lines);
    }
    Ok(())
}
