//! What a call sends, and how its answer is read, against a dispatcher that only remembers.
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

use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard::core::invocation::CallChain;
use callboard::core::trace::TraceContext;
use callboard::core::{Cause, Error as CoreError, Headers};
use callboard::prelude::*;
use callboard::{Client, Name};
use shop::*;
use stage::{Fake, Stage, Standing, now, response};

fn payload(message: impl Message) -> Result<callboard::Payload, CoreError> {
    message.into_payload()
}

fn profile() -> Profile {
    Profile { email: "a@b.c".to_owned(), address: String::new() }
}

#[test]
fn a_typed_reference_names_actor_action_and_type_and_reads_the_response() {
    let fake = Fake::answering([payload(profile())]);
    let client = fake.client();
    let answer = now(UserAggregate::at(&client, "u1").profile().into_future()).unwrap();
    assert_eq!(answer, profile());
    let asked = fake.asked.lock();
    assert_eq!((asked[0].target.as_str(), asked[0].action.as_str()), ("user_aggregate/u1", "profile"));
    assert!(asked[0].payload.is_empty());
}

#[test]
fn a_handler_is_called_under_the_actions_name_with_its_own_type() {
    let fake = Fake::answering([payload(()), payload(())]);
    let update = OrderUpdated { order_id: "o".to_owned(), old_status: "a".to_owned(), new_status: "b".to_owned() };
    now(EmailService::at(&fake.client()).handle_order_update(update).into_future()).unwrap();
    let asked = fake.asked.lock();
    assert_eq!(asked[0].action, "handle_order_event");
    assert_eq!(asked[0].payload.type_name(), &"shop.OrderUpdated");
}

#[test]
fn options_of_a_call_travel_with_it() {
    let fake = Fake::answering([payload(()), payload(())]);
    let instant = Instant::now();
    let client = Client::new(Arc::clone(&fake) as Arc<_>, Arc::new(Standing(instant)));
    let trace = TraceContext { trace_id: 7, span_id: 8, sampled: true };
    let call = client
        .invoke::<()>("order_processor", "create_order", "x".to_owned())
        .key("k-1")
        .deadline(Duration::from_secs(5))
        .metadata("tenant", "acme")
        .trace(trace);
    now(call.into_future()).unwrap();
    now(client.invoke::<()>("order_processor", "create_order", ()).into_future()).unwrap();
    let asked = fake.asked.lock();
    assert_eq!(asked[0].key.as_ref().map(Name::as_str), Some("k-1"));
    assert_eq!(asked[0].deadline, instant + Duration::from_secs(5));
    assert_eq!(asked[0].headers.get("tenant").map(Name::as_str), Some("acme"));
    assert_eq!(asked[0].trace, Some(trace));
    assert_eq!(asked[1].deadline, instant + Duration::from_secs(60), "a call that says nothing waits a minute");
}

#[test]
fn send_posts_and_does_not_wait() {
    let fake = Arc::new(Fake::default());
    let id = now(UserAggregate::at(&fake.client(), "u1").register("a@b.c".to_owned()).send()).unwrap();
    assert_eq!(id, MessageId::from_bits(9));
    assert!(fake.asked.lock().is_empty());
    assert_eq!(fake.posted.lock()[0].action, "register");
}

#[test]
fn what_is_wrong_with_a_call_is_its_error_and_nothing_is_sent() {
    let fake = Arc::new(Fake::default());
    let client = fake.client();
    let error = |call: callboard::Call<()>| now(call.into_future()).unwrap_err();
    let unnamed = error(UserAggregate::at(&client, "").register(String::new()));
    assert_eq!(unnamed.code(), Code::InvalidPayload);
    assert!(unnamed.message().contains("is empty"), "{unnamed}");
    assert!(error(client.invoke("a\nb", "x", ())).message().contains("names no actor"));
    assert!(error(client.invoke("a", "x", ()).key("")).message().contains("1 to 255 bytes"));
    assert!(error(client.invoke("a", "x", ()).key("k".repeat(256))).message().contains("this one has 256"));
    assert!(fake.asked.lock().is_empty() && fake.posted.lock().is_empty());
}

#[test]
fn a_response_of_another_type_says_what_came() {
    let fake = Fake::answering([payload(7_u32), payload(())]);
    let error = now(fake.client().invoke::<String>("a", "b", ()).into_future()).unwrap_err();
    assert!(error.message().contains("is google.protobuf.UInt32Value in protobuf"), "{error}");
    let error = now(fake.client().invoke::<Order>("a", "b", ()).into_future()).unwrap_err();
    assert!(error.message().starts_with("the action gave no response"), "{error}");
}

#[test]
fn the_error_of_a_call_arrives_as_it_is() {
    let fake = Fake::answering([Err(CoreError::new(Code::Overloaded, "full"))]);
    let error = now(fake.client().invoke::<()>("a", "b", ()).into_future()).unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Overloaded, "full"));
}

// ---- Within an action -------------------------------------------------------------------------------------------------

struct Desk;

#[actor(name = "desk")]
impl Desk {
    #[action]
    async fn ask(&self, ctx: &Context, target: String) -> Result<Value<String>> {
        let answer: String = ctx.call(target, "answer", ()).metadata("own", "1").await?;
        Ok(Value::response(answer))
    }

