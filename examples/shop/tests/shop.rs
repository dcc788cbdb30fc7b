//! The shop as a whole, in memory: what is written down, what is announced, what is refused.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callboard::core::port::Store;
use callboard::prelude::*;
use callboard::testing::{MemoryStore, TestBuilder, TestSystem};
use callboard_example_shop::messages::*;
use callboard_example_shop::order_processor::BOOK_LEN_MAX;
use callboard_example_shop::*;

fn shop(folder: &Path) -> TestBuilder {
    let shop = Shop::at(folder);
    TestSystem::builder()
        .actor(OrderProcessor)
        .actor(FiledOrder)
        .actor(InventoryService)
        .actor(shop.email_service())
        .actor(shop.audit_logger())
        .actor(UserManager)
        .actor(UserAggregate)
        .actor(shop.health_monitor())
}

fn order(order_id: &str) -> OrderData {
    let items = vec![Item { sku: "tea".to_owned(), quantity: 2 }, Item { sku: "cup".to_owned(), quantity: 0 }];
    let (order_id, user_id) = (order_id.to_owned(), "user_1".to_owned());
    OrderData { order_id, user_id, amount: 10.5, currency: String::new(), items }
}

fn lines(folder: &Path, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[callboard::test]
async fn an_order_is_announced_mailed_counted_and_written_down_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let created = OrderProcessor::at(&shop).create_order(order("ord_1")).await.unwrap();
    assert_eq!((created.status.as_str(), created.currency.as_str(), created.version), ("created", "USD", 1));
    assert_eq!(created.items[1].quantity, 1, "what is ordered without a number is one");
    let event = shop.probe("order.events").expect::<OrderCreated>().await.event;
    assert_eq!((event.order_id.as_str(), event.amount), ("ord_1", 10.5));
    shop.settle().await;
    let (mail, audit) = (lines(folder.path(), "mail.log"), lines(folder.path(), "audit.log"));
    assert_eq!((mail.len(), audit.len()), (1, 1), "{mail:?} {audit:?}");
    assert!(mail[0].contains(r#""to":"user_1","text":"We have your order ord_1 over 10.50 USD","orderId":"ord_1""#));
    assert!(audit[0].contains(r#""category":"ORDER","topic":"order.events","event":"OrderCreated","orderId":"ord_1""#));
    let inventory: InventoryState = shop.state("inventory_service").await.unwrap().unwrap();
    assert_eq!((inventory.orders, inventory.things, inventory.ordered["tea"]), (1, 3, 2));
}

#[callboard::test]
async fn the_same_order_again_is_the_same_order_and_another_one_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let orders = OrderProcessor::at(&shop);
    let created = orders.create_order(order("ord_1")).await.unwrap();
    assert_eq!(orders.create_order(order("ord_1")).await.unwrap(), created);
    let error = orders.create_order(OrderData { amount: 11.0, ..order("ord_1") }).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    let unnamed = orders.create_order(order("")).await.unwrap();
    assert!(unnamed.order_id.starts_with("ord_"));
    assert_ne!(orders.create_order(order("")).await.unwrap().order_id, unnamed.order_id);
    let book: OrderBook = shop.state("order_processor").await.unwrap().unwrap();
    assert_eq!((book.created, book.newest.len()), (3, 3));
    let mut probe = shop.probe("order.events");
    for _ in 0..3 {
        probe.expect::<OrderCreated>().await;
    }
    probe.expect_none().await;
}

#[callboard::test]
async fn an_order_is_known_however_many_came_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let orders = OrderProcessor::at(&shop);
    let first = orders.create_order(order("ord_0")).await.unwrap();
    for n in 1..=3 * BOOK_LEN_MAX {
        orders.create_order(order(&format!("ord_{n}"))).await.unwrap();
    }
    let book: OrderBook = shop.state("order_processor").await.unwrap().unwrap();
    assert!(book.newest.len() <= BOOK_LEN_MAX, "the state stays small");
    assert_eq!(book.created as usize, 3 * BOOK_LEN_MAX + 1);
    assert_eq!(orders.find_order(OrderQuery { order_id: "ord_0".to_owned() }).await.unwrap(), first);
    assert_eq!(orders.create_order(order("ord_0")).await.unwrap(), first, "still the same order");
    let error = orders.create_order(OrderData { amount: 1.0, ..order("ord_0") }).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);

    let update = StatusUpdate { order_id: "ord_0".to_owned(), status: "paid".to_owned(), old_status: String::new() };
    assert_eq!(orders.update_order_status(update).await.unwrap().version, 2);
    for n in 0..BOOK_LEN_MAX {
        orders.create_order(order(&format!("late_{n}"))).await.unwrap();
    }
    let filed = FiledOrder::at(&shop, "ord_0").show().await.unwrap().order.unwrap();
    assert_eq!((filed.status.as_str(), filed.version), ("paid", 2), "the newer version was filed over the older one");
}

#[callboard::test]
async fn a_change_of_status_is_announced_and_mailed_and_one_that_comes_too_late_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let orders = OrderProcessor::at(&shop);
    orders.create_order(order("ord_1")).await.unwrap();
    let update = |old: &str, status: &str| StatusUpdate {
        order_id: "ord_1".to_owned(),
        status: status.to_owned(),
        old_status: old.to_owned(),
    };
    assert_eq!(orders.update_order_status(update("created", "paid")).await.unwrap().status, "paid");
    let error = orders.update_order_status(update("created", "cancelled")).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Conflict, "order ord_1 is paid, not created"));
    let unknown = orders.find_order(OrderQuery { order_id: "ord_2".to_owned() }).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.message()), (Code::ActorNotFound, "there is no order ord_2"));
    let event = shop.probe("order.status").expect::<OrderUpdated>().await.event;
    assert_eq!((event.old_status.as_str(), event.new_status.as_str()), ("created", "paid"));
    shop.settle().await;
    let mail = lines(folder.path(), "mail.log");
    assert_eq!(mail.len(), 2);
    assert!(mail.iter().any(|line| line.contains("Your order ord_1 is paid")), "{mail:?}");
    assert!(lines(folder.path(), "audit.log").iter().any(|line| line.contains(r#""note":"created -> paid""#)));
}

#[callboard::test]
async fn an_order_that_makes_no_sense_is_refused_with_what_to_give_instead() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let many = vec![Item { sku: "tea".to_owned(), quantity: 1 }; 101];
    for (data, word) in [
        (OrderData { amount: 0.0, ..order("o") }, "amount is 0; give more than 0"),
        (OrderData { amount: f64::NAN, ..order("o") }, "amount is NaN"),
        (OrderData { user_id: String::new(), ..order("o") }, "userId has 0 bytes"),
        (OrderData { currency: "dollars".to_owned(), ..order("o") }, "three capital letters"),
        (OrderData { items: many, ..order("o") }, "at most 100"),
        (order(&"x".repeat(65)), "orderId has 65 bytes"),
        (order("a\nb"), "control characters"),
    ] {
        let error = OrderProcessor::at(&shop).create_order(data).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidPayload);
        assert!(error.message().contains(word), "{error}");
    }
    assert!(shop.state::<OrderBook>("order_processor").await.unwrap().is_none(), "nothing was kept");
}

