//! A service on a node of its own: a store on disk, doors for clients, a stop that drains.
#![allow(clippy::unwrap_used, unreachable_pub, unnameable_types, missing_docs, reason = "a test")]

mod shop;

use std::sync::Arc;
use std::time::Duration;

use callboard::core::port::Store;
use callboard::prelude::*;
use callboard::testing::MemoryStore;
use callboard::{Gateway, Sqlite, System, ephemeral};
use shop::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

fn run<T>(test: impl Future<Output = T>) -> T {
    callboard::runtime().worker_threads(2).build().unwrap().block_on(test)
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn order() -> OrderData {
    OrderData { user_id: "user_123".to_owned(), amount: 100 }
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let shop = || System::builder("shop").store(Sqlite::at(folder.path())).actor(OrderProcessor).actor(UserAggregate);
    let order = run(async {
        let shop = shop().start().await.unwrap();
        let order = OrderProcessor::at(&shop).create_order(order()).await.unwrap();
        shop.stop(Duration::from_secs(5)).await;
        order
    });
    run(async {
        let shop = shop().start().await.unwrap();
        assert_eq!(OrderProcessor::at(&shop).find(order.id.clone()).await.unwrap(), order);
        let mut events = shop.subscribe_to::<OrderCreated>("order.>").from_the_beginning().await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().event.order_id, order.id);
        shop.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn clients_reach_the_actors_through_the_doors() {
    run(async {
        let shop = System::builder("shop")
            .store(memory())
            .actor(OrderProcessor)
            .topic("metrics.>", ephemeral())
            .gateway(Gateway::on("127.0.0.1:0").open())
            .start()
            .await
            .unwrap();
        let body = r#"{"user_id":"user_123","amount":100}"#;
        let request = format!(
            "POST /v1/actors/order_processor/create_order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut door = TcpStream::connect(shop.address().unwrap()).await.unwrap();
        door.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        door.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(r#""user_id":"user_123""#), "{answer}");
        let state: OrderState = shop.state("order_processor").await.unwrap().unwrap();
        assert_eq!(state.orders.len(), 1);
        shop.stop(Duration::from_secs(5)).await;
        assert!(TcpStream::connect(shop.address().unwrap()).await.is_err(), "the doors are shut");
    });
}

struct Slow {
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[actor(name = "slow", state = u64)]
impl Slow {
    #[action]
    async fn work(&self, count: u64) -> Value<u64, u64> {
        self.begun.notify_one();
        self.go_on.notified().await;
        Value::response(count + 1).state(count + 1)
    }
}

#[test]
fn a_stop_lets_accepted_work_end_and_takes_no_more() {
    run(async {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = Slow { begun: Arc::clone(&begun), go_on: Arc::clone(&go_on) };
        let system = System::builder("s").store(memory()).actor(slow).start().await.unwrap();
        let working = async { Slow::at(&system).work().await };
        let stopping = async {
            begun.notified().await;
            let stop = system.stop(Duration::from_secs(20));
            let rest = async {
                // The stop is under way when new work is refused.
                while Slow::at(&system).work().deadline(Duration::from_millis(50)).await.unwrap_err().code()
                    != Code::Unavailable
                {}
                go_on.notify_one();
            };
            tokio::join!(stop, rest);
        };
        let (answer, ()) = tokio::join!(working, stopping);
        assert_eq!(answer.unwrap(), 1);
    });
}

#[test]
fn what_is_wrong_is_told_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let builder = || System::builder("shop").store(Sqlite::at(folder.path().join("store")));
        let error = builder().gateway(Gateway::on("localhost")).start().await.unwrap_err();
        assert!(error.to_string().contains("write an IP and a port"), "{error}");
        let error = builder().topic("metrics..>", ephemeral()).start().await.unwrap_err();
        assert!(error.to_string().contains("empty token"), "{error}");
        assert!(!folder.path().join("store").exists(), "nothing was made");
    });
}
