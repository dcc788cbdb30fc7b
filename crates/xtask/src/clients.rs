//! `cargo xtask clients`: the stock clients of npm against a node, in Node.js and in a browser.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::suite::{self, Counts};
use crate::workspace::Workspace;

/// Where the packages and the tests are, relative to the root.
const FOLDER: &str = "tests/clients";
/// Programs that the tests start, and the variables that say where they are.
const PROGRAMS: &[(&str, &str)] =
    &[("callboard-clients-server", "CALLBOARD_CLIENTS_SERVER"), ("callboard-example-campaign", "CALLBOARD_CAMPAIGN")];
/// Node.js has what the tests need from this version on.
const NODE_MAJOR: u32 = 20;
/// No single test takes so long, in milliseconds.
const TEST_TIMEOUT: &str = "--test-timeout=150000";
/// The tests wait most of the time: for reconnects, for acknowledgements that do not come.
const CONCURRENCY: &str = "--test-concurrency=4";
/// How the files of tests are called that need a browser.
const IN_BROWSER: &str = "browser-";
/// What browsers that can be used are called.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Sets up what is missing, builds, runs every test and adds up the counts.
pub(crate) fn run(workspace: &Workspace, only: &[String], counts: &mut Counts) -> Result<()> {
    let folder = workspace.root.join(FOLDER);
    check_node()?;
    install(&folder)?;
    let tests = tests(&folder, only)?;
    let browser = tests.iter().any(|test| test.starts_with(IN_BROWSER)).then(browser).transpose()?;
    let mut build = vec!["build", "--quiet"];
    for (package, _) in PROGRAMS {
        build.extend(["--package", package]);
    }
    suite::program(workspace, &build, &[])?;

    let mut node = Command::new("node");
    node.current_dir(&folder).args(["--test", "--test-reporter=spec", TEST_TIMEOUT, CONCURRENCY]);
    node.args(tests);
    if let Some(browser) = browser {
        node.env("CALLBOARD_BROWSER", browser);
    }
    node.env("CALLBOARD_SCREENSHOTS", workspace.metadata.target_directory.join("screenshots"));
    for (package, variable) in PROGRAMS {
        let program = workspace.metadata.target_directory.join("debug").join(package);
        ensure!(program.is_file(), "{} was not built", program.display());
        node.env(variable, program);
    }
    suite::counted(node, counts)
}

/// The files of the tests, all or those whose name contains one of these.
fn tests(folder: &Path, only: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let wanted = only.is_empty() || only.iter().any(|part| name.contains(part));
        if name.ends_with(".test.mjs") && wanted {
            found.push(name);
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "no test in {FOLDER} has {only:?} in its name");
    Ok(found)
}

fn check_node() -> Result<()> {
    let install = "install Node.js 20 or newer with npm (https://nodejs.org; Debian: apt-get install nodejs npm)";
    for program in ["node", "npm"] {
        let Some(version) = said(program, &["--version"]) else { bail!("{program} is missing: {install}") };
        let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
        if program == "node" && major.is_none_or(|major| major < NODE_MAJOR) {
            bail!("node is {}, which is too old: {install}", version.trim());
        }
    }
    Ok(())
}

/// Installs the packages of the lock file, unless that was done.
fn install(folder: &Path) -> Result<()> {
    let (lock, stamp) = (folder.join("package-lock.json"), folder.join("node_modules/.installed-lock"));
    let wanted = std::fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    let status = Command::new("npm").current_dir(folder).args(arguments).status().context("starting npm")?;
    ensure!(
        status.success(),
        "npm ci failed in {FOLDER}: the packages of package-lock.json have to be in npm's cache, or its registry within reach"
    );
    std::fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))
}

/// A browser; where there is none and this may install packages, Debian's.
fn browser() -> Result<PathBuf> {
    if let Some(found) = find(BROWSERS) {
        return Ok(found);
    }
    let debian = "apt-get update && apt-get install -y --no-install-recommends chromium";
    let root = said("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    if root && find(&["apt-get"]).is_some() {
        println!("no browser is installed; running: {debian}");
        let status = Command::new("sh")
            .args(["-c", debian])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
            .context("starting sh")?;
        if let (true, Some(found)) = (status.success(), find(BROWSERS)) {
            return Ok(found);
        }
    }
    bail!("no browser is installed ({} were looked for); install one, on Debian: {debian}", BROWSERS.join(", "))
}

/// The first of these programs that is there.
fn find(programs: &[&str]) -> Option<PathBuf> {
    let which = |name: &&str| {
        let path = said("sh", &["-c", &format!("command -v {name}")])?;
        Some(PathBuf::from(path.trim()))
    };
    programs.iter().find_map(which)
}

/// What a program prints; `None` when it is not there or fails.
fn said<S: AsRef<OsStr>>(program: S, arguments: &[&str]) -> Option<String> {
    let out = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}
