use callboard_core::{Code, Encoding, Error, Payload};
use serde_json::json;

use crate::client::serve;
use crate::fake::POSTED;

const CREATE: &str = "/v1/actors/order_processor/create_order";

#[tokio::test]
async fn json_becomes_what_the_action_declares_and_its_response_becomes_json() {
    let served = serve();
    let answer = served
        .post(CREATE)
        .json(&json!({ "orderId": "o1", "user_id": "u1", "amount": 10.5, "items": [{ "sku": "a", "quantity": 2 }] }))
        .header("idempotency-key", "\"k-1\"")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("callboard-meta-correlation-id", "c1")
        .header("callboard-deadline", "500ms")
        .send()
        .await;
    let body = answer.json();
    assert_eq!(
        (body["orderId"].clone(), body["amount"].clone(), body["cents"].clone()),
        ("o1".into(), 10.5.into(), "0".into())
    );
    assert_eq!(answer.header("callboard-revision"), "7");
    assert_eq!(answer.header("callboard-type"), "shop.v1.OrderData");
    assert!(answer.header("traceparent").starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    assert!(!answer.header("traceparent").contains("b7ad6b7169203331"), "the door is a span of its own");

    let invocation = served.fake.invoked.lock().unwrap().pop().unwrap();
    assert_eq!((invocation.target.as_str(), invocation.action.as_str()), ("order_processor", "create_order"));
    assert_eq!(invocation.payload.type_name(), "shop.v1.OrderData");
    assert_eq!(invocation.key.as_deref(), Some("k-1"));
    assert_eq!(invocation.headers.get("correlation-id").map(|value| value.as_str()), Some("c1"));
    let now = callboard_core::port::Clock::instant(&*served.clock);
    assert_eq!(invocation.deadline - now, std::time::Duration::from_millis(500));
    assert_eq!(invocation.trace.unwrap().to_string(), answer.header("traceparent"));
    served.stop().await;
}

#[tokio::test]
async fn an_action_is_found_whatever_its_case_and_an_instance_by_its_parent() {
    let served = serve();
    served.post("/v1/actors/order_processor/CreateOrder").json(&json!({})).send().await.json();
    served.post("/v1/actors/user/u%2F1/echo").json(&json!({ "sku": "a" })).send().await.json();
    let mut invoked = served.fake.invoked.lock().unwrap().drain(..).collect::<Vec<_>>().into_iter();
    assert_eq!(invoked.next().unwrap().action, "create_order");
    let user = invoked.next().unwrap();
    assert_eq!((user.target.parent(), user.target.name()), (Some("user"), "u/1"));
    served.stop().await;
}

#[tokio::test]
async fn no_body_is_an_empty_payload_and_an_empty_response_is_an_empty_object() {
    let served = serve();
    let answer = served.post(CREATE).send().await;
    assert_eq!(answer.json(), json!({}));
    assert!(served.fake.invoked.lock().unwrap()[0].payload.is_empty());
    served.stop().await;
}

#[tokio::test]
async fn the_type_picks_among_the_handlers_of_an_action() {
    let served = serve();
    let path = "/v1/actors/email_service/handle_order_event";
    served.post(path).json(&json!({ "@type": "shop.v1.OrderUpdated", "status": "STATUS_PAID" })).send().await.json();
    served.post(&format!("{path}?type=shop.v1.OrderCreated")).json(&json!({ "orderId": "1" })).send().await.json();
    served
        .post(path)
        .header("callboard-type", "type.googleapis.com/shop.v1.OrderCreated")
        .json(&json!({}))
        .send()
        .await
        .json();
    let types: Vec<_> =
        served.fake.invoked.lock().unwrap().iter().map(|one| one.payload.type_name().to_string()).collect();
    assert_eq!(types, ["shop.v1.OrderUpdated", "shop.v1.OrderCreated", "shop.v1.OrderCreated"]);

    let detail = served.post(path).json(&json!({})).send().await.detail(400, "InvalidPayload");
    assert!(detail.contains("shop.v1.OrderCreated, shop.v1.OrderUpdated"), "{detail}");
    let detail =
        served.post(&format!("{path}?type=shop.v1.Tree")).json(&json!({})).send().await.detail(404, "ActionNotFound");
    assert!(detail.contains("does not take shop.v1.Tree"), "{detail}");
    served.stop().await;
}

#[tokio::test]
async fn a_json_type_keeps_its_text() {
    let served = serve();
    let text = "{ \"z\": 1.10,\n  \"a\": 123456789012345678901234567890 }";
    let answer =
        served.post("/v1/actors/clerk/echo?type=shop.Note").body("application/vnd.shop+json", text).send().await;
    assert_eq!(answer.body, "{\"z\":1.10,\"a\":123456789012345678901234567890}");
    let payload = served.fake.invoked.lock().unwrap().pop().unwrap().payload;
    assert_eq!((payload.type_name().as_str(), payload.encoding()), ("shop.Note", Encoding::Json));
    served.stop().await;
}

#[tokio::test]
async fn protobuf_and_bytes_go_through_as_they_are() {
    let served = serve();
    let bytes = &[0x0a, 0x02, b'o', b'1'][..];
    // One declared type: nothing else has to be said.
    let answer =
        served.post(CREATE).body("application/protobuf", bytes).header("accept", "application/protobuf").send().await;
    assert_eq!((answer.header("content-type"), &answer.body[..]), ("application/protobuf", bytes));
    assert_eq!(answer.header("callboard-type"), "shop.v1.OrderData");
    // Several types.
    let path = "/v1/actors/email_service/handle_order_event";
    let detail = served.post(path).body("application/x-protobuf", bytes).send().await.detail(400, "InvalidPayload");
    assert!(detail.contains("?type="), "{detail}");
    let answer =
        served.post(&format!("{path}?type=shop.v1.OrderCreated")).body("application/x-protobuf", bytes).send().await;
    assert_eq!(answer.json(), json!({ "orderId": "o1" }));
    // Opaque bytes.
    let path = "/v1/actors/clerk/echo";
    let answer = served
        .post(path)
        .body("application/octet-stream", &b"\xff\x00"[..])
        .header("accept", "*/*, application/json;q=0.1")
        .send()
        .await;
    assert_eq!((answer.header("content-type"), &answer.body[..]), ("application/octet-stream", &b"\xff\x00"[..]));
    let answer = served
        .post(path)
        .body("application/octet-stream", &b"\xff\x00"[..])
        .header("accept", "application/json")
        .send()
        .await;
    assert_eq!(answer.json(), json!("/wA="));
    let payload = served.fake.invoked.lock().unwrap().pop().unwrap().payload;
    assert_eq!(payload, Payload::new("bytes", Encoding::Bytes, &b"\xff\x00"[..]));
    served.stop().await;
}

#[tokio::test]
async fn whoever_does_not_wait_gets_an_id() {
    let served = serve();
    let answer =
        served.post(CREATE).header("prefer", "respond-async, wait=10").json(&json!({ "orderId": "o1" })).send().await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json(), json!({ "id": POSTED.to_string() }));
    assert_eq!(answer.header("preference-applied"), "respond-async");
    assert_eq!(served.fake.posted.lock().unwrap().len(), 1);
    assert!(served.fake.invoked.lock().unwrap().is_empty());
    // There is no response that could be recorded, and silence would promise that there is.
    let both = served.post(CREATE).header("prefer", "respond-async").header("idempotency-key", "k").send().await;
    both.problem(400, "InvalidPayload");
    served.stop().await;
}

