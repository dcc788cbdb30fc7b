//! The seed's actors, one turn at a time, without a runtime.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    unnameable_types,
    missing_docs,
    reason = "a test"
)]

mod shop;
mod stage;

use callboard::core::declaration::{ActorKind, Durability, FailurePolicy};
use callboard::core::timer::CatchUp;
use callboard::core::value::When;
use callboard::prelude::*;
use callboard::{Json, Name};
use shop::*;
use stage::{Stage, response, state, topics};
use std::time::Duration;

fn order() -> OrderData {
    OrderData { user_id: "u1".to_owned(), amount: 100 }
}

#[test]
fn an_order_is_answered_remembered_and_announced_in_one_value() {
    let mut stage = Stage::of(OrderProcessor);
    let value = stage.invoke("create_order", order()).unwrap();
    let created: Order = response(&value);
    assert_eq!((created.user_id.as_str(), created.amount), ("u1", 100));
    assert_eq!(state::<OrderState>(&value).orders[&created.id], created);
    assert_eq!(topics(&value), ["order.events", "audit.events"]);
    let event: OrderCreated = callboard::message::read(&value.broadcasts[0].payload).unwrap();
    assert_eq!(event.order_id, created.id);
    assert_eq!(value.broadcasts[0].payload.type_name(), &"shop.v1.OrderCreated");
    assert_eq!(value.broadcasts[1].payload.type_name(), &"AuditLog");
}

#[test]
fn the_state_of_one_turn_is_the_state_of_the_next() {
    let mut stage = Stage::of(OrderProcessor);
    let created: Order = response(&stage.invoke("CreateOrder", order()).unwrap());
    let update = StatusUpdate { order_id: created.id.clone(), status: "paid".to_owned() };
    let value = stage.invoke("update_order_status", update).unwrap();
    assert_eq!(topics(&value), ["order.status"]);
    let found = stage.invoke("find", created.id).unwrap();
    assert_eq!(response::<Order>(&found).status, "paid");
    assert!(found.changes_nothing(), "a look at the state writes nothing");
}

#[test]
fn a_failed_action_leaves_the_state_as_it_was() {
    let mut stage = Stage::of(OrderProcessor);
    let created: Order = response(&stage.invoke("create_order", order()).unwrap());
    let error = stage.invoke("create_order", OrderData { amount: 0, ..order() }).unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::InvalidPayload, "an order has an amount; give at least 1"));
    assert_eq!(response::<Order>(&stage.invoke("find", created.id).unwrap()).amount, 100);
}

#[test]
fn restore_goes_back_to_what_was_committed() {
    let mut stage = Stage::of(OrderProcessor);
    let first = stage.invoke("create_order", order()).unwrap();
    let second: Order = response(&stage.invoke("create_order", order()).unwrap());
    stage.instance.restore(first.state.as_ref()).unwrap();
    assert!(stage.invoke("find", second.id).is_err(), "the second order was not committed");
    assert!(stage.invoke("find", response::<Order>(&first).id).is_ok());
}

#[test]
fn a_stored_state_that_cannot_be_read_is_refused_when_the_actor_is_activated() {
    let host = callboard::host(OrderProcessor).unwrap();
    let id = ActorId::named("order_processor").unwrap();
    let broken = callboard::Payload::new("OrderState", callboard::core::Encoding::Json, "{\"orders\":7}");
    let error = host.activate(&id, Some(&broken)).err().unwrap();
    assert_eq!(error.code(), Code::InvalidPayload);
    let other = AnyPayload::of(&"text".to_owned()).unwrap();
    assert!(host.activate(&id, Some(&other.0)).err().unwrap().message().contains("not OrderState in JSON"));
}

#[test]
fn the_payloads_type_picks_the_handler_of_an_action() {
    let mut stage = Stage::of(EmailService::default());
    let event = OrderCreated { order_id: "o1".to_owned(), ..OrderCreated::default() };
    let value = stage.hear("handle_order_event", "order.events", event).unwrap();
    assert_eq!(response::<EmailSent>(&value).order_id, "o1");
    let update =
        OrderUpdated { order_id: "o1".to_owned(), old_status: "created".to_owned(), new_status: "paid".to_owned() };
    let value = stage.hear("handle_order_event", "order.status", update).unwrap();
    assert!(value.response.is_none() && value.changes_nothing());

    let error = stage.invoke("handle_order_event", "text".to_owned()).unwrap_err();
    assert_eq!(error.code(), Code::ActionNotFound);
    assert_eq!(
        error.message(),
        "email_service.handle_order_event takes shop.v1.OrderCreated in protobuf or shop.OrderUpdated in JSON, not \
         google.protobuf.StringValue in protobuf"
    );
}

