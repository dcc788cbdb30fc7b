//! [`Door`]: the requests of the load over either door of the node.

use std::net::SocketAddr;
use std::time::Duration;

use callboard_wire::pb::error_from_status;
use callboard_wire::pb::v1::actors_client::ActorsClient;
use callboard_wire::pb::v1::payload::Content;
use callboard_wire::pb::v1::system_client::SystemClient;
use callboard_wire::pb::v1::topics_client::TopicsClient;
use callboard_wire::pb::v1::{self, PayloadFormat};
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::http::{ANSWER_WITHIN, Http, Trouble};

/// A way to the node.
#[derive(Debug)]
pub(crate) enum Door {
    /// A connection of its own.
    Http(Http),
    /// A connection that many share.
    Grpc(Box<Grpc>),
}

/// The gRPC clients over one connection.
#[derive(Clone, Debug)]
pub(crate) struct Grpc {
    actors: ActorsClient<Channel>,
    system: SystemClient<Channel>,
    pub(crate) topics: TopicsClient<Channel>,
}

/// What an action gave.
#[derive(Debug)]
pub(crate) struct Given<T> {
    /// The response.
    pub(crate) response: T,
    /// The actor's revision, if the door said it.
    pub(crate) revision: Option<u64>,
    /// The sequence numbers of its broadcasts; only gRPC says them.
    pub(crate) seqs: Vec<u64>,
}

/// One publication to be.
#[derive(Clone, Debug)]
pub(crate) struct Notice<'a> {
    pub(crate) topic: &'a str,
    pub(crate) type_name: &'a str,
    pub(crate) json: String,
}

impl Grpc {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Trouble> {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|e| Trouble::Wrong(e.to_string()))?;
        let endpoint = endpoint.connect_timeout(Duration::from_secs(10));
        let channel = endpoint.connect().await.map_err(|error| Trouble::Unknown(error.to_string()))?;
        let system = SystemClient::new(channel.clone());
        Ok(Self { actors: ActorsClient::new(channel.clone()), system, topics: TopicsClient::new(channel) })
    }
}

/// What a failed call means. A status without details is the connection's own.
pub(crate) fn trouble(status: &Status) -> Trouble {
    if status.details().is_empty() {
        return Trouble::Unknown(status.to_string());
    }
    let error = error_from_status(status);
    Trouble::of(error.code(), error.retry(), error.message())
}

fn payload(type_name: &str, json: String) -> v1::Payload {
    v1::Payload { content: Some(Content::JsonText(json)), r#type: type_name.to_owned() }
}

fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(ANSWER_WITHIN);
    request
}

#[derive(Deserialize)]
struct Published {
    position: String,
}

#[derive(Deserialize)]
struct PublishedBatch {
    publications: Vec<Published>,
}

impl Published {
    fn seq(&self) -> Result<u64, Trouble> {
        let position = callboard::core::Position::parse(&self.position);
        position
            .map(|position| position.seq.0)
            .ok_or_else(|| Trouble::Wrong(format!("{:?} is no position", self.position)))
    }
}

impl Door {
    /// Invokes an action (of `name` or `parent/name`) and waits.
    pub(crate) async fn invoke<T: DeserializeOwned>(
        &mut self,
        actor: &str,
        action: &str,
        type_name: &str,
        json: String,
        key: Option<&str>,
    ) -> Result<Given<T>, Trouble> {
        match self {
            Self::Http(http) => {
                let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
                let reply = http.send(Method::POST, &format!("/v1/actors/{actor}/{action}"), &headers, json).await?;
                Ok(Given { response: reply.read()?, revision: reply.revision(), seqs: Vec::new() })
            }
            Self::Grpc(grpc) => {
                let message = v1::InvokeRequest {
                    actor: actor.to_owned(),
                    action: action.to_owned(),
                    payload: (!json.is_empty()).then(|| payload(type_name, json)),
                    idempotency_key: key.unwrap_or_default().to_owned(),
                    ..v1::InvokeRequest::default()
                };
                let response =
                    grpc.actors.invoke(request(message)).await.map_err(|status| trouble(&status))?.into_inner();
                let text = match response.payload.and_then(|payload| payload.content) {
                    Some(Content::JsonText(text)) => text,
                    _ => "null".to_owned(),
                };
                let read = serde_json::from_str(&text).map_err(|error| Trouble::Wrong(format!("{error} in {text}")))?;
                let seqs = response.positions.iter().map(|position| position.seq).collect();
                Ok(Given { response: read, revision: Some(response.revision), seqs })
            }
        }
    }