#[tokio::test]
async fn every_error_has_its_status_and_says_whose_it_is() {
    let served = serve();
    for code in Code::ALL {
        let error = Error::new(*code, "what is wrong").with_detail("only for the log");
        let answer = served.failing(error, served.post(CREATE).json(&json!({}))).await;
        let status = callboard_wire::status::wire_status(*code).http;
        let document = answer.problem(status, code.as_str());
        assert_eq!(
            (document["detail"].clone(), document["blame"].clone()),
            ("what is wrong".into(), code.blame().as_str().into())
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("only for the log"));
        let busy = matches!(code, Code::Overloaded | Code::Unavailable | Code::Fenced);
        assert_eq!(answer.header("retry-after") == "1", busy, "{code}");
    }
    served.stop().await;
}

#[tokio::test]
async fn an_unknown_actor_or_action_is_answered_with_what_there_is() {
    let served = serve();
    let detail =
        served.post("/v1/actors/nobody/create_order").json(&json!({})).send().await.detail(404, "ActorNotFound");
    assert!(detail.contains("there is clerk, email_service, order_processor, user"), "{detail}");
    let detail =
        served.post("/v1/actors/order_processor/nothing").json(&json!({})).send().await.detail(404, "ActionNotFound");
    assert!(detail.contains("it has create_order"), "{detail}");
    assert!(served.fake.invoked.lock().unwrap().is_empty());
    // The state's own actions are always there.
    served.post("/v1/actors/order_processor/getState").send().await.json();
    served.stop().await;
}

