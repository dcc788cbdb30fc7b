//! Where a token stands in a request, and how it is kept out of logs. Pure functions of the request's head.
//!
//! | place | who sends it so |
//! |---|---|
//! | `Authorization: Bearer <token>` | HTTP/JSON, gRPC (metadata), servers and scripts |
//! | `X-JID: <token>` | AnyCable |
//! | `X-Phoenix-AuthToken: <token>` | Phoenix over long-poll |
//! | subprotocol `anycable-token.<token>` | AnyCable, `websocketAuthStrategy: "sub-protocol"` |
//! | subprotocol `base64url.bearer.phx.<base64 of the token>` | Phoenix, `authToken`; base64 of either alphabet |
//! | query `jid`, `token`, `access_token` | clients that can set neither, as browsers' `WebSocket` and `EventSource` |
//!
//! The first in this order counts. A place that is there and empty is as good as not there.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, Uri, header};

const JID: &str = "x-jid";
const PHOENIX: &str = "x-phoenix-authtoken";
const PHOENIX_LONGPOLL: &str = "x-phoenix-longpoll-token";
/// How subprotocols begin that are tokens.
const ANYCABLE_PREFIX: &str = "anycable-token.";
const PHOENIX_PREFIX: &str = "base64url.bearer.phx.";
/// The query's parameters that are tokens, and those that are as good as tokens.
const TOKEN_PARAMETERS: [&str; 3] = ["jid", "token", "access_token"];
const SECRET_PARAMETERS: [&str; 5] = ["jid", "token", "access_token", "sid", "signed_stream_name"];
/// Subprotocols that are read. No client offers nearly as many.
const SUBPROTOCOLS_MAX: usize = 16;
const REDACTED: &str = "[redacted]";

/// What a request shows of its sender.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The token, of which nothing is verified.
    pub token: Option<String>,
    /// The subprotocols that are offered, without those that are tokens.
    subprotocols: Vec<String>,
}

impl Credentials {
    /// Reads the head of a request.
    #[must_use]
    pub fn of(headers: &HeaderMap, uri: &Uri) -> Self {
        let mut in_subprotocol = None;
        let mut subprotocols = Vec::new();
        for offered in offered(headers).take(SUBPROTOCOLS_MAX) {
            match token_in_subprotocol(offered) {
                Some(token) => in_subprotocol = in_subprotocol.or(token),
                None => subprotocols.push(offered.to_owned()),
            }
        }
        let in_header = bearer(headers).or_else(|| text(headers, JID)).or_else(|| text(headers, PHOENIX));
        let token = in_header.map(str::to_owned).or(in_subprotocol).or_else(|| token_in_query(uri.query()?));
        Self { token, subprotocols }
    }

    /// Which subprotocol to answer: of those that this side knows the one that the client likes best. It is never a token.
    #[must_use]
    pub fn subprotocol(&self, known: &[&'static str]) -> Option<&'static str> {
        self.subprotocols.iter().find_map(|offered| known.iter().copied().find(|known| known == offered))
    }

    /// Whether the client asks for any subprotocol besides handing over its token.
    #[must_use]
    pub const fn offers_subprotocols(&self) -> bool {
        !self.subprotocols.is_empty()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| REDACTED);
        f.debug_struct("Credentials").field("token", &token).field("subprotocols", &self.subprotocols).finish()
    }
}

/// The token of `Authorization: Bearer <token>`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    bearer_of(text(headers, header::AUTHORIZATION.as_str())?)
}

/// The token in the value of an `Authorization` header or of the metadata of that name; `None` for other schemes.
#[must_use]
pub fn bearer_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Marks the headers that carry credentials, so that nobody shows them by printing the headers.
pub fn conceal(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        let secret = match *name {
            header::AUTHORIZATION | header::PROXY_AUTHORIZATION | header::COOKIE | header::SEC_WEBSOCKET_PROTOCOL => {
                true
            }
            ref name => [JID, PHOENIX, PHOENIX_LONGPOLL].contains(&name.as_str()),
        };
        if secret {
            value.set_sensitive(true);
        }
    }
}

/// A URI as it may be shown: without the values of parameters that are as good as a password, and without user and password.
#[must_use]
pub const fn shown(uri: &Uri) -> Shown<'_> {
    Shown(uri)
}

