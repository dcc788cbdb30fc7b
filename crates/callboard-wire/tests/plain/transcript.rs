//! A transcript: `>` the client writes, `!` something happens on the other side, `<` the client is sent, `.` the gateway is asked.
//!
//! Whatever a `>` or a `!` leads to stands below it, in order and complete.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_core::port::ChannelDeclaration;
use callboard_core::{
    Code, Encoding, Error, Headers, Mark, MessageId, Name, Pattern, Payload, Position, Publication, Timestamp, Topic,
};
use callboard_wire::plain::{PlainConfig, PlainSession};
use callboard_wire::session::{
    AskId, Data, Delivery, Encoded, End, Event, Frame, Head, Limits, Member, Now, Opened, Outbox, Output,
    PresenceChange, Session, Started, SubId,
};

/// Plays a transcript behind the welcome.
pub(crate) fn play(text: &str) {
    play_within(Limits::default(), text);
}

pub(crate) fn play_within(limits: Limits, text: &str) {
    let mut stage = Stage::new(limits);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some((kind, rest)) = line.split_once(' ') else { continue };
        match kind {
            ">" | "!" => {
                assert_eq!(stage.seen.pop_front(), None, "line {number} is about to be said: {line}");
                if kind == ">" { stage.client(rest) } else { stage.happens(rest) }
            }
            "<" | "." => assert_eq!(stage.seen.pop_front().as_deref(), Some(line), "line {number}"),
            _ => panic!("line {number} is of no kind: {line}"),
        }
    }
    assert_eq!(stage.seen.pop_front(), None, "at the end");
}

/// One session, and what it did.
pub(crate) struct Stage {
    session: PlainSession,
    now: Now,
    seen: VecDeque<String>,
}

pub(crate) fn config() -> PlainConfig {
    PlainConfig {
        system: "shop".into(),
        subject: Some("ann".into()),
        expires: Some(Timestamp::from_millis(1_795_215_000_000)),
        message_len: 65_536,
        messages_per_second: 100,
        messages_burst: 400,
        silence_max: Duration::from_secs(60),
        comeback: Duration::from_millis(750),
    }
}

impl Stage {
    fn new(limits: Limits) -> Self {
        let mut stage = Self::opened(limits, config());
        assert!(stage.seen.pop_front().is_some_and(|welcome| welcome.contains("\"welcome\"")));
        stage
    }

    pub(crate) fn opened(limits: Limits, config: PlainConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an instant has no other beginning; the tests only add to it")]
        let now = Now { instant: Instant::now(), wall: Timestamp::from_millis(1_795_211_419_000) };
        let mut stage = Self { session: PlainSession::new(limits, config), now, seen: VecDeque::new() };
        let mut out = Outbox::default();
        stage.session.open(now, Opened::default(), &mut out);
        stage.note(out);
        stage
    }

    /// What happened since it was last asked.
    pub(crate) fn seen(&mut self) -> Vec<String> {
        self.seen.drain(..).collect()
    }

    fn note(&mut self, mut out: Outbox) {
        while let Some(output) = out.pop() {
            self.seen.push_back(match output {
                Output::Send(Encoded::Text(text)) => {
                    assert!(
                        serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|text| text["type"].is_string())
                    );
                    format!("< {text}")
                }
                Output::Send(Encoded::Binary(bytes)) => panic!("{bytes:?}"),
                Output::Do(command) => format!(". {command:?}"),
                Output::Close { code, reason } => format!("< close {code} {reason}"),
            });
        }
    }

    pub(crate) fn client(&mut self, frame: &str) {
        let mut out = Outbox::default();
        match frame.strip_prefix("0x") {
            Some(_) => self.session.frame(self.now, Frame::Binary(&[1, 2, 3]), &mut out),
            None => self.session.frame(self.now, Frame::Text(frame), &mut out),
        }
        self.note(out);
    }

    /// `subscribed 1 campaign topics=campaign.7 head=7-57 after=7-41 gap response={..}` and so on; the first number is the
    /// subscription or the question.
    fn happens(&mut self, line: &str) {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (sub, ask) = (SubId(number.parse().unwrap_or(0)), AskId(number.parse().unwrap_or(0)));
        let words = Words(rest);
        let mut out = Outbox::default();
        let topic = Topic::parse("order.events").unwrap();
        let (rules, changes, json);
        let event = match what {
            "subscribed" => {
                rules = Arc::new(rules_named(rest.split(' ').next().unwrap()));
                let response = words.value("response").map(Arc::from);
                let (started, missed) = (words.started(), words.has("missed"));
                Event::Subscribed { sub, channel: &rules, started, response, missed }
            }
            "started" => Event::Started { sub, started: words.started() },
            "refused" => Event::Refused { sub, error: error(rest) },
            "ended" => Event::Ended { sub, error: error(rest) },
            "caught-up" => Event::CaughtUp(sub),
            "gap" => Event::Gap { sub, topic: &topic, after: words.position("after"), next: words.position("next") },
            "answer" if rest == "bytes" => Event::Answer { ask, answer: Ok(Data::Binary(vec![1, 2, 3])) },
            "answer" => Event::Answer { ask, answer: Ok(Data::Json(rest.to_owned())) },
            "fails" => Event::Answer { ask, answer: Err(error(rest)) },
            "whispered" => {
                json = Arc::from(rest);
                Event::Whispered { sub, json: &json }
            }
            "members" => Event::PresenceList { sub, members: Ok(rest.split(' ').map(member).collect()) },
            "no-members" => Event::PresenceList { sub, members: Err(error(rest)) },
            "presence" => {
                changes = rest.split(' ').map(change).collect::<Vec<_>>();
                Event::Presence { sub, changes: &changes }
            }
            "publication" => return self.publication(sub, &words),
            "end" => {
                self.session.end(end(number), &mut out);
                return self.note(out);
            }
            _ => panic!("{line}"),
        };
        self.session.event(self.now, event, &mut out);
        self.note(out);
    }

    fn publication(&mut self, sub: SubId, words: &Words<'_>) {
        let json = words.value("data").unwrap();
        let position = words.position("at");
        let publication = Publication {
            id: MessageId::from_bits(7),
            topic: Topic::parse(words.value("of").unwrap_or("order.events")).unwrap(),
            position,
            mark: Mark(position.seq.0 * 10),
            time: self.now.wall,
            payload: Payload::new("order.created", Encoding::Json, json.to_owned()),
            headers: Headers::new(),
            trace: None,
            publisher: None,
        };
        let delivery =
            Delivery { replay: words.has("replay"), again: words.has("again"), ack_required: words.has("ack") };
        self.seen.push_back(match self.session.deliver(sub, &publication, delivery) {
            Some(wrap) => match wrap.encode(&publication, json) {
                Encoded::Text(text) => format!("< {text}"),
                Encoded::Binary(bytes) => panic!("{bytes:?}"),
            },
            None => ". not delivered".to_owned(),
        });
    }
}

