//! `cargo xtask crash`: builds the crash harness and lets it kill a node, again and again.

use anyhow::Result;
use clap::Args;

use crate::suite;
use crate::workspace::Workspace;

/// What is killed how often.
#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// How often the node is killed.
    #[arg(long, default_value_t = 50)]
    cycles: u64,
    /// What the lots are drawn from, as an earlier run printed it.
    #[arg(long)]
    seed: Option<u64>,
    /// Say what is done in each cycle.
    #[arg(long)]
    verbose: bool,
    /// Build with optimisations, for long runs.
    #[arg(long)]
    release: bool,
}

impl Crash {
    /// Runs the harness; a violation is an error.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        let profile: &[&str] = if self.release { &["--release"] } else { &[] };
        // Both programs: one starts the other.
        let build = [&["build", "--quiet", "--package", "callboard-crash", "--bins"], profile].concat();
        suite::program(workspace, &build, &[])?;
        let run = ["run", "--quiet", "--package", "callboard-crash", "--bin", "crash-drive"];
        let run = [&run, profile, &["--"]].concat();
        let mut arguments = vec!["--cycles".to_owned(), self.cycles.to_string()];
        if let Some(seed) = self.seed {
            arguments.extend(["--seed".to_owned(), seed.to_string()]);
        }
        if self.verbose {
            arguments.push("--verbose".to_owned());
        }
        suite::program(workspace, &run, &arguments)
    }
}
