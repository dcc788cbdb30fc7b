use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use callboard_core::port::JoinRequest;
use callboard_core::{Code, Name, Topic};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::params;
use super::who::Who;
use crate::CallError;

/// A join with its parameters read, as the rules of a channel see it.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    /// The channel's name as the client wrote it, for what the client is told.
    pub(super) channel: Name,
    pub(super) params: Map<String, Value>,
    pub(super) who: Who,
}

impl Joining {
    /// Reads a request. What a name says, such as `campaign:7`, goes before a parameter of the same name.
    pub(super) fn read(place: Option<&Place>, request: &JoinRequest) -> Result<Self, CallError> {
        let channel = shown(&request.channel);
        let mut params: Map<String, Value> = match request.params.trim() {
            "" => Map::new(),
            text => serde_json::from_str(text).map_err(|error| {
                let message = format!("the parameters of {channel} are no JSON object: {error}");
                CallError::new(Code::InvalidPayload, message)
            })?,
        };
        if let Some(Place { prefix, param }) = place
            && let Some(value) = request.channel.strip_prefix(&**prefix)
        {
            params.insert(param.clone(), value.into());
        }
        Ok(Self { channel, params, who: request.principal.clone().into() })
    }

    /// The parameters as a type of the author's.
    pub(super) fn params<P: DeserializeOwned>(&self) -> Result<P, CallError> {
        params::read(&self.params).map_err(|error| {
            let message = format!("{} cannot be joined with these parameters: {error}", self.channel);
            CallError::new(Code::InvalidPayload, message)
        })
    }
}

/// A name from outside, in a length that fits into a sentence.
pub(super) fn shown(name: &str) -> Name {
    Name::from(name.chars().take(64).collect::<String>())
}

/// The part of a name that is a parameter: `campaign:{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) prefix: Box<str>,
    pub(super) param: String,
}

impl Place {
    /// The name as it is declared, with a `*` at its end, and the place in it.
    pub(super) fn of(name: &str) -> Result<(Name, Option<Self>), String> {
        let form = || {
            format!(
                "{name:?} is no channel's name; write e.g. \"CampaignChannel\", or \"campaign:{{id}}\" for names whose end is \
                 a parameter"
            )
        };
        let plain = |text: &str| !text.chars().any(|c| c.is_control() || c.is_whitespace() || "*{}".contains(c));
        let (prefix, param) =
            match (name.strip_suffix('*'), name.strip_suffix('}').and_then(|rest| rest.split_once('{'))) {
                (Some(prefix), _) => (prefix, "id"),
                (None, Some((prefix, param))) => (prefix, param),
                (None, None) if !name.is_empty() && plain(name) => return Ok((Name::from(name.to_owned()), None)),
                (None, None) => return Err(form()),
            };
        if prefix.is_empty() || param.is_empty() || !plain(prefix) || !plain(param) {
            return Err(form());
        }
        let place = Self { prefix: prefix.into(), param: param.to_owned() };
        Ok((Name::from(format!("{prefix}*")), Some(place)))
    }
}

/// A topic that a client's join or event made.
pub(super) fn topic(text: &str) -> Result<Topic, CallError> {
    Topic::parse(text).map_err(CallError::from)
}

/// Runs a rule of the author's. A panic in it is an answer for this client and nothing for the others.
pub(super) fn caught<T>(channel: &Name, what: &str, run: impl FnOnce() -> T) -> Result<T, CallError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| panicked(channel, what))
}

/// The same for a rule that waits.
pub(crate) async fn caught_waiting<T>(
    channel: &Name,
    what: &str,
    mut waiting: Pin<Box<dyn Future<Output = T> + Send + '_>>,
) -> Result<T, CallError> {
    std::future::poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| waiting.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => std::task::Poll::Ready(Err(panicked(channel, what))),
    })
    .await
}

fn panicked(channel: &Name, what: &str) -> CallError {
    tracing::error!(%channel, what, "a rule of a channel panicked");
    CallError::new(Code::ActionPanicked, format!("{channel}: {what} failed; the node's log says more"))
}
