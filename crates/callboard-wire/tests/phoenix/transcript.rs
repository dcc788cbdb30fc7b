//! A transcript: `>` the client writes, `!` something happens on the other side, `<` the client is sent, `.` the gateway is asked.
//!
//! Whatever a `>` or a `!` leads to stands below it, in order and complete. Binary frames are hexadecimal behind `0x`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_core::port::ChannelDeclaration;
use callboard_core::{
    Code, Encoding, Error, Headers, Mark, MessageId, Name, Payload, Position, Publication, Timestamp, Topic,
};
use callboard_wire::phoenix::{PhoenixConfig, PhoenixSession, Version};
use callboard_wire::session::{
    Ack, AskId, Command, Data, Delivery, Encoded, End, Event, Frame, From, Head, Limits, Member, Now, Opened, Outbox,
    Output, PresenceChange, Session, Started, SubId, Target,
};

/// Plays a transcript of a V2 socket.
pub(crate) fn v2(text: &str) {
    play(Stage::new(Version::V2), text);
}

/// Plays a transcript of a V1 socket.
pub(crate) fn v1(text: &str) {
    play(Stage::new(Version::V1), text);
}

/// Plays a transcript of a V2 client over a transport that brings it no binary frames.
pub(crate) fn v2_without_binary(text: &str) {
    let config = PhoenixConfig { binary: false, ..PhoenixConfig::default() };
    play(Stage::with(Version::V2, Limits::default(), config), text);
}

fn play(mut stage: Stage, text: &str) {
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
    session: PhoenixSession,
    now: Now,
    seen: VecDeque<String>,
}

impl Stage {
    pub(crate) fn new(version: Version) -> Self {
        Self::with(version, Limits::default(), PhoenixConfig::default())
    }

