use std::collections::BTreeMap;
use std::sync::Arc;

use callboard_core::port::{BoxFuture, Channel, ChannelDeclaration, ChannelEvent, Inbound, JoinRequest, Joined};
use callboard_core::{Code, Encoding, Name, Payload, Publication};

use super::consent::Consent;
use super::event::Effects;
use super::joining::{Joining, Place, caught, shown};
use super::present::View;
use super::topics;
use super::who::Who;
use crate::CallError;

/// What an author declared, as the doors ask for it: one of a channel's names with the rules that all its names share.
pub(super) struct Declared {
    declaration: ChannelDeclaration,
    place: Option<Place>,
    rules: Arc<Rules>,
}

pub(super) struct Rules {
    pub(super) topics: topics::Rules,
    pub(super) consent: Consent,
    pub(super) events: BTreeMap<String, Effects>,
    pub(super) welcome: Option<Of<Payload>>,
    pub(super) presence_id: Option<Of<String>>,
    pub(super) consumer: Option<Of<String>>,
    pub(super) view: Option<View>,
}

type Of<T> = Box<dyn Fn(&Joining) -> Result<T, CallError> + Send + Sync>;

impl Default for Rules {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            consent: Consent::by_grants(),
            events: BTreeMap::new(),
            welcome: None,
            presence_id: None,
            consumer: None,
            view: None,
        }
    }
}

impl Declared {
    pub(super) fn new(declaration: ChannelDeclaration, place: Option<Place>, rules: Arc<Rules>) -> Self {
        Self { declaration, place, rules }
    }

    const fn name(&self) -> &Name {
        &self.declaration.name
    }

    fn read(&self, request: &JoinRequest) -> Result<Joining, CallError> {
        Joining::read(self.place.as_ref(), request)
    }

    fn joined(&self, joining: &Joining, topics: Vec<callboard_core::Pattern>) -> Result<Joined, CallError> {
        let ask = |what: &str, rule: &Option<Of<String>>| -> Result<Option<Arc<str>>, CallError> {
            let Some(rule) = rule else { return Ok(None) };
            Ok(Some(caught(self.name(), what, || rule(joining))??.into()))
        };
        let response = match &self.rules.welcome {
            Some(rule) => Some(object(self.name(), &caught(self.name(), "the welcome", || rule(joining))??)?),
            None => None,
        };
        Ok(Joined {
            topics,
            response,
            presence_id: ask("the name for presence", &self.rules.presence_id)?,
            consumer: ask("the name of the consumer", &self.rules.consumer)?,
        })
    }
}

// Phoenix and others take nothing but an object in the place of an answer.
fn object(channel: &Name, payload: &Payload) -> Result<Arc<str>, CallError> {
    let text = std::str::from_utf8(payload.bytes()).ok().filter(|text| text.starts_with('{'));
    match text {
        Some(text) if payload.encoding() == Encoding::Json => Ok(text.into()),
        _ => Err(CallError::new(Code::ActionFailed, format!("{channel}: the welcome is no JSON object"))),
    }
}

impl Channel for Declared {
    fn declaration(&self) -> &ChannelDeclaration {
        &self.declaration
    }

    fn join(&self, request: Arc<JoinRequest>) -> BoxFuture<'_, Result<Joined, CallError>> {
        Box::pin(async move {
            let joining = self.read(&request)?;
            let topics = caught(self.name(), "the rule for topics", || topics::all(&self.rules.topics, &joining))??;
            self.rules.consent.ask(&joining, &topics).await?;
            self.joined(&joining, topics)
        })
    }

    fn receive(&self, event: ChannelEvent) -> BoxFuture<'_, Result<Inbound, CallError>> {
        Box::pin(async move {
            let Some(rule) = self.rules.events.get(&*event.name) else {
                return Err(self.no_event(&event));
            };
            let joining = self.read(&event.join)?;
            rule.run(joining, event).await
        })
    }

    fn present(&self, publication: &Publication, request: &JoinRequest) -> Option<Payload> {
        let Some(view) = &self.rules.view else { return Some(publication.payload.clone()) };
        let who = Who::from(Arc::clone(&request.principal));
        // What cannot be decided is not shown.
        caught(self.name(), "the view of a client", || view(publication, &who)).unwrap_or(None)
    }
}

impl Declared {
    fn no_event(&self, event: &ChannelEvent) -> CallError {
        let (channel, name) = (shown(&event.join.channel), shown(&event.name));
        let known: Vec<&str> = self.rules.events.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "takes no events".to_owned() } else { format!("takes {}", known.join(", ")) };
        CallError::new(Code::ActionNotFound, format!("{channel} has no event {name:?}; it {known}"))
    }
}
