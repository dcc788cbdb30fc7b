//! What a client may not do, and that nobody else notices when it does.

use futures_util::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::House;
use crate::client::{CABLE, CABLE_EXT, Client};

const SEVEN: &str = r#"{"channel":"CampaignChannel","id":7}"#;

#[tokio::test]
async fn a_message_over_the_limit_ends_the_connection_and_no_other() {
    let house = House::open().await;
    let mut good = Client::connect(&house.node, CABLE).await;
    good.json().await;
    let mut bad = Client::connect(&house.node, CABLE).await;
    bad.json().await;
    let _ = bad.0.send(Message::text("x".repeat(65 * 1024))).await;
    bad.end().await;
    good.command("subscribe", SEVEN, "").await;
    assert_eq!(good.json().await["type"], "confirm_subscription");
}

#[tokio::test]
async fn who_sends_faster_than_it_may_is_sent_away() {
    let house = House::with(|config| {
        config.clients.commands_per_second = 1;
        config.clients.commands_burst = 10;
    })
    .await;
    let mut flooder = Client::connect(&house.node, CABLE).await;
    flooder.json().await;
    for _ in 0..11 {
        flooder.send("{}").await;
    }
    let (said, _) = flooder.end().await;
    assert!(said.last().is_some_and(|text| text.contains("disconnect")), "{said:?}");
}

#[tokio::test]
async fn garbage_is_answered_with_silence_or_refusal_and_the_connection_goes_on() {
    let house = House::open().await;
    let mut client = Client::connect(&house.node, CABLE).await;
    client.json().await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for garbage in ["", "{", "null", "[]", r#"{"command":"fly"}"#, r#"{"command":"subscribe","identifier":7}"#, &deep] {
        client.send(garbage).await;
    }
    client.0.send(Message::binary(vec![0xff, 0xfe, 0x00])).await.unwrap();
    client.command("subscribe", SEVEN, "").await;
    let mut next = client.json().await;
    while next["type"] == "reject_subscription" {
        next = client.json().await;
    }
    assert_eq!(next, json!({"identifier": SEVEN, "type": "confirm_subscription"}));
}

#[tokio::test]
async fn subscriptions_over_the_limit_are_refused_and_the_others_stay() {
    let house = House::with(|config| config.clients.subscriptions_max = 3).await;
    let mut client = Client::connect(&house.node, CABLE).await;
    client.json().await;
    for id in 1..6 {
        client.command("subscribe", &format!(r#"{{"channel":"CampaignChannel","id":{id}}}"#), "").await;
    }
    let mut confirmed = 0;
    let mut rejected = 0;
    for _ in 1..6 {
        match client.json().await["type"].as_str().unwrap() {
            "confirm_subscription" => confirmed += 1,
            "reject_subscription" => rejected += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((confirmed, rejected), (3, 2));
}

/// With 60 kB each they are more than a server keeps for one socket.
const PUBLICATIONS: usize = 300;

#[tokio::test]
async fn a_reader_that_stops_reading_costs_the_others_nothing_and_misses_nothing_when_it_comes_back() {
    let house = House::with(|config| config.clients.write_stall = std::time::Duration::from_millis(20)).await;
    let mut slow = Client::connect(&house.node, CABLE_EXT).await;
    let mut fast = Client::connect(&house.node, CABLE_EXT).await;
    for client in [&mut slow, &mut fast] {
        client.json().await;
        client.command("subscribe", SEVEN, "").await;
        assert_eq!(client.json().await["type"], "confirm_subscription");
    }
    // More than the sockets' buffers hold.
    let filler = "x".repeat(60_000);
    for n in 0..PUBLICATIONS {
        house.publish("campaign.7", &format!(r#"{{"n":{n},"filler":"{filler}"}}"#)).await;
        assert_eq!(fast.json().await["message"]["n"], n);
    }
    // The slow one reads what is left in its socket; then it is cut off, and goes on from where it was.
    let (texts, _) = slow.end().await;
    assert!(texts.len() < PUBLICATIONS, "{}", texts.len());
    let last: serde_json::Value = serde_json::from_str(texts.last().unwrap()).unwrap();
    let mut slow = Client::connect(&house.node, CABLE_EXT).await;
    slow.json().await;
    let streams = json!({"campaign.7": {"epoch": last["epoch"], "offset": last["offset"]}});
    slow.command("subscribe", SEVEN, &format!(r#","history":{{"since":1,"streams":{streams}}}"#)).await;
    assert_eq!(slow.json().await["type"], "confirm_subscription");
    for n in texts.len()..PUBLICATIONS {
        assert_eq!(slow.json().await["message"]["n"], n);
    }
}