    pub(crate) fn with(version: Version, limits: Limits, config: PhoenixConfig) -> Self {
        let session = PhoenixSession::new(version, limits, config);
        #[expect(clippy::disallowed_methods, reason = "an instant has no other beginning; the tests only add to it")]
        let now = Now { instant: Instant::now(), wall: Timestamp::from_millis(1_795_211_419_000) };
        let mut stage = Self { session, now, seen: VecDeque::new() };
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
                    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
                    format!("< {text}")
                }
                Output::Send(Encoded::Binary(bytes)) => format!("< {}", hex(&bytes)),
                Output::Do(command) => format!(". {}", asked(&command)),
                Output::Close { code, reason } => format!("< close {code} {reason}"),
            });
        }
    }

    pub(crate) fn client(&mut self, frame: &str) {
        let mut out = Outbox::default();
        match frame.strip_prefix("0x") {
            Some(digits) => self.session.frame(self.now, Frame::Binary(&unhex(digits)), &mut out),
            None => self.session.frame(self.now, Frame::Text(frame), &mut out),
        }
        self.note(out);
    }

    /// `subscribed 1 plain head=7-57 after=7-41 gap response={..}` and so on; the first number is the subscription or the question.
    pub(crate) fn happens(&mut self, line: &str) {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (sub, ask) = (SubId(number.parse().unwrap_or(0)), AskId(number.parse().unwrap_or(0)));
        let words = Words(rest);
        let mut out = Outbox::default();
        let topic = Topic::parse("order.events").unwrap();
        let (rules, changes);
        let event = match what {
            "subscribed" => {
                rules = Arc::new(rules_named(rest.split(' ').next().unwrap()));
                let response = words.value("response").map(Arc::from);
                Event::Subscribed {
                    sub,
                    channel: &rules,
                    started: words.started(),
                    response,
                    missed: words.has("missed"),
                }
            }
            "started" => Event::Started { sub, started: words.started() },
            "refused" => Event::Refused { sub, error: error(rest) },
            "ended" => Event::Ended { sub, error: error(rest) },
            "caught-up" => Event::CaughtUp(sub),
            "gap" => Event::Gap { sub, topic: &topic, after: words.position("after"), next: words.position("next") },
            "answer" => {
                let bytes = rest.strip_prefix("0x").map(|digits| Data::Binary(unhex(digits)));
                Event::Answer { ask, answer: Ok(bytes.unwrap_or_else(|| Data::Json(rest.to_owned()))) }
            }
            "fails" => Event::Answer { ask, answer: Err(error(rest)) },
            "whispered" => {
                let json = Arc::from(rest);
                self.session.event(self.now, Event::Whispered { sub, json: &json }, &mut out);
                return self.note(out);
            }
            "members" => Event::PresenceList { sub, members: Ok(rest.split(' ').map(member).collect()) },
            "presence" => {
                changes = rest.split(' ').map(change).collect::<Vec<_>>();
                Event::Presence { sub, changes: &changes }
            }
            "publication" => return self.publication(sub, &words),
            "passed" => {
                self.now.instant += Duration::from_secs(number.parse().unwrap());
                self.session.time(self.now, &mut out);
                return self.note(out);
            }
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
        let json = words.value("data").unwrap_or("null");
        let bytes = words.value("bytes").map(unhex);
        let payload = match &bytes {
            Some(bytes) => Payload::new("blob", Encoding::Bytes, bytes.clone()),
            None => Payload::new("order.created", Encoding::Json, json.to_owned()),
        };
        let publication = Publication {
            id: MessageId::from_bits(7),
            topic: Topic::parse("order.events").unwrap(),
            position: words.position("at"),
            mark: Mark(1),
            time: self.now.wall,
            payload,
            headers: Headers::new(),
            trace: None,
            publisher: None,
        };
        let delivery =
            Delivery { replay: words.has("replay"), again: words.has("again"), ack_required: words.has("ack") };
        self.seen.push_back(match self.session.deliver(sub, &publication, delivery) {
            Some(wrap) => match wrap.encode(&publication, json) {
                Encoded::Text(text) => format!("< {text}"),
                Encoded::Binary(bytes) => format!("< {}", hex(&bytes)),
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
        let head = |topic: &str| Head {
            topic: Topic::parse(topic).unwrap(),
            head: self.position("head"),
            after: self.position("after"),
        };
        let heads = if self.value("head").is_some() { topics.split(',').map(head).collect() } else { Vec::new() };
        Started { heads, gap: self.has("gap"), ..Started::default() }
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
        "reliable" => (rules.name, rules.acknowledged) = (Name::from_static("order.events"), true),
        "lobby" => (rules.name, rules.presence) = (Name::from_static("lobby"), true),
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

/// `u1/F1aa`, with what the others see behind another slash.
fn member(text: &str) -> Member {
    let mut parts = text.splitn(3, '/');
    let (id, session) = (parts.next().unwrap(), parts.next().unwrap());
    let info = parts.next().unwrap_or("{}");
    let since = Timestamp::from_millis(1_795_211_400_000);
    Member { id: id.into(), session: session.into(), info: info.into(), since }
}

/// `+u1/F1aa` came, `-` went, `~` was lost; doubled when another of the name is there.
fn change(text: &str) -> PresenceChange {
    let rest = text.trim_start_matches(['+', '-', '~']);
    let (alone, member) = (text.len() - rest.len() == 1, member(rest));
    match text.chars().next() {
        Some('+') => PresenceChange::Joined { member, first: alone },
        Some(sign) => PresenceChange::Left { member, last: alone, timed_out: sign == '~' },
        None => panic!("a change is +, - or ~"),
    }
}

fn asked(command: &Command) -> String {
    let data = |data: &Data| match data {
        Data::Json(json) => json.clone(),
        Data::Binary(bytes) => hex(bytes),
    };
    let ask = |ask: &Option<AskId>| ask.map_or_else(|| "unasked".to_owned(), |AskId(ask)| format!("ask {ask}"));
    match command {
        Command::Subscribe(subscribe) => {
            let Target::Channel { name, params } = &subscribe.target else { panic!("{subscribe:?}") };
            let SubId(sub) = subscribe.sub;
            let mut text = format!("subscribe {sub} {name} {params} {}", place(&subscribe.from));
            if let Some(consumer) = &subscribe.consumer {
                let _ = write!(text, " consumer {consumer:?}");
            }
            assert!(subscribe.heads, "the reply says where the topic stands");
            text
        }
        Command::Start { sub: SubId(sub), from } => format!("start {sub} {}", place(from)),
        Command::Unsubscribe(SubId(sub)) => format!("unsubscribe {sub}"),
        Command::Perform { sub: SubId(sub), ask: asks, name, data: with } => {
            format!("perform {sub} {} {name} {}", ask(asks), data(with))
        }
        Command::Acknowledge { sub: SubId(sub), ask: asks, topic, ack } => {
            let ack = match ack {
                Ack::UpTo(seq) => format!("upto {seq}"),
                Ack::One(seq) => format!("one {seq}"),
            };
            let topic = topic.as_ref().map(|topic| format!(" of {topic}")).unwrap_or_default();
            format!("acknowledge {sub} {} {ack}{topic}", ask(asks))
        }
        Command::Whisper { sub: SubId(sub), json } => format!("whisper {sub} {json}"),
        Command::PresenceJoin { sub: SubId(sub), id: None, info } => format!("presence-join {sub} {info}"),
        Command::PresenceLeave(SubId(sub)) => format!("presence-leave {sub}"),
        Command::PresenceList(SubId(sub)) => format!("presence-list {sub}"),
        Command::PresenceJoin { .. } | Command::Invoke { .. } | Command::Publish { .. } => panic!("{command:?}"),
    }
}

fn place(from: &From) -> String {
    match from {
        From::Fresh => "fresh".to_owned(),
        From::Live => "live".to_owned(),
        From::Beginning => "beginning".to_owned(),
        From::Time(time) => format!("time {}", time.as_millis()),
        From::Cursor(cursor) => format!("cursor {cursor}"),
        From::Held => "held".to_owned(),
        From::After { positions, since } => {
            let mut text = "after".to_owned();
            for (topic, position) in positions {
                let position = position.map_or_else(|| "nowhere".to_owned(), |position| position.to_string());
                match topic {
                    Some(topic) => write!(text, " {topic}={position}").unwrap(),
                    None => write!(text, " {position}").unwrap(),
                }
            }
            if let Some(since) = since {
                write!(text, " since {}", since.as_millis()).unwrap();
            }
            text
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}
