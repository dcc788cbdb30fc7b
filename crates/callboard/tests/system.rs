//! Whole systems in memory: the seed's own test, and what it promises beside it.
#![allow(clippy::unwrap_used, unreachable_pub, unnameable_types, missing_docs, reason = "a test")]

mod shop;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use callboard::core::port::Store;
use callboard::prelude::*;
use callboard::testing::{MemoryStore, TestBuilder, TestSystem};
use callboard::{ActorTurn, Declare, Outcome, ephemeral};
use shop::*;

fn shop() -> TestBuilder {
    TestSystem::builder().actor(OrderProcessor).actor(UserManager).actor(UserAggregate).actor(InventoryService)
}

fn order() -> OrderData {
    OrderData { user_id: "user_123".to_owned(), amount: 100 }
}

#[callboard::test(shop())]
async fn creating_an_order_is_announced(shop: TestSystem) {
    let order = OrderProcessor::at(&shop).create_order(order()).await.unwrap();
    let event = shop.probe("order.events").expect::<OrderCreated>().await.event;
    assert_eq!((event.order_id, event.user_id, event.amount), (order.id, "user_123".to_owned(), 100));
}

#[callboard::test(shop())]
async fn typed_and_untyped_calls_reach_the_same_action(shop: TestSystem) {
    let created: Order = shop.invoke("order_processor", "CreateOrder", order()).key("k-1").await.unwrap();
    let again: Order = shop.invoke("order_processor", "create_order", order()).key("k-1").await.unwrap();
    assert_eq!(created, again, "the same key gets the recorded response");
    let orders = OrderProcessor::at(&shop);
    assert_eq!(orders.find(created.id.clone()).await.unwrap(), created);
    let other = orders.create_order(order()).key("k-2").await.unwrap();
    assert_ne!(other.id, created.id);
    let error = orders.create_order(OrderData { amount: 1, ..order() }).key("k-2").await.unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
    let error = shop.invoke::<()>("order_processor", "cancel", ()).await.unwrap_err();
    assert_eq!(error.code(), Code::ActionNotFound);
}

#[callboard::test(shop())]
async fn the_state_is_there_after_the_actor_left_memory(shop: TestSystem) {
    let order = OrderProcessor::at(&shop).create_order(order()).await.unwrap();
    shop.advance(Duration::from_secs(60)).await;
    assert_eq!(shop.operator().health().counts.activations, 0, "nobody used them for a minute");
    assert_eq!(OrderProcessor::at(&shop).find(order.id.clone()).await.unwrap(), order);
    let state: OrderState = shop.state("order_processor").await.unwrap().unwrap();
    assert_eq!(state.orders[&order.id], order);
}

#[callboard::test(shop())]
async fn an_effect_happens_once_its_value_is_committed(shop: TestSystem) {
    let data = UserData { email: "ada@example.org".to_owned(), source: "web".to_owned() };
    let user = UserManager::at(&shop).create_user(data).await.unwrap();
    shop.settle().await;
    assert_eq!(UserAggregate::at(&shop, &user.id).profile().await.unwrap().email, "ada@example.org");
}

#[callboard::test(shop())]
async fn each_event_of_an_aggregate_is_heard_on_its_channel(shop: TestSystem) {
    let update = UpdateProfile { email: Some("a@b.c".to_owned()), address: Some("Main St 1".to_owned()) };
    let mut probe = shop.probe("user.*");
    let id = UserAggregate::at(&shop, "u1").update_profile(update).send().await.unwrap();
    assert_eq!(probe.expect::<ProfileEvent>().await.topic.as_str(), "user.email");
    let second = probe.expect::<ProfileEvent>().await;
    assert_eq!(second.event, ProfileEvent::AddressChanged { address: "Main St 1".to_owned() });
    assert_eq!(second.publisher.as_ref().unwrap().as_str(), "user_aggregate/u1");
    assert_eq!(second.headers.get("causation-id").map(|id| id.to_string()), Some(id.to_string()));
    probe.expect_none().await;
}

