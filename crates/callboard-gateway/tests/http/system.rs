use callboard_core::batch::{DeadLetter, DeadLetterSource, Parked, Subscriber, SubscriptionId, TimerEntry};
use callboard_core::timer::CatchUp;
use callboard_core::{
    ActorId, Code, Encoding, Error, Headers, MessageId, Pattern, Payload, Position, Timestamp, Topic,
};
use serde_json::json;

use crate::client::serve;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn letter(n: u128) -> DeadLetter {
    DeadLetter {
        id: MessageId::from_bits(n),
        target: ActorId::named("order_processor").unwrap(),
        action: "handle_event".into(),
        payload: Payload::new("shop.v1.OrderCreated", Encoding::Protobuf, &[0x0a, 0x01, b'7'][..]),
        headers: Headers::new(),
        source: DeadLetterSource::Publication {
            id: MessageId::from_bits(9),
            topic: Topic::parse("order.events").unwrap(),
            position: Position::new(1, 5),
        },
        code: Code::ActionFailed,
        message: "no such order".to_owned(),
        attempts: 5,
        time: NOW,
    }
}

#[tokio::test]
async fn a_topic_is_explained() {
    let served = serve();
    let body = served.get("/v1/system/explain/order.events").send().await.json();
    assert_eq!(
        body,
        json!({
            "topic": "order.events",
            "policy": { "durable": true, "keptSeconds": 86400.0, "keptCount": 10000 },
            "head": "1-42",
            "hearers": [{
                "name": "email_service", "kind": "actor", "phase": "passive", "pattern": "order.>",
                "action": "handle_order_event", "cursor": "1-41", "parked": false,
            }],
        })
    );
    served.get("/v1/system/explain/order.*").send().await.problem(400, "InvalidTopic");
    served.stop().await;
}

#[tokio::test]
async fn dead_letters_are_listed_retried_and_dropped() {
    let served = serve();
    served.fake.dead_letters.lock().unwrap().extend([letter(1), letter(2)]);
    let page = served.get("/v1/system/dead-letters?limit=1").send().await.json();
    let id = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        page,
        json!({
            "deadLetters": [{
                "id": id,
                "actor": "order_processor",
                "action": "handle_event",
                "type": "shop.v1.OrderCreated",
                "payload": { "orderId": "7" },
                "headers": {},
                "source": {
                    "publication": "00000000-0000-0000-0000-000000000009", "topic": "order.events", "position": "1-5",
                },
                "code": "ActionFailed",
                "message": "no such order",
                "attempts": 5,
                "time": "2026-01-01T00:00:00.000Z",
            }],
            "next": id,
        })
    );
    let page = served.get(&format!("/v1/system/dead-letters?after={id}")).send().await.json();
    assert_eq!((page["deadLetters"].as_array().unwrap().len(), page["next"].clone()), (1, json!(null)));
    assert_eq!(served.post(&format!("/v1/system/dead-letters/{id}/retry")).send().await.status, 204);
    assert_eq!(served.delete(&format!("/v1/system/dead-letters/{id}")).send().await.status, 204);
    assert_eq!(*served.fake.acts.lock().unwrap(), [format!("retry letter {id}"), format!("drop letter {id}")]);
    served.delete("/v1/system/dead-letters/7").send().await.problem(400, "InvalidPayload");
    let error = Error::new(Code::InvalidPayload, "there is no such letter");
    let answer = served.failing(error, served.delete(&format!("/v1/system/dead-letters/{id}"))).await;
    assert_eq!(answer.detail(400, "InvalidPayload"), "there is no such letter");
    served.stop().await;
}

