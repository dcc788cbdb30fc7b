//! Who asks, and what it may do: [`Authenticator`] turns a token into a [`Principal`].
//!
//! * [`AuthConfig`]: keys, rules, what clients without a token may do. The default lets nobody in.
//! * [`credentials`]: where a token stands in a request, for each protocol; and how it is kept out of logs.
//! * [`origin`]: from which web pages browsers may connect.
//! * `permit`: what a principal may do, as errors.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::Clock;
use callboard_core::{Code, Error, Grants, Principal, Timestamp};
use callboard_wire::session::End;
use serde_json::{Map, Value};

pub use config::{Algorithm, AuthConfig, AuthConfigError, Key, Rule, Secret};
pub use origin::OriginPolicy;

mod config;
pub mod credentials;
mod keys;
pub mod origin;
pub(crate) mod permit;
mod rules;
mod seen;
mod token;

use keys::KeyRing;
use rules::Rules;
use seen::Seen;
use token::{Times, Token, names_one_of};

/// Why a client is not let in. The texts say what to do and have nothing of the token in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no token, and clients without one are not let in.
    #[error("a token is needed: send `Authorization: Bearer <token>`")]
    Missing,
    /// There is no token, and no token could be verified either.
    #[error(
        "this node lets nobody in, because its configuration does not say whom: add keys under [auth], or, on a loopback address only, \
         anonymous = \"all\" (docs/security.md)"
    )]
    Closed,
    /// It is no token, or not one for this node.
    #[error("the token is not accepted: {0}")]
    Invalid(Cow<'static, str>),
    /// It was good once.
    #[error("the token has expired; get a new one")]
    Expired,
}

impl AuthError {
    /// How a connection ends by it.
    #[must_use]
    pub const fn end(&self) -> End {
        match self {
            Self::Expired => End::TokenExpired,
            Self::Missing | Self::Closed | Self::Invalid(_) => End::Unauthorized,
        }
    }
}

impl From<AuthError> for Error {
    fn from(error: AuthError) -> Self {
        Self::new(Code::Unauthenticated, error.to_string())
    }
}

/// Turns tokens into principals, with keys that may change while it works.
pub struct Authenticator {
    // `None` when no token can be verified.
    keys: Option<KeyRing>,
    rules: Rules,
    issuers: Vec<String>,
    audiences: Vec<String>,
    leeway: Duration,
    unending: bool,
    anonymous: Option<Arc<Principal>>,
    seen: Seen,
    origins: OriginPolicy,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Reads and checks the keys and the rules.
    ///
    /// # Errors
    /// A setting that is wrong, a file that cannot be read.
    pub fn new(config: &AuthConfig) -> Result<Self, AuthConfigError> {
        let anonymous = config.anonymous.clone().map(|grants| Arc::new(Principal::anonymous(grants)));
        let origins = config.origins.clone();
        Ok(Self {
            keys: config.has_keys().then(|| KeyRing::new(config)).transpose()?,
            rules: Rules::new(&config.rules)?,
            issuers: config.issuers.clone(),
            audiences: config.audiences.clone(),
            leeway: config.leeway,
            unending: config.unending,
            anonymous,
            seen: Seen::default(),
            // A page that makes a browser take this machine for its own server must not find open doors.
            origins: if config.is_open() && !config.anonymous_beyond_loopback { origins.only_local() } else { origins },
        })
    }

