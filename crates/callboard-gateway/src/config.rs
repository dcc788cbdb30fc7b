//! [`GatewayConfig`]: where the doors listen and what they bear.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use callboard_core::limits::{PAYLOAD_LEN_MAX, STREAM_WINDOW_LEN};

use crate::auth::{AuthConfig, Secret};
use crate::serve::GatewayError;

/// Where the doors listen, and every bound of the listener. What is over a bound has a named answer; none is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// The address of HTTP and gRPC. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Bytes of a request's body. Answer: `TooLarge`.
    pub body_len_max: usize,
    /// Bytes of all large bodies (over 64 KiB) that are in memory at one time over HTTP. Answer: `Overloaded`.
    pub bodies_len_max: usize,
    /// Bytes of a request's line and headers together. Answer: status 431.
    pub header_len_max: usize,
    /// How long the headers of an HTTP/1 request may take, and how long such a connection may be idle before it is closed.
    pub header_read_timeout: Duration,
    /// How long a request's body may take. Answer: `DeadlineExceeded` with status 408.
    pub body_read_timeout: Duration,
    /// How long a client may take nothing of what is sent to it before its connection is closed. A stream is resumed with its
    /// last cursor.
    pub write_timeout: Duration,
    /// How often an idle HTTP/2 connection is asked whether it is still there; it is closed when no answer comes as fast.
    pub keep_alive: Duration,
    /// Open connections. Answer: status 503 on a connection that is closed at once.
    pub connections_max: usize,
    /// Requests under way, without streams. Answer: `Overloaded`.
    pub requests_max: usize,
    /// Open streams of publications over HTTP. Answer: `Overloaded`.
    pub streams_max: usize,
    /// Requests under way on one HTTP/2 connection. Answer: the protocol makes the client wait.
    pub requests_per_connection_max: u32,
    /// How often a quiet event stream says that it is alive.
    pub ping_interval: Duration,
    /// Clients that stay: over WebSockets, long-poll, event streams.
    pub clients: ClientsConfig,
    /// Whom the node lets in, and what they may do. The default lets nobody in.
    pub auth: AuthConfig,
}

/// The bounds of clients that stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientsConfig {
    /// Bytes of a client's message. Answer: the connection ends.
    pub message_len_max: usize,
    /// Subscriptions of a connection. Answer: the protocol's own refusal.
    pub subscriptions_max: usize,
    /// Messages of a connection per second, and how many at once. Answer: the connection ends.
    pub commands_per_second: u32,
    /// See [`Self::commands_per_second`].
    pub commands_burst: u32,
    /// Connections of one address. Answer: status 429.
    pub per_address_max: usize,
    /// Connections of one subject. Answer: status 429.
    pub per_subject_max: usize,
    /// New connections of the node per second. Answer: status 503; clients try again by themselves.
    pub accepts_per_second: u32,
    /// When the node stops, as many clients per second are sent away, so that they do not all come back at once.
    pub drain_per_second: u32,
    /// A client that says nothing for so long is asked whether it is still there.
    pub ping_interval: Duration,
    /// A client of which nothing is heard for so long is gone.
    pub silence_max: Duration,
    /// How long a long-poll request waits for messages. A client that does not ask again within one and a half of it is gone.
    pub poll_window: Duration,
    /// A client that takes nothing for so long is cut off; it comes back and resumes.
    pub write_stall: Duration,
    /// As many missed publications of a topic are given again; who missed more is told of a gap.
    pub replay_max: u64,
    /// The secret of signed stream names; without it they are refused.
    pub signing_secret: Option<Secret>,
}

impl Default for ClientsConfig {
    fn default() -> Self {
        Self {
            message_len_max: 64 * 1024,
            subscriptions_max: 128,
            commands_per_second: 100,
            // A client that comes back subscribes to everything at once.
            commands_burst: 400,
            per_address_max: 10_000,
            per_subject_max: 100,
            accepts_per_second: 5_000,
            drain_per_second: 5_000,
            ping_interval: Duration::from_secs(25),
            silence_max: Duration::from_secs(60),
            poll_window: Duration::from_secs(10),
            write_stall: Duration::from_secs(10),
            replay_max: 10_000,
            signing_secret: None,
        }
    }
}

