//! Whole nodes in this process, on a store in memory unless the test says otherwise.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::TopicQuery;
use callboard_core::publication::Announcement;
use callboard_core::topic::TopicRules;
use callboard_core::{Headers, MessageId, Pattern, Payload, Topic};
use callboard_node::{AuthConfig, GatewayConfig, Node, NodeError, Parts, StoreChoice};
use callboard_testkit::MemoryStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(5);

fn parts(gateway: Option<GatewayConfig>) -> Parts {
    Parts {
        system: "shop".into(),
        hosts: Vec::new(),
        externals: Vec::new(),
        topics: TopicRules::default(),
        store: StoreChoice::Ready(Arc::new(MemoryStore::new())),
        gateway,
        channels: Vec::new(),
        pages: Vec::new(),
        descriptors: Vec::new(),
    }
}

fn anywhere() -> GatewayConfig {
    GatewayConfig::on(([127, 0, 0, 1], 0).into()).with_auth(AuthConfig::open())
}

async fn get(node: &Node, path: &str) -> String {
    let mut stream = TcpStream::connect(node.address().unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn publish(node: &Node, topic: &str) {
    let announcement = Announcement {
        id: MessageId::new(node.clock().now(), node.entropy().next_u128()),
        topic: Topic::parse(topic).unwrap(),
        time: node.clock().now(),
        payload: Payload::empty(),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    };
    node.dispatcher().publish(vec![announcement]).await.unwrap();
}

async fn topics(node: &Node) -> Vec<String> {
    let query = TopicQuery { pattern: Pattern::parse(">").unwrap(), after: None, limit: 10 };
    let topics = node.operator().topics(query).await.unwrap();
    topics.iter().map(|topic| topic.topic.to_string()).collect()
}

#[tokio::test]
async fn a_node_says_that_it_is_alive_and_ready_and_what_its_metrics_mean() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreChoice::Sqlite(folder.path().join("made/on/the/way"));
    let node = Node::start(Parts { store, ..parts(Some(anywhere())) }).await.unwrap();
    publish(&node, "order.events").await;
    assert!(get(&node, "/health/liveness").await.starts_with("HTTP/1.1 200"));
    assert!(get(&node, "/health/readiness").await.starts_with("HTTP/1.1 200"));
    let metrics = get(&node, "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE callboard_")) {
        let name = line.split(' ').next().unwrap();
        assert!(metrics.contains(&format!("# HELP callboard_{name} ")), "callboard_{name} is not explained");
    }
    for name in ["callboard_commits_total ", "callboard_http_requests_total{", "callboard_store_flushes_total{"] {
        assert!(metrics.contains(&format!("\n{name}")), "{name} is missing in {metrics}");
    }
    node.stop(SOON).await;
}

#[tokio::test]
async fn an_address_in_use_is_refused_before_anything_else_starts() {
    let first = Node::start(parts(Some(anywhere()))).await.unwrap();
    let address = first.address().unwrap();
    let error = Node::start(parts(Some(GatewayConfig::on(address)))).await.unwrap_err();
    assert!(matches!(error, NodeError::Gateway(_)));
    assert!(error.to_string().contains(&format!("{address} is in use")), "{error}");
    first.stop(SOON).await;
    // The address is free again.
    let second = Node::start(parts(Some(GatewayConfig::on(address)))).await.unwrap();
    second.stop(SOON).await;
}

#[tokio::test]
async fn two_nodes_in_one_process_share_nothing() {
    let (a, b) = (Node::start(parts(None)).await.unwrap(), Node::start(parts(None)).await.unwrap());
    assert_eq!((a.address(), b.address()), (None, None));
    publish(&a, "order.events").await;
    assert_eq!(topics(&a).await, ["order.events"]);
    assert!(topics(&b).await.is_empty());
    a.stop(SOON).await;
    publish(&b, "user.events").await;
    b.stop(SOON).await;
}

#[tokio::test]
async fn a_stopped_node_takes_no_connections_and_can_be_stopped_again() {
    let node = Node::start(parts(Some(anywhere()))).await.unwrap();
    let address = node.address().unwrap();
    node.stop(SOON).await;
    assert!(TcpStream::connect(address).await.is_err());
    node.stop(SOON).await;
}
