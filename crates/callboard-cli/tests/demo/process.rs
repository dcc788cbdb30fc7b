//! The shop in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

use crate::http::Http;

/// A running shop. Killed when it is dropped.
pub(crate) struct Shop {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    out: BufReader<std::process::ChildStdout>,
}

pub(crate) fn callboard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.env_clear().stdin(Stdio::null());
    command
}

pub(crate) fn demo(data: &Path, listen: &str) -> Command {
    let mut command = callboard();
    command.args(["demo", "--listen", listen, "--data"]).arg(data);
    command
}

impl Shop {
    pub(crate) fn open(data: &Path) -> Self {
        let mut command = demo(data, "127.0.0.1:0");
        let mut shop = Self::spawn(command.arg("--json"));
        let line = shop.line();
        let said: Json = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}: {}", shop.complaint()));
        assert_eq!(said["pid"], shop.child.id());
        assert_eq!(said["data"], data.display().to_string());
        shop.address = said["http"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        shop
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, address: ([127, 0, 0, 1], 0).into(), out }
    }

    /// The next line of its output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    fn complaint(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    pub(crate) fn connect(&self) -> Http {
        Http::connect(self.address).unwrap()
    }

    /// SIGKILL: no word, no flush.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what it said from then on.
    pub(crate) fn stop(mut self) -> Output {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.out.read_to_end(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Output { status: self.child.wait().unwrap(), stdout, stderr }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