#[callboard::test]
async fn a_new_user_is_told_to_three_audiences_and_has_a_profile() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let metadata = [("campaign".to_owned(), "spring".to_owned())].into();
    let data = UserData { email: "ada@example.org".to_owned(), source: "web".to_owned(), metadata };
    let user = UserManager::at(&shop).create_user(data).await.unwrap();
    assert_eq!(shop.probe("user.events").expect::<UserCreated>().await.event.user_id, user.user_id);
    let signup = shop.probe("analytics.events").expect::<UserSignup>().await.event;
    assert_eq!((signup.signup_source.as_str(), signup.metadata["campaign"].as_str()), ("web", "spring"));
    assert_eq!(shop.probe("audit.events").expect::<AuditLog>().await.event.action, "user_created");
    shop.settle().await;
    let profile: Profile = shop.state(format!("user_aggregate/{}", user.user_id)).await.unwrap().unwrap();
    assert_eq!(profile.email, "ada@example.org");
    assert!(lines(folder.path(), "mail.log")[0].contains("Welcome, ada@example.org"));
    let audit = lines(folder.path(), "audit.log");
    assert_eq!(audit.len(), 2, "one line for each of the two that it hears: {audit:?}");
    let wrong = UserData { email: "ada".to_owned(), ..UserData::default() };
    assert_eq!(UserManager::at(&shop).create_user(wrong).await.unwrap_err().code(), Code::InvalidPayload);
}

#[callboard::test]
async fn a_profile_announces_each_change_on_its_channel_and_no_change_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let ada = UserAggregate::at(&shop, "ada");
    let update =
        || UpdateProfile { name: Some("Ada".to_owned()), email: Some("ada@example.org".to_owned()), address: None };
    assert_eq!(ada.update_profile(update()).await.unwrap().events_generated, 2);
    assert_eq!(ada.update_profile(update()).await.unwrap().events_generated, 0);
    let mut probe = shop.probe("user.*");
    assert_eq!(probe.expect::<ProfileUpdated>().await.topic.as_str(), "user.profile");
    assert_eq!(probe.expect::<EmailChanged>().await.topic.as_str(), "user.email");
    probe.expect_none().await;
}

