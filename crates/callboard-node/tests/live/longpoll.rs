//! Phoenix over long-poll, request by request as the stock client sends them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::House;

/// Short enough for a test that waits for its end, and longer than a busy machine stands still.
const WINDOW: Duration = Duration::from_secs(1);

/// A client; each of its requests has a connection of its own.
struct Poller<'a> {
    house: &'a House,
    query: &'static str,
    token: Option<String>,
    heard: std::collections::VecDeque<Value>,
}

/// An answer: its head and its body.
struct Answer {
    head: String,
    body: Value,
}

async fn request(house: &House, head: String, body: &str) -> Answer {
    let mut stream = TcpStream::connect(house.node.address().unwrap()).await.unwrap();
    let text =
        format!("{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
}

impl<'a> Poller<'a> {
    fn new(house: &'a House, query: &'static str) -> Self {
        Self { house, query, token: None, heard: std::collections::VecDeque::new() }
    }

    async fn open(house: &'a House) -> Self {
        let mut poller = Self::new(house, "vsn=2.0.0");
        assert_eq!(poller.poll().await, 410, "a session begins with this");
        assert!(poller.token.is_some());
        poller
    }

    fn path(&self) -> String {
        let token = self.token.as_ref().map(|token| format!("token={token}")).unwrap_or_default();
        format!("/socket/longpoll?{}&{token}", self.query)
    }

    /// Asks for messages and says with what status it was answered.
    async fn poll(&mut self) -> u64 {
        let answer = request(self.house, format!("GET {} HTTP/1.1", self.path()), "").await;
        assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
        assert!(
            answer.head.contains("cache-control: no-store") && answer.head.contains("access-control-allow-origin: *")
        );
        if let Some(token) = answer.body["token"].as_str() {
            self.token = Some(token.to_owned());
        }
        for message in answer.body["messages"].as_array().into_iter().flatten() {
            self.heard.push_back(serde_json::from_str(message.as_str().unwrap()).unwrap());
        }
        answer.body["status"].as_u64().unwrap()
    }

    async fn next(&mut self) -> Value {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return message;
            }
            let status = self.poll().await;
            assert!(status == 200 || status == 204, "{status}");
        }
    }

    async fn post(&self, kind: &str, body: &str) -> u64 {
        let head = format!("POST {} HTTP/1.1\r\ncontent-type: {kind}", self.path());
        request(self.house, head, body).await.body["status"].as_u64().unwrap()
    }

    async fn send(&self, messages: &[Value]) -> u64 {
        let lines: Vec<String> = messages.iter().map(Value::to_string).collect();
        self.post("application/x-ndjson", &lines.join("\n")).await
    }
}

async fn impatient() -> House {
    House::with(|config| config.clients.poll_window = WINDOW).await
}

#[tokio::test]
async fn a_client_joins_hears_and_goes_on_behind_its_last_number() {
    let house = House::open().await;
    let mut client = Poller::open(&house).await;
    let beat = json!([null, "1", "phoenix", "heartbeat", {}]);
    let join = json!(["2", "2", "order.events", "phx_join", {}]);
    assert_eq!(client.send(&[beat, join]).await, 200);
    assert_eq!(client.next().await, json!([null, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]));
    assert_eq!(client.next().await[4]["status"], "ok");
    house.publish_numbers("order.events", 0..50).await;
    let mut last = Value::Null;
    for n in 0..50 {
        last = client.next().await;
        assert_eq!((&last[3], &last[4]["data"]["n"]), (&json!("event"), &json!(n)));
    }
    // The client is gone for good; another one goes on for it.
    house.publish_numbers("order.events", 50..60).await;
    let mut client = Poller::open(&house).await;
    let seen = json!({"last_seq": last[4]["seq"], "epoch": last[4]["epoch"]});
    client.send(&[json!(["1", "1", "order.events", "phx_join", seen])]).await;
    assert_eq!(client.next().await[4]["response"]["gap"], false);
    for n in 50..60 {
        assert_eq!(client.next().await[4]["data"]["n"], n);
    }
}

#[tokio::test]
async fn a_quiet_window_ends_with_204_and_the_session_goes_on() {
    let house = impatient().await;
    let mut client = Poller::open(&house).await;
    assert_eq!(client.poll().await, 204);
    assert_eq!(client.send(&[json!([null, "1", "phoenix", "heartbeat", {}])]).await, 200);
    assert_eq!(client.poll().await, 200);
}

#[tokio::test]
async fn a_client_that_does_not_ask_again_is_gone() {
    let house = impatient().await;
    let mut client = Poller::open(&house).await;
    let token = client.token.clone();
    // Sending is not asking.
    while client.post("application/x-ndjson", "").await == 200 {}
    assert_eq!(client.post("application/x-ndjson", "").await, 410);
    assert_eq!(client.poll().await, 410);
    assert_ne!(client.token, token, "a new session for whoever takes it");
}

#[tokio::test]
async fn bytes_are_base64_and_what_is_neither_is_refused() {
    let house = House::open().await;
    let mut client = Poller::open(&house).await;
    client.send(&[json!(["1", "1", "CampaignChannel", "phx_join", {"id": 7, "presence": false}])]).await;
    assert_eq!(client.next().await[4]["status"], "ok");
    // 00 01 01 0f 04 | 1 5 CampaignChannel echo | 01 02 03
    assert_eq!(client.post("application/octet-stream", "AAEBDwQxNUNhbXBhaWduQ2hhbm5lbGVjaG8BAgM=").await, 200);
    let reply = client.next().await;
    assert_eq!((&reply[1], &reply[4]["response"]), (&json!("5"), &json!({"value": "AQID"})));
    assert_eq!(client.post("application/x-ndjson", "no base64!").await, 400);
    let long = format!("[null,\"1\",\"phoenix\",\"heartbeat\",\"{}\"]", "x".repeat(70_000));
    assert_eq!(client.post("application/x-ndjson", &long).await, 413);
    assert_eq!(client.post("application/x-ndjson", &"x".repeat(2_000_000)).await, 413);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_in_the_body() {
    let house = House::open().await;
    assert_eq!(Poller::new(&house, "vsn=7.0.0").poll().await, 403);
    assert_eq!(Poller::new(&house, "vsn=2.0.0").post("application/x-ndjson", "").await, 410);
    let closed = House::with(|config| config.auth = callboard_node::AuthConfig::default()).await;
    for query in ["vsn=2.0.0", "vsn=2.0.0&token=bad", "vsn=2.0.0&token=lp_0123"] {
        assert_eq!(Poller::new(&closed, query).poll().await, 403, "{query}");
    }
    let head = "GET /socket/longpoll?vsn=2.0.0 HTTP/1.1\r\norigin: https://elsewhere.example";
    let foreign = request(&house, head.to_owned(), "").await;
    assert!(foreign.head.starts_with("http/1.1 403") && !foreign.head.contains("allow-origin"), "{}", foreign.head);
}

#[tokio::test]
async fn a_browser_may_ask_from_another_origin() {
    let house = House::open().await;
    let head = "OPTIONS /socket/longpoll HTTP/1.1\r\naccess-control-request-headers: x-phoenix-authtoken";
    let answer = request(&house, head.to_owned(), "").await;
    for line in [
        "access-control-allow-origin: *",
        "access-control-allow-headers: x-phoenix-authtoken",
        "allow-methods: get, post",
    ] {
        assert!(answer.head.contains(line), "{}", answer.head);
    }
}
