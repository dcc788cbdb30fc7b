//! Entity broadcasts: what leaves with an action's commit, and what the broadcaster makes of what it is told.
#![allow(clippy::unwrap_used, unreachable_pub, unnameable_types, missing_docs, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callboard::channel::Channel;
use callboard::core::port::Store;
use callboard::entity::{
    BreakerState, BroadcasterConfig, BroadcasterHealth, ENTITY_TYPE, EntityBroadcaster, HealthStatus, Priority,
    RELOAD_TYPE, WantedEntity, for_audience,
};
use callboard::prelude::*;
use callboard::testing::{MemoryStore, Probe, TestBuilder, TestSystem, Visit};
use callboard::{AnyPayload, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Debug, Broadcastable, Serialize, Deserialize)]
#[broadcastable(scope = "campaign.{campaign_id}", scope = "fight.{fight_id}", serializer = sheet, audience = audience)]
#[broadcastable(version = revision, cache_key = "character/{id}")]
struct Character {
    id: u64,
    campaign_id: u64,
    fight_id: Option<u64>,
    name: String,
    revision: u32,
    hidden: bool,
}

#[derive(Serialize)]
struct Sheet<'a> {
    id: u64,
    name: &'a str,
}

fn sheet(character: &Character) -> Sheet<'_> {
    Sheet { id: character.id, name: &character.name }
}

fn audience(character: &Character) -> Vec<String> {
    if character.hidden { vec!["role=gamemaster".to_owned(), "ada".to_owned()] } else { Vec::new() }
}

fn ann(revision: u32) -> Character {
    let name = format!("Ann {revision}");
    Character { id: 3, campaign_id: 7, fight_id: None, name, revision, hidden: false }
}

/// The next messages of a topic, as JSON texts.
async fn next(probe: &mut Probe, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let received = probe.expect::<AnyPayload>().await;
        texts.push(String::from_utf8(received.payload.bytes().to_vec()).unwrap());
    }
    texts
}