#[tokio::test]
async fn a_parked_subscription_goes_on_as_it_was_listed() {
    let served = serve();
    served.fake.parked.lock().unwrap().push(Parked {
        subscription: SubscriptionId {
            subscriber: Subscriber::Actor(ActorId::named("order_processor").unwrap()),
            pattern: Pattern::parse("order.>").unwrap(),
        },
        topic: Topic::parse("order.events").unwrap(),
        position: Position::new(1, 6),
        code: Code::ActionFailed,
        message: "no".to_owned(),
        attempts: 5,
        time: NOW,
    });
    let listed = served.get("/v1/system/parked").send().await.json()["parked"][0].clone();
    assert_eq!(listed["position"], "1-6");
    let which = json!({ "subscription": listed["subscription"], "topic": listed["topic"] });
    assert_eq!(served.post("/v1/system/parked/retry").json(&which).send().await.status, 204);
    assert_eq!(served.post("/v1/system/parked/skip").json(&which).send().await.status, 204);
    let done = served.fake.acts.lock().unwrap().clone();
    assert_eq!(done, ["retry order_processor order.> order.events", "skip order_processor order.> order.events"]);
    for wrong in [json!({}), json!({ "topic": "a" }), json!({ "subscription": { "pattern": "a" }, "topic": "a" })] {
        let answer = served.post("/v1/system/parked/retry").json(&wrong).send().await;
        assert!(answer.detail(400, "InvalidPayload").contains("write {"));
    }
    served
        .post("/v1/system/parked/retry")
        .body("application/protobuf", "x")
        .send()
        .await
        .problem(415, "InvalidPayload");
    served.post("/v1/system/parked/retry").send().await.problem(400, "InvalidPayload");
    served.stop().await;
}

#[tokio::test]
async fn timers_and_the_catalogue_are_shown() {
    let served = serve();
    served.fake.timers.lock().unwrap().push(TimerEntry {
        actor: ActorId::named("order_processor").unwrap(),
        name: "tick".into(),
        due: NOW,
        every_ms: 30_000,
        catch_up: CatchUp::Once,
    });
    let timers = served.get("/v1/system/timers?actor=order_processor").send().await.json();
    let timer = json!({
        "actor": "order_processor", "name": "tick", "due": "2026-01-01T00:00:00.000Z", "everyMs": 30000, "catchUp": "once",
    });
    assert_eq!(timers, json!({ "timers": [timer] }));
    served.get("/v1/system/timers?actor=").send().await.problem(400, "InvalidPayload");

    let catalogue = served.get("/v1/system/catalogue").send().await.json();
    assert_eq!(catalogue["system"], "shop");
    let of =
        |name: &str| catalogue["actors"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    let user = of("user");
    assert_eq!(
        (user["kind"].clone(), user["durability"].clone(), user["state"].clone()),
        ("unnamed".into(), "durable".into(), json!(null))
    );
    let data = json!({ "name": "shop.v1.OrderData", "encoding": "protobuf" });
    assert_eq!(of("order_processor")["actions"][0]["handlers"], json!([{ "input": data, "output": null }]));
    served.stop().await;
}

#[tokio::test]
async fn health_is_told_apart_from_life() {
    let served = serve();
    assert_eq!(served.get("/health/liveness").send().await.json(), json!({ "status": "alive" }));
    assert_eq!(served.get("/health/readiness").send().await.json()["status"], "ready");
    served.fake.ready.store(false, std::sync::atomic::Ordering::Relaxed);
    let answer = served.get("/health/readiness").send().await;
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status.as_u16(), body["problems"].clone()), (503, json!(["the store cannot be written"])));
    assert_eq!(served.get("/health/liveness").send().await.status, 200);
    served.stop().await;
}

#[tokio::test]
async fn the_index_says_what_is_here_and_the_nodes_own_routes_are_there() {
    let served = serve();
    let index = served.get("/").send().await.json();
    assert_eq!(
        (index["system"].clone(), index["actors"].clone()),
        ("shop".into(), json!(["clerk", "email_service", "order_processor", "user"]))
    );
    assert_eq!(served.get("/metrics").send().await.body, "# none");
    served.stop().await;
}
