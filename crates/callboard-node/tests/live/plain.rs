//! `callboard-v1-json` against a whole node.

use serde_json::{Value, json};

use crate::House;
use crate::client::Client;
use crate::tokens;

pub(crate) const PLAIN: (&str, &str) = ("/v1/ws", "callboard-v1-json");

pub(crate) async fn connect(house: &House) -> Client {
    let mut client = Client::connect(&house.node, PLAIN).await;
    let welcome = client.json().await;
    assert_eq!((&welcome["type"], &welcome["protocol"]), (&json!("welcome"), &json!("callboard-v1-json")));
    client
}

async fn say(client: &mut Client, message: Value) -> Value {
    client.send(message.to_string()).await;
    client.json().await
}

/// Subscribes, and gives the answer.
pub(crate) async fn follow(client: &mut Client, sub: &str, topic: &str, from: Value) -> Value {
    let answer = say(client, json!({"type": "subscribe", "sub": sub, "topic": topic, "from": from})).await;
    assert_eq!((&answer["type"], &answer["sub"]), (&json!("subscribed"), &json!(sub)), "{answer}");
    answer
}

/// The numbers of the next publications; what is told in between is left out. Gives the last cursor.
async fn numbers(client: &mut Client, expected: std::ops::Range<u64>) -> Value {
    let mut cursor = Value::Null;
    for n in expected {
        let mut next = client.json().await;
        while next["type"] == "caught_up" {
            next = client.json().await;
        }
        assert_eq!((&next["type"], &next["publication"]["data"]["n"]), (&json!("publication"), &json!(n)), "{next}");
        cursor = next["cursor"].clone();
    }
    cursor
}

#[tokio::test]
async fn a_client_follows_topics_and_patterns_and_is_refused_what_it_may_not() {
    let key = tokens::key();
    let house = House::with(|config| config.auth = tokens::auth(&key)).await;
    let token = tokens::granting(&json!({"subscribe": ["order.*"], "publish": ["order.notes"]}));
    let path = format!("/v1/ws?token={token}");
    // A client that names no subprotocol is answered none.
    let mut client = Client::connect(&house.node, (&path, "")).await;
    let welcome = client.json().await;
    assert_eq!((&welcome["subject"], &welcome["limits"]["subscriptions"]), (&json!("u1"), &json!(128)));
    assert!(welcome["expires"].is_string(), "{welcome}");

    let one = follow(&mut client, "one", "order.events", Value::Null).await;
    assert_eq!(client.json().await, json!({"type": "caught_up", "sub": "one"}));
    assert_eq!((&one["topics"], &one["gap"]), (&json!(["order.events"]), &json!(false)));
    house.publish_numbers("order.events", 0..3).await;
    numbers(&mut client, 0..3).await;
    let refused = say(&mut client, json!({"type": "subscribe", "id": 7, "sub": "x", "topic": "user.1"})).await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("refused"), &json!(7)));
    assert_eq!((&refused["error"]["code"], &refused["error"]["retry"]), (&json!("Denied"), &json!("never")));
    let refused = say(&mut client, json!({"type": "subscribe", "sub": "x", "topic": "order.>"})).await;
    assert_eq!(refused["error"]["code"], "Denied");
    let taken = say(&mut client, json!({"type": "subscribe", "sub": "one", "topic": "order.notes"})).await;
    assert_eq!((&taken["type"], &taken["error"]["code"]), (&json!("error"), &json!("Conflict")));

    let left = say(&mut client, json!({"type": "unsubscribe", "sub": "one"})).await;
    assert_eq!(left["type"], "unsubscribed");
    follow(&mut client, "all", "order.*", json!("live")).await;
    assert_eq!(client.json().await["type"], "caught_up");
    let note = say(&mut client, json!({"type": "publish", "id": 1, "topic": "order.notes", "data": {"n": 9}})).await;
    let (reply, heard) =
        if note["type"] == "reply" { (note, client.json().await) } else { (client.json().await, note) };
    assert_eq!((&reply["id"], &reply["result"]["seq"]), (&json!(1), &json!(1)));
    assert_eq!((&heard["sub"], &heard["publication"]["topic"]), (&json!("all"), &json!("order.notes")));
    let denied = say(&mut client, json!({"type": "publish", "id": 2, "topic": "order.events", "data": 1})).await;
    assert_eq!((&denied["id"], &denied["error"]["code"]), (&json!(2), &json!("Denied")));
    let denied = say(&mut client, json!({"type": "invoke", "id": 3, "actor": "cart", "action": "add"})).await;
    assert_eq!((&denied["id"], &denied["error"]["code"]), (&json!(3), &json!("Denied")));
}

