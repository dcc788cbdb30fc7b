use std::time::Duration;

use callboard_gateway::auth::Algorithm;
use callboard_gateway::{AuthConfig, Gateway, GatewayConfig};
use http::Method;
use serde_json::{Value, json};

use crate::client::{Asking, Reading, Served, serve_with};
use crate::tokens::{NOW, auth, config, granting, token};

fn bearer(asking: Asking, token: &str) -> Asking {
    asking.header("authorization", format!("Bearer {token}"))
}

fn echo(served: &Served) -> Asking {
    served.post("/v1/actors/clerk/echo").json(&json!({ "a": 1 }))
}

#[tokio::test]
async fn each_algorithm_lets_in_who_is_granted_and_nobody_else() {
    for &algorithm in Algorithm::ALL {
        let served = serve_with(config(auth(algorithm)));
        let rights = json!({ "invoke": ["clerk.echo"] });
        let good = token(algorithm, &json!({ "sub": "u1", "exp": NOW + 60, "callboard": rights }));
        bearer(echo(&served), &good).send().await.json();
        bearer(echo(&served), &good).http2().send().await.json();
        let without = echo(&served).send().await;
        assert!(without.detail(401, "Unauthenticated").contains("Authorization: Bearer"));
        assert_eq!(without.header("www-authenticate"), "Bearer");
        let late = token(algorithm, &json!({ "sub": "u1", "exp": NOW - 1, "callboard": rights }));
        assert!(bearer(echo(&served), &late).send().await.detail(401, "Unauthenticated").contains("expired"));
        let other = Algorithm::ALL.iter().find(|other| **other != algorithm).unwrap();
        let foreign = token(*other, &json!({ "sub": "u1", "exp": NOW + 60, "callboard": rights }));
        bearer(echo(&served), &foreign).send().await.problem(401, "Unauthenticated");
        let poor = token(algorithm, &json!({ "sub": "u2", "exp": NOW + 60 }));
        let refused = bearer(echo(&served), &poor).send().await;
        assert!(refused.detail(403, "Denied").contains("invoke"));
        assert_eq!(served.fake.invoked.lock().unwrap().len(), 2);
        served.clock.advance(Duration::from_secs(61));
        assert!(bearer(echo(&served), &good).send().await.detail(401, "Unauthenticated").contains("expired"));
        served.stop().await;
    }
}

#[tokio::test]
async fn a_token_opens_what_its_patterns_cover() {
    let served = serve_with(config(auth(Algorithm::Es256)));
    let token = granting(&json!({
        "subscribe": ["user.u1.>"], "publish": ["chat.*"], "invoke": ["clerk.echo", "order_processor.create_order", "user.get"],
    }));
    let ask = |method: Method, path: &str| bearer(served.ask(method, path), &token);
    let order = json!({ "orderId": "1" });
    for (path, granted) in [
        ("/v1/actors/clerk/echo", true),
        ("/v1/actors/clerk/ECHO", true),
        ("/v1/actors/clerk/wait", false),
        ("/v1/actors/clerk/unknown", false),
        ("/v1/actors/unknown/echo", false),
        ("/v1/actors/order_processor/createOrder", true),
        ("/v1/actors/user/u7/getState", true),
        ("/v1/actors/user/u7/echo", false),
        ("/v1/topics/chat.lobby", true),
        ("/v1/topics/chat.lobby.a", false),
        ("/v1/topics/user.u1.mail", false),
    ] {
        let answer = ask(Method::POST, path).json(&order).send().await;
        if granted { drop(answer.json()) } else { drop(answer.problem(403, "Denied")) }
    }
    let batch = json!([{ "topic": "chat.a", "payload": {} }, { "topic": "order.a", "payload": {} }]);
    let refused = ask(Method::POST, "/v1/topics").json(&batch).send().await;
    assert!(refused.detail(403, "Denied").contains("publication 1"));
    assert_eq!(served.fake.published().len(), 1, "all or none of a batch is published");
    let following = ask(Method::GET, "/v1/topics/user.u1.*").open().await;
    assert_eq!(following.status(), 200);
    for pattern in ["user.u2.*", "user.*.mail", "%3E", "chat.lobby"] {
        ask(Method::GET, &format!("/v1/topics/{pattern}")).send().await.problem(403, "Denied");
    }
    drop(following);
    served.stop().await;
}

/// What operators do, with the status when it is allowed.
const OPERATORS: [(Method, &str, u16); 14] = [
    (Method::GET, "/v1/actors", 200),
    (Method::GET, "/v1/actors/clerk", 404),
    (Method::DELETE, "/v1/actors/clerk", 204),
    (Method::GET, "/v1/actors/user/u1", 404),
    (Method::DELETE, "/v1/actors/user/u1", 204),
    (Method::GET, "/v1/topics", 200),
    (Method::GET, "/v1/system/explain/a.b", 200),
    (Method::GET, "/v1/system/dead-letters", 200),
    (Method::DELETE, "/v1/system/dead-letters/0190a000-0000-7000-8000-000000000001", 204),
    (Method::POST, "/v1/system/dead-letters/0190a000-0000-7000-8000-000000000001/retry", 204),
    (Method::GET, "/v1/system/parked", 200),
    (Method::POST, "/v1/system/parked/skip", 400),
    (Method::GET, "/v1/system/timers", 200),
    (Method::GET, "/v1/system/catalogue", 200),
];

