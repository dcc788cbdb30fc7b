use std::time::Duration;

use callboard_gateway::{Gateway, GatewayConfig, GatewayError, Stopped};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{LONG, Reading, config, serve, serve_with};

#[tokio::test]
async fn an_address_in_use_is_named_with_what_to_do() {
    let first = Gateway::bind(config()).unwrap();
    let error = Gateway::bind(GatewayConfig::on(first.local_addr())).unwrap_err();
    assert!(matches!(error, GatewayError::AddressInUse(address) if address == first.local_addr()));
    assert!(
        error.to_string().contains(&first.local_addr().to_string()) && error.to_string().contains("stop it"),
        "{error}"
    );
    let error = Gateway::bind(GatewayConfig::on("203.0.113.1:0".parse().unwrap())).unwrap_err();
    assert!(matches!(error, GatewayError::Bind { .. }), "{error}");
}

#[tokio::test]
async fn an_address_that_was_given_up_can_be_taken_again_at_once() {
    let served = serve();
    served.get("/").send().await.json();
    let address = served.address;
    served.stop().await;
    let again = serve_with(GatewayConfig::on(address));
    assert_eq!(again.handle.stop(LONG).await, Stopped { cut: 0 });
}

#[tokio::test]
async fn http_2_with_prior_knowledge_and_http_1_share_the_port() {
    let served = serve();
    let path = "/v1/actors/order_processor/create_order";
    let one = served.post(path).json(&json!({ "orderId": "1" })).send();
    let two = served.post(path).json(&json!({ "orderId": "2" })).http2().send();
    let (one, two) = tokio::join!(one, two);
    assert_eq!((one.json()["orderId"].clone(), two.json()["orderId"].clone()), ("1".into(), "2".into()));
    // Many at once over one connection.
    let many = (0..200).map(|n| {
        let asking = served.post(path).json(&json!({ "orderId": n.to_string() })).http2();
        async move { assert_eq!(asking.send().await.json()["orderId"], n.to_string()) }
    });
    futures_util::future::join_all(many).await;
    let stream = served.get("/v1/topics/a").http2().open().await;
    let (_, feed) = served.fake.subscription().await;
    feed.send(Ok(callboard_core::port::StreamEvent::CaughtUp)).await.unwrap();
    assert_eq!(Reading::of(stream).line().await.unwrap(), json!({ "event": "caught-up" }));
    served.stop().await;
}

#[tokio::test]
async fn grpc_is_answered_on_the_same_port() {
    let served = serve();
    let call = served.post("/callboard.v1.Nothing/Nothing").body("application/grpc", "\0\0\0\0\0").http2().send().await;
    assert_eq!((call.status.as_u16(), call.header("content-type")), (200, "application/grpc"));
    assert_ne!(call.header("grpc-status"), "");
    // The same path without gRPC's content type is a path like any other.
    served.post("/callboard.v1.Actors/Invoke").json(&json!({})).send().await.problem(404, "InvalidPayload");
    served.stop().await;
}

#[tokio::test]
async fn requests_over_the_limit_are_told_to_come_back_and_health_is_not() {
    let served = serve_with(GatewayConfig { requests_max: 1, ..config() });
    let wait = served.post("/v1/actors/clerk/wait").send();
    let meanwhile = async {
        served.fake.waits(1).await;
        let refused = served.get("/v1/topics").send().await;
        refused.problem(429, "Overloaded");
        assert_eq!(refused.header("retry-after"), "1");
        let call = served.post("/callboard.v1.Topics/List").body("application/grpc", "\0\0\0\0\0").http2().send().await;
        // 8 is ResourceExhausted.
        assert_eq!(call.header("grpc-status"), "8");
        served.get("/health/liveness").send().await.json();
        served.fake.release(1);
    };
    let (waited, ()) = tokio::join!(wait, meanwhile);
    waited.json();
    served.get("/v1/topics").send().await.json();
    served.stop().await;
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_and_later_ones_are_taken() {
    let served = serve_with(GatewayConfig { connections_max: 1, ..config() });
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(b"GET /health/liveness HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    let refused = served.raw(b"").await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\"code\":\"Overloaded\""), "{refused}");
    drop(first);
    // The place is free once the server has seen that the first one left.
    while served.raw(b"GET / HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.1 503 ") {}
    served.stop().await;
}

#[tokio::test]
async fn stopping_lets_requests_under_way_end_and_takes_no_more() {
    let served = serve();
    let (fake, address) = (served.fake.clone(), served.address);
    // One over each protocol, and an idle connection, and one that has begun a request.
    let one = served.post("/v1/actors/clerk/wait").open();
    let two = served.post("/v1/actors/clerk/wait").http2().open();
    let idle = TcpStream::connect(address).await.unwrap();
    let answers = async { tokio::join!(one, two) };
    let stopping = async {
        fake.waits(2).await;
        let stop = served.handle.stop(LONG);
        let release = async {
            // The listener is gone before the requests are answered.
            while TcpStream::connect(address).await.is_ok() {}
            fake.release(2);
        };
        tokio::join!(stop, release).0
    };
    // The client is a part of `served`: its requests borrow it.
    let ((one, two), stopped) = tokio::join!(answers, stopping);
    assert_eq!((one.status().as_u16(), two.status().as_u16()), (200, 200));
    assert_eq!(stopped, Stopped { cut: 0 });
    drop(idle);
}

#[tokio::test]
async fn stopping_ends_streams_with_a_word() {
    let served = serve();
    let lines = served.get("/v1/topics/a").open().await;
    let (_, feed) = served.fake.subscription().await;
    let stop = served.handle.stop(LONG);
    let read = async {
        let mut reading = Reading::of(lines);
        let last = reading.line().await.unwrap();
        assert_eq!((last["event"].clone(), last["code"].clone()), ("problem".into(), "Unavailable".into()));
        assert!(reading.line().await.is_none());
    };
    let (stopped, ()) = tokio::join!(stop, read);
    assert_eq!(stopped, Stopped { cut: 0 });
    drop(feed);
}

#[tokio::test]
async fn what_has_not_ended_in_time_is_cut() {
    let served = serve();
    let (fake, address) = (served.fake.clone(), served.address);
    let mut half_open = TcpStream::connect(address).await.unwrap();
    half_open
        .write_all(
            b"POST /v1/topics/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\ncontent-type: application/json\r\n\r\n",
        )
        .await
        .unwrap();
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(b"POST /v1/actors/clerk/wait HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    fake.waits(1).await;
    let stopped = served.handle.stop(Duration::from_millis(1)).await;
    assert!(stopped.cut >= 1, "{stopped:?}");
    let mut nothing = Vec::new();
    let _ = waiting.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    let mut rest = Vec::new();
    let _ = half_open.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_handle_that_is_dropped_leaves_nothing_behind() {
    let served = serve();
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    socket.write_all(b"POST /v1/actors/clerk/wait HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    served.fake.waits(1).await;
    drop(served.handle);
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    while TcpStream::connect(served.address).await.is_ok() {}
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let served = serve();
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    for _ in 0..3 {
        // Two at once: the answers come in order.
        let two = "GET /health/liveness HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(2);
        socket.write_all(two.as_bytes()).await.unwrap();
        let mut text = String::new();
        while text.matches("{\"status\":\"alive\"}").count() < 2 {
            let mut piece = [0; 1024];
            let read = socket.read(&mut piece).await.unwrap();
            assert!(read > 0, "{text}");
            text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let served = serve();
    let answer = served.ask(http::Method::HEAD, "/v1/openapi.json").open().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    served.stop().await;
}
