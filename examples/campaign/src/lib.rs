//! The campaign: players and a gamemaster at one table, each with a browser. Whatever one of them changes, all see.
//!
//! | actor | what it does | announces |
//! |---|---|---|
//! | [`Campaigns`] | `campaign/<id>`: the characters, the talk, which fights there are | `campaign.<id>`, `user.<who>` |
//! | [`Fights`] | `fight/<campaign>-<n>`: who acts when | `campaign.<id>`, `fight.<id>`, some of it through the broadcaster |
//! | `entity_broadcaster` | lets changes that come fast wait for each other | as it is told |
//!
//! | channel | who may join |
//! |---|---|
//! | [`campaign_channel`] `CampaignChannel {id}`, `campaign:7` | whose token names the campaign |
//! | [`fight_channel`] `FightChannel {id}`, `fight:7-1` | the same |
//! | [`user_channel`] `UserChannel` | everybody, each to what is their own |

use std::path::{Path, PathBuf};
use std::time::Duration;

use callboard::core::topic::TopicPolicy;
use callboard::system::auth::{Algorithm, AuthConfig, Key};
use callboard::system::{Page, SystemBuilder};
use callboard::{EntityBroadcaster, Gateway, Sqlite, System, ephemeral};

pub mod campaigns;
pub mod channels;
pub mod entities;
pub mod fights;
pub mod people;

pub use campaigns::Campaigns;
pub use channels::{campaign_channel, fight_channel, user_channel};
pub use entities::{Character, Fight};
pub use fights::Fights;
pub use people::{Person, Secret};

/// The campaign that the people of the page play.
pub const CAMPAIGN: u64 = 7;

/// How long the page's tokens are good.
const TOKENS_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is shown to one person only and can be asked for again: it need not be kept.
pub const SHEETS: (&str, fn() -> TopicPolicy) = ("user.*.sheets", ephemeral);

/// The table in a data folder.
#[derive(Clone, Debug)]
pub struct Table {
    folder: PathBuf,
}

impl Table {
    /// A table that keeps everything in this folder. Nothing is opened yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The system, ready to be given doors and started.
    pub fn system(&self) -> SystemBuilder {
        let (sheets, kept) = SHEETS;
        System::builder("campaign")
            .store(Sqlite::at(&self.folder))
            .actor(Campaigns)
            .actor(Fights)
            .actor(EntityBroadcaster::new())
            .topic(sheets, kept())
            .channel(campaign_channel())
            .channel(fight_channel())
            .channel(user_channel())
    }

    /// The system with its page under `/campaign`, for whoever sits at this machine: anybody who sees the page may be anybody.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn with_page(&self, address: &str) -> std::io::Result<SystemBuilder> {
        let secret = Secret::kept_in(&self.folder)?;
        let key = Key::new(Algorithm::Hs256, secret.bytes());
        let auth = AuthConfig { keys: vec![key], ..AuthConfig::default() };
        let people = people::at_the_table(&secret, TOKENS_FOR)?;
        let gateway = Gateway::on(address).auth(auth);
        Ok(pages(&people).into_iter().fold(self.system().gateway(gateway), SystemBuilder::page))
    }

    /// Where everything is kept.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn pages(people: &[Person]) -> Vec<Page> {
    let people = serde_json::json!({ "campaign": CAMPAIGN, "people": people });
    vec![
        Page::html("/campaign", include_str!("../page/index.html")),
        Page::script("/campaign/page.js", include_str!("../page/page.js")),
        Page::script("/campaign/actioncable.esm.js", include_str!("../page/actioncable.esm.js")),
        Page::script("/campaign/table.js", format!("export default {people};\n")),
    ]
}