#[tokio::test]
async fn who_comes_back_with_its_cursor_gets_what_it_missed_once_and_in_order() {
    let house = House::open().await;
    let mut client = connect(&house).await;
    follow(&mut client, "orders", "order.events", Value::Null).await;
    house.publish_numbers("order.events", 0..3).await;
    let cursor = numbers(&mut client, 0..3).await;
    drop(client);
    house.publish_numbers("order.events", 3..10).await;
    let mut client = connect(&house).await;
    let answer = follow(&mut client, "orders", "order.events", json!({"cursor": cursor})).await;
    assert_eq!((&answer["gap"], &answer["heads"][0]["head"]["seq"]), (&json!(false), &json!(10)));
    numbers(&mut client, 3..10).await;
    assert_eq!(client.json().await["type"], "caught_up");
    house.publish_numbers("order.events", 10..12).await;
    numbers(&mut client, 10..12).await;
    // A client that keeps positions says the same with them.
    let mut client = connect(&house).await;
    let seen = json!({"after": {"order.events": {"epoch": "1", "seq": 8}}});
    follow(&mut client, "orders", "order.events", seen).await;
    numbers(&mut client, 8..12).await;
}

#[tokio::test]
async fn a_deploy_sends_clients_away_with_advice_and_they_miss_nothing_of_a_topic_or_a_pattern() {
    let house = House::open().await;
    let mut client = connect(&house).await;
    let mut cursors = Vec::new();
    for (sub, topic) in [("quiet", "order.late"), ("still", "stock.*"), ("all", "order.*")] {
        cursors.push(follow(&mut client, sub, topic, Value::Null).await["cursor"].clone());
        assert_eq!(client.json().await["type"], "caught_up");
    }
    let (quiet, still) = (&cursors[0], &cursors[1]);
    house.publish_numbers("order.a", 0..2).await;
    house.publish_numbers("order.b", 2..4).await;
    let cursor = numbers(&mut client, 0..4).await;
    let (house, (said, code)) = tokio::join!(house.restart(), client.end());
    let goodbye: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!((code, &goodbye["reason"], &goodbye["reconnect"]), (Some(1012), &json!("restart"), &json!(true)));
    assert!(goodbye["after_ms"].as_u64().is_some_and(|pause| pause < 5_000), "{goodbye}");

    house.publish_numbers("order.b", 4..6).await;
    house.publish_numbers("order.a", 6..8).await;
    house.publish_numbers("order.late", 8..9).await;
    house.publish_numbers("stock.tea", 9..10).await;
    let mut client = connect(&house).await;
    follow(&mut client, "all", "order.*", json!({"cursor": cursor})).await;
    numbers(&mut client, 4..9).await;
    assert_eq!(client.json().await["type"], "caught_up");
    // Those that had heard nothing yet go on from where they stood.
    follow(&mut client, "quiet", "order.late", json!({"cursor": quiet})).await;
    numbers(&mut client, 8..9).await;
    assert_eq!(client.json().await["type"], "caught_up");
    follow(&mut client, "still", "stock.*", json!({"cursor": still})).await;
    numbers(&mut client, 9..10).await;
}

