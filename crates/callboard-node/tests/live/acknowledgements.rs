//! Reliable delivery: what is not acknowledged comes again.

use serde_json::{Value, json};

use crate::House;
use crate::client::{CABLE, CABLE_EXT, Client};

const TASKS: &str = r#"{"channel":"TaskChannel","consumer":"worker-1","id":9}"#;

async fn joined(house: &House) -> Client {
    let mut client = Client::connect(&house.node, CABLE_EXT).await;
    client.json().await;
    client.command("subscribe", TASKS, "").await;
    assert_eq!(client.json().await["type"], "confirm_subscription");
    client
}

async fn acknowledge(client: &mut Client, ack: Value) -> Value {
    let mut data = ack;
    data["action"] = "ack".into();
    client.command("message", TASKS, &format!(",\"data\":{}", Value::from(data.to_string()))).await;
    loop {
        let answer = client.json().await;
        if !answer["message"]["ack"].is_null() {
            return answer["message"]["ack"].clone();
        }
    }
}

#[tokio::test]
async fn what_a_consumer_did_not_acknowledge_comes_again_on_its_next_connection() {
    let house = House::open().await;
    let mut client = joined(&house).await;
    house.publish_numbers("campaign.9", 1..5).await;
    for seq in 1..5 {
        let message = client.json().await["message"].clone();
        assert_eq!((&message["seq"], &message["ack_required"]), (&json!(seq), &json!(true)));
    }
    assert_eq!(acknowledge(&mut client, json!({"upto": 2})).await["status"], "ok");
    assert_eq!(acknowledge(&mut client, json!({"seq": 4})).await["status"], "ok");
    drop(client);
    let house = house.restart().await;
    let mut client = joined(&house).await;
    let message = client.json().await["message"].clone();
    assert_eq!((&message["seq"], &message["replay"]), (&json!(3), &json!(true)), "2 and 4 were acknowledged");
    house.publish_numbers("campaign.9", 5..6).await;
    let mut next = client.json().await["message"].clone();
    while next["redelivered"] == true {
        next = client.json().await["message"].clone();
    }
    assert_eq!(next["seq"], 5);
}

#[tokio::test]
async fn a_client_says_itself_in_its_identifier_that_it_acknowledges() {
    // The channel gives this one no name; nobody is known by a name here.
    const OWN: &str = r#"{"channel":"TaskChannel","consumer":true,"id":9}"#;
    let house = House::open().await;
    let mut client = Client::connect(&house.node, CABLE).await;
    client.json().await;
    client.command("subscribe", OWN, "").await;
    assert_eq!(client.json().await["type"], "confirm_subscription");
    house.publish_numbers("campaign.9", 1..2).await;
    assert_eq!(client.json().await["message"]["ack_required"], true);
    client.command("message", OWN, r#","data":"{\"action\":\"ack\",\"seq\":1}""#).await;
    let answer = client.json().await;
    assert_eq!(answer["message"]["ack"], json!({"seq": 1, "status": "ok"}));
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_comes_again_with_the_same_number() {
    let house = House::open().await;
    let mut client = joined(&house).await;
    house.publish_numbers("campaign.9", 1..2).await;
    assert_eq!(client.json().await["message"]["seq"], 1);
    let again = client.json().await["message"].clone();
    assert_eq!((&again["seq"], &again["redelivered"]), (&json!(1), &json!(true)));
    assert_eq!(acknowledge(&mut client, json!({"seq": 1})).await["status"], "ok");
    assert_eq!(acknowledge(&mut client, json!({"seq": 1})).await["status"], "ok", "saying it again is no error");
    assert_eq!(acknowledge(&mut client, json!({"seq": 99})).await["status"], "error");
}

#[tokio::test]
async fn the_producing_side_follows_the_receipts() {
    let house = House::open().await;
    let mut producer = Client::connect(&house.node, CABLE_EXT).await;
    producer.json().await;
    let receipts = r#"{"channel":"$pubsub","stream_name":"$receipts.campaign.9"}"#;
    producer.command("subscribe", receipts, "").await;
    assert_eq!(producer.json().await["type"], "confirm_subscription");
    let mut client = joined(&house).await;
    house.publish_numbers("campaign.9", 1..3).await;
    acknowledge(&mut client, json!({"upto": 2})).await;
    let began = producer.json().await["message"].clone();
    assert_eq!(began["consumer"], "worker-1", "that it is there is a receipt already");
    let receipt = producer.json().await["message"].clone();
    assert_eq!((&receipt["consumer"], &receipt["acked"]), (&json!("worker-1"), &json!("1-2")));
}
