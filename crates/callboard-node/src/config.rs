//! The one typed [`Config`] of `callboard serve`: file, then environment, then flags; checked before anything starts.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callboard_core::topic::{Retention, TopicPolicy, TopicRules};
use callboard_core::{Name, Pattern};
use callboard_gateway::GatewayConfig;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Serialize};

pub use self::auth::{AuthSettings, GrantSettings, KeySettings, OriginSettings, RuleSettings, SecretText};
pub use self::limits::LimitSettings;
pub use self::span::{Span, SpanError};

mod auth;
mod limits;
mod span;
mod text;

/// The file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "callboard.toml";

/// What the names of environment variables start with. `__` separates levels: `CALLBOARD_LOG__FORMAT`.
pub const ENVIRONMENT_PREFIX: &str = "CALLBOARD_";

/// Variables with our prefix that mean something to the client commands and nothing to a node.
const CLIENT_VARIABLES: &[&str] = &["CALLBOARD_URL", "CALLBOARD_TOKEN"];

/// Everything that a node without actors of its own can be told.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The system's name. Stored data belongs to it.
    pub system: String,
    /// The folder of the embedded store.
    pub data: PathBuf,
    /// Where clients connect. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long work under way may take when the node stops.
    pub stop_within: Span,
    /// Files with compiled protobuf descriptors (`protoc --descriptor_set_out`), by which payloads become JSON.
    pub descriptors: Vec<PathBuf>,
    /// What is logged and how.
    pub log: LogConfig,
    /// Whom the node lets in, and what they may do. Without it, nobody.
    pub auth: AuthSettings,
    /// How much clients may ask for.
    pub limits: LimitSettings,
    /// How topics are kept. A later rule goes before an earlier one.
    pub topics: Vec<TopicConfig>,
}

/// What is logged and how.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// For people or for programs.
    pub format: LogFormat,
    /// Which spans and events, e.g. `info` or `warn,callboard_runtime=debug`.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// How the topics of a pattern are kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// Which topics.
    pub pattern: String,
    /// Whether they are kept in memory only, and delivered at most once.
    #[serde(default)]
    pub ephemeral: bool,
    /// At most this old.
    pub age: Option<Span>,
    /// At most this many.
    pub len: Option<u64>,
}

/// What flags say. What is `None` was not given.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flags {
    /// See [`Config::system`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// See [`Config::data`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// See [`Config::listen`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// See [`LogConfig`].
    pub log: LogFlags,
}

/// What flags say of the log.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogFlags {
    /// See [`LogConfig::format`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<LogFormat>,
    /// See [`LogConfig::filter`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// Why a configuration is refused. The text names the key and where it was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Where environment variables come from.
pub trait Environment: fmt::Debug {
    /// All variables with their values. What is not Unicode may be left out.
    fn variables(&self) -> Vec<(String, String)>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variables(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            system: "callboard".to_owned(),
            data: PathBuf::from("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            stop_within: Span(Duration::from_secs(10)),
            descriptors: Vec::new(),
            log: LogConfig::default(),
            auth: AuthSettings::default(),
            limits: LimitSettings::default(),
            topics: Vec::new(),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: "info".to_owned() }
    }
}