fn entity(revision: u32) -> String {
    format!(r#"{{"character":{{"entity_class":"Character","id":3,"name":"Ann {revision}"}}}}"#)
}

const RELOAD: &str = r#"{"characters":"reload"}"#;

// --- within an action ---

#[derive(Clone, Debug, Default, Message, Serialize, Deserialize)]
struct Sheets {
    revision: u32,
}

struct Campaign;

#[actor(name = "campaign", kind = unnamed, state = Sheets)]
impl Campaign {
    #[action]
    fn rename(&self, sheets: &Sheets, fails: bool) -> Result<Value<(), Sheets>> {
        let revision = sheets.revision + 1;
        let renamed = Character { fight_id: Some(1), ..ann(revision) };
        let value = Value::of().state(Sheets { revision }).broadcast_entity(Change::updated(&renamed));
        if fails { Err(Error::failed("no")) } else { Ok(value) }
    }

    #[action]
    fn send_away(&self) -> Value<(), Sheets> {
        let wrong = Change::deleted(&ann(1)).also_on("fight.*");
        Value::of().broadcast_entity(wrong)
    }
}

#[callboard::test(TestSystem::builder().actor(Campaign))]
async fn a_change_leaves_with_the_actions_commit_or_not_at_all(system: TestSystem) {
    let campaign = Campaign::at(&system, "7");
    campaign.rename(true).await.unwrap_err();
    campaign.rename(false).await.unwrap();
    let error = campaign.send_away().await.unwrap_err();
    assert_eq!(error.code(), Code::ActionFailed);
    for topic in ["campaign.7", "fight.1"] {
        let mut probe = system.probe(topic);
        let first = probe.expect::<AnyPayload>().await;
        let second = probe.expect::<AnyPayload>().await;
        assert_eq!((first.event.type_name(), second.event.type_name()), (&ENTITY_TYPE, &RELOAD_TYPE));
        assert_eq!((first.payload.bytes(), second.payload.bytes()), (entity(1).as_bytes(), RELOAD.as_bytes()));
        assert_eq!(second.position.seq, first.position.seq.next(), "nothing stands between the two");
        probe.expect_none().await;
    }
}

// --- the broadcaster ---

fn system() -> TestBuilder {
    TestSystem::builder().actor(EntityBroadcaster::new())
}

async fn health(system: &TestSystem) -> BroadcasterHealth {
    EntityBroadcaster::at(system).health().await.unwrap()
}

#[callboard::test(system())]
async fn a_change_of_high_priority_is_announced_at_once_and_a_batch_with_one_reload(system: TestSystem) {
    let broadcaster = EntityBroadcaster::at(&system);
    let mut probe = system.probe("campaign.7");
    broadcaster.entity_changed(Change::created(&ann(1))).await.unwrap();
    assert_eq!(next(&mut probe, 2).await, [entity(1).as_str(), RELOAD]);
    broadcaster.entity_changed(Change::deleted(&ann(1))).await.unwrap();
    assert_eq!(next(&mut probe, 1).await, [RELOAD]);
    let bo = Character { id: 4, name: "Bo".to_owned(), ..ann(1) };
    let batch = EntityChanges::new().updated(&ann(1)).updated(&bo).updated(&ann(2));
    broadcaster.entities_changed(batch).await.unwrap();
    let texts = next(&mut probe, 3).await;
    assert!(texts[0].contains("Bo"));
    assert_eq!(texts[1..], [entity(2), RELOAD.to_owned()]);
    let health = health(&system).await;
    assert_eq!((health.status, health.changes, health.coalesced, health.broadcasts), (HealthStatus::Healthy, 5, 1, 6));
    assert!(health.last_broadcast.is_some());
    probe.expect_none().await;
}

#[callboard::test(system())]
async fn changes_of_low_priority_wait_for_each_other_and_the_last_state_wins(system: TestSystem) {
    let broadcaster = EntityBroadcaster::at(&system);
    let mut probe = system.probe("campaign.7");
    for revision in [1, 2, 4, 3] {
        broadcaster.entity_changed(Change::updated(&ann(revision)).low()).await.unwrap();
    }
    assert_eq!(health(&system).await.pending, 1);
    let began = system.operator().health().counts.activations;
    assert_eq!(next(&mut probe, 2).await, [entity(4).as_str(), RELOAD], "by version, not by arrival");
    probe.expect_none().await;
    let health = health(&system).await;
    assert_eq!((health.pending, health.coalesced, began), (0, 3, 1));
    // A change at once takes the place of one that waits; the reload that is owed still comes.
    broadcaster.entity_changed(Change::updated(&ann(5)).low()).await.unwrap();
    broadcaster.entity_changed(Change::updated(&ann(6))).await.unwrap();
    assert_eq!(next(&mut probe, 3).await, [entity(6).as_str(), RELOAD, RELOAD]);
    probe.expect_none().await;
}

#[callboard::test]
async fn what_waits_when_the_process_dies_is_announced_as_a_reload() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let before = system().store(Arc::clone(&store)).start().await;
    EntityBroadcaster::at(&before).entity_changed(Change::updated(&ann(1)).low()).await.unwrap();
    before.stop().await;
    let after = system().store(store).start().await;
    let mut probe = after.probe("campaign.7");
    assert_eq!(next(&mut probe, 1).await, [RELOAD]);
    probe.expect_none().await;
    after.stop().await;
}

#[callboard::test]
async fn a_storm_is_announced_at_its_bounded_rate_and_shows_in_the_health() {
    let config = BroadcasterConfig { per_second: 4, burst: 2, ..BroadcasterConfig::default() };
    let system = TestSystem::builder().actor(EntityBroadcaster::with(config)).start().await;
    let broadcaster = EntityBroadcaster::at(&system);
    for revision in 1..=100 {
        broadcaster.entity_changed(Change::updated(&ann(revision))).await.unwrap();
    }
    assert_eq!(health(&system).await.status, HealthStatus::Degraded);
    let mut probe = system.probe("campaign.7");
    assert_eq!(next(&mut probe, 4).await, [entity(1).as_str(), RELOAD, &entity(2), RELOAD]);
    assert_eq!(next(&mut probe, 2).await, [entity(100).as_str(), RELOAD], "and then how it is");
    probe.expect_none().await;
    system.advance(Duration::from_secs(10)).await;
    let health = health(&system).await;
    assert_eq!((health.status, health.throttled, health.broadcasts), (HealthStatus::Healthy, 98, 6));
    system.stop().await;
}

#[callboard::test]
async fn what_has_no_room_to_wait_is_announced_as_a_reload() {
    let config = BroadcasterConfig { pending_len: 1, ..BroadcasterConfig::default() };
    let system = TestSystem::builder().actor(EntityBroadcaster::with(config)).start().await;
    let broadcaster = EntityBroadcaster::at(&system);
    for id in 3..6 {
        let change = Change::updated(&Character { id, ..ann(1) }).low();
        broadcaster.entity_changed(change).await.unwrap();
    }
    let mut probe = system.probe("campaign.7");
    assert_eq!(next(&mut probe, 2).await, [entity(1).as_str(), RELOAD]);
    probe.expect_none().await;
    assert_eq!(health(&system).await.reload_only, 2);
    system.stop().await;
}

