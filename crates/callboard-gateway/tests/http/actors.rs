use callboard_core::port::{ActivationPhase, ActorState, ActorSummary};
use callboard_core::{ActorId, Code, Encoding, Error, Headers, Mark, Payload, Revision, Timestamp};
use serde_json::json;

use crate::client::serve;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

// An actor at revision 4 whose state is `shop.v1.OrderCreated { order_id: "o1" }`.
fn stored(id: &str) -> ActorState {
    ActorState {
        id: ActorId::parse(id).unwrap(),
        revision: Revision(4),
        state: Some(Payload::new("shop.v1.OrderCreated", Encoding::Protobuf, &[0x0a, 0x02, b'o', b'1'][..])),
        tags: Headers::new().with("tier", "gold"),
        time: Some(NOW),
        phase: ActivationPhase::Active,
    }
}

fn row(id: &str) -> ActorSummary {
    let ActorState { id, revision, tags, .. } = stored(id);
    ActorSummary { id, revision, tags, time: NOW, created: Mark(1) }
}

#[tokio::test]
async fn a_state_is_shown_with_its_revision_and_not_sent_again_unchanged() {
    let served = serve();
    served.fake.states.lock().unwrap().extend([stored("order_processor"), stored("cart/c/1")]);
    let answer = served.get("/v1/actors/order_processor").send().await;
    assert_eq!(
        answer.json(),
        json!({
            "id": "order_processor",
            "revision": 4,
            "phase": "active",
            "time": "2026-01-01T00:00:00.000Z",
            "tags": { "tier": "gold" },
            "type": "shop.v1.OrderCreated",
            "state": { "orderId": "o1" },
        })
    );
    assert_eq!((answer.header("etag"), answer.header("callboard-revision")), ("\"4\"", "4"));
    let unchanged = served.get("/v1/actors/order_processor").header("if-none-match", "W/\"3\", \"4\"").send().await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len(), unchanged.header("etag")), (304, 0, "\"4\""));
    let changed = served.get("/v1/actors/order_processor").header("if-none-match", "\"3\"").send().await;
    assert_eq!(changed.status, 200);
    assert_eq!(served.get("/v1/actors/cart/c%2F1").send().await.json()["id"], "cart/c/1");
    served.stop().await;
}

#[tokio::test]
async fn a_state_of_the_past_is_asked_for_by_revision_or_time() {
    let served = serve();
    served.fake.states.lock().unwrap().push(stored("cart/1"));
    assert_eq!(served.get("/v1/actors/cart/1?revision=3").send().await.json()["revision"], 3);
    for time in ["2025-06-07T08:09:10.123Z", "1749283750123", "2025-06-07T10:09:10.123%2B02:00"] {
        let past = served.get(&format!("/v1/actors/cart/1?time={time}")).send().await.json();
        assert_eq!((past["revision"].clone(), past["time"].clone()), (1.into(), "2025-06-07T08:09:10.123Z".into()));
    }
    served.get("/v1/actors/cart/1?revision=9").send().await.problem(410, "Gap");
    for wrong in ["revision=x", "revision=-1", "time=yesterday", "revision=1&time=1", "rev=1"] {
        served.get(&format!("/v1/actors/cart/1?{wrong}")).send().await.problem(400, "InvalidPayload");
    }
    served.get("/v1/actors/cart/2").send().await.problem(404, "ActorNotFound");
    served.stop().await;
}

#[tokio::test]
async fn an_actor_is_deleted() {
    let served = serve();
    assert_eq!(served.delete("/v1/actors/cart/1").send().await.status, 204);
    assert_eq!(served.delete("/v1/actors/order_processor").send().await.status, 204);
    assert_eq!(*served.fake.acts.lock().unwrap(), ["delete cart/1", "delete order_processor"]);
    let error = Error::new(Code::ActorNotFound, "nothing is stored of it");
    served.failing(error, served.delete("/v1/actors/cart/2")).await.problem(404, "ActorNotFound");
    served.stop().await;
}

#[tokio::test]
async fn actors_are_listed_page_by_page() {
    let served = serve();
    served.fake.actors.lock().unwrap().extend(["cart/1", "cart/2", "cart/3", "order_processor"].map(row));
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["actors"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let page = served.get("/v1/actors?declared=cart&limit=2").send().await.json();
    assert_eq!((ids(&page), page["next"].as_str()), (vec!["cart/1".to_owned(), "cart/2".to_owned()], Some("cart/2")));
    let page = served.get("/v1/actors?declared=cart&limit=2&after=cart%2F2").send().await.json();
    assert_eq!((ids(&page), page["next"].as_str()), (vec!["cart/3".to_owned()], None));
    let page = served.get("/v1/actors?prefix=order&limit=100000").send().await.json();
    assert_eq!(ids(&page), ["order_processor"]);
    for wrong in ["limit=0", "limit=x", "limit=-1", "after=", "declare=cart"] {
        served.get(&format!("/v1/actors?{wrong}")).send().await.problem(400, "InvalidPayload");
    }
    served.stop().await;
}