    #[action]
    async fn tell(&self, ctx: &Context) -> Result<Value> {
        UserAggregate::at(ctx, "u1").register(String::new()).send().await?;
        Ok(Value::of())
    }

    #[action]
    fn bad_topic(&self, topic: String) -> Value {
        Value::of().broadcast(Broadcast::to("fine", ()).to(topic, ()).to("a.b", ()))
    }

    #[action]
    fn bad_target(&self) -> Value {
        Value::of().effect(Effect::invoke("", "remind", ()))
    }

    #[action]
    fn remind(&self, ctx: &Context) -> Value<String> {
        let id = ctx.new_id();
        let later = Effect::invoke("email_service", "remind", ()).after(Duration::from_secs(60)).id(id);
        let at = Effect::of(UserAggregate::at(ctx, "u1").register(String::new())).at(ctx.now()).metadata("why", "late");
        Value::response(id.to_string()).effect(later).effect(at).cancel_effect(MessageId::from_bits(5)).checkpoint()
    }
}

#[test]
fn a_call_within_an_action_hands_on_deadline_trace_correlation_and_chain() {
    let mut stage = Stage::of(Desk);
    stage.dispatcher = Fake::answering([payload("yes".to_owned())]);
    let mut turn = stage.turn("ask", "clerk".to_owned().into_payload().unwrap());
    turn.headers = Headers::new().with("correlation-id", "c-1").with("tenant", "acme");
    turn.trace = Some(TraceContext { trace_id: 7, span_id: 8, sampled: true });
    let (deadline, trace) = (turn.deadline, turn.trace);
    let value = stage.run(turn).unwrap();
    assert_eq!(response::<String>(&value), "yes");
    let asked = stage.dispatcher.asked.lock();
    assert_eq!((asked[0].deadline, asked[0].trace), (deadline, trace));
    let headers: Vec<(&str, &str)> = asked[0].headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(headers, [("correlation-id", "c-1"), ("own", "1")]);
    assert_eq!(asked[0].chain.path().map(ActorId::as_str).collect::<Vec<_>>(), ["desk"]);
}

#[test]
fn a_call_that_would_wait_for_itself_is_refused_with_the_path() {
    let mut stage = Stage::of(Desk);
    let mut turn = stage.turn("ask", "clerk".to_owned().into_payload().unwrap());
    let (clerk, desk) = (ActorId::named("clerk").unwrap(), ActorId::named("desk").unwrap());
    turn.chain = CallChain::new().extend(&clerk, &desk).unwrap();
    let error = stage.run(turn).unwrap_err();
    assert_eq!(error.code(), Code::CallCycle);
    assert!(error.message().contains("clerk -> desk -> clerk"), "{error}");
    assert!(stage.dispatcher.asked.lock().is_empty());
}

#[test]
fn nobody_waits_for_what_an_action_sends() {
    let mut stage = Stage::of(Desk);
    stage.invoke("tell", ()).unwrap();
    assert_eq!(stage.dispatcher.posted.lock()[0].chain.path().count(), 0);
}

#[test]
fn a_topic_that_is_none_is_an_error_of_the_action_that_says_what_to_write() {
    let mut stage = Stage::of(Desk);
    let error = stage.invoke("bad_topic", "order..created".to_owned()).unwrap_err();
    assert_eq!(error.code(), Code::ActionFailed);
    assert!(error.message().contains("\"order..created\" has an empty token; write tokens joined"), "{error}");
}

#[test]
fn an_effect_without_a_target_is_an_error_of_the_action() {
    let error = Stage::of(Desk).invoke("bad_target", ()).unwrap_err();
    assert_eq!(error.code(), Code::ActionFailed);
    assert!(error.message().contains("the action's effect remind has no target: \"\" names no actor"), "{error}");
}

#[test]
fn effects_keep_their_order_their_time_and_the_id_that_they_were_given() {
    let mut stage = Stage::of(Desk);
    let value = stage.invoke("remind", ()).unwrap();
    let [later, at] = &value.effects[..] else { panic!("two effects") };
    assert_eq!(later.id.to_string(), response::<String>(&value));
    assert_eq!(later.when, callboard::core::value::When::After(Duration::from_secs(60)));
    assert_eq!((at.target.as_str(), at.headers.get("why").map(Name::as_str)), ("user_aggregate/u1", Some("late")));
    assert_ne!(at.id, later.id);
    assert!(value.checkpoint);
    assert_eq!(value.cancelled_effects, [MessageId::from_bits(5)]);
}

#[test]
fn a_context_says_what_brought_the_turn_about() {
    struct Witness;
    #[actor(name = "witness")]
    impl Witness {
        #[action]
        fn look(&self, ctx: &Context, _event: AnyPayload) -> Value<String> {
            let topic = ctx.publication().map_or("none", |publication| publication.topic.as_str());
            Value::response(format!("{topic} {} {}", ctx.cause_id().is_some(), ctx.key()))
        }
    }
    let mut stage = Stage::of(Witness);
    assert_eq!(response::<String>(&stage.hear("look", "a.b", ()).unwrap()), "a.b true witness");
    assert_eq!(response::<String>(&stage.invoke("look", ()).unwrap()), "none false witness");
    let mut turn = stage.turn("look", ().into_payload().unwrap());
    turn.cause = Cause::Effect { id: MessageId::from_bits(3) };
    assert_eq!(response::<String>(&stage.run(turn).unwrap()), "none true witness");
}
