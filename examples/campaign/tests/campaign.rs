//! The table as a whole, in memory: what browsers send, what they hear, what they are not shown.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use callboard::AnyPayload;
use callboard::channel::Inbound;
use callboard::prelude::*;
use callboard::testing::{Probe, TestBuilder, TestSystem, Visit, Visited};
use callboard::{Channel, EntityBroadcaster};
use callboard_example_campaign::campaigns::{Notice, Sheet};
use callboard_example_campaign::{Campaigns, Fights, SHEETS, campaign_channel, fight_channel, user_channel};
use serde_json::{Value as JsonValue, json};

fn table() -> TestBuilder {
    let (sheets, kept) = SHEETS;
    TestSystem::builder().actor(Campaigns).actor(Fights).actor(EntityBroadcaster::new()).topic(sheets, kept())
}

/// Somebody's browser at one channel.
struct Browser<'a> {
    table: &'a TestSystem,
    visited: Visited,
}

impl<'a> Browser<'a> {
    async fn try_join(
        table: &'a TestSystem,
        who: &str,
        channel: Channel,
        params: JsonValue,
    ) -> Result<Self, CallError> {
        let (role, campaign) = match who {
            "ann" => ("gamemaster", 7),
            "eve" => ("player", 8),
            _ => ("player", 7),
        };
        let claims = json!({"role": role, "campaigns": [campaign]});
        let visited = Visit::of(channel).subject(who).claims(claims).params(params).join().await?;
        Ok(Self { table, visited })
    }

    async fn at_the_campaign(table: &'a TestSystem, who: &str) -> Self {
        Self::try_join(table, who, campaign_channel(), json!({"id": 7})).await.unwrap()
    }

    /// What the node does with an event.
    async fn perform(&self, event: &str, data: JsonValue) -> Result<JsonValue, CallError> {
        let Inbound::Invoke { actor, action, payload } = self.visited.send(event, data).await? else {
            panic!("{event} invokes")
        };
        let answer: AnyPayload = self.table.invoke(&actor, action, AnyPayload(payload)).await?;
        Ok(serde_json::from_slice(answer.0.bytes()).unwrap_or_default())
    }

    /// What it is shown of the next publications; null for nothing.
    async fn hears(&self, probe: &mut Probe, count: usize) -> Vec<JsonValue> {
        let mut heard = Vec::new();
        for _ in 0..count {
            let received = probe.expect::<AnyPayload>().await;
            heard.push(self.visited.sees(received.publication()).map_or(JsonValue::Null, |json| json.0));
        }
        heard
    }
}

#[callboard::test(table())]
async fn a_character_reaches_every_browser_in_the_two_messages_that_rails_clients_know(table: TestSystem) {
    let (ann, bob) = (Browser::at_the_campaign(&table, "ann").await, Browser::at_the_campaign(&table, "bob").await);
    bob.perform("create_character", json!({"name": "Brick", "author": "ann"})).await.unwrap();
    let mut probe = table.probe("campaign.7");
    let heard = ann.hears(&mut probe, 2).await;
    let character = &heard[0]["character"];
    assert_eq!((&character["entity_class"], &character["name"]), (&json!("Character"), &json!("Brick")));
    assert_eq!(character["owner"], "bob", "the token says who it is");
    assert_eq!(heard[1], json!({"characters": "reload"}));
    ann.perform("hit", json!({"id": 1, "points": -3})).await.unwrap();
    assert_eq!(bob.hears(&mut probe, 2).await[0]["character"]["hit_points"], 7);
    let notice = table.probe("user.bob").expect::<Notice>().await.event;
    assert_eq!(notice.notice, "ann has hit Brick: 7 hit points");
    assert_eq!(ann.perform("delete_character", json!({"id": 1})).await.unwrap_err().code(), Code::Denied);
    bob.perform("delete_character", json!({"id": 1})).await.unwrap();
    assert_eq!(bob.hears(&mut probe, 1).await, [json!({"characters": "reload"})]);
    probe.expect_none().await;
}