#[tokio::test]
async fn what_is_not_given_any_more_is_named_with_its_reason_and_the_place_where_it_goes_on() {
    let house = House::with(|config| config.clients.replay_max = 4).await;
    house.publish_numbers("order.events", 0..10).await;
    for (epoch, seq, reason, next) in [("1", 2, "expired", 7), ("9", 2, "other_log", 7), ("1", 99, "other_log", 7)] {
        let mut client = connect(&house).await;
        let seen = json!({"after": {"order.events": {"epoch": epoch, "seq": seq}}});
        let answer = follow(&mut client, "orders", "order.events", seen).await;
        assert_eq!(answer["gap"], true);
        let gap = client.json().await;
        assert_eq!(
            (&gap["type"], &gap["topic"], &gap["reason"]),
            (&json!("gap"), &json!("order.events"), &json!(reason))
        );
        assert_eq!((&gap["after"]["seq"], &gap["next"]), (&json!(seq), &json!({"epoch": "1", "seq": next})));
        numbers(&mut client, next - 1..10).await;
    }
    let mut client = connect(&house).await;
    let garbage = json!({"type": "subscribe", "sub": "a", "topic": "order.events", "from": {"cursor": "soon"}});
    assert_eq!(say(&mut client, garbage).await["error"]["code"], "InvalidPayload");
}

#[tokio::test]
async fn what_a_consumer_did_not_acknowledge_comes_again() {
    let house = House::open().await;
    let subscribe = json!({"type": "subscribe", "sub": "t", "channel": "TaskChannel",
        "params": {"id": 9, "consumer": "worker-1"}, "consumer": true});
    let mut client = connect(&house).await;
    let answer = say(&mut client, subscribe.clone()).await;
    assert_eq!((&answer["type"], &answer["acknowledged"]), (&json!("subscribed"), &json!(true)), "{answer}");
    assert_eq!(client.json().await["type"], "caught_up");
    house.publish_numbers("campaign.9", 1..5).await;
    for seq in 1..5 {
        let next = client.json().await["publication"].clone();
        assert_eq!((&next["seq"], &next["ack_required"]), (&json!(seq), &json!(true)));
    }
    for (ack, acked) in [(json!({"upto": 2}), 2), (json!({"seq": 4}), 4), (json!({"seq": 4}), 4)] {
        let mut message = json!({"type": "ack", "sub": "t", "id": "a"});
        message.as_object_mut().unwrap().extend(ack.as_object().unwrap().clone());
        let mut answer = say(&mut client, message).await;
        while answer["type"] == "publication" {
            answer = client.json().await;
        }
        assert_eq!((&answer["type"], &answer["result"]["acked"]), (&json!("reply"), &json!(acked)), "{answer}");
    }
    client.send(json!({"type": "ack", "sub": "t", "seq": 99}).to_string()).await;
    let mut answer = client.json().await;
    while answer["type"] == "publication" {
        answer = client.json().await;
    }
    assert_eq!(
        (&answer["type"], &answer["sub"], &answer["error"]["message"]),
        (&json!("error"), &json!("t"), &json!("unknown_seq"))
    );
    drop(client);
    let mut client = connect(&house).await;
    assert_eq!(say(&mut client, subscribe).await["type"], "subscribed");
    let next = client.json().await["publication"].clone();
    assert_eq!((&next["seq"], &next["replay"]), (&json!(3), &json!(true)), "2 and 4 were acknowledged");
}

