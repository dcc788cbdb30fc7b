//! Reliable delivery to Phoenix clients, and what a client may say of where it has come to.

use serde_json::{Value, json};

use crate::House;
use crate::client::Client;

const PHOENIX: (&str, &str) = ("/socket/websocket?vsn=2.0.0", "");

/// Joins, and gives the socket and the response.
async fn joined(house: &House, topic: &str, params: Value) -> (Client, Value) {
    let mut client = Client::connect(&house.node, PHOENIX).await;
    client.send(json!(["1", "1", topic, "phx_join", params]).to_string()).await;
    let reply = client.json().await;
    assert_eq!((&reply[3], &reply[4]["status"]), (&json!("phx_reply"), &json!("ok")), "{reply}");
    (client, reply[4]["response"].clone())
}

async fn worker(house: &House, mut more: Value) -> (Client, Value) {
    more["id"] = 9.into();
    more["consumer"] = "worker-1".into();
    joined(house, "TaskChannel", more).await
}

/// The next event that was not sent before.
async fn event(client: &mut Client) -> Value {
    loop {
        let frame = client.json().await;
        if frame[3] == "event" && frame[4]["redelivered"] != true {
            return frame[4].clone();
        }
    }
}

async fn reply(client: &mut Client, event: &str, payload: Value) -> Value {
    client.send(json!(["1", "77", "TaskChannel", event, payload]).to_string()).await;
    loop {
        let frame = client.json().await;
        if frame[1] == "77" {
            return frame[4].clone();
        }
    }
}

#[tokio::test]
async fn a_consumer_that_never_acknowledged_anything_is_given_everything_again() {
    let house = House::open().await;
    let (mut client, _) = worker(&house, json!({})).await;
    house.publish_numbers("campaign.9", 1..4).await;
    for seq in 1..4 {
        assert_eq!(event(&mut client).await["seq"], seq);
    }
    drop(client);
    let house = house.restart().await;
    house.publish_numbers("campaign.9", 4..6).await;
    let (mut client, response) = worker(&house, json!({})).await;
    assert_eq!((&response["gap"], &response["replay_from"]), (&json!(false), &json!(1)));
    for seq in 1..6 {
        let event = event(&mut client).await;
        assert_eq!(
            (&event["seq"], &event["ack_required"], &event["replay"]),
            (&json!(seq), &json!(true), &json!(true))
        );
    }
}

#[tokio::test]
async fn what_a_consumer_acknowledged_counts_more_than_the_number_that_it_says() {
    let house = House::open().await;
    let (mut client, _) = worker(&house, json!({})).await;
    house.publish_numbers("campaign.9", 1..6).await;
    for seq in 1..6 {
        assert_eq!(event(&mut client).await["seq"], seq);
    }
    let taken = reply(&mut client, "ack", json!({"upto": 2})).await;
    assert_eq!((&taken["status"], &taken["response"]["pending"]), (&json!("ok"), &json!(3)));
    let taken = reply(&mut client, "ack", json!({"seq": 4})).await;
    assert_eq!((&taken["status"], &taken["response"]["acked"]), (&json!("ok"), &json!(4)));
    let refused = reply(&mut client, "ack", json!({"seq": 99})).await;
    assert_eq!((&refused["status"], &refused["response"]["reason"]), (&json!("error"), &json!("unknown_seq")));
    drop(client);
    // With a number and without its epoch, which the server looks up; and with both.
    for seen in [json!({"last_seq": 5}), json!({"last_seq": 5, "epoch": "1"})] {
        let (mut client, _) = worker(&house, seen).await;
        for seq in [3, 5] {
            assert_eq!(event(&mut client).await["seq"], seq, "1, 2 and 4 were acknowledged");
        }
    }
}

#[tokio::test]
async fn a_new_consumer_begins_behind_the_number_that_it_says() {
    let house = House::open().await;
    house.publish_numbers("campaign.9", 1..6).await;
    let (mut client, response) = worker(&house, json!({"last_seq": 3})).await;
    assert_eq!((&response["last_seq"], &response["replay_from"]), (&json!(5), &json!(4)));
    for seq in 4..6 {
        assert_eq!(event(&mut client).await["seq"], seq);
    }
}

#[tokio::test]
async fn a_client_that_was_there_when_a_topic_was_empty_has_missed_nothing_of_it() {
    let house = House::open().await;
    let (client, response) = joined(&house, "order.fresh", json!({})).await;
    drop(client);
    house.publish_numbers("order.fresh", 1..3).await;
    let seen = json!({"last_seq": response["last_seq"], "epoch": response["epoch"]});
    let (mut client, response) = joined(&house, "order.fresh", seen).await;
    assert_eq!((&response["gap"], &response["replay_from"]), (&json!(false), &json!(1)));
    for seq in 1..3 {
        assert_eq!(event(&mut client).await["seq"], seq);
    }
}