/// See [`shown`].
#[derive(Clone, Copy)]
pub struct Shown<'a>(&'a Uri);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(scheme), Some(host)) = (self.0.scheme_str(), self.0.host()) {
            write!(f, "{scheme}://{host}")?;
            if let Some(port) = self.0.port() {
                write!(f, ":{port}")?;
            }
        }
        let path = self.0.path();
        f.write_str(if looks_like_token(path) { REDACTED } else { path })?;
        let Some(query) = self.0.query() else { return Ok(()) };
        for (place, pair) in query.split('&').enumerate() {
            f.write_char(if place == 0 { '?' } else { '&' })?;
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if is_secret(name) && !value.is_empty() || looks_like_token(value) {
                write!(f, "{name}={REDACTED}")?;
            } else if looks_like_token(name) {
                f.write_str(REDACTED)?;
            } else {
                f.write_str(pair)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The value of a `Sec-WebSocket-Protocol` header as it may be shown.
#[must_use]
pub fn shown_subprotocols(value: &str) -> String {
    let show = |offered: &str| {
        let prefix = [ANYCABLE_PREFIX, PHOENIX_PREFIX].into_iter().find(|prefix| starts_with(offered, prefix));
        match prefix {
            Some(prefix) => format!("{prefix}{REDACTED}"),
            None if looks_like_token(offered) => REDACTED.to_owned(),
            None => offered.to_owned(),
        }
    };
    value.split(',').map(|offered| show(offered.trim())).collect::<Vec<_>>().join(", ")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offered.map(str::trim).filter(|offered| !offered.is_empty())
}

// `Some(None)` when it is meant for one and cannot be read.
#[expect(clippy::option_option, reason = "three answers: no token, one that cannot be read, one")]
fn token_in_subprotocol(offered: &str) -> Option<Option<String>> {
    if starts_with(offered, ANYCABLE_PREFIX) {
        let token = &offered[ANYCABLE_PREFIX.len()..];
        return Some((!token.is_empty()).then(|| token.to_owned()));
    }
    if starts_with(offered, PHOENIX_PREFIX) {
        return Some(decode(&offered[PHOENIX_PREFIX.len()..]).filter(|token| !token.is_empty()));
    }
    None
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

// The client's own code uses the standard alphabet, its documentation says the other one.
fn decode(text: &str) -> Option<String> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let standard = text.replace('-', "+").replace('_', "/");
    String::from_utf8(ENGINE.decode(standard).ok()?).ok()
}

fn token_in_query(query: &str) -> Option<String> {
    let of = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value.into_owned())
    };
    TOKEN_PARAMETERS.into_iter().find_map(of)
}

fn is_secret(name: &str) -> bool {
    let name = form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.to_ascii_lowercase());
    name.is_some_and(|name| SECRET_PARAMETERS.contains(&name.as_str()))
}