#[tokio::test(start_paused = true)]
async fn everyone_who_listens_hears() {
    let mail = Arc::new(EmailService::default());
    let audit = Arc::new(AuditLogger::default());
    let shop = shop().actor(Shared(Arc::clone(&mail))).actor(Shared(Arc::clone(&audit))).start().await;
    let order = OrderProcessor::at(&shop).create_order(order()).await.unwrap();
    let update = StatusUpdate { order_id: order.id.clone(), status: "paid".to_owned() };
    OrderProcessor::at(&shop).update_order_status(update).await.unwrap();
    shop.publish("user.email", "changed".to_owned()).await.unwrap();
    shop.settle().await;

    let mut sent = mail.sent.lock().unwrap().clone();
    sent.sort();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(sent[0].starts_with(&format!("order {} confirmed (", order.id)), "{sent:?}");
    assert_eq!(sent[1..], [format!("order {} is paid", order.id), "user event google.protobuf.StringValue".to_owned()]);
    let mut lines = audit.lines.lock().unwrap().clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "order.events shop.v1.OrderCreated",
            "order.status shop.OrderUpdated",
            "order_created",
            "user.email google.protobuf.StringValue"
        ]
    );
    assert_eq!(shop.state::<InventoryState>("inventory_service").await.unwrap().unwrap().reserved, 100);
    shop.stop().await;
}

#[callboard::test(TestSystem::builder().actor(HealthMonitor))]
async fn a_timer_runs_while_time_passes(system: TestSystem) {
    let mut probe = system.probe("health.events");
    system.advance(Duration::from_secs(95)).await;
    for _ in 0..3 {
        probe.expect::<HealthStatusUpdate>().await;
    }
    probe.expect_none().await;
}

#[callboard::test]
async fn a_stopped_system_goes_on_where_it_stood() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = shop().store(Arc::clone(&store)).start().await;
    let order = OrderProcessor::at(&first).create_order(order()).await.unwrap();
    first.stop().await;
    let mail = Arc::new(EmailService::default());
    let second = shop().actor(Shared(Arc::clone(&mail))).store(store).start().await;
    assert_eq!(OrderProcessor::at(&second).find(order.id.clone()).await.unwrap(), order);
    second.settle().await;
    assert!(mail.sent.lock().unwrap().is_empty(), "a listener that is new hears what is new");
    second.stop().await;
}

// ---- Actors that call each other ------------------------------------------------------------------------------------

struct Ping;

#[actor(name = "ping")]
impl Ping {
    #[action]
    async fn round(&self, ctx: &Context, hops: u32) -> Result<Value<String>> {
        let answer = Pong::at(ctx).round(hops).await?;
        Ok(Value::response(format!("ping {answer}")))
    }

    #[action]
    async fn patient(&self, ctx: &Context) -> Result<Value> {
        ctx.call::<AnyPayload>("pong", "stuck", ()).deadline(Duration::from_secs(5)).await?;
        Ok(Value::of())
    }
}

struct Pong;

#[actor(name = "pong")]
impl Pong {
    #[action]
    async fn round(&self, ctx: &Context, hops: u32) -> Result<Value<String>> {
        if hops > 0 {
            Ping::at(ctx).round(hops - 1).await?;
        }
        let tenant = ctx.metadata("tenant").unwrap_or("nobody");
        Ok(Value::response(format!("pong for {tenant}, asked by {}", ctx.metadata("correlation-id").is_some())))
    }

    #[action]
    async fn stuck(&self) {
        std::future::pending::<()>().await;
    }
}

fn table() -> TestBuilder {
    TestSystem::builder().actor(Ping).actor(Pong)
}

#[callboard::test(table())]
async fn actors_call_each_other_and_a_cycle_is_answered_with_its_path(table: TestSystem) {
    let answer = Ping::at(&table).round(0).metadata("tenant", "acme").await.unwrap();
    assert!(answer.starts_with("ping pong for nobody"), "metadata is for the one who is called: {answer}");
    let error = Ping::at(&table).round(1).await.unwrap_err();
    assert_eq!(error.code(), Code::CallCycle);
    assert!(error.message().contains("ping -> pong -> ping"), "{error}");
}

#[callboard::test(table())]
async fn a_call_gives_up_at_its_deadline(table: TestSystem) {
    let error = Ping::at(&table).patient().await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
}

// ---- External subscribers and streams ---------------------------------------------------------------------------------

