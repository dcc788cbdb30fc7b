//! Bad input of every kind: the right answer, no panic, no growth, and the next request works.

use bytes::Bytes;
use callboard_gateway::GatewayConfig;
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Served, config, serve, serve_with};

const CREATE: &str = "/v1/actors/order_processor/create_order";

async fn still_works(served: Served) {
    served.post(CREATE).json(&json!({ "orderId": "o1" })).send().await.json();
    served.stop().await;
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems_too() {
    let served = serve();
    for path in ["/v2", "/v1/actors/a/b/c/d", "/v1/topics/a/b", "//", "/v1/actors//"] {
        let answer = served.get(path).send().await;
        assert!(answer.detail(404, "InvalidPayload").contains("GET /"), "{path}");
    }
    let answer = served.ask(Method::PUT, "/v1/actors/order_processor").send().await;
    answer.problem(405, "InvalidPayload");
    let mut allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD"]);
    let answer = served.get("/v1/system/parked/retry").send().await;
    answer.problem(405, "InvalidPayload");
    assert_eq!(answer.header("allow"), "POST");
    let invented = Method::from_bytes(b"PURGE").unwrap();
    served.ask(invented, "/v1/topics").send().await.problem(405, "InvalidPayload");
    still_works(served).await;
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let served = serve();
    for path in [
        "/v1/actors/%FF/create_order",
        "/v1/actors/user/%C3%28/echo",
        "/v1/actors/a%2Fb/create_order",
        "/v1/actors/a%0Ab/create_order",
        &format!("/v1/actors/{}/create_order", "x".repeat(256)),
    ] {
        served.post(path).json(&json!({})).send().await.problem(400, "InvalidPayload");
    }
    let long = "x".repeat(300);
    served.get(&format!("/v1/actors/{long}")).send().await.problem(400, "InvalidPayload");
    let answer = served.post(&format!("/v1/actors/order_processor/{}", "x".repeat(20_000))).send().await;
    assert!(answer.detail(404, "ActionNotFound").len() < 1000, "what came from outside is not repeated at length");
    still_works(served).await;
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused_with_the_place() {
    let served = serve();
    for body in [
        Bytes::from_static(b"{"),
        Bytes::from_static(b"{\"a\":1}x"),
        Bytes::from_static(b"{\"orderId\":\"\xff\xfe\"}"),
        Bytes::from_static(b"\xef\xbb\xbf{}"),
        Bytes::from_static(b"\0"),
        Bytes::from_static(b"{\"amount\": 1e999}"),
        Bytes::from_static(b"{\"@type\": \"json\","),
        Bytes::from(vec![b'['; 1_000_000]),
        Bytes::from(format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000))),
    ] {
        for path in [CREATE, "/v1/actors/clerk/echo", "/v1/topics/a", "/v1/topics", "/v1/system/parked/skip"] {
            let answer = served.post(path).body("application/json", body.clone()).send().await;
            answer.problem(400, "InvalidPayload");
        }
    }
    // Deep, but not too deep for the reader: whoever would have to walk it says no.
    let deep = format!("{}{}", "{\"child\":".repeat(90), "{}".to_owned() + &"}".repeat(90));
    served
        .post("/v1/actors/clerk/echo?type=shop.v1.Tree")
        .body("application/json", deep)
        .send()
        .await
        .problem(400, "InvalidPayload");
    still_works(served).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_without_being_read() {
    let served = serve();
    // It says its length: nothing of it is waited for.
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 104857600\r\n\r\n"
    );
    let answer = served.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"code\":\"TooLarge\""), "{answer}");
    // It does not: reading ends at the limit.
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let (mut reader, mut writer) = socket.split();
    let write = async {
        // 100 MB; the server closes the connection long before.
        for sent in 0..1600 {
            if writer.write_all(&chunk).await.is_err() {
                return sent;
            }
        }
        1600
    };
    let read = async {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let (sent, answer) = tokio::join!(write, read);
    assert!(answer.starts_with("HTTP/1.1 413 "), "after {sent} chunks: {answer}");
    assert!(sent < 800, "{sent} chunks of 64 KiB were taken");
    // A client library that sends it all in one go gets its answer too.
    let big = Bytes::from(vec![b' '; 5 * 1024 * 1024]);
    served.post(CREATE).body("application/json", big).http2().send().await.problem(413, "TooLarge");
    assert!(served.fake.invoked.lock().unwrap().is_empty());
    still_works(served).await;
}

#[tokio::test]
async fn a_payload_within_the_bodys_limit_is_taken_in_many_pieces() {
    let served = serve();
    let text = json!({ "orderId": "x".repeat(3 * 1024 * 1024) });
    let answer = served.post(CREATE).json(&text).send().await;
    assert_eq!(answer.json()["orderId"], text["orderId"]);
    still_works(served).await;
}

#[tokio::test]
async fn large_bodies_share_a_bound_and_give_it_back() {
    let served = serve_with(GatewayConfig { body_len_max: 1024 * 1024, bodies_len_max: 1024 * 1024, ..config() });
    let wait = "/v1/actors/clerk/wait";
    let large = || Bytes::from(format!("\"{}\"", "x".repeat(900_000)));
    let first = served.post(wait).body("application/json", large()).send();
    let meanwhile = async {
        served.fake.waits(1).await;
        served.post(wait).body("application/json", large()).send().await.problem(429, "Overloaded");
        // Small ones are not held up.
        served.post(CREATE).json(&json!({ "orderId": "o1" })).send().await.json();
        served.fake.release(1);
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    first.json();
    served.post("/v1/actors/clerk/echo").body("application/json", large()).send().await.json();
    still_works(served).await;
}

#[tokio::test]
async fn whoever_is_slow_to_send_a_body_keeps_nobody_else_out() {
    let served = serve_with(GatewayConfig { requests_max: 1, ..config() });
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // Over the same connection as the slow one's bytes would be: many requests, each of which finds a place in the end.
    while served.get("/v1/topics").send().await.status != 200 {}
    slow.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    still_works(served).await;
}

#[tokio::test]
async fn a_slow_body_is_not_waited_for() {
    let served = serve_with(GatewayConfig { body_read_timeout: std::time::Duration::from_millis(1), ..config() });
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{{"
    );
    let answer = served.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("DeadlineExceeded"), "{answer}");
    served.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_reaches_no_actor() {
    let served = serve();
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{{}}"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert!(served.fake.invoked.lock().unwrap().is_empty());
    still_works(served).await;
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let served = serve();
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert!(served.raw(many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\na: {}\r\n\r\n", "b".repeat(1_000_000));
    let answer = served.raw(long.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", "b".repeat(60_000));
    assert!(served.raw(long.as_bytes()).await.starts_with("HTTP/1.1 404 "));
    still_works(served).await;
}

#[tokio::test]
async fn what_is_no_http_ends_its_own_connection_only() {
    let served = serve();
    for noise in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\0\0\0\0",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let answer = served.raw(noise).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    still_works(served).await;
}

#[tokio::test]
async fn whoever_is_slow_with_headers_or_says_nothing_is_sent_away() {
    let short = std::time::Duration::from_millis(20);
    let served = serve_with(GatewayConfig { header_read_timeout: short, ..config() });
    // Each ends because the server closes the connection; without the timeout it would never end.
    for begun in [&b""[..], b"GET / HT", b"PRI * HTT", b"GET / HTTP/1.1\r\nhost: localhost\r\na: "] {
        let answer = served.raw(begun).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    served.stop().await;
}