    /// Invokes an action without waiting for it.
    pub(crate) async fn post(
        &mut self,
        actor: &str,
        action: &str,
        type_name: &str,
        json: String,
    ) -> Result<(), Trouble> {
        match self {
            Self::Http(http) => {
                let path = format!("/v1/actors/{actor}/{action}");
                http.send(Method::POST, &path, &[("prefer", "respond-async")], json).await.map(drop)
            }
            Self::Grpc(grpc) => {
                let message = v1::InvokeRequest {
                    actor: actor.to_owned(),
                    action: action.to_owned(),
                    payload: Some(payload(type_name, json)),
                    r#async: true,
                    ..v1::InvokeRequest::default()
                };
                grpc.actors.invoke(request(message)).await.map(drop).map_err(|status| trouble(&status))
            }
        }
    }

    /// Publishes all or none; gives the sequence numbers.
    pub(crate) async fn publish(&mut self, notices: &[Notice<'_>]) -> Result<Vec<u64>, Trouble> {
        match (self, notices) {
            (Self::Http(http), [one]) => {
                let path = format!("/v1/topics/{}", one.topic);
                let headers = [("callboard-type", one.type_name)];
                let reply = http.send(Method::POST, &path, &headers, one.json.clone()).await?;
                Ok(vec![reply.read::<Published>()?.seq()?])
            }
            (Self::Http(http), all) => {
                let rows: Vec<_> = all
                    .iter()
                    .map(|one| {
                        let payload: serde_json::Value = serde_json::from_str(&one.json).unwrap_or_default();
                        json!({ "topic": one.topic, "type": one.type_name, "payload": payload })
                    })
                    .collect();
                let body = serde_json::Value::Array(rows).to_string();
                let reply = http.send(Method::POST, "/v1/topics", &[], body).await?;
                reply.read::<PublishedBatch>()?.publications.iter().map(Published::seq).collect()
            }
            (Self::Grpc(grpc), all) => {
                let publications = all
                    .iter()
                    .map(|one| v1::PublishRequest {
                        topic: one.topic.to_owned(),
                        payload: Some(payload(one.type_name, one.json.clone())),
                        ..v1::PublishRequest::default()
                    })
                    .collect();
                let message = request(v1::PublishBatchRequest { publications });
                let response =
                    grpc.topics.publish_batch(message).await.map_err(|status| trouble(&status))?.into_inner();
                let seq = |one: v1::PublishResponse| one.position.map_or(0, |position| position.seq);
                Ok(response.publications.into_iter().map(seq).collect())
            }
        }
    }

    /// The state of an account.
    pub(crate) async fn account(
        &mut self,
        name: &str,
    ) -> Result<Option<(u64, callboard_crash::account::Account)>, Trouble> {
        match self {
            Self::Http(http) => {
                let stored = http.state(&format!("account/{name}")).await?;
                Ok(stored.and_then(|stored| Some((stored.revision, stored.state?))))
            }
            Self::Grpc(grpc) => {
                let message = v1::GetStateRequest {
                    actor: format!("account/{name}"),
                    format: PayloadFormat::Native.into(),
                    ..v1::GetStateRequest::default()
                };
                let response = match grpc.actors.get_state(request(message)).await {
                    Ok(response) => response.into_inner(),
                    Err(status) if status.code() == tonic::Code::NotFound => return Ok(None),
                    Err(status) => return Err(trouble(&status)),
                };
                let Some(Content::JsonText(text)) = response.state.and_then(|state| state.content) else {
                    return Ok(None);
                };
                let state =
                    serde_json::from_str(&text).map_err(|error| Trouble::Wrong(format!("{error} in {text}")))?;
                Ok(Some((response.revision, state)))
            }
        }
    }

    /// Deletes an actor.
    pub(crate) async fn delete(&mut self, actor: &str) -> Result<(), Trouble> {
        match self {
            Self::Http(http) => {
                http.send(Method::DELETE, &format!("/v1/actors/{actor}"), &[], String::new()).await.map(drop)
            }
            Self::Grpc(grpc) => {
                let message = v1::DeleteActorRequest { actor: actor.to_owned(), ..v1::DeleteActorRequest::default() };
                grpc.actors.delete(request(message)).await.map(drop).map_err(|status| trouble(&status))
            }
        }
    }

    /// Lets a parked subscription to a topic go on.
    pub(crate) async fn go_on(&mut self, actor: &str, topic: &str) -> Result<(), Trouble> {
        match self {
            Self::Http(http) => {
                let body = json!({ "subscription": { "actor": actor, "pattern": topic }, "topic": topic }).to_string();
                http.send(Method::POST, "/v1/system/parked/retry", &[], body).await.map(drop)
            }
            Self::Grpc(grpc) => {
                let subscriber = Some(v1::subscription::Subscriber::Actor(actor.to_owned()));
                let (pattern, topic) = (topic.to_owned(), topic.to_owned());
                let subscription = Some(v1::Subscription { subscriber, pattern, topic });
                let message = request(v1::RetryParkedRequest { subscription });
                grpc.system.retry_parked(message).await.map(drop).map_err(|status| trouble(&status))
            }
        }
    }
}
