//! Every command that is printed works when it is pasted.

use std::path::Path;

use serde_json::Value as Json;

use crate::orders;
use crate::process::{Shop, callboard, demo};

/// What the demo advises: descriptions with their commands, taken apart as a shell does.
fn advised(shop: &mut Shop) -> Vec<(String, Vec<Vec<String>>)> {
    let mut all: Vec<(String, String)> = Vec::new();
    loop {
        let line = shop.line();
        if let Some(address) = line.strip_prefix("  HTTP/JSON  http://") {
            shop.address = address.parse().unwrap();
        }
        match (line.strip_prefix("    "), line.strip_prefix("  "), all.last_mut()) {
            (Some(command), _, Some((_, commands))) => {
                commands.push_str(command);
                commands.push('\n');
            }
            // Behind the table of addresses.
            (None, Some(what), _) if what.ends_with('.') => all.push((what.to_owned(), String::new())),
            _ if line == "Ctrl-C stops it." => break,
            _ => {}
        }
    }
    all.into_iter().map(|(what, commands)| (what, shell(&commands))).collect()
}

/// Splits lines into commands and words, as far as single quotes and backslashes go.
fn shell(text: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words) = (Vec::new(), Vec::new());
    let (mut word, mut quoted) = (String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => quoted = !quoted,
            c if quoted => word.push(c),
            // The line goes on, or the next character stands for itself.
            '\\' => word.extend(chars.next().filter(|next| *next != '\n')),
            ' ' | '\n' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if c == '\n' && !words.is_empty() {
                    commands.push(std::mem::take(&mut words));
                }
            }
            c => word.push(c),
        }
    }
    assert!(!quoted && word.is_empty(), "{text}");
    commands
}

/// The rest of the words, without options and their values; and the values of one option.
fn values<'a>(words: &'a [String], option: &str) -> Vec<&'a str> {
    words.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1].as_str()).collect()
}

fn curl(shop: &Shop, words: &[String]) -> String {
    let url = words.iter().find(|word| word.starts_with("http://")).unwrap();
    let path = url.strip_prefix(&format!("http://{}", shop.address)).unwrap();
    let headers: Vec<String> = values(words, "-H").into_iter().map(str::to_owned).collect();
    let answer = match values(words, "-d").first() {
        Some(body) => shop.connect().request("POST", path, &headers, body),
        // What would follow for ever is followed as far as it goes.
        None if words.contains(&"-N".to_owned()) => {
            shop.connect().request("GET", &format!("{path}&follow=false"), &headers, "")
        }
        None => shop.connect().request("GET", path, &headers, ""),
    };
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{words:?}: {answer:?}");
    answer.body
}

fn grpcurl(shop: &Shop, words: &[String]) {
    assert_eq!(words.last().unwrap(), "callboard.v1.Actors/Invoke");
    assert!(words.contains(&shop.address.to_string()) && words.contains(&"-plaintext".to_owned()));
    let request: Json = serde_json::from_str(values(words, "-d")[0]).unwrap();
    assert_eq!((&request["actor"], &request["action"]), (&"order_processor".into(), &"create_order".into()));
    let created = orders::over_grpc(shop, &request["payload"]["json"].to_string()).unwrap();
    assert_eq!(orders::order_id(&created), "ord_2");
}

fn program(words: &[String]) -> String {
    let endless: &[&str] = if words.contains(&"tail".to_owned()) { &["--no-follow"] } else { &[] };
    let out = callboard().args(&words[1..]).args(endless).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn every_command_that_is_printed_works_when_it_is_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("the shop's data");
    let mut shop = Shop::spawn(&mut demo(&data, "127.0.0.1:0"));
    let advised = advised(&mut shop);
    assert!(advised.len() >= 9, "{advised:?}");
    let pid = shop.child.id().to_string();
    let mut answers = Vec::new();
    for words in advised.iter().flat_map(|(_, commands)| commands) {
        match words[0].as_str() {
            "curl" => answers.push(curl(&shop, words)),
            "grpcurl" => grpcurl(&shop, words),
            "cat" => assert!(Path::new(&words[1]).is_file() && Path::new(&words[1]).starts_with(&data), "{words:?}"),
            "kill" => assert_eq!(words[1..], ["-9", &pid]),
            env!("CARGO_BIN_EXE_callboard") => answers.push(program(words)),
            _ => panic!("nobody knows {words:?}"),
        }
    }
    let answers = answers.join("\n");
    for expected in [
        r#""orderId":"ord_1""#,
        r#""status":"paid""#,
        r#""email":"ada@example.org""#,
        r#""type":"shop.v1.OrderUpdated""#,
        r#""type":"shop.v1.InventoryState""#,
        r#""name":"email_service""#,
        "order.events 1-2 shop.v1.OrderCreated",
    ] {
        assert!(answers.contains(expected), "{expected} is not in:\n{answers}");
    }
}
