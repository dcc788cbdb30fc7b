use callboard_core::port::TopicSummary;
use callboard_core::{Code, Encoding, Error, Position, Seq, Topic};
use serde_json::json;

use crate::client::serve;

#[tokio::test]
async fn a_publication_is_answered_with_its_id_and_position() {
    let served = serve();
    let answer = served
        .post("/v1/topics/order.events?type=shop.v1.OrderCreated")
        .json(&json!({ "orderId": "o1" }))
        .header("callboard-meta-correlation-id", "c1")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .send()
        .await;
    let body = answer.json();
    assert_eq!((body["topic"].clone(), body["position"].clone()), ("order.events".into(), "1-1".into()));
    assert_eq!(answer.header("callboard-position"), "1-1");
    let published = served.fake.published.lock().unwrap().pop().unwrap();
    assert_eq!(body["id"], published.id.to_string());
    assert_eq!(
        (published.payload.type_name().as_str(), published.payload.encoding()),
        ("shop.v1.OrderCreated", Encoding::Protobuf)
    );
    assert_eq!(published.headers.get("correlation-id").map(|value| value.as_str()), Some("c1"));
    assert_eq!(published.trace.unwrap().trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert!(published.publisher.is_none());
    served.stop().await;
}

#[tokio::test]
async fn what_has_no_registered_type_is_published_as_json() {
    let served = serve();
    served.post("/v1/topics/a").json(&json!({ "n": 1 })).send().await.json();
    served.post("/v1/topics/a?type=shop.Note").json(&json!([1, 2])).send().await.json();
    served.post("/v1/topics/a").json(&json!({ "@type": "shop.v1.OrderCreated", "orderId": "x" })).send().await.json();
    served.post("/v1/topics/a").body("application/octet-stream", &b"\x00"[..]).send().await.json();
    served.post("/v1/topics/a").send().await.json();
    let published = served.fake.published();
    let types: Vec<_> =
        published.iter().map(|one| (one.payload.type_name().as_str(), one.payload.encoding())).collect();
    assert_eq!(
        types,
        [
            ("json", Encoding::Json),
            ("shop.Note", Encoding::Json),
            ("shop.v1.OrderCreated", Encoding::Protobuf),
            ("bytes", Encoding::Bytes),
            ("google.protobuf.Empty", Encoding::Protobuf),
        ]
    );
    served.stop().await;
}

#[tokio::test]
async fn a_batch_is_published_all_or_none_and_the_wrong_one_is_named() {
    let served = serve();
    let good = json!([
        { "topic": "a", "payload": { "n": 1 } },
        { "topic": "b", "type": "shop.v1.OrderCreated", "payload": { "orderId": "1" }, "headers": { "X-Key": "v" } },
        { "topic": "a" },
    ]);
    let body = served.post("/v1/topics").json(&good).send().await.json();
    let rows: Vec<_> = body["publications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["topic"].clone(), row["position"].clone()))
        .collect();
    assert_eq!(rows, [("a".into(), "1-1".into()), ("b".into(), "1-2".into()), ("a".into(), "1-3".into())]);
    {
        let published = served.fake.published.lock().unwrap();
        assert_eq!(published[1].headers.get("x-key").map(|value| value.as_str()), Some("v"));
        assert!(published[2].payload.is_empty());
    }

    let ok = json!({ "topic": "a", "payload": 1 });
    for (wrong, code, word) in [
        (json!({ "topic": "a..b" }), "InvalidTopic", "empty token"),
        (json!({ "payload": 1 }), "InvalidPayload", "topic"),
        (json!({ "topic": "a", "paylod": 1 }), "InvalidPayload", "paylod"),
        (
            json!({ "topic": "a", "type": "shop.v1.OrderCreated", "payload": { "orderId": 7 } }),
            "InvalidPayload",
            "orderId",
        ),
        (json!(7), "InvalidPayload", "publication 1"),
    ] {
        let detail = served.post("/v1/topics").json(&json!([ok, wrong])).send().await.detail(400, code);
        assert!(detail.contains("publication 1") && detail.contains(word), "{detail}");
    }
    let many = vec![ok.clone(); 10_001];
    served.post("/v1/topics").json(&many.into()).send().await.problem(413, "TooLarge");
    let headers: serde_json::Map<_, _> = (0..10_000).map(|n| (n.to_string(), json!("x"))).collect();
    served
        .post("/v1/topics")
        .json(&json!([{ "topic": "a", "headers": headers }]))
        .send()
        .await
        .problem(413, "TooLarge");
    served.post("/v1/topics").json(&ok).send().await.problem(400, "InvalidPayload");
    assert_eq!(served.post("/v1/topics").json(&json!([])).send().await.json(), json!({ "publications": [] }));
    assert_eq!(served.fake.published.lock().unwrap().len(), 3);
    served.stop().await;
}

#[tokio::test]
async fn a_key_that_would_have_no_effect_is_refused() {
    let served = serve();
    for path in ["/v1/topics/a", "/v1/topics"] {
        let answer = served.post(path).json(&json!([])).header("idempotency-key", "k").send().await;
        assert!(answer.detail(400, "InvalidPayload").contains("Idempotency-Key"));
    }
    assert!(served.fake.published.lock().unwrap().is_empty());
    served.stop().await;
}

#[tokio::test]
async fn what_is_no_topic_is_refused() {
    let served = serve();
    let deep = vec!["a"; 10_000].join(".");
    for topic in ["a..b", "order.*", "a%20b", deep.as_str(), "%00"] {
        served.post(&format!("/v1/topics/{topic}")).json(&json!({})).send().await.problem(400, "InvalidTopic");
    }
    served.get(&format!("/v1/topics/{deep}")).send().await.problem(400, "InvalidTopic");
    let error = Error::new(Code::Unavailable, "the disk is full");
    let answer = served.failing(error, served.post("/v1/topics/a").json(&json!({}))).await;
    assert_eq!(answer.detail(503, "Unavailable"), "the disk is full");
    served.stop().await;
}

#[tokio::test]
async fn topics_are_listed_page_by_page() {
    let served = serve();
    served.fake.topics.lock().unwrap().extend(["order.a", "order.b", "user.a"].map(|topic| TopicSummary {
        topic: Topic::parse(topic).unwrap(),
        head: Position::new(1, 2),
        first: Seq(1),
    }));
    let page = served.get("/v1/topics?pattern=order.*&limit=1").send().await.json();
    assert_eq!(page, json!({ "topics": [{ "topic": "order.a", "head": "1-2", "firstSeq": 1 }], "next": "order.a" }));
    let page = served.get("/v1/topics?pattern=order.%3E&limit=5&after=order.a").send().await.json();
    assert_eq!(page, json!({ "topics": [{ "topic": "order.b", "head": "1-2", "firstSeq": 1 }], "next": null }));
    assert_eq!(served.get("/v1/topics").send().await.json()["topics"].as_array().unwrap().len(), 3);
    served.get("/v1/topics?pattern=a..b").send().await.problem(400, "InvalidTopic");
    served.stop().await;
}
