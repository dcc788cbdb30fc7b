//! Who is there, over two protocols at once.

use serde_json::{Value, json};

use crate::House;
use crate::client::{CABLE_EXT, Client};

const SEVEN: &str = r#"{"channel":"CampaignChannel","id":7}"#;

#[tokio::test]
async fn clients_of_a_channel_see_each_other_come_and_go_whatever_they_speak() {
    let house = House::open().await;
    let mut ann = Client::connect(&house.node, CABLE_EXT).await;
    ann.json().await;
    ann.command("subscribe", SEVEN, "").await;
    assert_eq!(ann.json().await["type"], "confirm_subscription");
    ann.command("join", SEVEN, r#","presence":{"id":"ann","info":{"name":"Ann"}}"#).await;
    let joined = ann.json().await;
    assert_eq!(joined["message"], json!({"type": "join", "id": "ann", "info": {"name": "Ann"}}));

    let mut bob = Client::connect(&house.node, ("/socket/websocket?vsn=2.0.0", "")).await;
    let params = json!({"id": 7, "presence": {"name": "Bob"}});
    bob.send(json!(["1", "1", "CampaignChannel", "phx_join", params]).to_string()).await;
    let mut state = bob.json().await;
    while state[3] != "presence_state" {
        state = bob.json().await;
    }
    assert!(!state[4]["ann"].is_null(), "{state}");
    let came = ann.json().await;
    assert_eq!((&came["type"], &came["message"]["type"]), (&json!("presence"), &json!("join")));
    drop(bob);
    let went = ann.json().await;
    assert_eq!((&went["message"]["type"], &went["message"]["id"]), (&json!("leave"), &came["message"]["id"]));

    ann.command("presence", SEVEN, "").await;
    let listed = ann.json().await["message"].clone();
    assert_eq!((&listed["total"], &listed["records"][0]["id"]), (&json!(1), &Value::from("ann")));
}
