use std::sync::Arc;
use std::time::Duration;

use super::BoxFuture;
use crate::{ActorId, Error, Name, Pattern, Payload, Principal, Publication, Topic};

/// What a service author declares for clients outside: a name that clients join, the topics behind it, who may join, and what
/// inbound events do. One channel serves every protocol.
///
/// *Errors*: `join` and `receive` answer what the client is told; `Denied` is a refusal that retrying does not change.
pub trait Channel: Send + Sync + 'static {
    /// What the author declared.
    fn declaration(&self) -> &ChannelDeclaration;

    /// Whether a client may join, and what it hears then. Asked once for each join; a resumed session asks again.
    fn join(&self, request: Arc<JoinRequest>) -> BoxFuture<'_, Result<Joined, Error>>;

    /// What an event that a joined client sends does.
    fn receive(&self, event: ChannelEvent) -> BoxFuture<'_, Result<Inbound, Error>>;

    /// What one client sees of a publication; `None`: nothing of it. Asked for each client, and only when the declaration says
    /// [`ChannelDeclaration::per_client`]. Must not block.
    fn present(&self, publication: &Publication, request: &JoinRequest) -> Option<Payload> {
        let _ = request;
        Some(publication.payload.clone())
    }
}

/// What is declared of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelDeclaration {
    /// The name, as clients write it: `CampaignChannel`, or with one `*` at the end: `campaign:*`.
    pub name: Name,
    /// Whether clients may ask who is there.
    pub presence: bool,
    /// Whether clients may send each other messages that are not kept.
    pub whisper: bool,
    /// What a client that joins for the first time is given of the past.
    pub history: History,
    /// Whether clients acknowledge what they received; what they do not is delivered again after [`Self::ack_timeout`].
    pub acknowledged: bool,
    /// See [`Self::acknowledged`].
    pub ack_timeout: Duration,
    /// Whether each client sees a form of its own.
    pub per_client: bool,
    /// Whether messages carry their position and type around the data, on protocols that have no place of their own for it.
    pub envelope: bool,
    /// What a client of a protocol without positions is told when it may have missed something, as JSON texts:
    /// `{"characters":"reload"}`.
    pub reload: Vec<Arc<str>>,
}

/// What a client is given of the past when it joins without a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Nothing.
    #[default]
    None,
    /// At most so many of the newest publications of each topic.
    Last(u64),
    /// Everything that is kept.
    All,
}

/// Who wants to join what.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The channel's name as the client wrote it: `CampaignChannel`, `campaign:7`.
    pub channel: Arc<str>,
    /// The parameters, a JSON object.
    pub params: Arc<str>,
    /// Who.
    pub principal: Arc<Principal>,
}

/// What a client that joined hears.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    /// The topics; at most [`crate::limits::CHANNEL_TOPICS_MAX`].
    pub topics: Vec<Pattern>,
    /// What the client is told, on protocols that answer a join: a JSON object.
    pub response: Option<Arc<str>>,
    /// Under which name others see the client; its subject if `None`.
    pub presence_id: Option<Arc<str>>,
    /// Under which name its acknowledgements are kept; its subject if `None`.
    pub consumer: Option<Arc<str>>,
}

/// What a joined client sent.
#[derive(Clone, Debug)]
pub struct ChannelEvent {
    /// The event or action; `receive` where the protocol has none.
    pub name: Arc<str>,
    /// The data.
    pub payload: Payload,
    /// The join that it came over.
    pub join: Arc<JoinRequest>,
}

/// What an inbound event does.
#[derive(Clone, Debug)]
pub enum Inbound {
    /// Nothing, and a protocol that replies answers with an empty object.
    Nothing,
    /// The client is answered.
    Reply(Payload),
    /// An actor is invoked; its response is the reply.
    Invoke {
        /// Who.
        actor: ActorId,
        /// What.
        action: Name,
        /// With what.
        payload: Payload,
    },
    /// Something is published; the reply is its position.
    Publish {
        /// Where.
        topic: Topic,
        /// What.
        payload: Payload,
    },
}

impl ChannelDeclaration {
    /// A channel with every switch off.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self {
            name,
            presence: false,
            whisper: false,
            history: History::None,
            acknowledged: false,
            ack_timeout: Duration::from_secs(30),
            per_client: false,
            envelope: false,
            reload: Vec::new(),
        }
    }

    /// Whether a client that writes `name` means this channel.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        match self.name.as_str().strip_suffix('*') {
            Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
            None => name == self.name.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_star_takes_every_name_that_goes_on_behind_it() {
        let rooms = ChannelDeclaration::new(Name::from_static("campaign:*"));
        assert!(rooms.is_named("campaign:7") && !rooms.is_named("campaign:") && !rooms.is_named("campaigns"));
        let one = ChannelDeclaration::new(Name::from_static("CampaignChannel"));
        assert!(one.is_named("CampaignChannel") && !one.is_named("CampaignChannels"));
    }
}
