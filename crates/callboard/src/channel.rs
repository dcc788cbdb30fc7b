//! Channels: what clients outside join, over whichever protocol they speak.
//!
//! ```
//! use std::time::Duration;
//!
//! use callboard::channel::{Channel, History, Who, invoke};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct CampaignParams {
//!     id: u64,
//! }
//!
//! let campaigns = Channel::new("CampaignChannel") // what Rails clients name with parameters,
//!     .alias("campaign:{id}") //                     Phoenix clients write into the name
//!     .topic("campaign.{id}")
//!     .authorize(|who: &Who, p: &CampaignParams| who.has("campaigns", &p.id.to_string()))
//!     .on("speak", invoke("campaign/{id}", "speak").with_who("author"))
//!     .presence()
//!     .history(History::Last(100))
//!     .reload("characters")
//!     .reload("fights");
//! # assert_eq!(campaigns.build().unwrap().len(), 2);
//! ```
//!
//! A system takes it with `System::builder(..).channel(campaigns)`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use callboard_core::limits::ACTION_LEN_MAX;
use callboard_core::port::{self, ChannelDeclaration};
use callboard_core::{Code, Name, Publication};
use serde::de::DeserializeOwned;

use crate::{CallError, Message};

mod consent;
mod declared;
mod event;
mod joining;
mod params;
mod present;
mod template;
mod topics;
#[cfg(feature = "testing")]
mod visit;
mod who;

pub use callboard_core::Principal;
pub use callboard_core::port::{History, Inbound};

pub use consent::{Consent, ConsentRule, Verdict};
pub use event::{ClientEvent, Effects, EventRule, IntoReaction, Invoke, Publish, Reaction, invoke, publish};
pub use present::Shown;
pub use topics::{IntoTopics, TopicRule, TopicsOf};
#[cfg(feature = "testing")]
pub use visit::{Visit, Visited};
pub use who::Who;

use declared::{Declared, Rules};
use joining::Place;
pub(crate) use joining::caught_waiting;

/// A channel that clients join: its names, the topics behind it, who may join, what inbound events do. See the
/// [module's page](self).
///
/// What is wrong is kept and told when the system starts.
///
/// *Who may join*: those that [`Channel::authorize`] lets in; without it, those whose credentials are granted the topics.
/// *Parameters* are read as the types that the functions name: a number may be written as text and the other way round, and what
/// is missing is told to the client by its name.
#[must_use = "a channel is there once a system is built with it"]
pub struct Channel {
    name: Name,
    names: Vec<(Name, Option<Place>)>,
    declaration: ChannelDeclaration,
    rules: Rules,
    // The first thing that is wrong.
    wrong: Option<String>,
}

impl Channel {
    /// A channel of this name: `CampaignChannel`, or, where the end of the name is a parameter, `campaign:{id}` (`campaign:*` is
    /// short for it).
    pub fn new(name: &str) -> Self {
        let shown = Name::from(name.to_owned());
        let channel = Self {
            names: Vec::new(),
            declaration: ChannelDeclaration::new(shown.clone()),
            rules: Rules::default(),
            wrong: None,
            name: shown,
        };
        channel.alias(name)
    }

