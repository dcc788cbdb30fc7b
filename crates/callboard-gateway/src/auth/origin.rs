//! [`OriginPolicy`]: from which web pages browsers may connect.
//!
//! A browser lets any page open a WebSocket to any server, and sends requests that need no answer anywhere, with the user's network
//! position if not with cookies. It says from which page: `Origin`. Programs that are no browsers say what they like, so this protects
//! users from foreign pages, and nothing else; who a client is, its token says.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, header};

/// From which web pages browsers may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPolicy {
    allowed: Vec<Rule>,
    missing: bool,
    // Whether requests have to name this machine.
    only_local: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Any,
    Same,
    Site(Site),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    scheme: Option<String>,
    host: Host,
    // `None`: the scheme's own, or any one without a scheme.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exactly(String),
    // With the dot at its beginning.
    Below(String),
}

/// A page from which nobody may connect. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginRefused {
    /// It is not on the list.
    #[error("pages of the origin {0:?} may not connect; add it to auth.origins.allowed of the node")]
    Foreign(String),
    /// There is none, and the node asks for one.
    #[error("there is no Origin header, and the node asks for one (auth.origins.missing)")]
    Missing,
    /// It was sent to a name that may be anybody's.
    #[error(
        "this node lets everybody do everything, and so answers only to localhost and to bare addresses, not to {0:?}; configure \
         whom it lets in, or confirm with auth.anonymous_beyond_loopback = true"
    )]
    Name(String),
}

impl From<OriginRefused> for callboard_core::Error {
    fn from(refused: OriginRefused) -> Self {
        Self::new(callboard_core::Code::Denied, refused.to_string())
    }
}

impl Default for OriginPolicy {
    /// Pages that came from the same host and port; and clients that say nothing, as those do that are no browsers.
    fn default() -> Self {
        Self { allowed: vec![Rule::Same], missing: true, only_local: false }
    }
}

impl OriginPolicy {
    /// Reads a list: `same-origin`, `https://app.example.com`, `http://localhost:3000`, `//app.example.com` (any scheme and port),
    /// `//*.example.com` (every name below it), `*` (any page). `missing`: whether requests without an origin are let in. Browsers leave
    /// it out where a page reads from its own server, so `EventSource` and long-poll need that.
    ///
    /// # Errors
    /// An entry that is none of these.
    pub fn new<T: AsRef<str>>(allowed: &[T], missing: bool) -> Result<Self, String> {
        let allowed = allowed.iter().map(|text| Rule::parse(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { allowed, missing, only_local: false })
    }

    /// The same, where requests have to name this machine. A page can make its own name lead here, and then is of the same origin; it
    /// cannot have the name `localhost` or a bare address.
    pub(super) fn only_local(self) -> Self {
        Self { only_local: true, ..self }
    }

    /// Whether the page may connect that this request comes from. Gives its origin, for `Access-Control-Allow-Origin`, if there is one.
    ///
    /// # Errors
    /// [`OriginRefused`].
    pub fn check<'a>(&self, headers: &'a HeaderMap, uri: &Uri) -> Result<Option<&'a HeaderValue>, OriginRefused> {
        self.check_name(headers, uri)?;
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return self.check_without(headers);
        };
        let allowed = || {
            let text = origin.to_str().ok()?;
            let parsed = Origin::parse(text);
            let is_allowed = |rule: &Rule| match (rule, &parsed) {
                (Rule::Any, _) => true,
                (Rule::Same, Some(origin)) => is_same(origin, headers, uri),
                (Rule::Site(site), Some(origin)) => site.matches(origin),
                (Rule::Same | Rule::Site(_), None) => false,
            };
            self.allowed.iter().any(is_allowed).then_some(())
        };
        if origins.next().is_none() && allowed().is_some() {
            return Ok(Some(origin));
        }
        Err(OriginRefused::Foreign(String::from_utf8_lossy(origin.as_bytes()).chars().take(100).collect()))
    }

    /// The same for requests with which pages from elsewhere can do harm only by saying where they are from.
    pub(crate) fn check_request(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), OriginRefused> {
        if headers.contains_key(header::ORIGIN) {
            return self.check(headers, uri).map(drop);
        }
        self.check_name(headers, uri)
    }

    fn check_name(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), OriginRefused> {
        if !self.only_local {
            return Ok(());
        }
        match host_of(headers, uri) {
            // Browsers always name one.
            None => Ok(()),
            Some(here) if is_local(here.host()) => Ok(()),
            Some(here) => Err(OriginRefused::Name(here.host().chars().take(100).collect())),
        }
    }

    fn check_without<'a>(&self, headers: &HeaderMap) -> Result<Option<&'a HeaderValue>, OriginRefused> {
        // Browsers of today say at least whether a request comes from elsewhere.
        let elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site");
        if !self.missing || elsewhere && !self.allowed.contains(&Rule::Any) {
            return Err(OriginRefused::Missing);
        }
        Ok(None)
    }
}

