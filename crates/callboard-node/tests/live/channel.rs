//! The channels of the tests.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::{BoxFuture, Channel, ChannelDeclaration, ChannelEvent, Inbound, JoinRequest, Joined};
use callboard_core::{Code, Encoding, Error, Name, Pattern, Payload, Topic};

/// `CampaignChannel` with `{"id": 7}` hears `campaign.7`; id 0 is nobody's.
pub(crate) struct Campaigns(ChannelDeclaration);

impl Default for Campaigns {
    fn default() -> Self {
        let mut declaration = ChannelDeclaration::new(Name::from_static("CampaignChannel"));
        declaration.presence = true;
        declaration.whisper = true;
        declaration.reload = vec![r#"{"characters":"reload"}"#.into()];
        Self(declaration)
    }
}

impl Campaigns {
    pub(crate) fn acknowledged() -> Self {
        let mut declaration = ChannelDeclaration::new(Name::from_static("TaskChannel"));
        declaration.acknowledged = true;
        declaration.envelope = true;
        declaration.ack_timeout = Duration::from_millis(300);
        Self(declaration)
    }
}

impl Channel for Campaigns {
    fn declaration(&self) -> &ChannelDeclaration {
        &self.0
    }

    fn join(&self, request: Arc<JoinRequest>) -> BoxFuture<'_, Result<Joined, Error>> {
        let params: serde_json::Value = serde_json::from_str(&request.params).unwrap();
        let topic = match params["id"].as_u64() {
            None | Some(0) => Err(Error::new(Code::Denied, "not yours")),
            Some(id) => Ok(Pattern::parse(&format!("campaign.{id}")).unwrap()),
        };
        let consumer = params["consumer"].as_str().map(Into::into);
        Box::pin(async move { Ok(Joined { topics: vec![topic?], consumer, ..Joined::default() }) })
    }

    fn receive(&self, event: ChannelEvent) -> BoxFuture<'_, Result<Inbound, Error>> {
        let answer = match &*event.name {
            "speak" => Ok(Inbound::Publish {
                topic: Topic::parse("campaign.7").unwrap(),
                payload: Payload::new("test.Spoken", Encoding::Json, event.payload.to_bytes()),
            }),
            "echo" => Ok(Inbound::Reply(event.payload)),
            _ => Err(Error::new(Code::ActionNotFound, "no such event")),
        };
        Box::pin(std::future::ready(answer))
    }
}