#[callboard::test]
async fn external_subscribers_hear_live_or_with_a_cursor() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (live, durable) = (Arc::clone(&heard), Arc::clone(&heard));
    let system = TestSystem::builder()
        .external_subscriber(External::live("a.*", move |event: Received| {
            let live = Arc::clone(&live);
            async move { live.lock().unwrap().push(format!("live {}", event.topic)) }
        }))
        .external_subscriber(
            External::live("a.*", move |event: Received<String>| {
                let durable = Arc::clone(&durable);
                async move {
                    let mut durable = durable.lock().unwrap();
                    if event.event == "twice" && !durable.contains(&"failed".to_owned()) {
                        durable.push("failed".to_owned());
                        return Err(Error::failed("not yet"));
                    }
                    durable.push(format!("durable {}", event.event));
                    Ok(())
                }
            })
            .named("erp"),
        )
        .start()
        .await;
    system.publish("a.b", "twice".to_owned()).await.unwrap();
    system.publish("a.c", 7_u32).await.unwrap();
    system.advance(Duration::from_secs(30)).await;
    let mut heard = heard.lock().unwrap().clone();
    heard.sort();
    assert_eq!(heard, ["durable twice", "failed", "live a.b", "live a.c"]);
    system.stop().await;
}

#[callboard::test]
async fn a_stream_gives_the_events_of_its_type_from_where_it_was_asked_to_begin() {
    let system = TestSystem::builder().start().await;
    system.publish("a.b", "early".to_owned()).await.unwrap();
    let mut live = system.subscribe_to::<String>("a.>").await.unwrap();
    let mut all = system.subscribe("a.>").from_the_beginning().await.unwrap();
    system.publish("a.b", 7_u32).await.unwrap();
    system.publish("a.c", "late".to_owned()).await.unwrap();
    assert_eq!(live.next().await.unwrap().unwrap().event, "late");
    assert_eq!(all.next().await.unwrap().unwrap().read::<String>().unwrap(), "early");
    assert!(all.next().await.unwrap().unwrap().is::<u32>());
    let error = system.subscribe("a..b").await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidTopic);
    system.stop().await;
}

#[callboard::test]
async fn publications_that_belong_together_are_published_all_or_none() {
    let system = TestSystem::builder().start().await;
    let both = Broadcast::to("a.b", 1_u32).to("a.c", 2_u32).header("source", "import");
    assert_eq!(system.publish_all(both).await.unwrap().len(), 2);
    let error = system.publish_all(Broadcast::to("a.b", 3_u32).to("a..c", 4_u32)).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidTopic);
    let mut probe = system.probe("a.*");
    probe.expect::<u32>().await;
    let second = probe.expect::<u32>().await;
    assert_eq!((second.event, second.headers.get("source").unwrap().as_str()), (2, "import"));
    probe.expect_none().await;
    system.stop().await;
}

#[callboard::test]
async fn an_ephemeral_topic_is_declared_by_its_pattern() {
    let system = TestSystem::builder().topic("metrics.>", ephemeral()).start().await;
    let explained = system.operator().explain(topic!("metrics.cpu")).await.unwrap();
    assert!(!explained.policy.is_durable());
    system.publish("metrics.cpu", 7_u32).await.unwrap();
    assert_eq!(system.probe("metrics.cpu").expect::<u32>().await.event, 7);
    system.stop().await;
}

#[callboard::test]
async fn a_wrong_declaration_is_refused_when_the_system_starts() {
    struct Deaf;
    impl Actor for Deaf {
        type State = Stateless;
        fn declaration(&self) -> Declare {
            Declare::named("deaf").action("hear").takes::<String>().channel("a.b", "listen")
        }
        async fn handle(&self, turn: ActorTurn<'_, Stateless>) -> Result<Outcome, CallError> {
            turn.refuse()
        }
    }
    let error = TestSystem::builder().actor(Deaf).try_start().await.unwrap_err();
    assert!(
        error.message().contains("names the action \"listen\", which is not declared; declared are hear"),
        "{error}"
    );
    let twice = TestSystem::builder().actor(Ping).actor(Ping).try_start().await;
    assert!(twice.is_err(), "two actors of one name");
    let pattern = External::live("a..b", |_: Received| async {});
    let error = TestSystem::builder().external_subscriber(pattern).try_start().await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidTopic);
}

// An actor that the test can look into.
struct Shared<A>(Arc<A>);

impl<A: Actor> Actor for Shared<A> {
    type State = A::State;

    fn declaration(&self) -> Declare {
        self.0.declaration()
    }

    async fn handle(&self, turn: ActorTurn<'_, A::State>) -> Result<Outcome, CallError> {
        self.0.handle(turn).await
    }
}