#[callboard::test]
async fn whoever_breaks_in_is_written_down_and_raises_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let breach = SecurityBreach { user_id: "mallory".to_owned(), what: "guessed a password".to_owned() };
    shop.publish("security.breach", breach).await.unwrap();
    let alert = shop.probe("system.alerts").expect::<SystemAlert>().await.event;
    assert_eq!((alert.level.as_str(), alert.message.as_str()), ("critical", "mallory: guessed a password"));
    shop.publish("order.notes", "anything".to_owned()).await.unwrap();
    shop.settle().await;
    let audit = lines(folder.path(), "audit.log");
    assert!(audit[0].contains(r#""category":"SECURITY""#), "{audit:?}");
    assert!(audit[1].contains(r#""topic":"order.notes","event":"StringValue""#), "{audit:?}");
}

#[callboard::test]
async fn health_is_checked_every_30_seconds_and_a_change_raises_an_alert() {
    let well = Arc::new(AtomicBool::new(true));
    let looks = Arc::clone(&well);
    let monitor = HealthMonitor::default().with("database", move || {
        let well = looks.load(Ordering::SeqCst);
        async move { if well { Ok(()) } else { Err("no answer") } }
    });
    let system = TestSystem::builder().actor(monitor).start().await;
    let (mut health, mut alerts) = (system.probe("health.events"), system.probe("system.alerts"));
    system.advance(Duration::from_secs(31)).await;
    assert_eq!(health.expect::<HealthStatusUpdate>().await.event.overall_status, "healthy");
    well.store(false, Ordering::SeqCst);
    system.advance(Duration::from_secs(30)).await;
    let update = health.expect::<HealthStatusUpdate>().await.event;
    assert_eq!((update.overall_status.as_str(), update.previous_status.as_str()), ("unhealthy", "healthy"));
    assert_eq!(update.components[0].detail, "no answer");
    assert_eq!(alerts.expect::<SystemAlert>().await.event.level, "critical");
    well.store(true, Ordering::SeqCst);
    system.advance(Duration::from_secs(30)).await;
    assert_eq!(alerts.expect::<SystemAlert>().await.event.message, "System health recovered");
    alerts.expect_none().await;
}

#[callboard::test]
async fn the_shop_is_healthy_while_its_folder_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let update = HealthMonitor::at(&shop).check_health().await.unwrap();
    assert_eq!(update.overall_status, "healthy", "{update:?}");
    std::fs::remove_dir_all(folder.path()).unwrap();
    let update = HealthMonitor::at(&shop).check_health().await.unwrap();
    assert_eq!(update.overall_status, "unhealthy");
    assert!(update.components.iter().any(|one| one.name == "data_folder" && !one.healthy && !one.detail.is_empty()));
}

#[callboard::test]
async fn what_others_publish_as_an_order_cannot_swell_the_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path()).start().await;
    let event = |skus: Vec<String>| OrderCreated {
        items: skus.into_iter().map(|sku| Item { sku, quantity: 1 }).collect(),
        order_id: "ord_1".to_owned(),
        ..OrderCreated::default()
    };
    shop.publish("order.events", event(vec!["x".repeat(1000)])).await.unwrap();
    for n in 0..11 {
        let skus = (0..100).map(|m| format!("sku_{}", 100 * n + m)).collect();
        shop.publish("order.events", event(skus)).await.unwrap();
    }
    shop.advance(Duration::from_secs(600)).await;
    let state: InventoryState = shop.state("inventory_service").await.unwrap().unwrap();
    assert_eq!((state.orders, state.ordered.len(), state.others), (11, 1000, 100));
    let letters = shop.operator().dead_letters(None, 10).await.unwrap();
    assert!(letters.iter().any(|letter| letter.target.as_str() == "inventory_service"), "{letters:?}");
}

#[callboard::test]
async fn a_restarted_shop_goes_on_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = shop(folder.path()).store(Arc::clone(&store)).start().await;
    let created = OrderProcessor::at(&first).create_order(order("ord_1")).await.unwrap();
    first.settle().await;
    first.stop().await;
    let second = shop(folder.path()).store(store).start().await;
    assert_eq!(OrderProcessor::at(&second).create_order(order("ord_1")).await.unwrap(), created);
    // The clock of a test begins anew, and so would the ids.
    second.advance(Duration::from_secs(5)).await;
    OrderProcessor::at(&second).create_order(order("ord_2")).await.unwrap();
    second.settle().await;
    assert_eq!(lines(folder.path(), "mail.log").len(), 2);
    assert_eq!(lines(folder.path(), "audit.log").len(), 2);
}
