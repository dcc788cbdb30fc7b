//! [`AuthConfig`]: whom the node lets in, and what they may do.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callboard_core::{Grants, Pattern};

use super::origin::OriginPolicy;

/// Whom the node lets in, and what they may do. The default lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthConfig {
    /// Keys by which tokens are verified.
    pub keys: Vec<Key>,
    /// A file with further keys, a JSON Web Key Set. It is read again when it changes, so that keys are rotated without a restart.
    pub jwks: Option<PathBuf>,
    /// Who may have issued a token (`iss`); anybody with a key when empty.
    pub issuers: Vec<String>,
    /// For whom a token may be (`aud`). When empty, a token that is for somebody in particular is refused.
    pub audiences: Vec<String>,
    /// By how much the clocks of issuers may differ from this one.
    pub leeway: Duration,
    /// Whether a token without `exp` is accepted. It then is good until its key is removed.
    pub unending: bool,
    /// What the holders of tokens may do, besides what the token's own claim `callboard` says.
    pub rules: Vec<Rule>,
    /// What clients without a token may do, and therefore everybody; `None` refuses them.
    pub anonymous: Option<Grants>,
    /// Confirms that clients without a token may do anything although the node listens on more than the loopback address.
    pub anonymous_beyond_loopback: bool,
    /// From which web pages browsers may connect.
    pub origins: OriginPolicy,
    /// Whether `/metrics` is shown to everybody; `None`: on a loopback address only. It is always shown to operators.
    pub metrics_public: Option<bool>,
}

/// How long a clock may be wrong when nobody says otherwise.
const LEEWAY: Duration = Duration::from_secs(5);

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            jwks: None,
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: LEEWAY,
            unending: false,
            rules: Vec::new(),
            anonymous: None,
            anonymous_beyond_loopback: false,
            origins: OriginPolicy::default(),
            metrics_public: None,
        }
    }
}

impl AuthConfig {
    /// Everybody may do everything: for tests, and for demonstrations on one's own machine. A gateway refuses it on an address that
    /// others can reach, unless [`AuthConfig::anonymous_beyond_loopback`] confirms it.
    #[must_use]
    pub fn open() -> Self {
        Self { anonymous: Some(Grants::all()), ..Self::default() }
    }

    /// Whether clients without a token may do something without bounds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let unbounded = |patterns: &[Pattern]| patterns.contains(&Pattern::all());
        self.anonymous
            .as_ref()
            .is_some_and(|grants| grants.admin || unbounded(&grants.publish) || unbounded(&grants.invoke))
    }

    /// Whether tokens can be verified.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty() || self.jwks.is_some()
    }

    /// Whether `/metrics` is shown to everybody on this address.
    #[must_use]
    pub fn shows_metrics(&self, listen: SocketAddr) -> bool {
        self.metrics_public.unwrap_or_else(|| listen.ip().is_loopback())
    }

    /// Checks that the doors are not open to a network by accident.
    ///
    /// # Errors
    /// What to write.
    pub fn check_address(&self, listen: SocketAddr) -> Result<(), AuthConfigError> {
        if self.is_open() && !listen.ip().is_loopback() && !self.anonymous_beyond_loopback {
            return Err(AuthConfigError(format!(
                "auth.anonymous lets everybody who can reach {listen} do anything: listen on 127.0.0.1, or configure keys and give \
                 anonymous clients less, or confirm it with anonymous_beyond_loopback = true"
            )));
        }
        Ok(())
    }
}

/// A wrong setting. The text names it and says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthConfigError(pub(super) String);

/// A key by which tokens are verified. It is good for one algorithm, whatever a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the tokens' `kid`. A key without a name is tried for every token of its algorithm.
    pub id: Option<String>,
    /// What it is for.
    pub algorithm: Algorithm,
    /// The shared secret of [`Algorithm::Hs256`]; the public key as PEM text of the others.
    pub material: Secret,
}

impl Key {
    /// A key of an algorithm.
    #[must_use]
    pub fn new(algorithm: Algorithm, material: impl Into<Secret>) -> Self {
        Self { id: None, algorithm, material: material.into() }
    }

    /// The same key under a name.
    #[must_use]
    pub fn named(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256: issuer and node share a secret of at least 32 bytes.
    Hs256,
    /// RSA with SHA-256 (PKCS #1 v1.5), 2048 to 4096 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &[Self] = &[Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// The name in a token's `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.as_str() == text)
    }
}

/// Bytes that are shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: AsRef<[u8]>> From<T> for Secret {
    fn from(bytes: T) -> Self {
        Self(bytes.as_ref().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What holders of tokens with certain claims may do.
///
/// In the patterns `{sub}` stands for the claim `sub`, `{org.id}` for the member `id` of the claim `org`. The claim has to be a string or
/// a whole number that is one token of a topic; for anything else, a claim with a dot or a wildcard in it included, the pattern is left
/// out. A claim that is a list gives one pattern per item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Claims that a token must have for the rule to count, with their values; of a claim that is a list, one item.
    pub when: BTreeMap<String, String>,
    /// Topics that may be followed.
    pub subscribe: Vec<String>,
    /// Topics that may be published on.
    pub publish: Vec<String>,
    /// Actions that may be invoked: `actor.action`.
    pub invoke: Vec<String>,
    /// See [`Grants::admin`].
    pub admin: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_doors_on_a_network_have_to_be_confirmed() {
        let (local, network) = ("127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap());
        let open = AuthConfig::open();
        assert!(open.check_address(local).is_ok() && open.check_address("[::1]:0".parse().unwrap()).is_ok());
        assert!(open.check_address(network).unwrap_err().to_string().contains("anonymous_beyond_loopback"));
        let confirmed = AuthConfig { anonymous_beyond_loopback: true, ..open };
        assert!(confirmed.check_address(network).is_ok());
        assert!(AuthConfig::default().check_address(network).is_ok());
        let readers = Grants { subscribe: vec![Pattern::all()], ..Grants::default() };
        let readers = AuthConfig { anonymous: Some(readers), ..AuthConfig::default() };
        assert!(readers.check_address(network).is_ok());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let key = Key::new(Algorithm::Hs256, "a secret that nobody should read");
        assert!(!format!("{key:?}").contains("nobody"));
    }
}
