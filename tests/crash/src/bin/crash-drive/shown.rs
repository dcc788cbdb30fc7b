//! [`Shown`]: everything that the node shows of its world, read over HTTP.

use std::collections::BTreeMap;

use callboard::core::Position;
use callboard_crash::account::Account;
use callboard_crash::gauge::Moved;
use callboard_crash::heard::Heard;
use callboard_crash::ledger::Pages;
use callboard_crash::picky::{self, Taken};
use callboard_crash::recorder;
use callboard_crash::stubborn::{self, Firm};
use callboard_crash::ticker::Ticks;
use serde::Deserialize;

use crate::http::{Http, TopicPage, Trouble};
use crate::load::ACCOUNTS;

/// What the node shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// The last position that was followed by topic, noted before everything else.
    pub(crate) followed: BTreeMap<String, Position>,
    /// The newest position by topic, read before what was made of it.
    pub(crate) heads: BTreeMap<String, Position>,
    /// What the effects added up to, read before the accounts.
    pub(crate) ledger: Pages,
    /// The accounts with their revisions.
    pub(crate) accounts: BTreeMap<String, (u64, Account)>,
    /// What each recorder heard, with its revision.
    pub(crate) recorders: BTreeMap<&'static str, (u64, Heard)>,
    /// What each listener heard.
    pub(crate) listeners: BTreeMap<String, Heard>,
    pub(crate) picky: Taken,
    pub(crate) ticks: Ticks,
    pub(crate) gauge: Moved,
    pub(crate) mill: u64,
    /// What the one that may stand still heard.
    pub(crate) stubborn: Firm,
    /// Who stands still, and where.
    pub(crate) parked: Vec<Parked>,
    /// Where the parcels stand that were set aside, and what else was.
    pub(crate) letters: Vec<Letter>,
}

/// A dead letter.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Letter {
    pub(crate) id: String,
    pub(crate) actor: String,
    pub(crate) source: Source,
}

/// Where it came from.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Source {
    pub(crate) topic: Option<String>,
    pub(crate) position: Option<String>,
}

impl Letter {
    /// The place of the parcel that this is.
    pub(crate) fn parcel(&self) -> Option<u64> {
        let of_picky = self.actor == "picky" && self.source.topic.as_deref() == Some(picky::TOPIC);
        let position = self.source.position.as_deref().filter(|_| of_picky)?;
        Position::parse(position).map(|position| position.seq.0)
    }
}

/// A subscription that stands still.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Parked {
    pub(crate) subscription: Subscription,
    pub(crate) topic: String,
    pub(crate) position: String,
}

/// Whose.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) actor: Option<String>,
}

impl Parked {
    /// The place of the parcel at which it stands.
    pub(crate) fn parcel(&self) -> Option<u64> {
        let stubborn = self.subscription.actor.as_deref() == Some(stubborn::NAME) && self.topic == picky::TOPIC;
        let position = Position::parse(&self.position).filter(|_| stubborn)?;
        Some(position.seq.0)
    }
}

#[derive(Deserialize)]
struct AllParked {
    parked: Vec<Parked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Letters {
    dead_letters: Vec<Letter>,
}

/// Who stands still.
pub(crate) async fn parked(http: &mut Http) -> Result<Vec<Parked>, Trouble> {
    Ok(http.get::<AllParked>("/v1/system/parked").await?.parked)
}

/// As many rows are asked for; there are never so many.
const ROWS: usize = 1000;

impl Shown {
    /// Reads everything.
    pub(crate) async fn read(
        http: &mut Http,
        listeners: &[String],
        followed: BTreeMap<String, Position>,
    ) -> Result<Self, Trouble> {
        let mut shown = Self { followed, ..Self::default() };
        let page: TopicPage = http.get(&format!("/v1/topics?limit={ROWS}")).await?;
        for row in page.topics {
            let head = row.head().ok_or_else(|| Trouble::Wrong(format!("{:?} is no position", row.head)))?;
            shown.heads.insert(row.topic, head);
        }
        let letters: Letters = http.get(&format!("/v1/system/dead-letters?limit={ROWS}")).await?;
        shown.letters = letters.dead_letters;
        shown.parked = parked(http).await?;
        shown.stubborn = http.state(stubborn::NAME).await?.and_then(|stored| stored.state).unwrap_or_default();
        shown.ledger = http.state("ledger").await?.and_then(|stored| stored.state).unwrap_or_default();
        shown.picky = http.state("picky").await?.and_then(|stored| stored.state).unwrap_or_default();
        shown.ticks = http.state("ticker").await?.and_then(|stored| stored.state).unwrap_or_default();
        shown.gauge = http.state("gauge").await?.and_then(|stored| stored.state).unwrap_or_default();
        shown.mill = http.state::<Number>("mill").await?.and_then(|stored| stored.state).map_or(0, Number::into);
        for recorder in recorder::ALL {
            if let Some(stored) = http.state::<Heard>(recorder.name).await? {
                shown.recorders.insert(recorder.name, (stored.revision, stored.state.unwrap_or_default()));
            }
        }
        for name in listeners {
            let stored = http.state::<Heard>(&format!("listener/{name}")).await?;
            if let Some(heard) = stored.and_then(|stored| stored.state) {
                shown.listeners.insert(name.clone(), heard);
            }
        }
        for number in 0..ACCOUNTS {
            let name = format!("a{number:02}");
            let stored = http.state::<Account>(&format!("account/{name}")).await?;
            if let Some((revision, account)) = stored.and_then(|stored| Some((stored.revision, stored.state?))) {
                shown.accounts.insert(name, (revision, account));
            }
        }
        Ok(shown)
    }

    /// The newest sequence number of a topic.
    pub(crate) fn head(&self, topic: &str) -> u64 {
        self.heads.get(topic).map_or(0, |head| head.seq.0)
    }

    /// Everything that was heard by actors.
    pub(crate) fn deliveries(&self) -> u64 {
        let heard = self.recorders.values().map(|(_, heard)| heard).chain(self.listeners.values());
        let heard = heard.chain([&self.stubborn.heard]);
        heard.flat_map(|heard| heard.places.values()).map(|place| place.count).sum::<u64>() + self.picky.place.count
    }

    /// Everything that was done because somebody decided an effect.
    pub(crate) fn effects(&self) -> u64 {
        let pages = self.ledger.now.values().chain(self.ledger.late.values());
        pages.map(|page| page.count).sum::<u64>() + self.mill
    }

    /// Everything that was published.
    pub(crate) fn publications(&self) -> u64 {
        self.heads.values().map(|head| head.seq.0).sum()
    }
}

/// A 64-bit integer as JSON of protobuf has it, which is text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Text(String),
    Plain(u64),
}

impl From<Number> for u64 {
    fn from(number: Number) -> Self {
        match number {
            Number::Text(text) => text.parse().unwrap_or_default(),
            Number::Plain(number) => number,
        }
    }
}