#[callboard::test(system())]
async fn a_change_that_cannot_be_announced_is_refused_with_what_to_write(system: TestSystem) {
    let broadcaster = EntityBroadcaster::at(&system);
    let json = |change: serde_json::Value| system.invoke::<()>("entity_broadcaster", "entity_changed", Json(change));
    let good =
        json!({"entity": "car", "plural": "cars", "id": "1", "operation": "updated", "scopes": ["race.1"], "data": {}});
    json(good.clone()).await.unwrap();
    for (key, value, says) in [
        ("id", json!(""), "no id"),
        ("plural", json!("car"), "give them two"),
        ("scopes", json!(["race.*"]), "may not contain '*'"),
        ("data", json!([1]), "no JSON object"),
        ("data", json!(null), "nobody says how one is fetched"),
        ("operation", json!("moved"), "moved"),
    ] {
        let mut wrong = good.clone();
        wrong[key] = value;
        let error = json(wrong).await.unwrap_err();
        assert!(error.message().contains(says), "{key}: {error}");
        assert!(matches!(error.code(), Code::InvalidPayload | Code::InvalidTopic), "{error}");
    }
    let many = (0..501).map(|_| Change::updated(&ann(1))).collect();
    assert_eq!(broadcaster.entities_changed(many).await.unwrap_err().code(), Code::TooLarge);
    assert_eq!(health(&system).await.changes, 1);
}

// --- what is fetched ---

#[derive(Clone, Default)]
struct Database(Arc<Inner>);

#[derive(Default)]
struct Inner {
    characters: Mutex<BTreeMap<u64, Character>>,
    down: AtomicBool,
    asked: AtomicU32,
}

impl Database {
    async fn character(self, id: String) -> Result<Option<Character>> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if self.0.down.load(Ordering::SeqCst) {
            return Err(Error::failed("the database is down"));
        }
        Ok(self.0.characters.lock().unwrap().get(&id.parse()?).cloned())
    }

    fn save(&self, character: Character) {
        self.0.characters.lock().unwrap().insert(character.id, character);
    }

    fn is_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    fn asked(&self) -> u32 {
        self.0.asked.swap(0, Ordering::SeqCst)
    }

    async fn system(&self) -> TestSystem {
        let config = BroadcasterConfig { failures_max: 2, ..BroadcasterConfig::default() };
        let database = self.clone();
        let broadcaster = EntityBroadcaster::with(config).loads(move |_, id| database.clone().character(id));
        TestSystem::builder().actor(broadcaster).start().await
    }
}

fn by_id(priority: Priority) -> Change {
    let change = Change::by_id::<Character>("3", "campaign.7");
    if priority == Priority::Low { change.low() } else { change }
}

#[callboard::test]
async fn a_change_by_id_is_fetched_once_however_often_it_is_told() {
    let database = Database::default();
    let system = database.system().await;
    let broadcaster = EntityBroadcaster::at(&system);
    database.save(ann(1));
    broadcaster.entity_changed(by_id(Priority::High)).await.unwrap();
    let mut probe = system.probe("campaign.7");
    assert_eq!((next(&mut probe, 2).await, database.asked()), (vec![entity(1), RELOAD.to_owned()], 1));
    for revision in 2..=9 {
        database.save(ann(revision));
        broadcaster.entity_changed(by_id(Priority::Low)).await.unwrap();
    }
    assert_eq!((next(&mut probe, 2).await, database.asked()), (vec![entity(9), RELOAD.to_owned()], 1));
    let gone = Change::by_id::<Character>("99", "campaign.7");
    broadcaster.entity_changed(gone).await.unwrap();
    assert_eq!(next(&mut probe, 1).await, [RELOAD]);
    probe.expect_none().await;
    system.stop().await;
}

