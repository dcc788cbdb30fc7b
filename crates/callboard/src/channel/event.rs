//! What the events do that joined clients send: [`invoke`], [`publish`], or a function that returns a [`Reaction`].

use std::future::Future;
use std::sync::Arc;

use callboard_core::port::{BoxFuture, ChannelEvent, Inbound};
use callboard_core::{ActorId, Code, Encoding, Name, Payload};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::joining::{Joining, caught, caught_waiting, topic};
use super::template::Template;
use super::who::Who;
use crate::value::{IntoTarget, IntoTopic};
use crate::{CallError, Error, Message};

/// An event that a joined client sent.
#[derive(Clone, Debug)]
pub struct ClientEvent {
    joining: Arc<Joining>,
    event: ChannelEvent,
}

impl ClientEvent {
    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.event.name
    }

    /// Who sent it.
    #[must_use]
    pub fn who(&self) -> &Who {
        &self.joining.who
    }

    /// The parameters with which the client joined.
    ///
    /// # Errors
    /// `InvalidPayload` when they are no `P`.
    pub fn params<P: DeserializeOwned>(&self) -> crate::Result<P> {
        self.joining.params().map_err(Error::forward)
    }

    /// The data as a message.
    ///
    /// # Errors
    /// `InvalidPayload` with what is wrong.
    pub fn data<T: Message>(&self) -> crate::Result<T> {
        T::from_payload(&self.event.payload).map_err(Error::forward)
    }

    /// The data as it came.
    #[must_use]
    pub const fn payload(&self) -> &Payload {
        &self.event.payload
    }
}

/// What an event does.
#[derive(Debug)]
pub struct Reaction(Result<Inbound, CallError>);

impl Reaction {
    /// Nothing; the client is answered with an empty object where its protocol has answers.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(Ok(Inbound::Nothing))
    }

    /// The client is answered.
    #[must_use]
    pub fn reply(message: impl Message) -> Self {
        Self(message.into_payload().map(Inbound::Reply))
    }

    /// An actor is invoked; its response is the answer.
    #[must_use]
    pub fn invoke(target: impl IntoTarget, action: impl Into<Name>, payload: impl Message) -> Self {
        let invoke = |actor, payload| Inbound::Invoke { actor, action: action.into(), payload };
        Self(target.into_target().and_then(|actor| Ok(invoke(actor, payload.into_payload()?))))
    }

    /// Something is published; the answer is its position.
    #[must_use]
    pub fn publish(topic: impl IntoTopic, message: impl Message) -> Self {
        Self(topic.into_topic().and_then(|topic| Ok(Inbound::Publish { topic, payload: message.into_payload()? })))
    }
}

/// What the function of an event may return: a [`Reaction`], nothing, or a `Result` of either.
pub trait IntoReaction {
    /// What is to be done.
    ///
    /// # Errors
    /// What the client is told.
    fn into_reaction(self) -> Result<Inbound, CallError>;
}

impl IntoReaction for Reaction {
    fn into_reaction(self) -> Result<Inbound, CallError> {
        self.0
    }
}

impl IntoReaction for () {
    fn into_reaction(self) -> Result<Inbound, CallError> {
        Ok(Inbound::Nothing)
    }
}

impl<R: IntoReaction, E: Into<Error>> IntoReaction for Result<R, E> {
    fn into_reaction(self) -> Result<Inbound, CallError> {
        self.map_err(|error| CallError::from(error.into()))?.into_reaction()
    }
}

/// What says what an event does: [`invoke`], [`publish`], or a function of the [`ClientEvent`]: `|event: &ClientEvent| ..`, or
/// one that waits, `async fn(event: ClientEvent) -> ..`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what an event does",
    label = "no rule for an event",
    note = "write `invoke(\"campaign/{{id}}\", \"speak\")`, `publish(\"campaign.{{id}}.chat\")`, or a function that returns a \
            `Reaction`, nothing or a `Result`: `|event: &ClientEvent| ..`, or `async fn(event: ClientEvent) -> ..`"
)]
pub trait EventRule<Form> {
    /// The rule in one form.
    fn rule(self) -> Effects;
}

/// What an event does. Made by [`EventRule`].
pub struct Effects(Result<Rule, String>);

enum Rule {
    Now(Box<dyn Fn(&ClientEvent) -> Decided + Send + Sync>),
    Waits(Box<dyn Fn(ClientEvent) -> BoxFuture<'static, Decided> + Send + Sync>),
}

type Decided = Result<Inbound, CallError>;

impl std::fmt::Debug for Effects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Effects")
    }
}

impl<F, R> EventRule<fn(&ClientEvent) -> R> for F
where
    F: Fn(&ClientEvent) -> R + Send + Sync + 'static,
    R: IntoReaction,
{
    fn rule(self) -> Effects {
        Effects(Ok(Rule::Now(Box::new(move |event| self(event).into_reaction()))))
    }
}

impl<F, W> EventRule<fn(ClientEvent) -> W> for F
where
    F: Fn(ClientEvent) -> W + Send + Sync + 'static,
    W: Future<Output: IntoReaction> + Send + 'static,
{
    fn rule(self) -> Effects {
        Effects(Ok(Rule::Waits(Box::new(move |event| {
            let waiting = self(event);
            Box::pin(async move { waiting.await.into_reaction() })
        }))))
    }
}

