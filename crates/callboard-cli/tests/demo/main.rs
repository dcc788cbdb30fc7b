//! `callboard demo` as a real process: real orders through both doors, killed in the middle of them, and started again.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

mod advice;
mod http;
mod orders;
mod process;

use std::collections::BTreeSet;
use std::path::Path;

use callboard_wire::pb::v1;
use serde_json::{Value as Json, json};

use crate::orders::{Orders, order};
use crate::process::{Shop, demo};

/// What stands in a file of lines, by the order that each line is about.
fn order_ids(folder: &Path, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    lines.map(|line| line["orderId"].as_str().unwrap().to_owned()).collect()
}

/// Waits until everyone who listens has heard everything.
fn wait_until_heard(shop: &Shop, topic: &str) {
    let mut http = shop.connect();
    loop {
        let explained = http.get(&format!("/v1/system/explain/{topic}")).unwrap().json();
        let hearers = explained["hearers"].as_array().unwrap();
        assert_eq!(hearers.len(), 3, "{explained}");
        if hearers.iter().all(|hearer| hearer["cursor"] == explained["head"]) {
            return;
        }
        assert!(hearers.iter().all(|hearer| hearer["parked"] == false), "{explained}");
    }
}

#[test]
fn a_shop_that_is_killed_again_and_again_loses_no_order_and_sends_no_mail_twice() {
    let folder = tempfile::tempdir().unwrap();
    let orders = Orders::default();
    for (round, until) in [3, 40, 90, 91, 160].into_iter().enumerate() {
        let shop = Shop::open(folder.path());
        orders.send_until(&shop, round, until);
        shop.kill();
    }
    let shop = Shop::open(folder.path());
    // Whoever got no answer asks again.
    for (order_id, data) in orders.unanswered() {
        let answer = shop.connect().post("/v1/actors/order_processor/create_order", &data).unwrap();
        assert_eq!((answer.status, answer.json()["orderId"].as_str()), (200, Some(order_id.as_str())), "{answer:?}");
        orders.acknowledge(order_id);
    }
    wait_until_heard(&shop, "order.events");

    let mut http = shop.connect();
    let announced = http.get("/v1/topics/order.events?follow=false").unwrap().publications();
    let announced: Vec<String> =
        announced.iter().map(|one| one["payload"]["orderId"].as_str().unwrap().to_owned()).collect();
    let acknowledged = orders.acknowledged();
    assert_eq!(announced.iter().cloned().collect::<BTreeSet<_>>(), acknowledged, "each order was announced");
    assert_eq!(announced.len(), acknowledged.len(), "and none twice");
    assert_eq!(order_ids(folder.path(), "mail.log"), announced, "each mail was sent once, in order");
    assert_eq!(order_ids(folder.path(), "audit.log"), announced, "each order was written down once, in order");

    let state = |name: &str| shop.connect().get(&format!("/v1/actors/{name}")).unwrap().json()["state"].clone();
    assert_eq!(state("order_processor")["created"], announced.len());
    let inventory = state("inventory_service");
    assert_eq!(inventory["orders"], announced.len());
    assert_eq!(inventory["ordered"]["tea"], (2 * announced.len()).to_string());
    let last: Vec<&str> = inventory["lastOrders"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(last, announced[announced.len() - last.len()..], "counted in order");
    for order_id in &acknowledged {
        let query = json!({ "orderId": order_id });
        let found = http.post("/v1/actors/order_processor/find_order", &query).unwrap();
        assert_eq!((found.status, found.json()["orderId"].as_str()), (200, Some(order_id.as_str())));
    }
    let letters = http.get("/v1/system/dead-letters").unwrap().json();
    assert_eq!(letters["deadLetters"].as_array().map(Vec::len), Some(0), "{letters}");
    assert_eq!(shop.stop().status.code(), Some(0));
}

#[test]
fn an_order_taken_through_one_door_is_known_at_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path());
    let answer = shop.connect().post("/v1/actors/order_processor/create_order", &order("ord_1")).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let created = answer.json();
    assert_eq!((&created["amount"], &created["status"]), (&json!(10.5), &json!("created")));
    let again: v1::InvokeResponse = orders::over_grpc(&shop, &order("ord_1").to_string()).unwrap();
    assert_eq!(orders::order_id(&again), "ord_1");
    assert_eq!(again.revision, 1, "nothing was written a second time");
    let other = json!({ "orderId": "ord_1", "userId": "user_1", "amount": 11 });
    assert_eq!(orders::over_grpc(&shop, &other.to_string()).unwrap_err().code(), tonic::Code::Aborted);
    let refused = shop.connect().post("/v1/actors/order_processor/create_order", &other).unwrap();
    assert_eq!((refused.status, refused.json()["retry"].as_str()), (409, Some("never")), "{refused:?}");
    let unnamed = json!({ "userId": "user_1", "amount": 1 });
    let unnamed = shop.connect().post("/v1/actors/order_processor/create_order", &unnamed).unwrap().json();
    assert!(unnamed["orderId"].as_str().unwrap().starts_with("ord_"), "{unnamed}");
}

#[test]
fn a_stopped_shop_says_so_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut shop = Shop::spawn(&mut demo(folder.path(), "127.0.0.1:0"));
    while shop.line() != "Ctrl-C stops it." {}
    let out = shop.stop();
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "\nStopping: what was accepted is brought to its end.\n");
    assert_eq!(String::from_utf8(out.stderr).unwrap(), "", "nothing went wrong");
    assert_eq!(out.status.code(), Some(0));
}

#[test]
fn a_second_shop_in_the_same_folder_is_refused_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path());
    shop.connect().post("/v1/actors/order_processor/create_order", &order("ord_1")).unwrap();
    wait_until_heard(&shop, "order.events");
    let out = demo(folder.path(), "127.0.0.1:0").output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(8), "{said}");
    assert!(said.contains(&shop.child.id().to_string()) && said.contains("in use"), "{said}");
    assert_eq!(order_ids(folder.path(), "mail.log"), ["ord_1"]);
}