#[callboard::test]
async fn while_an_entity_cannot_be_fetched_clients_reload_and_the_breaker_closes_again() {
    let database = Database::default();
    let system = database.system().await;
    let broadcaster = EntityBroadcaster::at(&system);
    database.save(ann(1));
    database.is_down(true);
    let mut probe = system.probe("campaign.7");
    for (status, asked) in [(HealthStatus::Degraded, 1), (HealthStatus::Broken, 1), (HealthStatus::Broken, 0)] {
        broadcaster.entity_changed(by_id(Priority::High)).await.unwrap();
        assert_eq!(next(&mut probe, 1).await, [RELOAD], "nobody is left with what was");
        assert_eq!((health(&system).await.status, database.asked()), (status, asked));
    }
    assert_eq!(health(&system).await.breakers["character"], BreakerState::Open);
    database.is_down(false);
    system.advance(Duration::from_secs(10)).await;
    assert_eq!(health(&system).await.breakers["character"], BreakerState::HalfOpen);
    broadcaster.entity_changed(by_id(Priority::High)).await.unwrap();
    assert_eq!(next(&mut probe, 2).await, [entity(1).as_str(), RELOAD]);
    let health = health(&system).await;
    assert_eq!((health.status, health.errors, health.reload_only), (HealthStatus::Healthy, 2, 3));
    assert_eq!(health.breakers["character"], BreakerState::Closed);
    system.stop().await;
}

#[callboard::test]
async fn serialized_entities_are_kept_for_a_short_while_and_a_change_replaces_them() {
    let database = Database::default();
    let system = database.system().await;
    let broadcaster = EntityBroadcaster::at(&system);
    database.save(ann(1));
    let wanted = || WantedEntity { entity: "character".to_owned(), id: "3".to_owned() };
    let name = async || {
        let shown: AnyPayload = broadcaster.serialized(wanted()).await.unwrap();
        shown.read::<Json>().unwrap()["name"].as_str().unwrap().to_owned()
    };
    assert_eq!((name().await, name().await, database.asked()), ("Ann 1".to_owned(), "Ann 1".to_owned(), 1));
    broadcaster.entity_changed(Change::updated(&ann(2))).await.unwrap();
    assert_eq!((name().await, database.asked()), ("Ann 2".to_owned(), 0), "as it was told");
    database.save(ann(3));
    assert!(broadcaster.forget("character/3".to_owned()).await.unwrap());
    assert_eq!((name().await, database.asked()), ("Ann 3".to_owned(), 1));
    database.save(ann(4));
    system.advance(Duration::from_secs(5)).await;
    assert_eq!((name().await, database.asked()), ("Ann 4".to_owned(), 1));
    assert_eq!((health(&system).await.cache_hits, health(&system).await.cached), (2, 1));
    let nobody = WantedEntity { id: "99".to_owned(), ..wanted() };
    assert_eq!(broadcaster.serialized(nobody).await.unwrap_err().code(), Code::InvalidPayload);
    system.stop().await;
}

#[callboard::test]
async fn a_function_that_panics_or_takes_too_long_has_failed_and_no_more() {
    let stuck = EntityBroadcaster::new().loads::<Character, _, _, Error>(|_, id| async move {
        assert_ne!(id, "4", "this one panics");
        std::future::pending().await
    });
    let system = TestSystem::builder().actor(stuck).start().await;
    let broadcaster = EntityBroadcaster::at(&system);
    let mut probe = system.probe("campaign.7");
    for id in ["3", "4"] {
        broadcaster.entity_changed(Change::by_id::<Character>(id, "campaign.7")).await.unwrap();
        assert_eq!(next(&mut probe, 1).await, [RELOAD]);
    }
    assert_eq!(health(&system).await.errors, 2);
    system.stop().await;
}

#[callboard::test(system())]
async fn announcements_are_logged_when_it_is_asked_for(system: TestSystem) {
    let broadcaster = EntityBroadcaster::at(&system);
    assert!(!health(&system).await.debug);
    assert!(broadcaster.debug(true).await.unwrap());
    assert!(health(&system).await.debug);
    assert!(!broadcaster.debug(false).await.unwrap());
}

// --- who sees it ---

#[callboard::test(system())]
async fn a_hidden_entity_is_seen_by_its_audience_only(system: TestSystem) {
    let hidden = Character { hidden: true, ..ann(1) };
    EntityBroadcaster::at(&system).entity_changed(Change::updated(&hidden)).await.unwrap();
    let mut probe = system.probe("campaign.7");
    let (entity, reload) = (probe.expect::<AnyPayload>().await, probe.expect::<AnyPayload>().await);
    let channel = || Channel::new("CampaignChannel").topic("campaign.7").anyone().per_client(for_audience);
    for (subject, claims, sees) in [
        ("ada", json!({}), true),
        ("eve", json!({}), false),
        ("eve", json!({"role": "gamemaster"}), true),
        ("eve", json!({"role": ["player"]}), false),
    ] {
        let client = Visit::of(channel()).subject(subject).claims(claims).join().await.unwrap();
        assert_eq!(client.sees(entity.publication()).is_some(), sees, "{subject}");
        assert!(client.sees(reload.publication()).is_some(), "a reload shows nothing of it");
    }
}
