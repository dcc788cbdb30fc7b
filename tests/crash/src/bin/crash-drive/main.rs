//! Loads a node, kills it at random moments, starts it again and proves that nothing acknowledged is lost, doubled or out of
//! order. `cargo xtask crash` builds and calls it.

mod book;
mod check;
mod door;
mod drive;
mod figures;
mod follow;
mod http;
mod lines;
mod load;
mod moment;
mod plan;
mod process;
mod random;
mod shown;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::drive::Drive;
use crate::moment::now;
use crate::process::Place;
use crate::random::Random;

/// After so many cycles everything comes to rest and is proved.
const PROVE_EVERY: u64 = 50;

/// Kills a node under load, again and again, and checks what is left.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often.
    #[arg(long, default_value_t = 50)]
    cycles: u64,
    /// What the lots are drawn from; printed, so that a run can be repeated as far as the machine allows.
    #[arg(long)]
    seed: Option<u64>,
    /// Say what is done in each cycle.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(&arguments)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all cycles; says whether everything held.
async fn run(arguments: &Arguments) -> Result<bool> {
    let seed = arguments.seed.unwrap_or_else(Random::any_seed);
    let place = Place::prepare(seed)?;
    let begin = now();
    println!("crash: {} cycles, seed {seed}", arguments.cycles);
    let mut drive = Drive::new(place, seed, arguments.verbose);
    let mut held = true;
    for cycle in 1..=arguments.cycles {
        let (plan, mut result) = drive.cycle(cycle).await;
        let mut doing = format!("{plan:?}");
        if result.is_ok() && (cycle.is_multiple_of(PROVE_EVERY) || cycle == arguments.cycles) {
            "the proof behind it".clone_into(&mut doing);
            result = drive.prove().await;
            println!("crash: {cycle} cycles after {:.0} s", begin.elapsed().as_secs_f64());
        }
        if let Err(error) = result {
            println!("crash: VIOLATION with seed {seed} in cycle {cycle} ({doing}):\n  {error:#}");
            println!("crash: what the node stored and said is kept in {}", drive.place.root.display());
            held = false;
            break;
        }
    }
    drive.figures.counts = drive.book.counts();
    drive.figures.took = begin.elapsed();
    println!("{}\n  violations      {}", drive.figures, drive.book.violations().len().max(usize::from(!held)));
    if held {
        std::fs::remove_dir_all(&drive.place.root)?;
    }
    Ok(held)
}
