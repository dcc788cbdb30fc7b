//! `campaign/<id>`: the characters, the talk, which fights there are.

use std::collections::BTreeMap;

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

use crate::entities::{Character, Fight};
use crate::fights::{Fights, OpenFight};

/// Characters and fights of one campaign, each.
pub const THINGS_LEN_MAX: usize = 200;
/// Bytes of a name.
pub const NAME_LEN_MAX: usize = 100;
/// Bytes of what somebody says.
pub const TEXT_LEN_MAX: usize = 1000;

/// What a campaign remembers.
#[derive(Clone, Debug, Default, Message, Serialize, Deserialize)]
#[message(name = "campaign.State")]
pub struct CampaignState {
    characters: BTreeMap<u64, Character>,
    // The names of the fights by their ids.
    fights: BTreeMap<String, String>,
    numbers: u64,
}

/// A character is to be made.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.NewCharacter")]
pub struct NewCharacter {
    /// Who plays it. The channel writes this.
    pub author: String,
    /// What it is called.
    pub name: String,
    /// Whether only its player and the gamemaster know of it.
    #[serde(default)]
    pub hidden: bool,
}

/// A character is hit or healed.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.Hit")]
pub struct Hit {
    /// Who does it. The channel writes this.
    pub author: String,
    /// Whom.
    pub id: u64,
    /// By how much it is better then; less than zero for worse.
    pub points: i64,
}

/// A character is to be removed.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.Removal")]
pub struct Removal {
    /// Who wants it. The channel writes this.
    pub author: String,
    /// Which one.
    pub id: u64,
}

/// Somebody says something.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.Line")]
pub struct Line {
    /// Who. The channel writes this.
    pub author: String,
    /// What.
    pub text: String,
}

/// Something was said: what browsers are sent.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.Said")]
pub struct Said {
    /// It.
    pub said: Line,
}

/// Something happened to what is somebody's own.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "campaign.Notice")]
pub struct Notice {
    /// In words.
    pub notice: String,
}

/// A fight is to begin.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.NewFight")]
pub struct NewFight {
    /// What it is called.
    pub name: String,
}

/// Somebody wants to see everything. The channel writes this.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "campaign.Look")]
pub struct Look {
    /// Who.
    pub who: String,
    /// Whether they know what is hidden.
    pub gamemaster: bool,
}

/// Everything that somebody may see.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "campaign.Sheet")]
pub struct Sheet {
    /// Of which campaign.
    pub campaign: u64,
    /// Who is in the story.
    pub characters: Vec<Character>,
    /// The names of the fights by their ids.
    pub fights: BTreeMap<String, String>,
}

/// A campaign.
#[derive(Debug)]
pub struct Campaigns;

#[actor(name = "campaign", kind = unnamed, state = CampaignState)]
impl Campaigns {
    /// Makes a character. Everybody hears of it, or, if it is hidden, those who may know.
    #[action]
    fn create_character(
        &self,
        ctx: &Context,
        mut state: CampaignState,
        new: NewCharacter,
    ) -> Result<Value<Character, CampaignState>> {
        named(&new.name)?;
        if state.characters.len() >= THINGS_LEN_MAX {
            return Err(Error::invalid(format_args!(
                "a campaign has at most {THINGS_LEN_MAX} characters; remove one first"
            )));
        }
        let NewCharacter { author, name, hidden } = new;
        state.numbers += 1;
        let (id, campaign_id) = (state.numbers, campaign(ctx)?);
        let character = Character { id, campaign_id, name, owner: author, hit_points: 10, hidden, version: 1 };
        state.characters.insert(id, character.clone());
        Ok(Value::response(character.clone()).state(state).broadcast_entity(Change::created(&character)))
    }