/// `name=value` and flags between blanks. `data=` and `response=` go to the end of the line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn has(&self, flag: &str) -> bool {
        self.0.split(' ').any(|word| word == flag)
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let (_, rest) = self.0.split_once(&format!("{name}="))?;
        let whole = matches!(name, "data" | "response");
        Some(if whole { rest } else { rest.split(' ').next().unwrap() })
    }

    fn position(&self, name: &str) -> Position {
        Position::parse(self.value(name).unwrap()).unwrap()
    }

    fn started(&self) -> Started {
        let topics = self.value("topics").unwrap_or("order.events");
        let topics: Vec<Pattern> = topics.split(',').map(|topic| Pattern::parse(topic).unwrap()).collect();
        let head = |topic| Head { topic, head: self.position("head"), after: self.position("after") };
        let heads = match self.value("head") {
            Some(_) => topics.iter().filter_map(Pattern::as_topic).map(head).collect(),
            None => Vec::new(),
        };
        Started { topics, heads, gap: self.has("gap") }
    }
}

/// The channels of the tests.
fn rules_named(name: &str) -> ChannelDeclaration {
    let mut rules = ChannelDeclaration::new(Name::from_static(""));
    match name {
        "plain" => (rules.presence, rules.whisper, rules.envelope) = (true, true, true),
        "campaign" => {
            rules.name = Name::from_static("campaign:*");
            rules.reload = vec![r#"{"characters":"reload"}"#.into()];
        }
        "reliable" => (rules.name, rules.acknowledged) = (Name::from_static("TaskChannel"), true),
        _ => panic!("{name}"),
    }
    rules
}

fn error(text: &str) -> Error {
    let (code, message) = text.split_once(' ').unwrap();
    Error::new(Code::parse(code).unwrap(), message)
}

fn end(name: &str) -> End {
    match name {
        "Unauthorized" => End::Unauthorized,
        "TokenExpired" => End::TokenExpired,
        "Draining" => End::Draining,
        "TooSlow" => End::TooSlow,
        "Abuse" => End::Abuse,
        "Gone" => End::Gone,
        "Removed" => End::Removed { reconnect: false },
        "Reconnect" => End::Removed { reconnect: true },
        "Internal" => End::Internal,
        _ => panic!("{name}"),
    }
}

/// `u1/7.1`
fn member(text: &str) -> Member {
    let (id, session) = text.split_once('/').unwrap();
    let since = Timestamp::from_millis(1_795_211_400_000);
    Member { id: id.into(), session: session.into(), info: r#"{"name":"Ann"}"#.into(), since }
}

/// `+u1/7.1` came, `-` went, `~` was lost; doubled when another of the name is there.
fn change(text: &str) -> PresenceChange {
    let rest = text.trim_start_matches(['+', '-', '~']);
    let (alone, member) = (text.len() - rest.len() == 1, member(rest));
    match text.chars().next() {
        Some('+') => PresenceChange::Joined { member, first: alone },
        Some(sign) => PresenceChange::Left { member, last: alone, timed_out: sign == '~' },
        None => panic!("a change is +, - or ~"),
    }
}