#[tokio::test]
async fn events_go_to_the_channel_and_clients_see_each_other() {
    let house = House::open().await;
    let subscribe = json!({"type": "subscribe", "sub": "c", "channel": "CampaignChannel", "params": {"id": 7}});
    let (mut ann, mut bob) = (connect(&house).await, connect(&house).await);
    for client in [&mut ann, &mut bob] {
        assert_eq!(say(client, subscribe.clone()).await["type"], "subscribed");
        assert_eq!(client.json().await["type"], "caught_up");
    }
    let echo = json!({"type": "perform", "id": 1, "sub": "c", "event": "echo", "data": {"a": 1}});
    assert_eq!(say(&mut ann, echo).await, json!({"type": "reply", "id": 1, "result": {"a": 1}}));
    let failed = say(&mut ann, json!({"type": "perform", "sub": "c", "event": "fly"})).await;
    assert_eq!((&failed["sub"], &failed["error"]["code"]), (&json!("c"), &json!("ActionNotFound")));

    let listed = say(&mut bob, json!({"type": "presence_list", "id": 2, "sub": "c"})).await;
    assert_eq!((&listed["id"], &listed["members"]), (&json!(2), &json!([])));
    ann.send(json!({"type": "presence_join", "sub": "c", "name": "ann", "info": {"x": 1}}).to_string()).await;
    let joined = bob.json().await;
    assert_eq!((&joined["type"], &joined["member"]["id"]), (&json!("joined"), &json!("ann")));
    assert_eq!((&joined["member"]["info"], &joined["first"]), (&json!({"x": 1}), &json!(true)));
    assert_eq!(ann.json().await["type"], "joined");
    ann.send(json!({"type": "whisper", "sub": "c", "data": {"typing": true}}).to_string()).await;
    assert_eq!(bob.json().await, json!({"type": "whisper", "sub": "c", "data": {"typing": true}}));
    drop(ann);
    assert_eq!(bob.json().await["type"], "left");
}

#[tokio::test]
async fn bad_messages_are_answered_and_bad_tokens_and_protocols_are_sent_away() {
    let house = House::open().await;
    let mut client = connect(&house).await;
    for bad in ["{", "[]", r#"{"type":"fly"}"#, r#"{"type":"subscribe","sub":"a","topic":"a b"}"#] {
        client.send(bad).await;
        assert_eq!(client.json().await["error"]["retry"], "never", "{bad}");
    }
    assert_eq!(say(&mut client, json!({"type": "ping", "id": "p"})).await["id"], "p");
    assert!(Client::try_connect(&house.node, "/v1/ws", "soap").await.is_err());

    let key = tokens::key();
    let house = House::with(|config| config.auth = tokens::auth(&key)).await;
    for path in ["/v1/ws", "/v1/ws?token=bad.bad.bad"] {
        let mut client = Client::connect(&house.node, (path, PLAIN.1)).await;
        let (said, code) = client.end().await;
        let goodbye: Value = serde_json::from_str(said.last().unwrap()).unwrap();
        assert_eq!((code, &goodbye["reason"]), (Some(1008), &json!("unauthorized")));
    }
    // A connection does not outlive its token.
    let token = tokens::expiring(std::time::Duration::from_secs(2));
    let mut client = Client::connect(&house.node, (&format!("/v1/ws?token={token}"), PLAIN.1)).await;
    let (said, code) = client.end().await;
    assert!(said.last().unwrap().contains("token_expired"), "{said:?}");
    assert_eq!((said.len(), code), (2, Some(1008)), "the welcome and the goodbye");
}

#[tokio::test]
async fn who_sends_too_much_is_sent_away_and_nobody_else_notices() {
    let house = House::with(|config| {
        config.clients.commands_per_second = 1;
        config.clients.commands_burst = 10;
    })
    .await;
    let (mut good, mut flooder) = (connect(&house).await, connect(&house).await);
    for _ in 0..11 {
        flooder.send(r#"{"type":"ping"}"#).await;
    }
    let (said, code) = flooder.end().await;
    assert!(said.last().unwrap().contains(r#""reason":"abuse""#), "{said:?}");
    assert_eq!(code, Some(1008));
    assert_eq!(say(&mut good, json!({"type": "ping"})).await["type"], "pong");
}
