//! What browsers join.

use callboard::Channel;
use callboard::channel::{ClientEvent, History, Reaction, Who, invoke};
use callboard::entity::for_audience;
use callboard::prelude::*;
use serde::Deserialize;

use crate::campaigns::Look;

/// How many of the last messages a client gets that joins for the first time, on protocols that have a place for them.
const HISTORY: u64 = 20;

/// The parameters of [`campaign_channel`].
#[derive(Debug, Deserialize)]
pub struct CampaignParams {
    id: u64,
}

/// The parameters of [`fight_channel`].
#[derive(Debug, Deserialize)]
pub struct FightParams {
    id: String,
}

/// A campaign: its characters, its talk, who is there. Hidden characters are shown to those who may know of them.
pub fn campaign_channel() -> Channel {
    Channel::new("CampaignChannel")
        .alias("campaign:{id}")
        .topic("campaign.{id}")
        .authorize(|who: &Who, p: &CampaignParams| plays(who, &p.id.to_string()))
        .on("show", look_at("campaign"))
        .on("speak", invoke("campaign/{id}", "speak").with_who("author"))
        .on("create_character", invoke("campaign/{id}", "create_character").with_who("author"))
        .on("hit", invoke("campaign/{id}", "hit").with_who("author"))
        .on("delete_character", invoke("campaign/{id}", "delete_character").with_who("author"))
        .on("start_fight", invoke("campaign/{id}", "start_fight"))
        .presence()
        .whisper()
        .history(History::Last(HISTORY))
        .reload("characters")
        .reload("fights")
        .per_client(for_audience)
}

/// A fight.
pub fn fight_channel() -> Channel {
    Channel::new("FightChannel")
        .alias("fight:{id}")
        .topic("fight.{id}")
        .authorize(|who: &Who, p: &FightParams| p.id.split_once('-').is_some_and(|(campaign, _)| plays(who, campaign)))
        .on("show", look_at("fight"))
        .on("act", invoke("fight/{id}", "act"))
        .on("next_round", invoke("fight/{id}", "next_round"))
        .reload("fights")
}

/// What is one person's own: notices, and what they asked to be shown.
pub fn user_channel() -> Channel {
    Channel::new("UserChannel")
        .alias("user:{id}")
        .topic("user.{who}")
        .topic("user.{who}.sheets")
        .authorize(|who: &Who| who.known().map(drop))
}

fn plays(who: &Who, campaign: &str) -> bool {
    who.has("campaigns", campaign)
}

/// Who looks is what the token says, not what the browser sends.
fn look_at(actor: &'static str) -> impl Fn(&ClientEvent) -> Result<Reaction> {
    #[derive(Deserialize)]
    struct Params {
        id: String,
    }
    move |event| {
        let Params { id } = event.params()?;
        let who = event.who();
        let look = Look { who: who.known()?.to_owned(), gamemaster: who.has("role", "gamemaster") };
        Ok(Reaction::invoke(format!("{actor}/{id}"), "show", look))
    }
}