#[test]
fn a_handler_that_takes_any_payload_takes_what_no_other_names() {
    let mut stage = Stage::of(AuditLogger::default());
    assert!(stage.hear("log", "user.email", "hello".to_owned()).unwrap().changes_nothing());
    let value = stage.hear("alarm", "security.breach", Json(serde_json::json!({"door": 1}))).unwrap();
    assert_eq!(value.broadcasts[0].payload.bytes(), br#"{"door":1}"#);
}

#[test]
fn json_without_a_type_is_read_by_the_only_handler_that_takes_json() {
    let mut stage = Stage::of(OrderProcessor);
    let untyped = Json(serde_json::json!({"user_id": "u2", "amount": 5}));
    assert_eq!(response::<Order>(&stage.invoke("create_order", untyped).unwrap()).user_id, "u2");
    let error = stage.invoke("create_order", Json(serde_json::json!({"user_id": "u2"}))).unwrap_err();
    assert_eq!(error.code(), Code::InvalidPayload);
    assert!(error.message().contains("missing field `amount`"), "{error}");
}

#[test]
fn the_events_of_an_aggregate_go_to_the_channel_of_each() {
    let mut stage = Stage::of(UserAggregate);
    let update = UpdateProfile { email: Some("a@b.c".to_owned()), address: Some("Main St 1".to_owned()) };
    let value = stage.invoke("update_profile", update).unwrap();
    assert_eq!(response::<u32>(&value), 2);
    assert_eq!(topics(&value), ["user.email", "user.address"]);
    assert_eq!(state::<Profile>(&value).address, "Main St 1");
}

#[test]
fn effects_and_tags_are_part_of_the_value() {
    let mut stage = Stage::of(UserManager);
    let data = UserData { email: "a@b.c".to_owned(), source: "web".to_owned() };
    let value = stage.invoke("create_user", data.clone()).unwrap();
    let user: User = response(&value);
    assert_eq!(topics(&value), ["user.events", "analytics.events", "audit.events"]);
    assert_eq!(value.tags.as_ref().unwrap().get("team").map(Name::as_str), Some("growth"));
    let effect = &value.effects[0];
    assert_eq!(effect.target.as_str(), format!("user_aggregate/{}", user.id));
    assert_eq!((effect.action.as_str(), effect.when), ("register", When::Now));
    assert_eq!(AnyPayload(effect.payload.clone()).read::<String>().unwrap(), "a@b.c");

    let error = stage.invoke("create_user", data).unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
}

#[test]
fn given_the_same_turn_an_action_gets_the_same_ids_and_given_another_one_others() {
    let ids = |entropy: u64| {
        let mut stage = Stage::of(OrderProcessor);
        let mut turn = stage.turn("create_order", order().to_payload().unwrap());
        turn.entropy = entropy;
        response::<Order>(&stage.run(turn).unwrap()).id
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
}

#[test]
fn a_timer_runs_the_action_and_the_init_runs_before() {
    let mut stage = Stage::of(HealthMonitor);
    let value = stage.init().unwrap();
    assert!(state::<HealthState>(&value).healthy);
    assert_eq!(topics(&stage.invoke("check_health", ()).unwrap()), ["health.events"]);
    assert_eq!(topics(&stage.invoke("check_health", ()).unwrap()), ["system.alerts", "health.events"]);
}

// What an actor needs may be a type parameter; its messages may not.
struct Greeter<P>(P);

#[actor(name = "greeter")]
impl<P: Fn(&str) -> String + Send + Sync + 'static> Greeter<P> {
    #[action]
    fn greet(&self, name: String) -> Value<String> {
        Value::response((self.0)(&name))
    }
}

#[test]
fn an_actor_may_be_generic_over_what_it_needs() {
    let mut stage = Stage::of(Greeter(|name: &str| format!("Hello, {name}")));
    assert_eq!(response::<String>(&stage.invoke("greet", "Ada".to_owned()).unwrap()), "Hello, Ada");
}

#[test]
fn the_macro_declares_what_was_written() {
    let host = callboard::host(HealthMonitor).unwrap();
    let declaration = host.declaration();
    assert!(declaration.init);
    assert_eq!(declaration.durability, Durability::Volatile);
    let timer = declaration.actions[0].timer.unwrap();
    assert_eq!((timer.every, timer.catch_up), (Duration::from_secs(30), CatchUp::Skip));
    assert_eq!(declaration.state.as_ref().unwrap().name, "HealthState");

    let host = callboard::host(UserAggregate).unwrap();
    let declaration = host.declaration();
    assert_eq!((declaration.kind, declaration.mailbox_len_max), (ActorKind::Unnamed, 64));
    assert_eq!(declaration.deactivate_timeout, Duration::from_secs(60));
    let outputs: Vec<&str> = declaration
        .actions
        .iter()
        .map(|action| action.handlers[0].output.as_ref().map_or("any", |output| output.name.as_str()))
        .collect();
    assert_eq!(outputs, ["google.protobuf.Empty", "google.protobuf.UInt32Value", "Profile"]);

    let host = callboard::host(EmailService::default()).unwrap();
    let declaration = host.declaration();
    assert_eq!(declaration.state, None);
    let channels: Vec<(&str, &str)> =
        declaration.channels.iter().map(|channel| (channel.pattern.as_str(), channel.action.as_str())).collect();
    assert_eq!(
        channels,
        [("order.events", "handle_order_event"), ("order.status", "HandleOrderEvent"), ("user.>", "user_event")]
    );
    assert_eq!(declaration.actions[0].handlers.len(), 2);

    let host = callboard::host(InventoryService).unwrap();
    assert_eq!(host.declaration().channels[0].on_failure, FailurePolicy::Park);
    assert_eq!(host.declaration().durability, Durability::Snapshot(Duration::from_secs(1)));
}
