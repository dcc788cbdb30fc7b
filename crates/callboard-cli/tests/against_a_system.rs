//! The built binary against a running system with actors: what a caller and an operator get to see.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callboard::core::port::Store;
use callboard::prelude::*;
use callboard::{Gateway, System};
use callboard_testkit::MemoryStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

#[derive(Clone, Default, Message, Serialize, Deserialize)]
struct Account {
    balance: u64,
}

#[derive(Message, Serialize, Deserialize)]
struct Deposit {
    amount: u64,
}

#[derive(Message, Serialize, Deserialize)]
struct Deposited {
    balance: u64,
}

struct Accounts;

#[actor(name = "account", kind = unnamed, state = Account)]
impl Accounts {
    #[action]
    fn deposit(&self, mut account: Account, deposit: Deposit) -> Result<Value<Account, Account>> {
        if deposit.amount == 0 {
            return Err(Error::failed("deposit at least 1"));
        }
        account.balance += deposit.amount;
        let event = Deposited { balance: account.balance };
        Ok(Value::response(account.clone()).state(account).broadcast(Broadcast::to("account.events", event)))
    }
}

/// Fails until it is mended; then what it was given was good.
struct Broken(Arc<AtomicBool>);

#[actor(name = "clerk", channels = [("letters.>", "hear")])]
impl Broken {
    #[action]
    fn hear(&self, _letter: AnyPayload) -> Result<Value> {
        if self.0.load(Ordering::SeqCst) { Ok(Value::of()) } else { Err(Error::failed("the desk is closed")) }
    }

    #[action(timer = "1h")]
    fn tidy(&self) -> Value {
        Value::of()
    }
}

struct Strict(Arc<AtomicBool>);

#[actor(name = "strict", channels = [("strict.>", "hear")], on_failure = park)]
impl Strict {
    #[action]
    fn hear(&self, _letter: AnyPayload) -> Result<Value> {
        if self.0.load(Ordering::SeqCst) { Ok(Value::of()) } else { Err(Error::failed("not like this")) }
    }
}

/// A running system and the binary to ask it with.
struct Hall {
    system: System,
    url: String,
    mended: Arc<AtomicBool>,
}

