//! ActionCable and AnyCable against a whole node.

use serde_json::{Value, json};

use crate::House;
use crate::client::{CABLE, CABLE_EXT, Client};

const SEVEN: &str = r#"{"channel":"CampaignChannel","id":7}"#;

#[tokio::test]
async fn an_actioncable_client_joins_hears_in_order_and_is_refused_what_is_not_its() {
    let house = House::open().await;
    let mut client = Client::connect(&house.node, CABLE).await;
    assert_eq!(client.json().await, json!({"type": "welcome"}));
    client.command("subscribe", SEVEN, "").await;
    assert_eq!(client.json().await, json!({"identifier": SEVEN, "type": "confirm_subscription"}));
    house.publish_numbers("campaign.7", 0..100).await;
    for n in 0..100 {
        assert_eq!(client.json().await, json!({"identifier": SEVEN, "message": {"n": n}}));
    }
    for refused in [r#"{"channel":"CampaignChannel","id":0}"#, r#"{"channel":"No such"}"#] {
        client.command("subscribe", refused, "").await;
        assert_eq!(client.json().await, json!({"identifier": refused, "type": "reject_subscription"}));
    }
    client.command("message", SEVEN, &format!(",\"data\":{}", Value::from(r#"{"action":"speak","text":"hi"}"#))).await;
    let heard = client.json().await;
    assert_eq!(heard["message"], json!({"text": "hi"}), "the name of the action is no part of the data");
    client.command("unsubscribe", SEVEN, "").await;
    client.command("subscribe", r#"{"channel":"CampaignChannel","id":8}"#, "").await;
    assert_eq!(client.json().await["type"], "confirm_subscription");
    house.publish_numbers("campaign.7", 0..1).await;
    house.publish_numbers("campaign.8", 5..6).await;
    assert_eq!(client.json().await["message"]["n"], 5, "what was left is not heard");
}

#[tokio::test]
async fn an_anycable_client_that_comes_back_with_its_position_gets_what_it_missed_and_no_more() {
    let house = House::open().await;
    let mut client = Client::connect(&house.node, CABLE_EXT).await;
    assert_eq!(client.json().await["type"], "welcome");
    client.command("subscribe", SEVEN, "").await;
    assert_eq!(client.json().await["type"], "confirm_subscription");
    house.publish_numbers("campaign.7", 0..3).await;
    let mut last = Value::Null;
    for n in 0..3 {
        last = client.json().await;
        assert_eq!(last["message"]["n"], n);
        assert_eq!(last["stream_id"], "campaign.7");
    }
    drop(client);
    house.publish_numbers("campaign.7", 3..8).await;
    let mut client = Client::connect(&house.node, CABLE_EXT).await;
    assert_eq!(client.json().await["type"], "welcome");
    let position = json!({"campaign.7": {"epoch": last["epoch"], "offset": last["offset"]}});
    client.command("subscribe", SEVEN, &format!(r#","history":{{"since":1,"streams":{position}}}"#)).await;
    assert_eq!(client.json().await["type"], "confirm_subscription");
    for n in 3..8 {
        assert_eq!(client.json().await["message"]["n"], n);
    }
    assert_eq!(client.json().await["type"], "confirm_history");
    house.publish_numbers("campaign.7", 8..9).await;
    assert_eq!(client.json().await["message"]["n"], 8);
}

#[tokio::test]
async fn a_deploy_sends_each_protocol_away_in_its_own_words_and_nothing_is_missed() {
    let house = House::open().await;
    let mut plain = Client::connect(&house.node, CABLE).await;
    let mut extended = Client::connect(&house.node, CABLE_EXT).await;
    for client in [&mut plain, &mut extended] {
        assert_eq!(client.json().await["type"], "welcome");
        client.command("subscribe", SEVEN, "").await;
        assert_eq!(client.json().await["type"], "confirm_subscription");
    }
    house.publish_numbers("campaign.7", 0..1).await;
    let last = extended.json().await;
    let (house, (said, _), (silent, code)) = tokio::join!(house.restart(), plain.end(), extended.end());
    let goodbye: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(goodbye, json!({"type": "disconnect", "reason": "server_restart", "reconnect": true}));
    assert!(!silent.iter().any(|text| text.contains("disconnect")), "{silent:?}");
    assert_eq!(code, Some(1001));

    house.publish_numbers("campaign.7", 1..4).await;
    let mut extended = Client::connect(&house.node, CABLE_EXT).await;
    extended.json().await;
    let position = json!({"campaign.7": {"epoch": last["epoch"], "offset": last["offset"]}});
    extended.command("subscribe", SEVEN, &format!(r#","history":{{"since":1,"streams":{position}}}"#)).await;
    assert_eq!(extended.json().await["type"], "confirm_subscription");
    for n in 1..4 {
        assert_eq!(extended.json().await["message"]["n"], n);
    }
    // Without positions the client is told to look again.
    let mut plain = Client::connect(&house.node, CABLE).await;
    plain.json().await;
    plain.command("subscribe", SEVEN, "").await;
    assert_eq!(plain.json().await["type"], "confirm_subscription");
    assert_eq!(plain.json().await, json!({"identifier": SEVEN, "message": {"characters": "reload"}}));
}

#[tokio::test]
async fn a_session_is_restored_by_its_name_once() {
    let house = House::open().await;
    let mut client = Client::connect(&house.node, CABLE_EXT).await;
    let sid = client.json().await["sid"].as_str().unwrap().to_owned();
    client.command("subscribe", SEVEN, "").await;
    assert_eq!(client.json().await["type"], "confirm_subscription");
    house.publish_numbers("campaign.7", 0..1).await;
    let last = client.json().await;
    client.0.close(None).await.unwrap();
    client.end().await;
    house.publish_numbers("campaign.7", 1..3).await;
    let path = format!("/cable?sid={sid}");
    let mut client = Client::connect(&house.node, (&path, CABLE_EXT.1)).await;
    let welcome = client.json().await;
    assert_eq!((&welcome["restored"], &welcome["restored_ids"]), (&json!(true), &json!([SEVEN])));
    let streams = json!({"campaign.7": {"epoch": last["epoch"], "offset": last["offset"]}});
    client.command("history", SEVEN, &format!(r#","history":{{"since":1,"streams":{streams}}}"#)).await;
    for n in 1..3 {
        assert_eq!(client.json().await["message"]["n"], n);
    }
    assert_eq!(client.json().await["type"], "confirm_history");
    let mut second = Client::connect(&house.node, (&path, CABLE_EXT.1)).await;
    assert_eq!(second.json().await["restored"], Value::Null, "once");
}

#[tokio::test]
async fn whispers_reach_the_others_and_not_the_log() {
    let house = House::open().await;
    let (mut ann, mut bob) =
        (Client::connect(&house.node, CABLE_EXT).await, Client::connect(&house.node, CABLE_EXT).await);
    for client in [&mut ann, &mut bob] {
        client.json().await;
        client.command("subscribe", SEVEN, "").await;
        assert_eq!(client.json().await["type"], "confirm_subscription");
    }
    ann.command("whisper", SEVEN, r#","data":{"typing":true}"#).await;
    assert_eq!(bob.json().await, json!({"identifier": SEVEN, "message": {"typing": true}}));
    let position = house.publish("campaign.7", r#"{"n":1}"#).await;
    assert_eq!(position.seq.0, 1, "a whisper has no place in the log");
    assert_eq!(ann.json().await["message"]["n"], 1, "and its sender does not hear it");
}
