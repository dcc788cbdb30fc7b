use super::*;

#[derive(Debug, Default)]
struct Given(Vec<(&'static str, &'static str)>);

impl Environment for Given {
    fn variables(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

fn load(file: &str, environment: &[(&'static str, &'static str)], flags: &Flags) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    std::fs::write(&path, file).unwrap();
    Config::load(Some(&path), &Given(environment.to_vec()), flags)
        .map_err(|error| ConfigError(error.0.replace(&path.display().to_string(), "node.toml")))
}

fn wrong(file: &str, environment: &[(&'static str, &'static str)]) -> String {
    load(file, environment, &Flags::default()).unwrap_err().to_string()
}

#[test]
fn flags_go_before_the_environment_and_the_environment_before_the_file() {
    let file = "system = \"file\"\ndata = \"file-data\"\nlisten = \"127.0.0.1:1\"\n[log]\nfilter = \"warn\"\n";
    let environment = [("CALLBOARD_DATA", "env-data"), ("CALLBOARD_LISTEN", "127.0.0.1:2"), ("HOME", "x")];
    let flags = Flags {
        listen: Some("127.0.0.1:3".to_owned()),
        log: LogFlags { format: Some(LogFormat::Json), filter: None },
        ..Flags::default()
    };
    let config = load(file, &environment, &flags).unwrap();
    assert_eq!((config.system.as_str(), config.data.to_str()), ("file", Some("env-data")));
    assert_eq!(config.listen.port(), 3);
    assert_eq!((config.log.format, config.log.filter.as_str()), (LogFormat::Json, "warn"));
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_its_place() {
    let text = wrong("lisen = \"x\"", &[]);
    assert!(text.contains("\"lisen\"") && text.contains("node.toml") && text.contains("listen"), "{text}");
    let text = wrong("[log]\ncolour = true", &[]);
    assert!(text.contains("colour") && text.contains("filter"), "{text}");
    let text = wrong("", &[("CALLBOARD_LISEN", "x")]);
    assert!(text.contains("\"lisen\"") && text.contains("environment"), "{text}");
}

#[test]
fn the_clients_variable_is_none_of_the_nodes_business() {
    assert!(load("", &[("CALLBOARD_URL", "http://127.0.0.1:4000")], &Flags::default()).is_ok());
}

#[test]
fn a_wrong_value_is_refused_before_anything_starts() {
    for (file, word) in [
        ("listen = \"nowhere\"", "listen"),
        ("stop_within = \"soon\"", "length of time"),
        ("system = \"a/b\"", "system"),
        ("[log]\nfilter = \"callboard=loud\"", "log.filter"),
        ("[log]\nformat = \"xml\"", "format"),
        ("[[topics]]\npattern = \"a..b\"", "a..b"),
        ("[[topics]]\npattern = \"a.>\"\nlen = 0", "greater than zero"),
        ("listen = ", "node.toml"),
    ] {
        let text = wrong(file, &[]);
        assert!(text.contains(word), "{file}: {text}");
    }
    let missing = Config::load(Some(Path::new("does-not-exist.toml")), &Given::default(), &Flags::default());
    assert!(missing.unwrap_err().to_string().contains("does-not-exist.toml"));
}

#[test]
fn topics_of_the_file_become_rules() {
    let file =
        "[[topics]]\npattern = \"metrics.>\"\nephemeral = true\n[[topics]]\npattern = \"audit.*\"\nage = \"30d\"\n";
    let rules = load(file, &[], &Flags::default()).unwrap().topic_rules().unwrap();
    let topic = |text| callboard_core::Topic::parse(text).unwrap();
    assert_eq!(rules.policy(&topic("metrics.cpu")), TopicPolicy::EPHEMERAL);
    let TopicPolicy::Durable(kept) = rules.policy(&topic("audit.log")) else { panic!("audit.log is durable") };
    assert_eq!(kept.age, Duration::from_secs(30 * 86_400));
}

const KEYS: &str = r#"
[auth]
secret = "a shared secret of at least 32 bytes"
issuers = ["https://id.example.com"]
audiences = "callboard, others"
leeway = "1s"
streams_secret = "s3Krit"

[[auth.keys]]
algorithm = "HS256"
id = "next"
secret = "another secret of more than 32 bytes"

[[auth.rules]]
when = { role = "operator" }
subscribe = ["user.{sub}.>"]
admin = true

[auth.anonymous]
subscribe = ["public.>"]

[auth.origins]
allowed = ["https://app.example.com", "//*.example.com"]
missing = false
"#;

#[test]
fn whom_the_node_lets_in_stands_in_the_file() {
    let gateway = load(KEYS, &[], &Flags::default()).unwrap().gateway().unwrap();
    let auth = &gateway.auth;
    assert_eq!((auth.keys.len(), auth.keys[1].id.as_deref()), (2, Some("next")));
    assert_eq!((auth.issuers.len(), auth.audiences.len(), auth.leeway), (1, 2, Duration::from_secs(1)));
    assert!(auth.rules[0].admin && auth.rules[0].when["role"] == "operator");
    let anonymous = auth.anonymous.as_ref().unwrap();
    assert!(anonymous.may_subscribe(&Pattern::parse("public.a").unwrap()) && !anonymous.admin);
    assert_eq!(gateway.clients.signing_secret.as_deref(), Some(b"s3Krit".as_slice()));
    callboard_gateway::auth::Authenticator::new(auth).unwrap();
    let shown = format!("{:?}", load(KEYS, &[], &Flags::default()).unwrap());
    assert!(!shown.contains("shared secret") && !shown.contains("another") && !shown.contains("s3Krit"), "{shown}");
}

#[test]
fn without_an_auth_part_nobody_is_let_in() {
    let auth = load("", &[], &Flags::default()).unwrap().gateway().unwrap().auth;
    assert_eq!((auth.anonymous.clone(), auth.has_keys()), (None, false));
    assert_eq!(auth, callboard_gateway::AuthConfig::default());
}

#[test]
fn the_environment_configures_who_is_let_in_too() {
    let environment = [
        ("CALLBOARD_AUTH__SECRET", "a shared secret of at least 32 bytes"),
        ("CALLBOARD_AUTH__AUDIENCES", "a,b"),
        ("CALLBOARD_AUTH__ANONYMOUS", "all"),
        ("CALLBOARD_AUTH__ANONYMOUS_BEYOND_LOOPBACK", "true"),
        ("CALLBOARD_AUTH__METRICS_PUBLIC", "false"),
        ("CALLBOARD_LIMITS__CONNECTIONS", "5"),
        ("CALLBOARD_LISTEN", "0.0.0.0:4000"),
        ("CALLBOARD_TOKEN", "none of the node's business"),
    ];
    let gateway = load("", &environment, &Flags::default()).unwrap().gateway().unwrap();
    assert!(gateway.auth.is_open() && gateway.auth.keys.len() == 1 && gateway.auth.metrics_public == Some(false));
    assert_eq!((gateway.auth.audiences.len(), gateway.connections_max), (2, 5));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_name() {
    for (file, word) in [
        ("listen = \"0.0.0.0:1\"\n[auth]\nanonymous = \"all\"", "anonymous_beyond_loopback"),
        ("[auth]\nanonymous = \"some\"", "\"all\""),
        ("[auth.anonymous]\nsubscribe = [\"a..b\"]", "auth.anonymous.subscribe"),
        ("[auth.anonymous]\nread = [\"a\"]", "read"),
        ("[auth]\nsecret = \"x\"\nsecret_file = \"y\"", "not both"),
        ("[auth]\nsecret_file = \"no-such-file\"", "no-such-file"),
        ("[[auth.keys]]\nalgorithm = \"none\"\nsecret = \"x\"", "HS256"),
        ("[[auth.keys]]\nalgorithm = \"ES256\"\nsecret = \"x\"", "public key"),
        ("[[auth.keys]]\nalgorithm = \"ES256\"", "file"),
        ("[auth.origins]\nallowed = [\"example.com\"]", "auth.origins"),
        ("[auth]\nunending = \"perhaps\"", "true or false"),
        ("[limits]\nconnections = 0", "limits.connections"),
        ("[limits]\nsubscriptions = -1", "whole number"),
        ("[limits]\nspeed = 1", "speed"),
    ] {
        let text = wrong(file, &[]);
        assert!(text.contains(word), "{file}: {text}");
    }
}