    /// The same channel under one more name, for clients of another protocol.
    pub fn alias(mut self, name: &str) -> Self {
        match Place::of(name) {
            Ok((name, _)) if self.names.iter().any(|(known, _)| *known == name) => {
                self.fail(format!("the name {name:?} stands here twice"));
            }
            Ok(named) => self.names.push(named),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Which topic a join hears: a template, `"campaign.{id}"`, or a function of the parameters, or of the client and the
    /// parameters. Said again, a join hears them all.
    ///
    /// In a template `{id}` is the parameter, `{who}` the client's subject, `{claims.tenant}` a claim; what is filled in is one
    /// token, so that no client reaches other topics through a parameter. A function that joins texts itself takes parameters
    /// that cannot hold a dot, such as numbers.
    pub fn topic<Form>(mut self, rule: impl TopicRule<Form>) -> Self {
        match rule.rule().0 {
            Ok(rule) => self.rules.topics.push(rule),
            Err(error) => self.fail(error),
        }
        self
    }

    /// [`Channel::topic`] for a function that returns several.
    pub fn topics<Form>(self, rule: impl TopicRule<Form>) -> Self {
        self.topic(rule)
    }

    /// Who may join: a function `|who: &Who, p: &CampaignParams| ..` or `async fn(who: Who, p: CampaignParams) -> ..` that returns
    /// a `bool`, nothing, or a `Result` of either. Asked at each join, also of a client that comes back.
    pub fn authorize<Form>(mut self, rule: impl ConsentRule<Form>) -> Self {
        self.consent(rule.rule());
        self
    }

    /// Whoever is connected may join.
    pub fn anyone(mut self) -> Self {
        self.consent(Consent::anyone());
        self
    }

    /// What an event does that a joined client sends: [`invoke`], [`publish`], or a function that returns a [`Reaction`]:
    /// `|event: &ClientEvent| ..`, or `async fn(event: ClientEvent) -> ..`. `receive` is the event of protocols that send data
    /// without a name.
    pub fn on<Form>(mut self, event: &str, rule: impl EventRule<Form>) -> Self {
        let rule = rule.rule();
        if event.is_empty() || event.len() > ACTION_LEN_MAX {
            self.fail(format!("an event's name has 1 to {ACTION_LEN_MAX} bytes, not {}", event.len()));
        }
        if let Some(fault) = rule.fault() {
            self.fail(format!("the event {event:?}: {fault}"));
        }
        if self.rules.events.insert(event.to_owned(), rule).is_some() {
            self.fail(format!("the event {event:?} stands here twice; one rule handles it"));
        }
        self
    }

    /// What a client is answered that joined, on protocols that answer a join. It is a JSON object.
    pub fn welcome<P: DeserializeOwned, M: Message>(
        mut self,
        answer: impl Fn(&Who, &P) -> M + Send + Sync + 'static,
    ) -> Self {
        self.rules.welcome = Some(Box::new(move |joining| answer(&joining.who, &joining.params()?).into_payload()));
        self
    }

    /// Clients may ask who is there, and are told who comes and goes.
    pub const fn presence(mut self) -> Self {
        self.declaration.presence = true;
        self
    }

    /// [`Channel::presence`] under a name of your own instead of the client's subject.
    pub fn presence_as<P: DeserializeOwned>(
        mut self,
        name: impl Fn(&Who, &P) -> String + Send + Sync + 'static,
    ) -> Self {
        self.rules.presence_id = Some(Box::new(move |joining| Ok(name(&joining.who, &joining.params()?))));
        self.presence()
    }

    /// Clients may send each other messages that are not kept and that no actor hears.
    pub const fn whisper(mut self) -> Self {
        self.declaration.whisper = true;
        self
    }

    /// What a client that joins for the first time is given of the past; nothing without it.
    pub const fn history(mut self, history: History) -> Self {
        self.declaration.history = history;
        self
    }

    /// Clients acknowledge what they received; what they do not within the time, and what they had not when they come back, is
    /// delivered again.
    pub fn acknowledged(mut self, timeout: Duration) -> Self {
        if timeout.is_zero() {
            self.fail(
                "acknowledgements have no time to arrive; write e.g. `.acknowledged(Duration::from_secs(30))`"
                    .to_owned(),
            );
        }
        self.declaration.acknowledged = true;
        self.declaration.ack_timeout = timeout;
        self
    }

    /// [`Channel::acknowledged`], with the acknowledgements kept under a name of your own instead of the client's subject.
    pub fn consumer_as<P: DeserializeOwned>(
        mut self,
        name: impl Fn(&Who, &P) -> String + Send + Sync + 'static,
    ) -> Self {
        self.rules.consumer = Some(Box::new(move |joining| Ok(name(&joining.who, &joining.params()?))));
        self
    }

    /// Messages carry their position and type around the data, on protocols that have no place of their own for it.
    pub const fn envelope(mut self) -> Self {
        self.declaration.envelope = true;
        self
    }

    /// A client of a protocol without positions that may have missed something is told to fetch this collection again:
    /// `{"characters":"reload"}`. Said once for each collection.
    pub fn reload(mut self, collection: &str) -> Self {
        let hint = serde_json::json!({ collection: "reload" }).to_string();
        if collection.is_empty() || self.declaration.reload.iter().any(|known| **known == *hint) {
            self.fail(format!("the collection {collection:?} to reload is empty or stands here twice"));
        }
        self.declaration.reload.push(hint.into());
        self
    }

    /// What each client sees of a publication: selective broadcasting. It returns a `bool` (all or nothing), a payload or
    /// [`Json`](crate::Json) in its place, or an `Option` of these. A function that panics shows nothing.
    ///
    /// It runs for each client and each publication, and messages are then encoded for each client: it should cost little. For
    /// publications that say themselves who sees them, give [`for_audience`](crate::entity::for_audience). For
    /// publications that say themselves who sees them, give [`for_audience`](crate::entity::for_audience).
    pub fn per_client<S: Shown>(mut self, view: impl Fn(&Publication, &Who) -> S + Send + Sync + 'static) -> Self {
        if self.rules.view.is_some() {
            self.fail("`per_client` stands here twice; one function decides".to_owned());
        }
        self.declaration.per_client = true;
        self.rules.view = Some(Box::new(move |publication, who| view(publication, who).shown(publication)));
        self
    }

    /// The channel as the doors take it, once for each of its names.
    ///
    /// # Errors
    /// `InvalidPayload`: the first thing that is wrong, with what to write instead.
    pub fn build(mut self) -> Result<Vec<Arc<dyn port::Channel>>, CallError> {
        if self.rules.topics.is_empty() {
            self.fail("it has no topic; write e.g. `.topic(\"campaign.{id}\")`".to_owned());
        }
        if let Some(wrong) = self.wrong {
            return Err(CallError::new(Code::InvalidPayload, format!("channel {}: {wrong}", self.name)));
        }
        let (declaration, rules) = (self.declaration, Arc::new(self.rules));
        let named = self.names.into_iter().map(|(name, place)| -> Arc<dyn port::Channel> {
            let declaration = ChannelDeclaration { name, ..declaration.clone() };
            Arc::new(Declared::new(declaration, place, Arc::clone(&rules)))
        });
        Ok(named.collect())
    }

    fn consent(&mut self, consent: Consent) {
        if self.rules.consent.is_said() {
            self.fail("`authorize` or `anyone` stands here twice; one rule decides who may join".to_owned());
        }
        self.rules.consent = consent;
    }

    fn fail(&mut self, wrong: String) {
        self.wrong.get_or_insert(wrong);
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).field("wrong", &self.wrong).finish_non_exhaustive()
    }
}

/// Channels of one system: no two have the same name.
///
/// # Errors
/// `InvalidPayload` with the name.
pub fn check_names(channels: &[Arc<dyn port::Channel>]) -> Result<(), CallError> {
    let mut names = BTreeMap::new();
    for channel in channels {
        let name = &channel.declaration().name;
        if names.insert(name.as_str(), ()).is_some() {
            let message = format!("two channels are called {name:?}; clients could not tell them apart, rename one");
            return Err(CallError::new(Code::InvalidPayload, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