// Whom the request is sent to. HTTP/2 says it in the address.
fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    let named = headers.get(header::HOST).map(HeaderValue::as_bytes);
    named.and_then(|host| Authority::try_from(host).ok()).or_else(|| uri.authority().cloned())
}

fn is_same(origin: &Origin, headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(here) = host_of(headers, uri) else { return false };
    // The scheme is that of the proxy in front, which is not known here: both have its usual port when they name none.
    let usual = usual_port(&origin.scheme);
    here.host().eq_ignore_ascii_case(&origin.host) && here.port_u16().or(usual) == origin.port
}

fn is_local(host: &str) -> bool {
    let end = |suffix: &str| host.len().checked_sub(suffix.len()).and_then(|start| host.get(start..));
    let address = host.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || end(".localhost").is_some_and(|end| end.eq_ignore_ascii_case(".localhost"))
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// What a browser says of a page.
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    // `null`, which pages without an origin send, is none.
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://")?;
        let (host, port) = host_and_port(rest)?;
        Some(Self { scheme: scheme.to_owned(), host: host.to_owned(), port: port.or_else(|| usual_port(scheme)) })
    }
}

fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        // A colon within brackets belongs to the address.
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let named = !host.is_empty() && host.chars().all(plain);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let numbered = address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    (named || numbered).then_some((host, port))
}

impl Rule {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "*" => return Ok(Self::Any),
            "same-origin" => return Ok(Self::Same),
            _ => {}
        }
        Site::parse(&text.to_ascii_lowercase()).map(Self::Site).ok_or_else(|| {
            format!(
                "{text:?} is no origin; write \"same-origin\", \"https://app.example.com\", \"//app.example.com\" or \"//*.example.com\", \
                 without a path"
            )
        })
    }
}