#[callboard::test(table())]
async fn a_hidden_character_is_shown_to_its_player_and_the_gamemaster(table: TestSystem) {
    let bob = Browser::at_the_campaign(&table, "bob").await;
    bob.perform("create_character", json!({"name": "Shade", "hidden": true})).await.unwrap();
    for (who, sees) in [("ann", true), ("bob", true), ("cyd", false)] {
        let browser = Browser::at_the_campaign(&table, who).await;
        let heard = browser.hears(&mut table.probe("campaign.7"), 2).await;
        assert_eq!((!heard[0].is_null(), &heard[1]), (sees, &json!({"characters": "reload"})), "{who}");
        let sheet = browser.perform("show", json!({"who": "ann", "gamemaster": true})).await.unwrap();
        assert_eq!(sheet["characters"].as_array().unwrap().len(), usize::from(sees), "{who}");
    }
}

#[callboard::test(table())]
async fn what_somebody_asks_to_see_comes_over_their_own_channel(table: TestSystem) {
    let user = Browser::try_join(&table, "bob", user_channel(), json!({})).await.unwrap();
    assert_eq!(user.visited.topics(), ["user.bob", "user.bob.sheets"]);
    let campaign = Browser::at_the_campaign(&table, "bob").await;
    let mut own = table.subscribe_to::<Sheet>("user.bob.sheets").await.unwrap();
    campaign.perform("show", json!({})).await.unwrap();
    let sheet = own.next().await.unwrap().unwrap().event;
    assert_eq!((sheet.campaign, sheet.characters.len()), (7, 0));
    let nobody = Visit::of(user_channel()).join().await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
}

#[callboard::test(table())]
async fn only_those_who_play_a_campaign_join_it_and_its_fights(table: TestSystem) {
    let join = async |who: &str, channel: Channel, params: JsonValue| {
        Browser::try_join(&table, who, channel, params).await.map(|_| ()).map_err(|error| error.code())
    };
    assert!(join("bob", fight_channel(), json!({"id": "7-1"})).await.is_ok());
    for (who, channel, params) in [
        ("eve", campaign_channel(), json!({"id": 7})),
        ("eve", fight_channel(), json!({"id": "7-1"})),
        ("bob", fight_channel(), json!({"id": "8-1"})),
        ("bob", fight_channel(), json!({"id": "7"})),
    ] {
        assert_eq!(join(who, channel, params).await.unwrap_err(), Code::Denied, "{who}");
    }
    for params in [json!({}), json!({"id": "07"}), json!({"id": "7.8"}), json!({"id": "*"})] {
        assert_eq!(join("bob", campaign_channel(), params).await.unwrap_err(), Code::InvalidPayload);
    }
}

#[callboard::test(table())]
async fn the_shots_of_a_fight_come_fast_and_wait_for_each_other(table: TestSystem) {
    let campaign = Browser::at_the_campaign(&table, "ann").await;
    let id = campaign.perform("start_fight", json!({"name": "Ambush"})).await.unwrap();
    assert_eq!(id, JsonValue::Null, "the answer is a text in protobuf");
    table.settle().await;
    let fight = Browser::try_join(&table, "ann", fight_channel(), json!({"id": "7-1"})).await.unwrap();
    let mut probe = table.probe("fight.7-1");
    assert_eq!(fight.hears(&mut probe, 2).await[0]["fight"]["name"], "Ambush");
    for _ in 0..10 {
        fight.perform("act", json!({"fighter": "Brick", "shots": 1})).await.unwrap();
    }
    let heard = fight.hears(&mut probe, 2).await;
    assert_eq!((&heard[0]["fight"]["shots"]["Brick"], &heard[1]), (&json!(9), &json!({"fights": "reload"})));
    fight.perform("next_round", json!({})).await.unwrap();
    assert_eq!(fight.hears(&mut probe, 2).await[0]["fight"]["round"], 2);
    probe.expect_none().await;
    let sheet = fight.perform("show", json!({})).await.unwrap();
    assert_eq!(sheet["fight"]["shots"]["Brick"], 18);
    let none = Browser::try_join(&table, "ann", fight_channel(), json!({"id": "7-99"})).await.unwrap();
    assert!(none.perform("act", json!({"fighter": "Brick"})).await.is_err());
}

#[callboard::test(table())]
async fn what_is_said_is_heard_by_all_as_said_by_who_said_it(table: TestSystem) {
    let bob = Browser::at_the_campaign(&table, "bob").await;
    bob.perform("speak", json!({"text": "hello", "author": "ann"})).await.unwrap();
    let heard = bob.hears(&mut table.probe("campaign.7"), 1).await;
    assert_eq!(heard, [json!({"said": {"author": "bob", "text": "hello"}})]);
    assert_eq!(bob.perform("speak", json!({"text": " "})).await.unwrap_err().code(), Code::InvalidPayload);
}
