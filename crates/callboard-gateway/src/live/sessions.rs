//! The sessions of a new client, by its protocol.

use std::time::Duration;

use callboard_core::{Code, Error, Principal};
use callboard_wire::actioncable::{CableConfig, CableSession, Protocol};
use callboard_wire::phoenix::{PhoenixConfig, PhoenixSession, Version};
use callboard_wire::plain::{PlainConfig, PlainSession};
use callboard_wire::session::{Limits, Opened, Session};
use callboard_wire::signed::StreamSigner;

use super::Live;

impl Live {
    fn limits(&self) -> Limits {
        Limits { subscriptions: self.config.clients.subscriptions_max, ..Limits::default() }
    }

    /// Phoenix by the version that the client asks for, over a transport that brings binary frames or does not; `None` when the version is
    /// not spoken.
    pub(crate) fn phoenix(&self, query: &str, binary: bool) -> Option<Box<dyn Session>> {
        let version = Version::negotiate(parameter(query, "vsn").as_deref()).ok()?;
        Some(Box::new(PhoenixSession::new(
            version,
            self.limits(),
            PhoenixConfig { binary, ..PhoenixConfig::default() },
        )))
    }

    /// ActionCable or AnyCable.
    pub(crate) fn cable(&self, protocol: Protocol) -> Box<dyn Session> {
        let config = CableConfig::default();
        // Clients that come together, behind a deploy, are not pinged together.
        let spread = self.doors.entropy.next() % 1000;
        let first_ping = config.ping_interval / 2 + config.ping_interval.mul_f64(spread as f64 / 1000.0);
        Box::new(CableSession::new(protocol, self.limits(), CableConfig { first_ping, ..config }))
    }

    /// JSON of our own.
    pub(crate) fn plain(&self, principal: &Principal) -> Box<dyn Session> {
        let clients = &self.config.clients;
        let config = PlainConfig {
            system: self.doors.system.as_str().into(),
            subject: principal.subject.clone(),
            expires: principal.expires,
            message_len: clients.message_len_max,
            messages_per_second: clients.commands_per_second,
            messages_burst: clients.commands_burst,
            silence_max: clients.silence_max,
            comeback: self.comeback(),
        };
        Box::new(PlainSession::new(self.limits(), config))
    }

    /// When a client comes back that is sent away: not all at the same moment.
    fn comeback(&self) -> Duration {
        Duration::from_millis(500 + self.doors.entropy.next() % 1000)
    }

    /// What a new session is told when it opens.
    pub(crate) fn opened(&self, query: &str, principal: &Principal) -> Opened {
        let sid = parameter(query, "sid").filter(|sid| !sid.is_empty());
        let now = self.doors.clock.instant();
        let restored = sid.and_then(|sid| self.returning.restore(now, &sid, principal.subject.as_ref()));
        Opened { sid: secret(), restored }
    }

    /// The stream that a signed name opens.
    pub(super) fn signed_name(&self, text: &str) -> Result<String, Error> {
        let Some(secret) = &self.config.clients.signing_secret else {
            return Err(Error::new(
                Code::Denied,
                "signed stream names need the secret that they are signed with in the configuration",
            ));
        };
        StreamSigner::new(secret).verify(text).map_err(|error| Error::new(Code::Denied, error.to_string()))
    }
}

/// 128 bits that nobody can guess.
fn secret() -> String {
    let mut bits = [0_u8; 16];
    // Without the operating system's randomness there is no secret, and an empty name is never restored.
    match getrandom::fill(&mut bits) {
        Ok(()) => bits.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => String::new(),
    }
}

/// A parameter of a query, decoded.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