impl Config {
    /// Reads the named file (or [`DEFAULT_FILE`] if it is there), the environment and the flags, in this order, and checks the
    /// result.
    ///
    /// # Errors
    /// An unknown key, a value of the wrong form, a file that cannot be read.
    pub fn load(file: Option<&Path>, environment: &dyn Environment, flags: &Flags) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        let default = Path::new(DEFAULT_FILE);
        if let Some(path) = file.or_else(|| default.is_file().then_some(default)) {
            figment = figment.merge(FileText::read(path)?);
        }
        figment = figment.merge(Variables(environment.variables())).merge(FlagValues(flags));
        let config: Self = figment.extract().map_err(|error| ConfigError::from_figment(&error))?;
        config.topic_rules()?;
        config.system()?;
        config.gateway()?;
        crate::telemetry::check_filter(&config.log.filter).map_err(|e| ConfigError(format!("log.filter: {e}")))?;
        Ok(config)
    }

    /// The system's name.
    ///
    /// # Errors
    /// When it is not a name.
    pub fn system(&self) -> Result<Name, ConfigError> {
        // The rules are those of an actor's name, since both stand in the same keys and subjects.
        callboard_core::ActorId::named(&self.system)
            .map_err(|error| ConfigError(format!("system: {error}")))
            .map(|_| Name::from(self.system.clone()))
    }

    /// The doors: address, bounds, and whom they let in. Files with secrets are read.
    ///
    /// # Errors
    /// A value of the wrong form, a file that cannot be read.
    pub fn gateway(&self) -> Result<GatewayConfig, ConfigError> {
        let mut gateway = GatewayConfig::on(self.listen);
        gateway.auth = self.auth.read()?;
        gateway.clients.signing_secret = self.auth.streams_secret()?;
        self.limits.apply(&mut gateway)?;
        gateway.validate().map_err(|error| ConfigError(error.to_string()))?;
        Ok(gateway)
    }

    /// The topics' rules.
    ///
    /// # Errors
    /// When a pattern is none, or a number is zero.
    pub fn topic_rules(&self) -> Result<TopicRules, ConfigError> {
        let mut rules = TopicRules::default();
        for topic in &self.topics {
            let wrong = |what: &str| ConfigError(format!("topics, pattern {:?}: {what}", topic.pattern));
            let pattern = Pattern::parse(&topic.pattern).map_err(|error| wrong(&error.to_string()))?;
            if topic.len == Some(0) || topic.age.is_some_and(|age| age.0.is_zero()) {
                return Err(wrong("age and len have to be greater than zero"));
            }
            rules.declare(pattern, topic.policy());
        }
        Ok(rules)
    }
}

impl TopicConfig {
    fn policy(&self) -> TopicPolicy {
        use callboard_core::limits::{RING_AGE, RING_LEN};
        if self.ephemeral {
            let len = self.len.map_or(RING_LEN, |len| usize::try_from(len).unwrap_or(usize::MAX));
            return TopicPolicy::Ephemeral { age: self.age.map_or(RING_AGE, |age| age.0), len };
        }
        let default = Retention::default();
        TopicPolicy::Durable(Retention {
            age: self.age.map_or(default.age, |age| age.0),
            len: self.len.unwrap_or(default.len),
        })
    }
}

impl ConfigError {
    fn from_figment(error: &figment::Error) -> Self {
        use figment::error::Kind;
        let place = error.metadata.as_ref().map_or("the configuration", |metadata| &metadata.name);
        let key = error.path.join(".");
        Self(match &error.kind {
            Kind::UnknownField(field, known) => {
                let key = if key.ends_with(field.as_str()) || key.is_empty() {
                    field.clone()
                } else {
                    format!("{key}.{field}")
                };
                let known: Vec<&str> = known.iter().filter(|name| **name != field).copied().collect();
                format!("unknown key {key:?} in {place}; known here are {}", known.join(", "))
            }
            kind => format!("{place}: {key}: {kind}"),
        })
    }
}

/// A TOML file, as text whose name stands in errors.
struct FileText {
    name: String,
    values: Dict,
}

impl FileText {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        use figment::providers::{Format as _, Toml};
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError(format!("{name}: {error}")))?;
        let values = Toml::from_str(&text).map_err(|error| ConfigError(format!("{name}: {error}")))?;
        Ok(Self { name, values })
    }
}

impl Provider for FileText {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }
    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The variables that start with our prefix; each value is a string.
struct Variables(Vec<(String, String)>);

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment (CALLBOARD_*)")
    }
    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let mut dict = Dict::new();
        let ours = self.0.iter().filter(|(name, _)| !CLIENT_VARIABLES.contains(&name.as_str()));
        for (name, value) in ours {
            let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            insert(&mut dict, &key.to_lowercase().replace("__", "."), value);
        }
        Ok(Profile::Default.collect(dict))
    }
}

fn insert(dict: &mut Dict, key: &str, value: &str) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), Value::from(value));
        }
        Some((outer, inner)) => {
            let entry = dict.entry(outer.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, nested) = entry {
                insert(nested, inner, value);
            }
        }
    }
}

struct FlagValues<'a>(&'a Flags);

impl Provider for FlagValues<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("the command line")
    }
    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        figment::providers::Serialized::defaults(self.0).data()
    }
}

#[cfg(test)]
mod tests;
