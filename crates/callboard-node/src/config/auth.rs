//! [`AuthSettings`]: the `[auth]` part of the configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use callboard_core::{Grants, Pattern};
use callboard_gateway::auth::{Algorithm, AuthConfig, Key, OriginPolicy, Rule, Secret};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::text::{list, maybe_bool, yes_or_no};
use super::{ConfigError, Span};

/// Whom the node lets in, and what they may do. Nothing of it lets nobody in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// The secret that the issuer of HS256 tokens shares with the node.
    pub secret: Option<SecretText>,
    /// A file with it.
    pub secret_file: Option<PathBuf>,
    /// Further keys.
    pub keys: Vec<KeySettings>,
    /// See [`AuthConfig::jwks`].
    pub jwks: Option<PathBuf>,
    /// See [`AuthConfig::issuers`].
    #[serde(deserialize_with = "list")]
    pub issuers: Vec<String>,
    /// See [`AuthConfig::audiences`].
    #[serde(deserialize_with = "list")]
    pub audiences: Vec<String>,
    /// See [`AuthConfig::leeway`].
    pub leeway: Option<Span>,
    /// See [`AuthConfig::unending`].
    #[serde(deserialize_with = "yes_or_no")]
    pub unending: bool,
    /// See [`AuthConfig::rules`].
    pub rules: Vec<RuleSettings>,
    /// What clients without a token may do: `"none"`, `"all"`, or patterns.
    #[serde(deserialize_with = "anonymous")]
    pub anonymous: Option<GrantSettings>,
    /// See [`AuthConfig::anonymous_beyond_loopback`].
    #[serde(deserialize_with = "yes_or_no")]
    pub anonymous_beyond_loopback: bool,
    /// From which web pages browsers may connect.
    pub origins: OriginSettings,
    /// The secret with which a web application signs stream names.
    pub streams_secret: Option<SecretText>,
    /// A file with it.
    pub streams_secret_file: Option<PathBuf>,
    /// See [`AuthConfig::metrics_public`].
    #[serde(deserialize_with = "maybe_bool")]
    pub metrics_public: Option<bool>,
}

/// A key by which tokens are verified.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// `HS256`, `RS256`, `ES256` or `EdDSA`.
    pub algorithm: String,
    /// Its name in the tokens' `kid`.
    pub id: Option<String>,
    /// The shared secret, of HS256.
    pub secret: Option<SecretText>,
    /// A file with the shared secret, or with the public key as PEM text.
    pub file: Option<PathBuf>,
}

/// See [`Rule`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSettings {
    /// See [`Rule::when`].
    pub when: BTreeMap<String, String>,
    /// See [`Rule::subscribe`].
    pub subscribe: Vec<String>,
    /// See [`Rule::publish`].
    pub publish: Vec<String>,
    /// See [`Rule::invoke`].
    pub invoke: Vec<String>,
    /// See [`Rule::admin`].
    pub admin: bool,
}

/// Rights by pattern.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct GrantSettings {
    /// Topics that may be followed.
    pub subscribe: Vec<String>,
    /// Topics that may be published on.
    pub publish: Vec<String>,
    /// Actions that may be invoked: `actor.action`.
    pub invoke: Vec<String>,
    /// What operators do.
    pub admin: bool,
}

/// See [`OriginPolicy::new`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct OriginSettings {
    /// Which pages.
    #[serde(deserialize_with = "list")]
    pub allowed: Vec<String>,
    /// Whether clients that say nothing are let in.
    #[serde(deserialize_with = "yes_or_no")]
    pub missing: bool,
}

impl Default for OriginSettings {
    fn default() -> Self {
        Self { allowed: vec!["same-origin".to_owned()], missing: true }
    }
}

