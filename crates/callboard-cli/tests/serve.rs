//! `callboard serve` as a real process: it answers, stops, is killed, comes back, and refuses what it cannot do.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value as Json, json};

/// A node in a process of its own. Killed when it is dropped.
struct Node {
    child: Child,
    said: Json,
}

fn callboard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn serve(data: &Path) -> Command {
    let mut command = serve_closed(data);
    command.env("CALLBOARD_AUTH__ANONYMOUS", "all");
    command
}

fn serve_closed(data: &Path) -> Command {
    let mut command = callboard();
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data);
    command
}

impl Node {
    fn start(data: &Path) -> Self {
        Self::run(serve(data))
    }

    fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        match serde_json::from_str(&line) {
            Ok(said) => Self { child, said },
            Err(_) => {
                let mut text = String::new();
                child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
                panic!("the node did not start: {line}{text}");
            }
        }
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        callboard().args(["--json", "--url", self.said["url"].as_str().unwrap()]).args(arguments).output().unwrap()
    }

    fn objects(&self, arguments: &[&str]) -> Vec<Json> {
        let out = self.ask(arguments);
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn publish(&self, n: u32) {
        self.objects(&["publish", "news.today", &json!({ "n": n }).to_string()]);
    }

    fn published(&self) -> Vec<u64> {
        let events = self.objects(&["tail", "news.today", "--from", "beginning", "--no-follow"]);
        events.iter().map(|event| event["payload"]["n"].as_u64().unwrap()).collect()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn stop(mut self) {
        self.signal("-TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_was_published_survives_a_stop_and_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    node.publish(1);
    node.stop();
    let node = Node::start(folder.path());
    node.publish(2);
    node.signal("-KILL");
    drop(node);
    let node = Node::start(folder.path());
    node.publish(3);
    assert_eq!(node.published(), [1, 2, 3]);
    node.stop();
}

#[test]
fn a_node_that_is_asked_to_stop_before_it_has_said_that_it_runs_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = serve(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut node = Node { child, said: Json::Null };
    // The folder is taken while the node starts.
    while !folder.path().join("callboard.lock").exists() {
        assert!(node.child.try_wait().unwrap().is_none());
    }
    node.signal("-TERM");
    assert_eq!(node.child.wait().unwrap().code(), Some(0));
    assert_eq!(out.lines().count(), 1);
}

#[test]
fn a_second_process_on_the_same_folder_is_refused_with_the_pid_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let out = serve(folder.path()).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(8), "{said}");
    assert!(said.contains(&node.child.id().to_string()) && said.contains("in use"), "{said}");
    node.publish(1);
    assert_eq!(node.published(), [1]);
    node.stop();
}

#[test]
fn an_address_in_use_is_refused_before_the_data_is_touched() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = Node::start(first.path());
    let address = node.said["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let out = callboard().args(["serve", "--listen", &address, "--data"]).arg(second.path()).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(8), "{said}");
    assert!(said.contains(&format!("{address} is in use")), "{said}");
    assert_eq!(std::fs::read_dir(second.path()).unwrap().count(), 0);
    node.stop();
}

#[test]
fn a_tail_ends_with_4_when_its_node_stops_and_says_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    node.publish(1);
    let url = node.said["url"].as_str().unwrap();
    let mut tail = callboard()
        .args(["--url", url, "tail", "news.>", "--from", "beginning"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(tail.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("news.today"), "{line}");
    node.stop();
    let out = tail.wait_with_output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(4), "{said}");
    assert!(said.contains("Unavailable") && said.contains("news.today at "), "{said}");
}

#[test]
fn topics_of_the_configuration_are_kept_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.toml");
    std::fs::write(&file, "system = \"hall\"\n[[topics]]\npattern = \"metrics.>\"\nephemeral = true\n").unwrap();
    let data = folder.path().join("data");
    let mut child = serve(&data).arg("--config").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let node = Node { child, said: serde_json::from_str(&line).unwrap() };
    assert_eq!(node.said["system"], "hall");
    assert_eq!(node.objects(&["explain", "metrics.cpu"])[0]["durable"], false);
    assert_eq!(node.objects(&["explain", "order.events"])[0]["durable"], true);
    node.stop();
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let out = serve(&file.join("data")).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(8), "{said}");
    assert!(said.contains("a-file"), "{said}");
}

#[test]
fn a_node_lets_in_only_whom_its_configuration_names() {
    let folder = tempfile::tempdir().unwrap();
    let closed = Node::run(serve_closed(&folder.path().join("closed")));
    let out = closed.ask(&["publish", "news.today", "{}"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(6), "{said}");
    assert!(said.contains("[auth]") && said.contains("anonymous"), "{said}");
    closed.stop();
    // {"sub":"u1","exp":4102444800,"callboard":{"publish":["news.*"]}}, signed with the secret below.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImV4cCI6NDEwMjQ0NDgwMCwiY2FsbGJvYXJkIjp7InB1Ymxpc2giOlsibmV3cy4qIl19fQ.pokVG_U5RvxOgG5l0D2JoUAraGX48mKEtNznXMF4BAA";
    let file = folder.path().join("node.toml");
    std::fs::write(folder.path().join("secret"), "a shared secret of at least 32 bytes\n").unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&file, format!("[auth]\nsecret_file = {:?}\n", secret.to_str().unwrap())).unwrap();
    let mut command = serve_closed(&folder.path().join("keyed"));
    command.arg("--config").arg(&file);
    let keyed = Node::run(command);
    let url = keyed.said["url"].as_str().unwrap();
    let ask = |token: Option<&str>, arguments: &[&str]| {
        let mut command = callboard();
        command.args(["--url", url]).args(arguments).env("CALLBOARD_TOKEN", token.unwrap_or_default());
        let out = command.output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let publish = ["publish", "news.today", "{}"];
    assert_eq!(ask(Some(TOKEN), &publish).0, Some(0));
    let (exit, said) = ask(None, &publish);
    assert!(exit == Some(6) && said.contains("--token"), "{exit:?} {said}");
    let (exit, said) = ask(Some(TOKEN), &["topics"]);
    assert!(exit == Some(6) && said.contains("Denied") && said.contains("admin"), "{exit:?} {said}");
    assert_eq!(ask(Some("a\nb"), &publish).0, Some(2));
    keyed.stop();
}

#[test]
fn open_doors_beyond_this_machine_have_to_be_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    // It is refused before the address is taken.
    let mut command = callboard();
    command
        .args(["serve", "--listen", "0.0.0.0:0", "--data"])
        .arg(folder.path())
        .env("CALLBOARD_AUTH__ANONYMOUS", "all");
    let out = command.output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(8), "{said}");
    assert!(said.contains("anonymous_beyond_loopback"), "{said}");
}
