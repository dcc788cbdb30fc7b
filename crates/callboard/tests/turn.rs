//! One actor as a function, and what the test kit says when an expectation is not met.
#![allow(clippy::unwrap_used, unreachable_pub, unnameable_types, missing_docs, reason = "a test")]

mod shop;

use callboard::prelude::*;
use callboard::testing::{TestSystem, Turn};
use shop::*;

fn order() -> OrderData {
    OrderData { user_id: "u1".to_owned(), amount: 100 }
}

#[callboard::test]
async fn an_action_is_a_function_from_state_and_payload_to_a_value() {
    let decided = Turn::of(&OrderProcessor).action("create_order").payload(order()).run().await.unwrap();
    let order: Order = decided.response();
    assert_eq!(decided.state().orders[&order.id], order);
    assert_eq!(decided.topics(), ["order.events", "audit.events"]);
    assert_eq!(decided.broadcast::<OrderCreated>("order.events").order_id, order.id);

    let found = Turn::of(&OrderProcessor).action("find").state(decided.state().clone()).payload(order.id.clone());
    let found = found.run().await.unwrap();
    assert!(found.changes_nothing());
    assert_eq!(found.response::<Order>(), order);
}

#[callboard::test]
async fn an_init_an_instance_an_event_and_an_effect_are_taken_the_same_way() {
    let healthy = Turn::of(&HealthMonitor).state(HealthState { healthy: false, checks: 3 }).run().await.unwrap();
    assert_eq!(healthy.state(), &HealthState { healthy: true, checks: 3 });

    let data = UserData { email: "a@b.c".to_owned(), source: "web".to_owned() };
    let user = Turn::of(&UserManager).action("create_user").payload(data).run().await.unwrap();
    let id = user.response::<User>().id;
    assert_eq!(user.effect::<String>(&format!("user_aggregate/{id}"), "register"), "a@b.c");

    let mail = EmailService::default();
    let event = OrderCreated { order_id: "o1".to_owned(), ..OrderCreated::default() };
    let heard = Turn::of(&mail).action("handle_order_event").heard("order.events", event).run().await.unwrap();
    assert_eq!(heard.response::<EmailSent>().order_id, "o1");
    assert!(!mail.sent.lock().unwrap()[0].ends_with("()"), "it was given the publication's id");

    let update = UpdateProfile { email: Some("x@y.z".to_owned()), address: None };
    let turn = Turn::of(&UserAggregate).instance("u7").action("update_profile").payload(update);
    assert_eq!(turn.run().await.unwrap().topics(), ["user.email"]);
}

struct Buyer;

#[actor(name = "buyer", kind = unnamed)]
impl Buyer {
    #[action]
    async fn buy(&self, ctx: &Context, data: OrderData) -> Result<Value<String>> {
        let order = OrderProcessor::at(ctx).create_order(data).await?;
        Ok(Value::response(format!("{} bought {}", ctx.key(), order.id)))
    }
}

#[callboard::test]
async fn calls_of_an_action_are_answered_by_the_test() {
    let order_1 = Order { id: "o1".to_owned(), user_id: "u1".to_owned(), amount: 1, status: "created".to_owned() };
    let turn = || Turn::of(&Buyer).instance("ada").action("buy").payload(order());
    let bought = turn().answering("order_processor", "create_order", order_1).run().await.unwrap();
    assert_eq!(bought.response::<String>(), "ada bought o1");

    let full = CallError::new(Code::Overloaded, "full");
    let error = turn().failing("order_processor", "create_order", full).run().await.unwrap_err();
    assert_eq!(error.code(), Code::Overloaded);

    let error = turn().run().await.unwrap_err();
    assert!(error.message().contains("calls order_processor.create_order; say what it answers"), "{error}");
}

#[callboard::test]
async fn an_error_of_the_action_is_the_result_of_the_turn() {
    let nothing = OrderData { amount: 0, ..order() };
    let error = Turn::of(&OrderProcessor).action("create_order").payload(nothing).run().await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidPayload);
    let error = Turn::of(&OrderProcessor).action("cancel").run().await.unwrap_err();
    assert_eq!(error.message(), "order_processor has no action cancel; it has create_order, update_order_status, find");
}

#[callboard::test(TestSystem::builder())]
#[should_panic(expected = "no google.protobuf.StringValue on \"a.>\" within a second; what came: \n  \
                           google.protobuf.UInt32Value on a.b at 1-1")]
async fn a_probe_that_waits_in_vain_lists_what_came(system: TestSystem) {
    system.publish("a.b", 7_u32).await.unwrap();
    system.probe("a.>").expect::<String>().await;
}

#[callboard::test(TestSystem::builder())]
#[should_panic(expected = "nothing more was to come on \"a.b\"; what came: \n  google.protobuf.UInt32Value on a.b")]
async fn a_probe_that_expects_nothing_says_what_came(system: TestSystem) {
    system.publish("a.b", 7_u32).await.unwrap();
    system.probe("a.b").expect_none().await;
}

#[callboard::test]
#[should_panic(expected = "the test system does not start: InvalidTopic")]
async fn a_test_system_of_a_wrong_declaration_says_what_is_wrong() {
    TestSystem::builder().topic("a..b", callboard::ephemeral()).start().await;
}