/// A text that is shown to nobody.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct SecretText(String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl AuthSettings {
    /// The settings as the gateway takes them.
    ///
    /// # Errors
    /// A value of the wrong form, a file that cannot be read. Keys are looked at by the gateway.
    pub(super) fn read(&self) -> Result<AuthConfig, ConfigError> {
        let mut keys = Vec::new();
        if let Some(secret) = secret("auth.secret", self.secret.as_ref(), self.secret_file.as_deref())? {
            keys.push(Key::new(Algorithm::Hs256, &*secret));
        }
        for (place, key) in self.keys.iter().enumerate() {
            keys.push(key.read(&format!("auth.keys[{place}]"))?);
        }
        let wrong = |error: String| ConfigError(format!("auth.origins.allowed: {error}"));
        let defaults = AuthConfig::default();
        Ok(AuthConfig {
            keys,
            jwks: self.jwks.clone(),
            issuers: self.issuers.clone(),
            audiences: self.audiences.clone(),
            leeway: self.leeway.map_or(defaults.leeway, |span| span.0),
            unending: self.unending,
            rules: self.rules.iter().cloned().map(Into::into).collect(),
            anonymous: self.anonymous.as_ref().map(GrantSettings::read).transpose()?,
            anonymous_beyond_loopback: self.anonymous_beyond_loopback,
            origins: OriginPolicy::new(&self.origins.allowed, self.origins.missing).map_err(wrong)?,
            metrics_public: self.metrics_public,
        })
    }

    /// The secret of signed stream names.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn streams_secret(&self) -> Result<Option<Secret>, ConfigError> {
        secret("auth.streams_secret", self.streams_secret.as_ref(), self.streams_secret_file.as_deref())
    }
}

impl KeySettings {
    fn read(&self, name: &str) -> Result<Key, ConfigError> {
        let algorithm = Algorithm::parse(&self.algorithm).ok_or_else(|| {
            let known = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ");
            ConfigError(format!("{name}.algorithm: {:?} is none of {known}", self.algorithm))
        })?;
        if self.secret.is_some() && algorithm != Algorithm::Hs256 {
            return Err(ConfigError(format!("{name}: a secret is for HS256; name the file of the public key")));
        }
        let material = secret(name, self.secret.as_ref(), self.file.as_deref())?
            .ok_or_else(|| ConfigError(format!("{name}: give secret or file")))?;
        let key = Key::new(algorithm, &*material);
        Ok(match &self.id {
            Some(id) => key.named(id.clone()),
            None => key,
        })
    }
}

impl GrantSettings {
    fn read(&self) -> Result<Grants, ConfigError> {
        let patterns = |name: &str, texts: &[String]| -> Result<Vec<Pattern>, ConfigError> {
            let wrong = |error| ConfigError(format!("auth.anonymous.{name}: {error}"));
            texts.iter().map(|text| Pattern::parse(text).map_err(wrong)).collect()
        };
        Ok(Grants {
            subscribe: patterns("subscribe", &self.subscribe)?,
            publish: patterns("publish", &self.publish)?,
            invoke: patterns("invoke", &self.invoke)?,
            admin: self.admin,
        })
    }
}

impl From<RuleSettings> for Rule {
    fn from(settings: RuleSettings) -> Self {
        let RuleSettings { when, subscribe, publish, invoke, admin } = settings;
        Self { when, subscribe, publish, invoke, admin }
    }
}

// The end of the line belongs to the file and not to the secret.
fn secret(name: &str, text: Option<&SecretText>, file: Option<&Path>) -> Result<Option<Secret>, ConfigError> {
    match (text, file) {
        (Some(_), Some(_)) => Err(ConfigError(format!("{name}: give it or its file, not both"))),
        (Some(SecretText(text)), None) => Ok(Some(Secret::from(text))),
        (None, None) => Ok(None),
        (None, Some(file)) => {
            let read = std::fs::read(file);
            let bytes = read.map_err(|error| ConfigError(format!("{name}, {}: {error}", file.display())))?;
            Ok(Some(Secret::from(bytes.trim_ascii_end())))
        }
    }
}

fn anonymous<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GrantSettings>, D::Error> {
    struct Anonymous;

    impl<'de> Visitor<'de> for Anonymous {
        type Value = Option<GrantSettings>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"none\", \"all\", or patterns under subscribe, publish and invoke")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let all = || vec![Pattern::all().to_string()];
            match text {
                "none" => Ok(None),
                "all" => Ok(Some(GrantSettings { subscribe: all(), publish: all(), invoke: all(), admin: true })),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            let read = GrantSettings::deserialize(serde::de::value::MapAccessDeserializer::new(map));
            read.map(Some).map_err(A::Error::custom)
        }
    }

    deserializer.deserialize_any(Anonymous)
}
