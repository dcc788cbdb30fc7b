//! `cargo xtask test`: every check in one go, the cheap ones first.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::clients;
use crate::tidy;
use crate::workspace::Workspace;

/// One check.
struct Step {
    name: &'static str,
    what: What,
}

enum What {
    /// A cargo command; its success is all that counts.
    Cargo(&'static [&'static str]),
    /// The same with warnings of rustdoc as errors.
    Documentation(&'static [&'static str]),
    /// A cargo command that runs tests; its counts are added up.
    Tests(&'static [&'static str]),
    /// The house rules.
    Tidy,
    /// The stock clients against a node; the counts of Node's test runner are added up.
    Clients,
}

/// A further check is a further line, e.g. a program of the workspace as a [`What::Cargo`] of `run`.
const STEPS: &[Step] = &[
    Step { name: "format", what: What::Cargo(&["fmt", "--all", "--check"]) },
    Step { name: "tidy", what: What::Tidy },
    Step {
        name: "lints",
        what: What::Cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    },
    Step {
        name: "tests",
        what: What::Tests(&["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"]),
    },
    Step { name: "doc tests", what: What::Tests(&["test", "--workspace", "--doc", "--no-fail-fast"]) },
    Step {
        name: "crash",
        what: What::Cargo(&["run", "--quiet", "--package", "xtask", "--", "crash", "--cycles", "50"]),
    },
    Step { name: "clients", what: What::Clients },
    Step { name: "documentation", what: What::Documentation(&["doc", "--workspace", "--lib", "--no-deps", "--quiet"]) },
];

/// What the test runner counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs all steps; the first that fails ends it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let begin = now();
    let mut counts = Counts::default();
    for Step { name, what } in STEPS {
        println!("== {name}");
        let start = now();
        let result = what.run(workspace, &mut counts);
        let took = start.elapsed().as_secs_f64();
        if let Err(error) = result {
            println!("== {name} failed after {took:.1} s");
            println!("{} passed, {} failed", counts.passed, counts.failed);
            return Err(error.context(format!("the step \"{name}\" failed")));
        }
        println!("== {name} passed in {took:.1} s");
    }
    println!("not run here: cargo xtask deny (advisories; licences were checked by tidy)");
    println!("all steps passed in {:.0} s", begin.elapsed().as_secs_f64());
    if counts.ignored > 0 {
        bail!("{} tests are ignored; a test runs or is removed", counts.ignored);
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(())
}

/// Runs cargo-deny.
pub(crate) fn deny(workspace: &Workspace) -> Result<()> {
    let installed =
        Command::new("cargo").args(["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        bail!("cargo-deny is not installed; run: cargo install cargo-deny --locked");
    }
    cargo(workspace, &["deny", "--all-features", "check"], &[])
}

/// Runs a program of the workspace with the arguments given.
pub(crate) fn program(workspace: &Workspace, run: &[&str], arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = run.iter().copied().chain(arguments.iter().map(String::as_str)).collect();
    cargo(workspace, &arguments, &[])
}

impl What {
    fn run(&self, workspace: &Workspace, counts: &mut Counts) -> Result<()> {
        match self {
            Self::Cargo(arguments) => cargo(workspace, arguments, &[]),
            Self::Documentation(arguments) => cargo(workspace, arguments, &[("RUSTDOCFLAGS", "-D warnings")]),
            Self::Tests(arguments) => tests(workspace, arguments, counts),
            Self::Tidy => tidy::run(workspace),
            Self::Clients => clients::run(workspace, &[], counts),
        }
    }
}

fn cargo(workspace: &Workspace, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(&workspace.root).args(arguments).envs(environment.iter().copied());
    let status = command.status().context("starting cargo")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}

fn tests(workspace: &Workspace, arguments: &[&str], counts: &mut Counts) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(&workspace.root).args(arguments);
    counted(command, counts)
}

/// Runs tests and adds up their counts while handing their output on.
pub(crate) fn counted(mut command: Command, counts: &mut Counts) -> Result<()> {
    let shown =
        format!("{} {}", command.get_program().display(), command.get_args().next().unwrap_or_default().display());
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {shown}"))?;
    let out = child.stdout.take().with_context(|| format!("{shown} has no output"))?;
    for line in BufReader::new(out).lines() {
        let line = line.with_context(|| format!("reading the output of {shown}"))?;
        println!("{line}");
        counts.add(&line);
    }
    let status = child.wait().with_context(|| format!("waiting for {shown}"))?;
    if !status.success() {
        bail!("{shown} failed");
    }
    Ok(())
}

impl Counts {
    /// Adds a line of the form `test result: ok. 12 passed; 0 failed; 1 ignored; ...`, or one of Node's: `# pass 12`, `ℹ fail 0`.
    /// Other lines are none of its business.
    fn add(&mut self, line: &str) {
        if let Some(count) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            return self.add_of_node(count);
        }
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        let mut words = rest.split([' ', ';', '.']).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let Ok(number) = word.parse::<u64>() else { continue };
            match words.peek() {
                Some(&"passed") => self.passed += number,
                Some(&"failed") => self.failed += number,
                Some(&"ignored") => self.ignored += number,
                _ => {}
            }
        }
    }

    fn add_of_node(&mut self, count: &str) {
        let Some((what, number)) = count.split_once(' ') else { return };
        let Ok(number) = number.parse::<u64>() else { return };
        match what {
            "pass" => self.passed += number,
            "fail" | "cancelled" => self.failed += number,
            "skipped" | "todo" => self.ignored += number,
            _ => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the steps show how long they took")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_test_binaries_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "running 12 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.12s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 15, failed: 2, ignored: 1 });
    }

    #[test]
    fn the_counts_of_node_are_added_up_and_what_was_cancelled_has_failed() {
        let mut counts = Counts::default();
        let spec = ["ℹ tests 9", "ℹ suites 1", "ℹ pass 4", "ℹ fail 2", "ℹ cancelled 1", "ℹ skipped 1", "ℹ todo 1"];
        let tap = ["# Subtest: a", "# pass 1", "# fail 0", "# duration_ms 4.5", "ℹ 31 sockets killed"];
        for line in spec.iter().chain(&tap) {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 5, failed: 3, ignored: 2 });
    }
}