impl Effects {
    /// What is wrong with the declaration.
    pub(super) fn fault(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    pub(super) async fn run(&self, joining: Joining, event: ChannelEvent) -> Result<Inbound, CallError> {
        let rule = self.0.as_ref().map_err(|error| CallError::new(Code::Internal, error.clone()))?;
        let (channel, what) = (joining.channel.clone(), format!("the event {}", event.name));
        let event = ClientEvent { joining: Arc::new(joining), event };
        match rule {
            Rule::Now(rule) => caught(&channel, &what, || rule(&event))?,
            Rule::Waits(rule) => {
                let waiting = caught(&channel, &what, || rule(event))?;
                caught_waiting(&channel, &what, waiting).await?
            }
        }
    }
}

/// The event invokes an action, with the event's data as its payload; the action's response answers the client.
///
/// The actor is `name`, or with places `campaign/{id}`, filled as those of a topic. The data is JSON: the action takes one JSON
/// message.
pub fn invoke(actor: &str, action: impl Into<Name>) -> Invoke {
    let template = Template::parse(actor).and_then(|template| {
        let fault = match ActorId::parse(&template.example()) {
            Ok(_) if template.places_follow("/") => return Ok(template),
            Ok(_) => "which actor it is may not be the client's choice; its name stands before a `/`: \"fight/{id}\""
                .to_owned(),
            Err(error) => error.to_string(),
        };
        Err(format!("the actor {actor:?}: {fault}"))
    });
    Invoke { actor: template, action: action.into(), data: Data::default() }
}

/// The event is published on a topic, `campaign.{id}.chat`, as it came.
pub fn publish(topic: &str) -> Publish {
    let template = Template::of_topic(topic).and_then(|template| {
        let example = callboard_core::Topic::parse(&template.example());
        example.map(|_| template).map_err(|error| format!("the topic {topic:?}: {error}"))
    });
    Publish { topic: template, data: Data::default() }
}

/// See [`invoke`].
#[must_use = "it is the rule of an event: `.on(\"speak\", invoke(..))`"]
#[derive(Debug)]
pub struct Invoke {
    actor: Result<Template, String>,
    action: Name,
    data: Data,
}

/// See [`publish`].
#[must_use = "it is the rule of an event: `.on(\"chat\", publish(..))`"]
#[derive(Debug)]
pub struct Publish {
    topic: Result<Template, String>,
    data: Data,
}

/// What is done to the data on its way.
#[derive(Clone, Debug, Default)]
struct Data {
    who: Option<String>,
    type_name: Option<Name>,
}

macro_rules! data_rules {
    ($($type:ident)*) => {$(
        impl $type {
            /// Writes the client's subject into this field of the data, over what the client may have written there. An anonymous
            /// client is refused.
            pub fn with_who(mut self, field: &str) -> Self {
                self.data.who = Some(field.to_owned());
                self
            }

            /// Gives the data the type of a message, for listeners that tell events apart by it.
            pub fn of_type<T: Message>(mut self) -> Self {
                self.data.type_name = T::TYPE.filter(|known| known.encoding == Encoding::Json).map(|known| known.name);
                self
            }
        }
    )*};
}
data_rules!(Invoke Publish);

impl Data {
    fn of(&self, event: &ClientEvent) -> Result<Payload, CallError> {
        let payload = event.payload();
        let type_name = self.type_name.as_ref().unwrap_or_else(|| payload.type_name());
        let Some(field) = &self.who else {
            return Ok(Payload::new(type_name.clone(), payload.encoding(), payload.to_bytes()));
        };
        let who = event.who().known().map_err(CallError::from)?;
        let mut data: Map<String, Value> = match payload.encoding() {
            Encoding::Json if payload.bytes().is_empty() => Map::new(),
            Encoding::Json => serde_json::from_slice(payload.bytes()).map_err(|error| {
                CallError::new(Code::InvalidPayload, format!("the data of {} is no JSON object: {error}", event.name()))
            })?,
            Encoding::Protobuf | Encoding::Bytes => {
                let message = format!("the data of {} is no JSON object", event.name());
                return Err(CallError::new(Code::InvalidPayload, message));
            }
        };
        data.insert(field.clone(), who.into());
        crate::message::encode_json(&data, type_name.clone())
    }
}

impl EventRule<()> for Invoke {
    fn rule(self) -> Effects {
        let Self { actor, action, data } = self;
        Effects(actor.map(|actor| {
            Rule::Now(Box::new(move |event| {
                let name = actor.fill(&event.joining.params, event.who().principal())?;
                let payload = data.of(event)?;
                Ok(Inbound::Invoke { actor: ActorId::parse(&name)?, action: action.clone(), payload })
            }))
        }))
    }
}

impl EventRule<()> for Publish {
    fn rule(self) -> Effects {
        let Self { topic: template, data } = self;
        Effects(template.map(|template| {
            Rule::Now(Box::new(move |event| {
                let text = template.fill(&event.joining.params, event.who().principal())?;
                Ok(Inbound::Publish { topic: topic(&text)?, payload: data.of(event)? })
            }))
        }))
    }
}
