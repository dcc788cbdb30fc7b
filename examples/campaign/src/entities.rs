//! What the table is about, and what everybody is told when it changes.

use std::collections::BTreeMap;

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// Somebody in the story.
#[derive(Clone, Debug, Default, PartialEq, Eq, Broadcastable, Message, Serialize, Deserialize)]
#[message(name = "campaign.Character")]
#[broadcastable(scope = "campaign.{campaign_id}", version = version, audience = who_may_see)]
pub struct Character {
    /// Which one, within the campaign.
    pub id: u64,
    /// Where.
    pub campaign_id: u64,
    /// What it is called.
    pub name: String,
    /// Who plays it.
    pub owner: String,
    /// How well it is.
    pub hit_points: i64,
    /// Whether only its player and the gamemaster know of it.
    pub hidden: bool,
    /// Grows with each change.
    pub version: u64,
}

impl Character {
    /// Whether somebody may know of it.
    #[must_use]
    pub fn is_seen_by(&self, who: &str, gamemaster: bool) -> bool {
        !self.hidden || gamemaster || self.owner == who
    }
}

fn who_may_see(character: &Character) -> Vec<String> {
    if character.hidden { vec!["role=gamemaster".to_owned(), character.owner.clone()] } else { Vec::new() }
}

/// A fight: who acts when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Broadcastable, Message, Serialize, Deserialize)]
#[message(name = "campaign.Fight")]
#[broadcastable(scope = "campaign.{campaign_id}", scope = "fight.{id}", version = version)]
pub struct Fight {
    /// The campaign and a number: `7-1`.
    pub id: String,
    /// Where.
    pub campaign_id: u64,
    /// What it is called.
    pub name: String,
    /// Which round it is.
    pub round: u64,
    /// When each fighter acts next: the highest first.
    pub shots: BTreeMap<String, i64>,
    /// Grows with each change.
    pub version: u64,
}
