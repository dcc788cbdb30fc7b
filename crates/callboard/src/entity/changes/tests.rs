use serde::Serialize;

use super::*;
use crate::entity::{Scopes, Serialized};

#[derive(Clone, Serialize)]
struct Character {
    id: u64,
    campaign_id: u64,
    name: &'static str,
    #[serde(skip)]
    version: Option<u64>,
}

impl Broadcastable for Character {
    const ENTITY: &'static str = "character";
    const PLURAL: &'static str = "characters";
    const CLASS: &'static str = "Character";

    fn entity_id(&self) -> String {
        self.id.to_string()
    }

    fn scopes(&self) -> Scopes {
        Scopes::of(format!("campaign.{}", self.campaign_id))
    }

    fn serialized(&self) -> Result<Serialized, CallError> {
        Serialized::of(self, Self::CLASS)
    }

    fn version(&self) -> Option<u64> {
        self.version
    }
}

fn character(id: u64, name: &'static str) -> Character {
    Character { id, campaign_id: 7, name, version: None }
}

fn announced(changes: EntityChanges) -> Vec<String> {
    let broadcasts = changes.into_broadcasts().lower().unwrap();
    broadcasts.iter().map(|b| format!("{} {}", b.topic, std::str::from_utf8(b.payload.bytes()).unwrap())).collect()
}

fn ann(name: &str) -> String {
    format!(r#"campaign.7 {{"character":{{"entity_class":"Character","id":3,"campaign_id":7,"name":"{name}"}}}}"#)
}

const RELOAD: &str = r#"campaign.7 {"characters":"reload"}"#;

#[test]
fn a_change_is_the_entity_and_behind_it_the_reload_and_a_deletion_only_the_reload() {
    let entity = character(3, "Ann");
    assert_eq!(announced(EntityChanges::new().created(&entity)), [ann("Ann").as_str(), RELOAD]);
    assert_eq!(announced(EntityChanges::new().updated(&entity)), [ann("Ann").as_str(), RELOAD]);
    assert_eq!(announced(EntityChanges::new().deleted(&entity)), [RELOAD]);
    assert_eq!(announced(EntityChanges::new().with(Change::by_id::<Character>("3", "campaign.7"))), [RELOAD]);
    assert!(announced(EntityChanges::new()).is_empty());
}

#[test]
fn of_many_changes_the_last_state_is_announced_and_one_reload_for_each_collection_on_each_topic() {
    let elsewhere = Character { campaign_id: 8, ..character(4, "Bo") };
    let changes = EntityChanges::new()
        .created(&character(3, "An"))
        .updated(&elsewhere)
        .updated(&character(5, "Cy"))
        .updated(&character(3, "Ann"))
        .created(&character(6, "gone"))
        .deleted(&character(6, "gone"));
    let lines = announced(changes);
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(lines[0].contains("Cy"));
    assert_eq!(lines[1..3], [ann("Ann"), RELOAD.to_owned()]);
    assert!(lines[3].starts_with("campaign.8 ") && lines[4] == r#"campaign.8 {"characters":"reload"}"#);
}

#[test]
fn a_version_says_which_of_two_changes_is_the_later() {
    let at = |version, name| Character { version: Some(version), ..character(3, name) };
    let lines = announced(EntityChanges::new().updated(&at(5, "new")).updated(&at(4, "old")));
    assert_eq!(lines, [ann("new").as_str(), RELOAD]);
    let lines = announced(EntityChanges::new().deleted(&at(5, "gone")).updated(&at(4, "old")));
    assert_eq!(lines, [RELOAD], "what is deleted does not come back by an older change");
}

#[test]
fn a_change_that_cannot_be_announced_is_an_error_that_says_why() {
    let wrong = |change: Change| EntityChanges::new().with(change).into_broadcasts().lower().unwrap_err();
    let error = wrong(Change::updated(&character(3, "Ann")).also_on("campaign..7"));
    assert!(error.message().contains("empty token"), "{error}");
    let error = wrong(Change::by_id::<Character>("", "campaign.7"));
    assert!(error.message().contains("no id"), "{error}");
    let error = wrong(Change::updated(&character(3, "Ann")).only_for(vec!["x".repeat(5000)]));
    assert!(error.message().contains("name a role"), "{error}");
}

#[test]
fn a_change_travels_as_json_with_what_is_said_of_it() {
    let change = Change::updated(&character(3, "Ann")).low().only_for(["ada", "role=gamemaster"]);
    let payload = change.to_payload().unwrap();
    let text = std::str::from_utf8(payload.bytes()).unwrap();
    assert!(
        text.starts_with(r#"{"entity":"character","plural":"characters","id":"3","operation":"updated","#),
        "{text}"
    );
    let read = Change::from_payload(&payload).unwrap();
    let headers = |change: Change| {
        let lowered = EntityChanges::new().with(change).into_broadcasts().lower().unwrap();
        lowered.into_iter().map(|b| (b.payload, b.headers)).collect::<Vec<_>>()
    };
    assert_eq!(headers(read), headers(change.clone()));
    assert_eq!(headers(change)[0].1.get(AUDIENCE).unwrap().as_str(), r#"["ada","role=gamemaster"]"#);
    assert!(Change::updated(&character(3, "Ann")).also_on("a b").to_payload().is_err());
}
