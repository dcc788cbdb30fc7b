//! [`Channels`]: what a client means by a name, and whether it may have it.

use std::sync::Arc;

use callboard_core::limits::CHANNEL_TOPICS_MAX;
use callboard_core::port::{Channel, ChannelDeclaration, JoinRequest, Joined};
use callboard_core::{Code, Error, Name, Pattern, Principal};
use callboard_wire::names;
use callboard_wire::session::Target;

/// The declared channels.
pub(super) struct Channels {
    declared: Vec<(Arc<ChannelDeclaration>, Arc<dyn Channel>)>,
    // The rules of topics that are joined without a channel.
    plain: Arc<ChannelDeclaration>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.declared.iter().map(|(declaration, _)| &declaration.name)).finish()
    }
}

/// A subscription that was granted.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) declaration: Arc<ChannelDeclaration>,
    /// `None` for topics without a channel.
    pub(super) channel: Option<Arc<dyn Channel>>,
    pub(super) request: Arc<JoinRequest>,
    pub(super) joined: Joined,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Granted").field("request", &self.request).field("joined", &self.joined).finish_non_exhaustive()
    }
}

impl Channels {
    pub(super) fn new(channels: Vec<Arc<dyn Channel>>) -> Self {
        let declared = channels.into_iter().map(|one| (Arc::new(one.declaration().clone()), one)).collect();
        let plain = ChannelDeclaration {
            presence: true,
            whisper: true,
            envelope: true,
            ..ChannelDeclaration::new(Name::from_static(""))
        };
        Self { declared, plain: Arc::new(plain) }
    }

    /// Asks whoever decides. `signed` opens a signed stream name.
    pub(super) async fn grant(
        &self,
        target: Target,
        principal: &Arc<Principal>,
        signed: impl Fn(&str) -> Result<String, Error>,
    ) -> Result<Granted, Error> {
        match target {
            Target::Channel { name, params } => match self.find(&name) {
                Some((declaration, channel)) => {
                    let (declaration, channel) = (Arc::clone(declaration), Arc::clone(channel));
                    let request = request(&name, &params, principal);
                    let joined = channel.join(Arc::clone(&request)).await?;
                    if joined.topics.is_empty() || joined.topics.len() > CHANNEL_TOPICS_MAX {
                        let count = joined.topics.len();
                        let text =
                            format!("channel {name} names {count} topics; it may name 1 to {CHANNEL_TOPICS_MAX}");
                        return Err(Error::new(Code::Internal, text));
                    }
                    Ok(Granted { declaration, channel: Some(channel), request, joined })
                }
                None => self.plain(&name, principal),
            },
            Target::Topic(name) => self.plain(&name, principal),
            // Whoever signed the name has decided.
            Target::Signed(text) => {
                let name = signed(&text)?;
                Ok(self.granted(&name, names::topic_of(&name)?, principal))
            }
        }
    }

    fn find(&self, name: &str) -> Option<&(Arc<ChannelDeclaration>, Arc<dyn Channel>)> {
        // An exact name goes before one with a star, whatever their order.
        let exact = self.declared.iter().find(|(declaration, _)| declaration.name.as_str() == name);
        exact.or_else(|| self.declared.iter().find(|(declaration, _)| declaration.is_named(name)))
    }

    fn plain(&self, name: &str, principal: &Arc<Principal>) -> Result<Granted, Error> {
        let pattern = names::topic_of(name)?;
        if principal.grants.may_subscribe(&pattern) {
            return Ok(self.granted(name, pattern, principal));
        }
        let text =
            format!("no channel {name:?} is declared, and following the topic {:?} is not granted", pattern.as_str());
        Err(Error::new(Code::Denied, text))
    }

    fn granted(&self, name: &str, pattern: Pattern, principal: &Arc<Principal>) -> Granted {
        Granted {
            declaration: Arc::clone(&self.plain),
            channel: None,
            request: request(name, "{}", principal),
            joined: Joined { topics: vec![pattern], ..Joined::default() },
        }
    }
}

fn request(name: &str, params: &str, principal: &Arc<Principal>) -> Arc<JoinRequest> {
    Arc::new(JoinRequest { channel: name.into(), params: params.into(), principal: Arc::clone(principal) })
}