#[tokio::test]
async fn wrong_json_says_where_and_which_field() {
    let served = serve();
    let problem = served
        .post(CREATE)
        .body("application/json", "{\n  \"orderId\": ,\n}")
        .send()
        .await
        .problem(400, "InvalidPayload");
    assert_eq!((problem["line"].clone(), problem["column"].clone()), (2.into(), 14.into()));
    for (body, place) in [
        (json!({ "items": [{ "sku": "a" }, { "quantity": "many" }] }), "items[1].quantity"),
        (json!({ "amount": true }), "amount"),
        (json!({ "orderid": "o1" }), "orderid"),
        (json!([1]), "shop.v1.OrderData"),
    ] {
        let detail = served.post(CREATE).json(&body).send().await.detail(400, "InvalidPayload");
        assert!(detail.contains(place), "{body}: {detail}");
    }
    assert!(served.fake.invoked.lock().unwrap().is_empty());
    served.stop().await;
}

#[tokio::test]
async fn wrong_headers_and_queries_are_named() {
    let served = serve();
    for (name, value) in [
        ("callboard-deadline", "soon"),
        ("callboard-deadline", "0"),
        ("callboard-deadline", "1e9"),
        ("request-timeout", "7200"),
        ("idempotency-key", ""),
        ("idempotency-key", "\u{fc}"),
        ("callboard-meta-", "x"),
    ] {
        let value = if value == "\u{fc}" { vec![0xfc] } else { value.as_bytes().to_vec() };
        let detail =
            served.post(CREATE).header(name, &value).json(&json!({})).send().await.detail(400, "InvalidPayload");
        assert!(detail.to_lowercase().contains(name), "{name}: {detail}");
    }
    let long = "x".repeat(256);
    served.post(CREATE).header("idempotency-key", &long).json(&json!({})).send().await.problem(400, "InvalidPayload");
    let long = "x".repeat(5000);
    served.post(CREATE).header("callboard-meta-a", &long).json(&json!({})).send().await.problem(413, "TooLarge");
    let mut many = served.post(CREATE).json(&json!({}));
    for n in 0..65 {
        many = many.header(&format!("callboard-meta-{n}"), "x");
    }
    many.send().await.problem(413, "TooLarge");
    let detail = served.post(&format!("{CREATE}?typ=x")).json(&json!({})).send().await.detail(400, "InvalidPayload");
    assert!(detail.contains("typ"), "{detail}");
    let detail =
        served.post(CREATE).header("accept", "text/html").json(&json!({})).send().await.detail(406, "InvalidPayload");
    assert!(detail.contains("application/json"), "{detail}");
    // A trace that is none is ignored, as the standard says.
    served.post(CREATE).header("traceparent", "zz").json(&json!({})).send().await.json();
    assert_eq!(served.fake.invoked.lock().unwrap().len(), 1);
    served.stop().await;
}

#[tokio::test]
async fn a_body_says_what_it_is() {
    let served = serve();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "+json", ""] {
        let answer = served.post(CREATE).body(content_type, "{}").send().await;
        let detail = answer.detail(415, "InvalidPayload");
        assert!(detail.contains("--json"), "{detail}");
    }
    let answer = served.post(CREATE).header("content-encoding", "gzip").json(&json!({})).send().await;
    assert!(answer.detail(415, "InvalidPayload").contains("encoding"));
    // Also when it says nothing: a web page of another site could send that without being asked.
    served.post(CREATE).untyped_body("{}").send().await.problem(415, "InvalidPayload");
    served.post(CREATE).body("Application/JSON; charset=utf-8", "{}").send().await.json();
    served.stop().await;
}
