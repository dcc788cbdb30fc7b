//! The built binary without a node: help, completions, exit codes, and what it says when nobody answers.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

fn callboard(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callboard"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the output is text")
}

/// An address on which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let out = callboard(&["--help"]);
    let help = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0));
    for word in [
        "serve",
        "demo",
        "invoke",
        "publish",
        "tail",
        "actors",
        "dead-letters",
        "explain",
        "Exit codes",
        "CALLBOARD_URL",
        "CALLBOARD_TOKEN",
    ] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef callboard"), ("fish", "complete -c callboard")] {
        let out = callboard(&["completions", shell]);
        assert_eq!(out.status.code(), Some(0), "{shell}");
        assert!(text(&out.stdout).contains(word), "{shell}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_why() {
    for (arguments, word) in [
        (["tail"].as_slice(), "PATTERN"),
        (&["tail", "a.b", "--from", "yesterday"], "beginning"),
        (&["invoke", "a", "b", "--deadline", "soon"], "length of time"),
        (&["invoke", "a", "b", "--header", "x"], "name=value"),
        (&["completions", "tcsh9"], "possible values"),
    ] {
        let out = callboard(arguments);
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
        assert!(text(&out.stderr).contains(word), "{arguments:?}: {}", text(&out.stderr));
        assert!(out.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_unreachable_node_ends_with_4_and_says_what_to_do() {
    let url = nobody();
    for arguments in [["actors"].as_slice(), &["topics"], &["parked"], &["publish", "a.b", "{}"], &["explain", "a.b"]] {
        let out = callboard(&[arguments, &["--url", &url]].concat());
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(4), "{arguments:?}: {said}");
        assert!(said.contains(&url) && said.contains("callboard serve") && said.contains("--url"), "{said}");
    }
}

#[test]
fn errors_are_json_when_json_is_asked_for() {
    let out = callboard(&["--json", "--url", &nobody(), "topics"]);
    let error: serde_json::Value = serde_json::from_slice(&out.stderr).expect("one JSON object");
    assert_eq!(error["error"]["code"], "Unavailable");
    assert!(error["error"]["advice"].as_str().is_some_and(|advice| advice.contains("serve")), "{error}");
}

#[test]
fn an_address_that_is_none_is_the_callers_mistake() {
    for url in ["https://127.0.0.1:1", "http://", "ftp://x", "http://a b"] {
        let out = callboard(&["--url", url, "topics"]);
        assert_eq!(out.status.code(), Some(2), "{url}: {}", text(&out.stderr));
    }
}

#[test]
fn the_environment_names_the_node_too() {
    let url = nobody();
    let out = Command::new(env!("CARGO_BIN_EXE_callboard"))
        .arg("topics")
        .env("CALLBOARD_URL", &url)
        .output()
        .expect("the binary starts");
    assert!(text(&out.stderr).contains(&url));
}

#[test]
fn a_configuration_with_an_unknown_key_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    std::fs::write(&file, "lisen = \"127.0.0.1:0\"\n").expect("a file");
    let out = callboard(&["serve", "--config", file.to_str().expect("a path")]);
    assert_eq!(out.status.code(), Some(8));
    let said = text(&out.stderr);
    assert!(said.contains("\"lisen\"") && said.contains("node.toml") && said.contains("listen"), "{said}");
}
