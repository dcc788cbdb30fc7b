//! The node as a process: started, asked, told and killed.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use callboard_crash::node::Ready;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::moment::now;

/// How long a start may take. A start that hangs is a finding, not a slow machine.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How long a graceful stop may take: the node gives itself 30 s for each of its two steps.
const STOP_WITHIN: Duration = Duration::from_secs(70);

/// Where a run keeps everything.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the run.
    pub(crate) root: PathBuf,
    program: PathBuf,
}

impl Place {
    /// An empty folder for a run, beside the programs.
    pub(crate) fn prepare(seed: u64) -> Result<Self> {
        let here = std::env::current_exe().context("where is this program?")?;
        let folder = here.parent().context("this program is in no folder")?;
        let program = folder.join("crash-node");
        ensure!(program.exists(), "{} is not built; run `cargo xtask crash`", program.display());
        let root = folder.join("crash").join(format!("seed-{seed}"));
        if root.exists() {
            std::fs::remove_dir_all(&root).with_context(|| format!("clearing {}", root.display()))?;
        }
        std::fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
        Ok(Self { root, program })
    }

    /// The node's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// What the node's external subscriber writes.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal.txt")
    }

    /// What the nodes write to their standard error.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("node.log")
    }

    /// Starts a node.
    pub(crate) fn start(&self, listen: &str) -> Result<Starting> {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).context("opening the node's log")?;
        let child = self.command(&self.journal(), listen).stderr(log).spawn().context("starting the node")?;
        Ok(Starting { child, since: now() })
    }

    /// Starts a second node on the folder of the first, and returns what it says before it ends.
    pub(crate) async fn rival(&self) -> Result<(ExitStatus, String)> {
        let mut command = self.command(&self.root.join("rival.txt"), "127.0.0.1:0");
        let ended = tokio::time::timeout(START_WITHIN, command.stderr(Stdio::piped()).output()).await;
        let output = ended.context("a second node on the same folder neither ended nor was refused")??;
        Ok((output.status, String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn command(&self, journal: &Path, listen: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--data").arg(self.data()).arg("--journal").arg(journal).arg("--listen").arg(listen);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// A node that does not take clients yet.
#[derive(Debug)]
pub(crate) struct Starting {
    child: Child,
    since: Instant,
}

/// A node that takes clients.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
    /// How long it took to start.
    pub(crate) took: Duration,
}

impl Starting {
    /// Waits until it takes clients.
    pub(crate) async fn ready(mut self) -> Result<Node> {
        let out = self.child.stdout.take().context("the node has no output")?;
        let mut lines = BufReader::new(out).lines();
        let line = tokio::time::timeout(START_WITHIN, lines.next_line()).await;
        let line = line.with_context(|| format!("the node did not start within {START_WITHIN:?}"))??;
        let Some(line) = line else {
            let status = self.child.wait().await?;
            bail!("the node did not start: {status}");
        };
        let Ready { address, pid } = serde_json::from_str(&line).with_context(|| format!("the node said {line:?}"))?;
        Ok(Node { child: self.child, address, pid, took: self.since.elapsed() })
    }

    /// Kills it.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("killing the node")
    }
}

impl Node {
    /// Kills it. It had to be alive.
    pub(crate) async fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the node ended by itself: {status}");
        }
        self.child.kill().await.context("killing the node")
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<Duration> {
        let begin = now();
        self.signal(Signal::TERM)?;
        let ended = tokio::time::timeout(STOP_WITHIN, self.child.wait()).await;
        let status = ended.with_context(|| format!("the node did not stop within {STOP_WITHIN:?}"))??;
        ensure!(status.success(), "the node was told to end and ended with {status}");
        Ok(begin.elapsed())
    }

    /// Tells it to end and kills it soon after; says whether it had ended before.
    pub(crate) async fn stop_and_kill(mut self, after: Duration) -> Result<bool> {
        self.signal(Signal::TERM)?;
        tokio::time::sleep(after).await;
        if let Some(status) = self.child.try_wait()? {
            ensure!(status.success(), "the node was told to end and ended with {status}");
            return Ok(true);
        }
        self.child.kill().await.context("killing the node")?;
        Ok(false)
    }

    /// Halts it, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("the node has no process number")?;
        kill_process(pid, signal).with_context(|| format!("sending {signal:?} to the node"))
    }
}