// A JSON Web Token under any name: its header is an object, and `{"` is `eyJ` in base64.
fn looks_like_token(text: &str) -> bool {
    text.find("eyJ").is_some_and(|start| text[start..].contains('.') || text[start..].contains("%2E"))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD as STANDARD_BASE64, URL_SAFE_NO_PAD};
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn token(pairs: &[(&'static str, &str)], uri: &str) -> Option<String> {
        Credentials::of(&headers(pairs), &uri.parse().unwrap()).token
    }

    #[test]
    fn a_token_is_found_where_each_client_puts_it() {
        const PROTOCOLS: &str = "sec-websocket-protocol";
        // Bytes whose base64 differs between the alphabets.
        let odd = "t?>~ÿ";
        let (plain, url) = (STANDARD_BASE64.encode(odd), URL_SAFE_NO_PAD.encode(odd));
        assert!(plain.contains(['+', '/']) && url.contains(['-', '_']));
        for (pairs, uri, found) in [
            (&[("authorization", "Bearer t1")][..], "/", "t1"),
            (&[("authorization", "bearer  t1 ")], "/", "t1"),
            (&[("x-jid", "t2")], "/cable", "t2"),
            (&[("x-phoenix-authtoken", "t3")], "/", "t3"),
            (&[(PROTOCOLS, "actioncable-v1-ext-json, anycable-token.t4")], "/", "t4"),
            (&[(PROTOCOLS, "actioncable-v1-ext-json"), (PROTOCOLS, "anycable-token.t4")], "/", "t4"),
            (&[(PROTOCOLS, &format!("phoenix, base64url.bearer.phx.{plain}"))], "/", odd),
            (&[(PROTOCOLS, &format!("phoenix, base64url.bearer.phx.{}", plain.trim_end_matches('=')))], "/", odd),
            (&[(PROTOCOLS, &format!("phoenix,base64url.bearer.phx.{url}"))], "/", odd),
            (&[], "/cable?jid=t5&sid=s", "t5"),
            (&[], "/cable?a=b&token=t%2E6", "t.6"),
            (&[], "/events?access_token=t7", "t7"),
            (&[("authorization", "Bearer t1"), ("x-jid", "t2")], "/?jid=t5", "t1"),
            (&[("authorization", "Basic dTpw")], "/?token=t6", "t6"),
            (&[("authorization", "Bearer ")], "/?jid=&token=t6", "t6"),
        ] {
            assert_eq!(token(pairs, uri).as_deref(), Some(found), "{pairs:?} {uri}");
        }
        for (pairs, uri) in [
            (&[][..], "/"),
            (&[("authorization", "Bearer")], "/?token="),
            (&[("authorization", "Basic dTpw")], "/?sid=s"),
            (&[(PROTOCOLS, "phoenix, base64url.bearer.phx.!!!")], "/"),
            (&[(PROTOCOLS, "anycable-token.")], "/"),
        ] {
            assert_eq!(token(pairs, uri), None, "{pairs:?} {uri}");
        }
    }

    #[test]
    fn the_answered_subprotocol_is_one_that_both_know_and_never_the_token() {
        let of = |value: &str| Credentials::of(&headers(&[("sec-websocket-protocol", value)]), &Uri::default());
        let cable = ["actioncable-v1-json", "actioncable-v1-ext-json"];
        let offered = of("anycable-token.t, actioncable-v1-ext-json, actioncable-v1-json");
        assert_eq!(offered.subprotocol(&cable), Some("actioncable-v1-ext-json"));
        assert_eq!(of("phoenix, base64url.bearer.phx.dA").subprotocol(&["phoenix"]), Some("phoenix"));
        assert_eq!(of("anycable-token.t").subprotocol(&["anycable-token.t"]), None);
        assert!(!of("anycable-token.t").offers_subprotocols() && of("soap").offers_subprotocols());
        assert_eq!(of("soap").subprotocol(&cable), None);
    }

    #[test]
    fn what_is_shown_of_a_request_has_no_secrets() {
        for (uri, shown) in [
            ("/cable?jid=SECRET&sid=SECRET&x=1", "/cable?jid=[redacted]&sid=[redacted]&x=1"),
            ("/a?Token=SECRET&ACCESS_TOKEN=SECRET", "/a?Token=[redacted]&ACCESS_TOKEN=[redacted]"),
            ("/a?%74oken=SECRET", "/a?%74oken=[redacted]"),
            ("/a?other=eyJhbGciOiJ.SECRET.x&y", "/a?other=[redacted]&y"),
            ("/a?eyJhbGciOiJ.SECRET", "/a?[redacted]"),
            ("http://user:SECRET@h:80/a", "http://h:80/a"),
            ("/v1/topics/order.events?from=live", "/v1/topics/order.events?from=live"),
            ("/a?token", "/a?token"),
            ("*", "*"),
        ] {
            assert_eq!(super::shown(&uri.parse().unwrap()).to_string(), shown);
        }
        assert_eq!(
            shown_subprotocols("phoenix,base64url.bearer.phx.SECRET, AnyCable-Token.SECRET"),
            "phoenix, base64url.bearer.phx.[redacted], anycable-token.[redacted]"
        );
        let credentials = Credentials { token: Some("SECRET".to_owned()), subprotocols: Vec::new() };
        assert!(!format!("{credentials:?}").contains("SECRET"));
        let mut printed = headers(&[
            ("authorization", "Bearer SECRET"),
            ("x-jid", "SECRET"),
            ("sec-websocket-protocol", "anycable-token.SECRET"),
            ("sec-websocket-protocol", "anycable-token.SECRET"),
            ("cookie", "session=SECRET"),
            ("accept", "text/html"),
        ]);
        conceal(&mut printed);
        let printed = format!("{printed:?}");
        assert!(!printed.contains("SECRET") && printed.contains("text/html"), "{printed}");
    }
}
