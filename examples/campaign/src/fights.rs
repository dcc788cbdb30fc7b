//! `fight/<campaign>-<n>`: who acts when.

use callboard::entity::EntityBroadcaster;
use callboard::prelude::*;
use serde::{Deserialize, Serialize};

use crate::campaigns::{FightSheet, Look};
use crate::entities::Fight;

/// Fighters of one fight.
pub const FIGHTERS_LEN_MAX: usize = 50;

/// A fight begins.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.OpenFight")]
pub struct OpenFight {
    /// Where.
    pub campaign_id: u64,
    /// What it is called.
    pub name: String,
}

/// A fighter comes in, or acts and waits for the next turn.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.Act")]
pub struct Act {
    /// Who.
    pub fighter: String,
    /// How long the next turn is away.
    #[serde(default)]
    pub shots: i64,
}

/// A fight.
#[derive(Debug)]
pub struct Fights;

#[actor(name = "fight", kind = unnamed, state = Fight)]
impl Fights {
    /// Begins it.
    #[action]
    fn open(&self, ctx: &Context, fight: Fight, new: OpenFight) -> Value<(), Fight> {
        // An effect may come again.
        if fight.version > 0 {
            return Value::of();
        }
        let OpenFight { campaign_id, name } = new;
        let fight = Fight { id: ctx.key().to_owned(), campaign_id, name, round: 1, version: 1, ..fight };
        Value::of().state(fight.clone()).broadcast_entity(Change::created(&fight))
    }

    /// A fighter acts. This comes many times a second, so the broadcaster lets the changes wait for each other: the last state of
    /// the fight and one reload reach the browsers.
    #[action]
    fn act(&self, ctx: &Context, mut fight: Fight, act: Act) -> Result<Value<(), Fight>> {
        begun(&fight)?;
        let (shots, full) = (act.shots.clamp(0, 20), fight.shots.len() >= FIGHTERS_LEN_MAX);
        match fight.shots.get_mut(&act.fighter) {
            Some(shot) => *shot -= shots,
            None if full => {
                return Err(Error::invalid(format_args!("a fight has at most {FIGHTERS_LEN_MAX} fighters")));
            }
            None => drop(fight.shots.insert(act.fighter, 18)),
        }
        fight.version += 1;
        let change = Change::updated(&fight).low();
        Ok(Value::of().state(fight).effect(EntityBroadcaster::at(ctx).entity_changed(change)))
    }

    /// Begins the next round.
    #[action]
    fn next_round(&self, mut fight: Fight) -> Result<Value<(), Fight>> {
        begun(&fight)?;
        fight.round += 1;
        fight.version += 1;
        fight.shots.values_mut().for_each(|shot| *shot = 18);
        Ok(Value::of().state(fight.clone()).broadcast_entity(Change::updated(&fight)))
    }

    /// Shows it to somebody, as the answer and on their own topic.
    #[action]
    fn show(&self, fight: &Fight, look: Look) -> Result<Value<FightSheet>> {
        begun(fight)?;
        let sheet = FightSheet { fight: fight.clone() };
        Ok(Value::response(sheet.clone()).broadcast(Broadcast::to(format!("user.{}.sheets", look.who), sheet)))
    }
}

fn begun(fight: &Fight) -> Result<()> {
    if fight.version == 0 { Err(Error::invalid("there is no such fight")) } else { Ok(()) }
}