impl Site {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.strip_prefix("//") {
            Some(rest) => (None, rest),
            None => {
                let (scheme, rest) = text.split_once("://")?;
                (Some(scheme.to_owned()), rest)
            }
        };
        let (below, rest) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
        let (host, port) = host_and_port(rest)?;
        let host = if below { Host::Below(format!(".{host}")) } else { Host::Exactly(host.to_owned()) };
        let port = port.or_else(|| usual_port(scheme.as_deref()?));
        Some(Self { scheme, host, port })
    }

    fn matches(&self, origin: &Origin) -> bool {
        let host = match &self.host {
            Host::Exactly(host) => origin.host == *host,
            Host::Below(end) => origin.host.len() > end.len() && origin.host.ends_with(end),
        };
        let scheme = self.scheme.as_ref().is_none_or(|scheme| *scheme == origin.scheme);
        let any_port = self.scheme.is_none() && self.port.is_none();
        host && scheme && (any_port || self.port == origin.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn lets_in(policy: &OriginPolicy, origin: &str, host: &str) -> bool {
        policy.check(&request(&[("origin", origin), ("host", host)]), &Uri::default()).is_ok()
    }

    #[test]
    fn a_page_of_the_same_host_and_port_is_let_in_and_others_are_not() {
        let policy = OriginPolicy::default();
        for (origin, host) in [
            ("http://127.0.0.1:4000", "127.0.0.1:4000"),
            ("https://app.example.com", "app.example.com"),
            ("https://app.example.com:443", "app.example.com"),
            ("https://APP.example.com", "app.Example.com:443"),
            ("http://[::1]:4000", "[::1]:4000"),
        ] {
            assert!(lets_in(&policy, origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://evil.example", "127.0.0.1:4000"),
            ("http://127.0.0.1:3000", "127.0.0.1:4000"),
            ("http://app.example.com", "app.example.com:443"),
            ("https://app.example.com.evil.example", "app.example.com"),
            ("https://evil.example/app.example.com", "app.example.com"),
            ("https://app.example.com@evil.example", "app.example.com"),
            ("null", "app.example.com"),
            ("", "app.example.com"),
            ("https://", "app.example.com"),
        ] {
            assert!(!lets_in(&policy, origin, host), "{origin} {host}");
        }
        // HTTP/2 says the host in the address.
        let headers = request(&[("origin", "http://h:1")]);
        assert!(policy.check(&headers, &"http://h:1/cable".parse().unwrap()).is_ok());
        assert!(policy.check(&headers, &"http://h:2/cable".parse().unwrap()).is_err());
        let mut twice = request(&[("origin", "http://h"), ("host", "h")]);
        twice.append("origin", HeaderValue::from_static("http://h"));
        assert!(policy.check(&twice, &Uri::default()).is_err());
    }

    #[test]
    fn a_list_is_followed_to_the_letter() {
        let only = |rule: &str| OriginPolicy::new(&[rule], true).unwrap();
        for (rule, origin, is_let_in) in [
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example:443", true),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example:8443", false),
            ("https://a.example:8443", "https://a.example:8443", true),
            ("https://a.example", "https://b.a.example", false),
            ("//a.example", "http://a.example:81", true),
            ("//a.example:81", "http://a.example", false),
            ("//*.a.example", "https://b.a.example", true),
            ("//*.a.example", "https://c.b.a.example:8443", true),
            ("//*.a.example", "https://a.example", false),
            ("//*.a.example", "https://eva.example", false),
            ("https://*.a.example", "http://b.a.example", false),
            ("*", "null", true),
            ("*", "https://anything.example", true),
        ] {
            assert_eq!(lets_in(&only(rule), origin, "node.example"), is_let_in, "{rule} {origin}");
        }
        for wrong in
            ["a.example", "https://a.example/", "https://a.example/x", "https://", "//", "https://*", "//a*.b", ""]
        {
            assert!(OriginPolicy::new(&[wrong], true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_request_without_an_origin_is_let_in_unless_it_comes_from_elsewhere_or_one_is_asked_for() {
        let check = |policy: &OriginPolicy, pairs: &[_]| policy.check(&request(pairs), &Uri::default()).is_ok();
        let (lenient, strict) = (OriginPolicy::default(), OriginPolicy::new(&["same-origin"], false).unwrap());
        assert!(check(&lenient, &[]) && check(&lenient, &[("sec-fetch-site", "same-origin")]));
        assert!(!check(&lenient, &[("sec-fetch-site", "cross-site")]));
        assert!(!check(&strict, &[]) && check(&strict, &[("origin", "http://h"), ("host", "h")]));
    }

    #[test]
    fn a_page_whose_name_leads_here_does_not_find_open_doors() {
        let open = OriginPolicy::default().only_local();
        assert!(!lets_in(&open, "http://evil.example:4000", "evil.example:4000"));
        for host in ["localhost:4000", "demo.LocalHost:4000", "127.0.0.1:4000", "[::1]:4000"] {
            assert!(lets_in(&open, &format!("http://{host}"), host), "{host}");
            assert!(open.check_request(&request(&[("host", host)]), &Uri::default()).is_ok(), "{host}");
        }
        // What a page reads from its own server has no origin.
        for host in ["evil.example:4000", "localhost.evil.example", "x"] {
            let refused = open.check_request(&request(&[("host", host)]), &Uri::default()).unwrap_err();
            assert!(refused.to_string().contains("anonymous_beyond_loopback"), "{refused}");
            assert!(OriginPolicy::default().check_request(&request(&[("host", host)]), &Uri::default()).is_ok());
        }
        assert!(open.check_request(&HeaderMap::new(), &"http://evil.example/".parse().unwrap()).is_err());
        assert!(open.check_request(&HeaderMap::new(), &Uri::default()).is_ok());
    }
}
