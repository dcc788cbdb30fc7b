//! Phoenix Channels against a whole node.

use callboard_gateway::auth::{Algorithm, AuthConfig, Key};
use serde_json::{Value, json};

use crate::House;
use crate::client::Client;

const PHOENIX: (&str, &str) = ("/socket/websocket?vsn=2.0.0", "");

async fn join(client: &mut Client, join_ref: &str, topic: &str, params: Value) -> Value {
    client.send(json!([join_ref, join_ref, topic, "phx_join", params]).to_string()).await;
    loop {
        let reply = client.json().await;
        if reply[1] == join_ref {
            assert_eq!((&reply[0], &reply[2], &reply[3]), (&json!(join_ref), &json!(topic), &json!("phx_reply")));
            return reply[4].clone();
        }
    }
}

/// The next frame that is not about presence.
async fn heard(client: &mut Client) -> Value {
    loop {
        let frame = client.json().await;
        let event = frame[3].as_str().unwrap();
        if !event.starts_with("presence") && !event.starts_with("user_") {
            return frame;
        }
    }
}

#[tokio::test]
async fn a_phoenix_client_joins_a_topic_and_goes_on_from_its_last_number_after_a_deploy() {
    let house = House::open().await;
    let mut client = Client::connect(&house.node, PHOENIX).await;
    client.send(r#"[null,"1","phoenix","heartbeat",{}]"#).await;
    assert_eq!(client.json().await, json!([null, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]));
    let reply = join(&mut client, "2", "order:events", json!({})).await;
    assert_eq!(reply["status"], "ok");
    house.publish_numbers("order.events", 0..3).await;
    let mut last = Value::Null;
    for n in 0..3 {
        last = heard(&mut client).await;
        assert_eq!((&last[2], &last[3], &last[4]["data"]["n"]), (&json!("order:events"), &json!("event"), &json!(n)));
    }
    let (house, (_, code)) = tokio::join!(house.restart(), client.end());
    assert_eq!(code, Some(1012), "a code after which phoenix.js comes back");
    house.publish_numbers("order.events", 3..6).await;
    let mut client = Client::connect(&house.node, PHOENIX).await;
    let seen = json!({"last_seq": last[4]["seq"], "epoch": last[4]["epoch"]});
    let reply = join(&mut client, "1", "order:events", seen).await;
    assert_eq!((&reply["response"]["gap"], &reply["response"]["last_seq"]), (&json!(false), &json!(6)));
    for n in 3..6 {
        let event = heard(&mut client).await;
        assert_eq!((&event[4]["data"]["n"], &event[4]["replay"]), (&json!(n), &json!(true)));
    }
    house.publish_numbers("order.events", 6..7).await;
    let event = heard(&mut client).await;
    assert_eq!((&event[4]["data"]["n"], &event[4]["replay"]), (&json!(6), &Value::Null));
}

#[tokio::test]
async fn a_position_of_another_log_is_a_gap() {
    let house = House::open().await;
    house.publish_numbers("order.events", 0..3).await;
    let mut client = Client::connect(&house.node, PHOENIX).await;
    for (name, seen) in [("1", json!({"last_seq": 2, "epoch": "77"})), ("2", json!({"last_seq": 99, "epoch": "1"}))] {
        let reply = join(&mut client, name, "order.events", seen).await;
        assert_eq!((&reply["status"], &reply["response"]["gap"]), (&json!("ok"), &json!(true)), "{reply}");
        for n in 0..3 {
            let mut event = heard(&mut client).await;
            while event[3] != "event" {
                event = heard(&mut client).await;
            }
            assert_eq!(event[4]["data"]["n"], n);
        }
    }
}

#[tokio::test]
async fn a_push_is_answered_by_what_the_channel_says() {
    let house = House::open().await;
    let mut client = Client::connect(&house.node, PHOENIX).await;
    let reply = join(&mut client, "1", "CampaignChannel", json!({"id": 7})).await;
    assert_eq!(reply["status"], "ok");
    client.send(r#"["1","5","CampaignChannel","echo",{"a":1}]"#).await;
    let reply = heard(&mut client).await;
    assert_eq!((&reply[1], &reply[4]), (&json!("5"), &json!({"status": "ok", "response": {"a": 1}})));
    client.send(r#"["1","6","CampaignChannel","fly",{}]"#).await;
    let reply = heard(&mut client).await;
    assert_eq!((&reply[1], &reply[4]["status"]), (&json!("6"), &json!("error")));
    client.send(r#"["1","7","CampaignChannel","speak",{"text":"hi"}]"#).await;
    let (one, two) = (heard(&mut client).await, heard(&mut client).await);
    let (reply, event) = if one[3] == "phx_reply" { (one, two) } else { (two, one) };
    assert_eq!(reply[4]["status"], "ok");
    assert_eq!((&event[3], &event[4]), (&json!("message"), &json!({"text": "hi"})));
    assert_eq!(join(&mut client, "9", "CampaignChannel", json!({"id": 0})).await["status"], "error");
}

#[tokio::test]
async fn who_has_no_good_token_is_refused_before_the_upgrade() {
    let key = Key::new(Algorithm::Hs256, "a secret of thirty-two bytes ....");
    let house = House::with(|config| config.auth = AuthConfig { keys: vec![key], ..AuthConfig::default() }).await;
    for path in ["/socket/websocket?vsn=2.0.0&token=bad.bad.bad", "/socket/websocket?vsn=2.0.0"] {
        let error = Client::try_connect(&house.node, path, "").await.err().unwrap();
        let tokio_tungstenite::tungstenite::Error::Http(response) = error else { panic!("{error}") };
        assert_eq!(response.status(), 403);
    }
    let error = Client::try_connect(&house.node, "/socket/websocket?vsn=9.0.0", "").await.err().unwrap();
    assert!(matches!(error, tokio_tungstenite::tungstenite::Error::Http(response) if response.status() == 400));
}
