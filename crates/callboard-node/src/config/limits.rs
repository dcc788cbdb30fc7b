//! [`LimitSettings`]: how much clients may ask for.

use callboard_gateway::GatewayConfig;
use serde::Deserialize;

use super::text::maybe_count;
use super::{ConfigError, Span};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident => $($field:ident).+;)*) => {
        /// How much clients may ask for. What is left out has its default.
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
        #[serde(deny_unknown_fields, default)]
        pub struct LimitSettings {
            $($(#[$doc])* #[serde(deserialize_with = "maybe_count")] pub $name: Option<u64>,)*
            /// How long the headers of a request may take, and a connection be idle.
            pub header_read_timeout: Option<Span>,
            /// How long a request's body may take.
            pub body_read_timeout: Option<Span>,
        }

        impl LimitSettings {
            pub(super) fn apply(&self, gateway: &mut GatewayConfig) -> Result<(), ConfigError> {
                $(if let Some(count) = self.$name {
                    if count == 0 {
                        let name = stringify!($name);
                        return Err(ConfigError(format!("limits.{name} is zero; give at least 1")));
                    }
                    gateway.$($field).+ = count.try_into().unwrap_or(!0);
                })*
                if let Some(span) = self.header_read_timeout {
                    gateway.header_read_timeout = span.0;
                }
                if let Some(span) = self.body_read_timeout {
                    gateway.body_read_timeout = span.0;
                }
                Ok(())
            }
        }
    };
}

counts! {
    /// Open connections.
    connections => connections_max;
    /// Requests under way.
    requests => requests_max;
    /// Open streams of publications over HTTP.
    streams => streams_max;
    /// Bytes of a request's body.
    body_len => body_len_max;
    /// Bytes of a message over a WebSocket.
    message_len => clients.message_len_max;
    /// Subscriptions of one WebSocket.
    subscriptions => clients.subscriptions_max;
    /// Messages of one WebSocket per second.
    commands_per_second => clients.commands_per_second;
    /// WebSockets of one address.
    per_address => clients.per_address_max;
    /// WebSockets of one subject.
    per_subject => clients.per_subject_max;
    /// New WebSockets per second.
    accepts_per_second => clients.accepts_per_second;
    /// WebSockets per second that are sent away when the node stops.
    drain_per_second => clients.drain_per_second;
    /// Publications of a topic that are given again to a client that missed them.
    replay => clients.replay_max;
}