    /// Who sends this token.
    ///
    /// What costs little is looked at first; a token that was verified a short while ago costs a hash. When the node has no keys and
    /// clients without a token are let in, a token is not looked at.
    ///
    /// # Errors
    /// [`AuthError`]. A token that is wrong is refused also where none would be needed.
    pub fn authenticate(&self, token: Option<&str>, now: Timestamp) -> Result<Arc<Principal>, AuthError> {
        let token = token.filter(|token| !token.is_empty());
        let (Some(token), Some(ring)) = (token, &self.keys) else {
            let nobody = if self.keys.is_some() { AuthError::Missing } else { AuthError::Closed };
            return self.anonymous.clone().ok_or(nobody);
        };
        if token.len() > token::TOKEN_LEN_MAX {
            return Err(invalid("it has more than 8192 bytes"));
        }
        let keys = ring.at(now);
        let mark = seen::mark(token);
        let principal = match self.seen.find(&mark, keys.generation) {
            Some(principal) => principal,
            None => {
                let principal = Arc::new(self.verify(&keys, token, now)?);
                self.seen.remember(mark, keys.generation, &principal);
                principal
            }
        };
        if principal.expires.is_some_and(|expires| expires <= now) { Err(AuthError::Expired) } else { Ok(principal) }
    }

    fn verify(&self, keys: &keys::KeySet, token: &str, now: Timestamp) -> Result<Principal, AuthError> {
        let token = Token::parse(token).map_err(invalid)?;
        let candidates = keys.candidates(token.algorithm, token.key_id.as_deref()).map_err(invalid)?;
        // A crowd that comes back with old tokens is turned away without the costly part.
        let times = self.check_claims(&token.claims, now)?;
        let message = token.message.as_bytes();
        if !candidates.iter().any(|key| key.verifies(message, &token.signature)) {
            return Err(invalid("its signature is wrong"));
        }
        let base = self.anonymous.as_ref().map_or_else(Grants::default, |anonymous| anonymous.grants.clone());
        let grants = self.rules.grants(&token.claims, base).map_err(|why| AuthError::Invalid(why.into()))?;
        Ok(Principal {
            subject: subject(&token.claims),
            claims: Value::Object(token.claims).to_string().into(),
            grants,
            expires: times.ends,
        })
    }

    fn check_claims(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Times, AuthError> {
        let times = Times::of(claims, self.leeway).map_err(invalid)?;
        match times.ends {
            Some(ends) if ends <= now => return Err(AuthError::Expired),
            None if !self.unending => return Err(invalid("it has no end (exp), and the node asks for one")),
            Some(_) | None => {}
        }
        if times.begins.is_some_and(|begins| begins > now) {
            return Err(invalid("it is not good yet (nbf)"));
        }
        if !self.issuers.is_empty() && names_one_of(claims.get("iss"), &self.issuers) != Some(true) {
            return Err(invalid("its issuer (iss) is none of those that the node knows"));
        }
        match names_one_of(claims.get("aud"), &self.audiences) {
            Some(true) => Ok(times),
            None if self.audiences.is_empty() => Ok(times),
            Some(false) if self.audiences.is_empty() => Err(invalid(
                "it is for somebody (aud), and the node does not know under which name it is meant (auth.audiences)",
            )),
            Some(false) | None => Err(invalid("it is not for this node (aud)")),
        }
    }

    /// From which web pages browsers may connect.
    #[must_use]
    pub const fn origins(&self) -> &OriginPolicy {
        &self.origins
    }
}

fn invalid(why: &'static str) -> AuthError {
    AuthError::Invalid(why.into())
}

// Who it is: `sub`, or for tokens that AnyCable's servers make, which have none, the identifiers in `ext`.
fn subject(claims: &Map<String, Value>) -> Option<Arc<str>> {
    match claims.get("sub").or_else(|| claims.get("ext"))? {
        Value::String(text) => Some(Arc::from(text.as_str())),
        Value::Number(number) => Some(Arc::from(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Resolves when the credentials end; never when they have no end.
///
/// *Cancel safety*: can be dropped and called again.
pub(crate) async fn expired(expires: Option<Timestamp>, clock: Arc<dyn Clock>) {
    // The wall clock may be set while this sleeps.
    const LOOK_AFTER: Duration = Duration::from_secs(60);
    let Some(expires) = expires else { return std::future::pending().await };
    loop {
        let left = expires.since(clock.now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_AFTER)).await;
    }
}

#[cfg(test)]
mod tests;
