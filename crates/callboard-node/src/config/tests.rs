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