/// The address of a node that was told nothing else.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4000);

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            body_len_max: PAYLOAD_LEN_MAX,
            bodies_len_max: 256 * 1024 * 1024,
            header_len_max: 64 * 1024,
            // Longer than load balancers keep idle connections, so that they never use one that is just being closed.
            header_read_timeout: Duration::from_secs(75),
            body_read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(20),
            connections_max: 10_000,
            requests_max: 4096,
            streams_max: 10_000,
            requests_per_connection_max: u32::try_from(STREAM_WINDOW_LEN).unwrap_or(u32::MAX),
            ping_interval: Duration::from_secs(15),
            clients: ClientsConfig::default(),
            auth: AuthConfig::default(),
        }
    }
}

/// The HTTP/1 parser needs this much to work at all.
const HEADER_LEN_MIN: usize = 8 * 1024;

impl GatewayConfig {
    /// The defaults at another address.
    #[must_use]
    pub fn on(listen: SocketAddr) -> Self {
        Self { listen, ..Self::default() }
    }

    /// The same, with another idea of whom to let in.
    #[must_use]
    pub fn with_auth(self, auth: AuthConfig) -> Self {
        Self { auth, ..self }
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// [`GatewayError::Config`] with the setting and what to write.
    pub fn validate(&self) -> Result<(), GatewayError> {
        let refuse = |text: String| Err(GatewayError::Config(text));
        self.auth.check_address(self.listen).map_err(|error| GatewayError::Config(error.to_string()))?;
        for (name, zero) in [
            ("body_len_max", self.body_len_max == 0),
            ("header_read_timeout", self.header_read_timeout.is_zero()),
            ("body_read_timeout", self.body_read_timeout.is_zero()),
            ("write_timeout", self.write_timeout.is_zero()),
            ("keep_alive", self.keep_alive.is_zero()),
            ("connections_max", self.connections_max == 0),
            ("requests_max", self.requests_max == 0),
            ("streams_max", self.streams_max == 0),
            ("requests_per_connection_max", self.requests_per_connection_max == 0),
            ("ping_interval", self.ping_interval.is_zero()),
            ("clients.poll_window", self.clients.poll_window.is_zero()),
        ] {
            if zero {
                return refuse(format!("{name} is zero; give at least 1"));
            }
        }
        if self.header_len_max < HEADER_LEN_MIN {
            return refuse(format!("header_len_max is {}; give at least {HEADER_LEN_MIN}", self.header_len_max));
        }
        if self.body_len_max > PAYLOAD_LEN_MAX {
            return refuse(format!(
                "body_len_max is {}; a payload has at most {PAYLOAD_LEN_MAX} bytes, so give no more",
                self.body_len_max
            ));
        }
        if self.bodies_len_max < self.body_len_max {
            return refuse(format!("bodies_len_max is less than body_len_max, {}", self.body_len_max));
        }
        for (name, count) in [("requests_max", self.requests_max), ("streams_max", self.streams_max)] {
            if count > tokio::sync::Semaphore::MAX_PERMITS {
                return refuse(format!("{name} is {count}; the most is {}", tokio::sync::Semaphore::MAX_PERMITS));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_a_wrong_setting_is_named() {
        GatewayConfig::default().validate().unwrap();
        let wrong = [
            (GatewayConfig { requests_max: 0, ..Default::default() }, "requests_max"),
            (GatewayConfig { keep_alive: Duration::ZERO, ..Default::default() }, "keep_alive"),
            (GatewayConfig { header_len_max: 100, ..Default::default() }, "header_len_max"),
            (GatewayConfig { body_len_max: usize::MAX, ..Default::default() }, "body_len_max"),
            (GatewayConfig { bodies_len_max: 1024, ..Default::default() }, "bodies_len_max"),
            (GatewayConfig { streams_max: usize::MAX, ..Default::default() }, "streams_max"),
        ];
        for (config, name) in wrong {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(name), "{text}");
        }
    }
}
