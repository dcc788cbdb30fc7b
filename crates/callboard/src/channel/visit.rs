use std::sync::Arc;

use callboard_core::port::{self, ChannelEvent, Inbound, JoinRequest, Joined};
use callboard_core::{
    Encoding, Grants, Headers, Mark, MessageId, Payload, Position, Principal, Publication, Timestamp, Topic,
};
use serde_json::Value;

use super::Channel;
use crate::message::JSON_VALUE_TYPE;
use crate::{CallError, Json};

/// One client at one channel, as a function: what it asks is said here, what the channel's rules answer comes out. Nothing runs.
///
/// ```
/// use callboard::channel::{Channel, Who, publish};
/// use callboard::testing::Visit;
/// use serde_json::json;
///
/// # #[derive(serde::Deserialize)] struct Room { id: u64 }
/// # callboard::testing::run(async {
/// let rooms = || {
///     Channel::new("room:{id}")
///         .topic("room.{id}")
///         .authorize(|who: &Who, room: &Room| who.has("rooms", &room.id.to_string()))
///         .on("say", publish("room.{id}"))
/// };
/// let visit = Visit::of(rooms()).named("room:7").subject("ada").claims(json!({"rooms": [7]}));
/// let visited = visit.join().await.unwrap();
/// assert_eq!(visited.topics(), ["room.7"]);
/// visited.send("say", json!({"text": "hello"})).await.unwrap();
/// assert!(Visit::of(rooms()).named("room:8").subject("ada").join().await.is_err());
/// # });
/// ```
#[must_use = "a visit begins when it joins"]
#[derive(Debug)]
pub struct Visit {
    channel: Channel,
    name: Option<String>,
    params: Value,
    subject: Option<String>,
    claims: Value,
    grants: Grants,
}

impl Visit {
    /// A visit of an anonymous client without rights or parameters.
    pub fn of(channel: Channel) -> Self {
        let (params, claims) = (Value::Object(serde_json::Map::new()), Value::Object(serde_json::Map::new()));
        Self { channel, name: None, params, subject: None, claims, grants: Grants::default() }
    }

    /// The name as the client writes it, e.g. `campaign:7`; the channel's own without it.
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// The parameters.
    pub fn params(self, params: Value) -> Self {
        Self { params, ..self }
    }

    /// Who the client is.
    pub fn subject(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }

    /// Its claims.
    pub fn claims(self, claims: Value) -> Self {
        Self { claims, ..self }
    }

    /// What its credentials allow without the channel.
    pub fn grants(self, grants: Grants) -> Self {
        Self { grants, ..self }
    }

    /// Joins.
    ///
    /// # Errors
    /// What is wrong with the channel's declaration; what the client would be told.
    pub async fn join(self) -> Result<Visited, CallError> {
        let own = self.channel.name.clone();
        let built = self.channel.build()?;
        let name = self.name.unwrap_or_else(|| own.to_string());
        let Some(channel) = built.into_iter().find(|channel| channel.declaration().is_named(&name)) else {
            return Err(CallError::new(callboard_core::Code::InvalidPayload, format!("{own} is not called {name:?}")));
        };
        let principal = Principal {
            subject: self.subject.map(Into::into),
            claims: self.claims.to_string().into(),
            grants: self.grants,
            expires: None,
        };
        let params = self.params.to_string().into();
        let request = Arc::new(JoinRequest { channel: name.into(), params, principal: Arc::new(principal) });
        let joined = channel.join(Arc::clone(&request)).await?;
        Ok(Visited { channel, request, joined })
    }
}

/// A client that joined.
pub struct Visited {
    channel: Arc<dyn port::Channel>,
    request: Arc<JoinRequest>,
    joined: Joined,
}

impl Visited {
    /// The topics and patterns that it hears.
    #[must_use]
    pub fn topics(&self) -> Vec<&str> {
        self.joined.topics.iter().map(callboard_core::Pattern::as_str).collect()
    }

    /// Everything that the join said.
    #[must_use]
    pub const fn joined(&self) -> &Joined {
        &self.joined
    }

    /// Sends an event, and says what it would do.
    ///
    /// # Errors
    /// What the client would be told.
    pub async fn send(&self, event: &str, data: Value) -> Result<Inbound, CallError> {
        let payload = Payload::new(JSON_VALUE_TYPE, Encoding::Json, data.to_string());
        let join = Arc::clone(&self.request);
        self.channel.receive(ChannelEvent { name: event.into(), payload, join }).await
    }

    /// What it sees of a publication; `None`: nothing.
    #[must_use]
    pub fn sees(&self, publication: &Publication) -> Option<Json> {
        let payload = self.channel.present(publication, &self.request)?;
        serde_json::from_slice(payload.bytes()).ok().map(Json)
    }

    /// What it sees of this JSON on a topic.
    ///
    /// # Panics
    /// When the topic is none.
    #[must_use]
    #[track_caller]
    pub fn sees_json(&self, topic: &str, json: &Value) -> Option<Json> {
        let topic = match Topic::parse(topic) {
            Ok(topic) => topic,
            Err(error) => panic!("{error}"),
        };
        let time = Timestamp::default();
        self.sees(&Publication {
            id: MessageId::new(time, 1),
            topic,
            position: Position::new(1, 1),
            mark: Mark(1),
            time,
            payload: Payload::new(JSON_VALUE_TYPE, Encoding::Json, json.to_string()),
            headers: Headers::new(),
            trace: None,
            publisher: None,
        })
    }
}

impl std::fmt::Debug for Visited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visited").field("request", &self.request).field("joined", &self.joined).finish_non_exhaustive()
    }
}