impl Hall {
    async fn open() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mended = Arc::<AtomicBool>::default();
        let system = System::builder("hall")
            .store(store)
            .actor(Accounts)
            .actor(Broken(Arc::clone(&mended)))
            .actor(Strict(Arc::clone(&mended)))
            .gateway(Gateway::on("127.0.0.1:0").open())
            .start()
            .await
            .unwrap();
        let url = format!("http://{}", system.address().unwrap());
        Self { system, url, mended }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(arguments).env_clear().env("CALLBOARD_URL", &self.url).stdin(Stdio::null());
        command
    }

    async fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }

    /// What people see.
    async fn said(&self, arguments: &[&str]) -> String {
        let out = self.ask(arguments).await;
        assert_eq!(out.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// What programs see.
    async fn objects(&self, arguments: &[&str]) -> Vec<Json> {
        let text = self.said(&[&["--json"], arguments].concat()).await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// With what a command fails, and what it says.
    async fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let out = self.ask(arguments).await;
        assert!(out.stdout.is_empty(), "{arguments:?}");
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    }

    /// Asks again until the answer has a line.
    async fn until_there_is(&self, arguments: &[&str]) -> Vec<Json> {
        loop {
            let objects = self.objects(arguments).await;
            if !objects.is_empty() {
                return objects;
            }
        }
    }

    async fn until_there_is_none(&self, arguments: &[&str]) {
        while !self.objects(arguments).await.is_empty() {}
    }

    async fn close(self) {
        self.system.stop(Duration::from_secs(5)).await;
    }
}

fn run(test: impl Future<Output = ()>) {
    callboard::runtime().worker_threads(2).build().unwrap().block_on(test);
}

#[test]
fn an_invocation_shows_what_it_gives_and_leaves_a_state_that_can_be_read_back_by_revision() {
    run(async {
        let hall = Hall::open().await;
        let first = hall.said(&["invoke", "account/ada", "deposit", r#"{"amount": 5}"#]).await;
        assert_eq!(serde_json::from_str::<Json>(&first).unwrap(), json!({ "balance": 5 }));
        let second = &hall.objects(&["invoke", "account/ada", "Deposit", r#"{"amount": 7}"#]).await[0];
        assert_eq!((&second["payload"]["balance"], &second["revision"]), (&json!(12), &json!(2)));
        assert_eq!(second["positions"].as_array().unwrap().len(), 1);

        let now = &hall.objects(&["actors", "show", "account/ada"]).await[0];
        assert_eq!((&now["state"]["balance"], &now["revision"]), (&json!(12), &json!(2)));
        let then = &hall.objects(&["actors", "show", "account/ada", "--revision", "1"]).await[0];
        assert_eq!(then["state"]["balance"], 5);
        assert!(hall.said(&["actors", "--of", "account"]).await.contains("account/ada"));

        hall.said(&["actors", "delete", "account/ada"]).await;
        assert!(hall.objects(&["actors", "--of", "account"]).await.is_empty());
        for gone in ["show", "delete"] {
            let (code, said) = hall.refused(&["actors", gone, "account/ada"]).await;
            assert_eq!(code, 3, "{gone}: {said}");
            assert!(said.contains("ActorNotFound"), "{gone}: {said}");
        }
        hall.close().await;
    });
}

#[test]
fn a_key_makes_a_call_happen_once_and_async_makes_it_happen_later() {
    run(async {
        let hall = Hall::open().await;
        for _ in 0..2 {
            let line = ["invoke", "account/bob", "deposit", r#"{"amount": 5}"#, "--key", "k1"];
            assert_eq!(hall.objects(&line).await[0]["payload"]["balance"], 5);
        }
        let (code, said) = hall.refused(&["invoke", "account/bob", "deposit", r#"{"amount": 6}"#, "--key", "k1"]).await;
        assert_eq!(code, 5);
        assert!(said.contains("IdempotencyMismatch") && said.contains("another --key"), "{said}");

        let accepted = hall.objects(&["invoke", "account/eve", "deposit", r#"{"amount": 1}"#, "--async"]).await;
        assert!(accepted[0]["id"].is_string());
        hall.until_there_is(&["actors", "--prefix", "account/eve"]).await;
        hall.close().await;
    });
}

#[test]
fn what_goes_wrong_has_its_own_exit_code_and_says_what_to_do() {
    run(async {
        let hall = Hall::open().await;
        for (arguments, code, word) in [
            (["invoke", "nobody", "x"].as_slice(), 3, "actors declared"),
            (&["invoke", "account/ada", "nothing"], 3, "ActionNotFound"),
            (&["invoke", "account/ada", "deposit", r#"{"amount": 0}"#], 1, "deposit at least 1"),
            (&["invoke", "account/ada", "deposit", r#"{"amount": "much"}"#], 5, "InvalidPayload"),
            (&["invoke", "account/ada", "deposit", "{amount: 1}"], 2, "not JSON"),
            (&["publish", "a..b", "{}"], 5, "InvalidTopic"),
            (&["tail", "a.>.b"], 5, "InvalidTopic"),
            (&["tail", "a.*", "--from", "1-5"], 2, "one topic"),
            (&["dead-letters", "show", "00000000-0000-7000-8000-000000000000"], 3, "dead letter"),
            (&["parked", "retry", "clerk", "letters.a"], 3, "not parked"),
        ] {
            let (got, said) = hall.refused(arguments).await;
            assert_eq!(got, code, "{arguments:?}: {said}");
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
        hall.close().await;
    });
}

#[test]
fn a_topic_can_be_published_on_followed_from_anywhere_and_explained() {
    run(async {
        let hall = Hall::open().await;
        for n in 1..=3 {
            let published = hall.objects(&["publish", "news.today", &json!({ "n": n }).to_string()]).await;
            assert_eq!(published[0]["topic"], "news.today");
        }
        let all = hall.objects(&["tail", "news.>", "--from", "beginning", "--no-follow"]).await;
        let numbers: Vec<&Json> = all.iter().map(|event| &event["payload"]["n"]).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let position = all[1]["position"].as_str().unwrap();
        let rest = hall.objects(&["tail", "news.today", "--from", position, "--no-follow"]).await;
        assert_eq!((rest.len(), &rest[0]["payload"]["n"]), (1, &json!(3)));
        let first = hall.objects(&["tail", "news.*", "--from", "1h", "--limit", "1"]).await;
        assert_eq!(first[0]["payload"]["n"], 1);

        let topics = hall.objects(&["topics"]).await;
        assert_eq!((&topics[0]["topic"], &topics[0]["kept"]), (&json!("news.today"), &json!(3)));
        assert!(hall.said(&["explain", "news.today"]).await.contains("nobody would hear it"));
        let heard = hall.objects(&["explain", "letters.a"]).await;
        assert_eq!((&heard[0]["hearers"][0]["name"], &heard[0]["durable"]), (&json!("clerk"), &json!(true)));
        hall.close().await;
    });
}

#[test]
fn a_payload_can_come_from_standard_input_and_from_a_file() {
    run(async {
        let hall = Hall::open().await;
        let mut child =
            hall.command(&["publish", "news.in", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(br#"{"from": "stdin"}"#).await.unwrap();
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("news.json");
        std::fs::write(&file, r#"{"from": "file"}"#).unwrap();
        hall.said(&["publish", "news.in", &format!("@{}", file.display())]).await;
        let events = hall.objects(&["tail", "news.in", "--from", "beginning", "--limit", "2"]).await;
        let from: Vec<&Json> = events.iter().map(|event| &event["payload"]["from"]).collect();
        assert_eq!(from, ["stdin", "file"]);
        hall.close().await;
    });
}

#[test]
fn a_dead_letter_can_be_looked_at_retried_and_dropped() {
    run(async {
        let hall = Hall::open().await;
        hall.said(&["publish", "letters.a", r#"{"n": 1}"#]).await;
        let letter = hall.until_there_is(&["dead-letters"]).await.remove(0);
        assert_eq!((&letter["target"], &letter["payload"]["n"]), (&json!("clerk"), &json!(1)));
        assert!(letter["error"]["message"].as_str().unwrap().contains("the desk is closed"), "{letter}");
        let id = letter["id"].as_str().unwrap();
        assert!(hall.said(&["dead-letters", "show", id]).await.contains("the desk is closed"));
        assert!(hall.said(&["dead-letters", "list"]).await.contains(id));

        hall.mended.store(true, Ordering::SeqCst);
        hall.said(&["dead-letters", "retry", id]).await;
        hall.until_there_is_none(&["dead-letters"]).await;

        hall.mended.store(false, Ordering::SeqCst);
        hall.said(&["publish", "letters.b", "{}"]).await;
        let other = hall.until_there_is(&["dead-letters"]).await.remove(0);
        hall.said(&["dead-letters", "drop", other["id"].as_str().unwrap()]).await;
        assert!(hall.said(&["dead-letters"]).await.contains("no dead letters"));
        hall.close().await;
    });
}

#[test]
fn a_parked_subscription_can_be_skipped_and_retried() {
    run(async {
        let hall = Hall::open().await;
        for n in 1..=2 {
            hall.said(&["publish", "strict.a", &json!({ "n": n }).to_string()]).await;
        }
        let parked = hall.until_there_is(&["parked"]).await.remove(0);
        assert_eq!((&parked["subscriber"], &parked["topic"]), (&json!("strict"), &json!("strict.a")));
        let first = parked["position"].as_str().unwrap().to_owned();
        hall.said(&["parked", "skip", "strict", "strict.a"]).await;
        let second = loop {
            let parked = hall.until_there_is(&["parked"]).await.remove(0);
            if parked["position"] != json!(first) {
                break parked;
            }
        };
        assert_eq!(second["error"]["message"].as_str().map(|text| text.contains("not like this")), Some(true));
        hall.mended.store(true, Ordering::SeqCst);
        hall.said(&["parked", "retry", "strict", "strict.a", "--pattern", "strict.>"]).await;
        hall.until_there_is_none(&["parked"]).await;
        hall.close().await;
    });
}

#[test]
fn what_is_declared_and_when_timers_are_due_can_be_listed() {
    run(async {
        let hall = Hall::open().await;
        let declared = hall.said(&["actors", "declared"]).await;
        for word in ["account (unnamed", "deposit(", "hears letters.> with hear"] {
            assert!(declared.contains(word), "{word} is missing in:\n{declared}");
        }
        let timers = hall.objects(&["timers", "clerk"]).await;
        assert_eq!((&timers[0]["name"], &timers[0]["every"]), (&json!("tidy"), &json!("1h")));
        hall.close().await;
    });
}

#[test]
fn a_reader_that_leaves_ends_a_tail_quietly() {
    run(async {
        let hall = Hall::open().await;
        hall.said(&["publish", "news.pipe", "{}"]).await;
        let mut child = hall
            .command(&["tail", "news.pipe", "--from", "beginning"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The reader leaves before it has read anything.
        drop(child.stdout.take());
        let out = child.wait_with_output().await.unwrap();
        assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()), (Some(0), ""));
        hall.close().await;
    });
}