    /// Hits or heals a character, and tells its player, if that was somebody else.
    #[action]
    fn hit(&self, mut state: CampaignState, hit: Hit) -> Result<Value<Character, CampaignState>> {
        let Some(character) = state.characters.get_mut(&hit.id) else { return Err(gone(hit.id)) };
        character.hit_points = character.hit_points.saturating_add(hit.points).clamp(-100, 100);
        character.version += 1;
        let character = character.clone();
        let value = Value::response(character.clone()).state(state).broadcast_entity(Change::updated(&character));
        if hit.author == character.owner {
            return Ok(value);
        }
        let Character { name, hit_points, owner, .. } = &character;
        let what = if hit.points < 0 { "hit" } else { "healed" };
        let notice = Notice { notice: format!("{} has {what} {name}: {hit_points} hit points", hit.author) };
        Ok(value.broadcast(Broadcast::to(format!("user.{owner}"), notice)))
    }

    /// Removes a character. Only its player may.
    #[action]
    fn delete_character(&self, mut state: CampaignState, removal: Removal) -> Result<Value<(), CampaignState>> {
        let Some(character) = state.characters.remove(&removal.id) else { return Err(gone(removal.id)) };
        if character.owner != removal.author {
            return Err(Error::denied(format_args!(
                "{} is played by {}; only they may remove it",
                character.name, character.owner
            )));
        }
        Ok(Value::of().state(state).broadcast_entity(Change::deleted(&character)))
    }

    /// Says something to all.
    #[action]
    fn speak(&self, ctx: &Context, said: Line) -> Result<Value> {
        if said.text.trim().is_empty() || said.text.len() > TEXT_LEN_MAX {
            return Err(Error::invalid(format_args!("say something of 1 to {TEXT_LEN_MAX} bytes")));
        }
        let topic = format!("campaign.{}", campaign(ctx)?);
        Ok(Value::of().broadcast(Broadcast::to(topic, Said { said })))
    }

    /// Begins a fight, which is an actor of its own.
    #[action]
    fn start_fight(
        &self,
        ctx: &Context,
        mut state: CampaignState,
        new: NewFight,
    ) -> Result<Value<String, CampaignState>> {
        named(&new.name)?;
        if state.fights.len() >= THINGS_LEN_MAX {
            return Err(Error::invalid(format_args!("a campaign has at most {THINGS_LEN_MAX} fights")));
        }
        state.numbers += 1;
        let campaign_id = campaign(ctx)?;
        let id = format!("{campaign_id}-{}", state.numbers);
        state.fights.insert(id.clone(), new.name.clone());
        let open = Fights::at(ctx, &id).open(OpenFight { campaign_id, name: new.name });
        Ok(Value::response(id).state(state).effect(open))
    }

    /// Shows everything that somebody may see, as the answer and on their own topic: clients of ActionCable get no answers.
    #[action]
    fn show(&self, ctx: &Context, state: &CampaignState, look: Look) -> Result<Value<Sheet>> {
        let seen = state.characters.values().filter(|character| character.is_seen_by(&look.who, look.gamemaster));
        let sheet =
            Sheet { campaign: campaign(ctx)?, characters: seen.cloned().collect(), fights: state.fights.clone() };
        let topic = format!("user.{}.sheets", look.who);
        Ok(Value::response(sheet.clone()).broadcast(Broadcast::to(topic, sheet)))
    }
}

/// A fight as a client that asks is shown it, on their own topic.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "campaign.FightSheet")]
pub struct FightSheet {
    /// It.
    pub fight: Fight,
}

fn campaign(ctx: &Context) -> Result<u64> {
    ctx.key().parse().map_err(|_| Error::invalid(format_args!("{:?} is no campaign; they have numbers", ctx.key())))
}

fn named(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > NAME_LEN_MAX {
        return Err(Error::invalid(format_args!("give it a name of 1 to {NAME_LEN_MAX} bytes")));
    }
    Ok(())
}

fn gone(id: u64) -> Error {
    Error::conflict(format_args!("there is no character {id} any more"))
}