#[tokio::test]
async fn what_operators_do_needs_their_right() {
    let served = serve_with(config(auth(Algorithm::Es256)));
    let (admin, user) =
        (granting(&json!({ "admin": true })), granting(&json!({ "subscribe": [">"], "invoke": [">"] })));
    for (method, path, status) in OPERATORS {
        let ask = || served.ask(method.clone(), path);
        bearer(ask(), &user).send().await.problem(403, "Denied");
        ask().send().await.problem(401, "Unauthenticated");
        assert_eq!(bearer(ask(), &admin).send().await.status.as_u16(), status, "{method} {path}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_node_that_was_told_nothing_lets_nobody_in_and_says_what_to_do() {
    let served = serve_with(config(AuthConfig::default()));
    for path in ["/health/liveness", "/health/readiness"] {
        served.get(path).send().await.json();
    }
    let index = served.get("/").send().await.json();
    assert_eq!((index.get("actors"), &index["system"]), (None, &Value::from("shop")));
    for path in ["/v1/openapi.json", "/v1/topics/a", "/v1/actors"] {
        let detail = served.get(path).send().await.detail(401, "Unauthenticated");
        assert!(detail.contains("[auth]") && detail.contains("anonymous"), "{detail}");
    }
    bearer(echo(&served), "x").send().await.problem(401, "Unauthenticated");
    assert!(served.fake.invoked.lock().unwrap().is_empty());
    served.stop().await;
}

#[tokio::test]
async fn what_is_declared_is_shown_to_whom_the_node_knows() {
    let served = serve_with(config(auth(Algorithm::Es256)));
    let token = granting(&json!({}));
    bearer(served.get("/v1/openapi.json"), &token).send().await.json();
    assert!(bearer(served.get("/"), &token).send().await.json()["actors"].is_array());
    assert!(bearer(served.get("/"), "wrong").send().await.json().get("actors").is_none());
    served.stop().await;
}

#[tokio::test]
async fn metrics_are_for_everybody_on_loopback_and_for_operators_where_it_says_so() {
    let open = serve_with(config(auth(Algorithm::Es256)));
    assert_eq!(open.get("/metrics").send().await.status, 200);
    let closed = serve_with(config(AuthConfig { metrics_public: Some(false), ..auth(Algorithm::Es256) }));
    assert_eq!(closed.get("/metrics").send().await.status, 401);
    assert_eq!(bearer(closed.get("/metrics"), &granting(&json!({}))).send().await.status, 403);
    assert_eq!(bearer(closed.get("/metrics"), &granting(&json!({ "admin": true }))).send().await.status, 200);
    let network = "0.0.0.0:4000".parse().unwrap();
    assert!(!AuthConfig::default().shows_metrics(network));
    open.stop().await;
    closed.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let served = serve_with(config(auth(Algorithm::Es256)));
    #[expect(clippy::cast_precision_loss, reason = "a time of today is exact enough")]
    let soon = NOW as f64 + 0.02;
    let claims = json!({ "exp": soon, "callboard": { "subscribe": [">"] } });
    let asking = bearer(served.get("/v1/topics/order.*"), &token(Algorithm::Es256, &claims));
    let mut reading = Reading::of(asking.open().await);
    let (_request, _feed) = served.fake.subscription().await;
    served.clock.advance(Duration::from_secs(1));
    let problem = reading.line().await.unwrap();
    assert_eq!((&problem["event"], &problem["code"]), (&Value::from("problem"), &Value::from("Unauthenticated")));
    assert!(problem["detail"].as_str().unwrap().contains("expired"), "{problem}");
    assert_eq!(reading.line().await, None);
    served.stop().await;
}

#[tokio::test]
async fn a_foreign_page_reaches_nothing_even_where_everybody_may_do_everything() {
    let served = serve_with(config(AuthConfig::open()));
    let from = |origin: &str| echo(&served).header("origin", origin);
    for foreign in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert!(from(foreign).send().await.detail(403, "Denied").contains("may not connect"));
    }
    let rebound = format!("http://evil.example:{}", served.address.port());
    let host = rebound.trim_start_matches("http://");
    from(&rebound).header("host", host).send().await.problem(403, "Denied");
    let reading = served.get("/v1/actors").header("host", host).send().await;
    assert!(reading.detail(403, "Denied").contains("localhost"));
    assert!(served.fake.invoked.lock().unwrap().is_empty());
    from(&format!("http://{}", served.address)).send().await.json();
    served.get("/health/liveness").header("origin", "https://evil.example").send().await.json();
    served.stop().await;
}

#[tokio::test]
async fn wrong_settings_are_found_before_the_address_is_taken() {
    let open = GatewayConfig::on("0.0.0.0:0".parse().unwrap()).with_auth(AuthConfig::open());
    assert!(Gateway::bind(open).unwrap_err().to_string().contains("anonymous_beyond_loopback"));
    let missing = AuthConfig { jwks: Some("no-such-file.json".into()), ..AuthConfig::default() };
    assert!(Gateway::bind(config(missing)).unwrap_err().to_string().contains("no-such-file.json"));
}
