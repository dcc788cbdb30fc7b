//! [`Trail`]: how far a client has come in everything that it follows, as one short text that it gives back.
//!
//! For one topic or pattern it is a [`Cursor`], the same that the HTTP door gives: `1-42`, `order.events:1-42:1234`. For several it is a
//! list, `4Zc0rQ1b=1-42,x9aT-0Kd=t1795211400000`: each under the hash of its topic or pattern, so that its length does not depend on
//! their names and a client may follow more or fewer of them when it comes back. Only characters that a header may carry stand in it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callboard_core::port::History;
use callboard_core::{Mark, Pattern, Position, Publication, Timestamp, Topic};

use crate::json::Cursor;
use crate::session::{From, Started};

/// Publications of a pattern that were published so shortly before a client came are given to it when it comes back before it was given
/// any: nobody knows how far the clock of who published them is from ours.
const SLACK: Duration = Duration::from_secs(2);

/// How far a client has come in some topics and patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail(Vec<Way>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    pattern: Pattern,
    place: Place,
}

/// A place in one topic or pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Behind a publication.
    Behind(Cursor),
    /// Nothing was given yet of what was published from this time on.
    Time(Timestamp),
    /// Nothing was given yet of all that is kept.
    Beginning,
    /// Nothing was given yet to a client that came for the first time.
    Newcomer,
    /// The client knows it and this side does not.
    Unknown,
}

/// The cursor behind a publication. Equal stamps of one publication are equal texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stamp {
    /// Its position, for a follower of one topic.
    Position,
    /// It and the greatest mark that was seen, for a follower of one pattern.
    Mark(Mark),
    /// Of several topics.
    Text(std::sync::Arc<str>),
}

/// Something that a client should have had and that is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Of which topic; `None` when it is not known of which.
    pub topic: Option<Topic>,
    /// Behind which publication, as far as the client said.
    pub after: Option<Position>,
    /// Where it goes on.
    pub next: Option<Position>,
}

impl Missed {
    /// Why: `expired` when it is no longer kept, or too much to be given again; `other_log` when the place is of a log that began anew;
    /// `unknown` when it cannot be told.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match (self.after, self.next) {
            (Some(after), Some(next)) if after.epoch == next.epoch && after.seq < next.seq => "expired",
            (Some(_), Some(_)) => "other_log",
            (None, _) | (_, None) => "unknown",
        }
    }
}

impl Trail {
    /// The trail of a subscription that starts. `held`: it only says where its topics stand, and starts later.
    #[must_use]
    pub fn begin(from: &From, started: &Started, history: History, now: Timestamp, held: bool) -> Self {
        let way = |pattern: &Pattern| {
            let own = match from {
                From::Cursor(text) => Self::place_in(text, pattern).unwrap_or(From::Fresh),
                other => other.clone(),
            };
            Way { pattern: pattern.clone(), place: begun(pattern, &own, started, history, now, held) }
        };
        Self(started.topics.iter().map(way).collect())
    }

    /// Where the subscriber of a topic or pattern goes on that comes back with a text; as a newcomer where it is not in the text, and
    /// `None` when the text is no trail.
    #[must_use]
    pub fn place_in(text: &str, pattern: &Pattern) -> Option<From> {
        if !text.contains('=') {
            let text = unescape(text)?;
            return Cursor::parse(&text).map(|_| From::Cursor(text));
        }
        let wanted = key(pattern.as_str());
        let mut found = From::Fresh;
        for entry in text.split(',') {
            let (key, place) = entry.split_once('=')?;
            let place = read(&unescape(place)?)?;
            if key == wanted {
                found = place;
            }
        }
        Some(found)
    }

    /// Whether a text is a trail.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        Self::place_in(text, &Pattern::all()).is_some()
    }

    /// Whether a publication is of one of these topics and patterns.
    #[must_use]
    pub fn covers(&self, topic: &Topic) -> bool {
        self.0.iter().any(|way| way.pattern.matches(topic))
    }

    /// A publication is given to the client.
    pub fn advance(&mut self, publication: &Publication) {
        let Some(way) = self.0.iter_mut().find(|way| way.pattern.matches(&publication.topic)) else { return };
        let mark = match &way.place {
            Place::Behind(cursor) => cursor.mark(),
            // What is not in the log says nothing of how far the client has come in it.
            _ if publication.mark == Mark::ZERO && way.pattern.as_topic().is_none() => return,
            _ => Mark::ZERO,
        };
        way.place = Place::Behind(Cursor::behind(&way.pattern, publication, mark));
    }

    /// The cursor behind a publication that was just given; `None` when it cannot be told.
    #[must_use]
    pub fn stamp(&self, publication: &Publication) -> Option<Stamp> {
        match self.0.as_slice() {
            [Way { place: Place::Behind(Cursor::Topic(position)), .. }] if *position == publication.position => {
                Some(Stamp::Position)
            }
            [Way { place: Place::Behind(Cursor::Pattern { topic, position, mark }), .. }]
                if *topic == publication.topic && *position == publication.position =>
            {
                Some(Stamp::Mark(*mark))
            }
            _ => self.text().map(|text| Stamp::Text(text.into())),
        }
    }

    /// The text; `None` when the client knows better where it is.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        if let [Way { place: Place::Behind(cursor), .. }] = self.0.as_slice() {
            return Some(escape(&cursor.to_string()));
        }
        let mut out = String::new();
        self.write_list(&mut out).then_some(out)
    }

    /// Adds the entries of a list; `false` when a place is not known.
    pub fn write_list(&self, out: &mut String) -> bool {
        for Way { pattern, place } in &self.0 {
            let place = match place {
                Place::Behind(cursor) => escape(&cursor.to_string()),
                Place::Time(time) => format!("t{}", time.as_millis()),
                Place::Beginning => "b".to_owned(),
                Place::Newcomer => "n".to_owned(),
                Place::Unknown => return false,
            };
            if !out.is_empty() {
                out.push(',');
            }
            // Writing to a string does not fail.
            let _ = write!(out, "{}={place}", key(pattern.as_str()));
        }
        true
    }

    /// How many topics and patterns it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Stamp {
    /// The text of the cursor.
    #[must_use]
    pub fn text(&self, publication: &Publication) -> String {
        match self {
            Self::Position => publication.position.to_string(),
            Self::Mark(mark) => {
                let Publication { topic, position, .. } = publication;
                let cursor = Cursor::Pattern { topic: topic.clone(), position: *position, mark: *mark };
                escape(&cursor.to_string())
            }
            Self::Text(text) => text.to_string(),
        }
    }
}

/// What a client that said where it has come to does not get.
#[must_use]
pub fn missed(from: &From, started: &Started) -> Vec<Missed> {
    if !started.gap {
        return Vec::new();
    }
    let mut missed = Vec::new();
    for head in &started.heads {
        let asked = match from {
            From::Cursor(text) => match Trail::place_in(text, &head.topic.clone().into()) {
                Some(From::After { positions, .. }) => positions.first().map(|(_, position)| *position),
                Some(From::Cursor(text)) => Cursor::parse(&text).map(|cursor| match cursor {
                    Cursor::Topic(position) | Cursor::Pattern { position, .. } => Some(position),
                }),
                _ => None,
            },
            From::After { positions, .. } => position_of(positions, &head.topic),
            From::Fresh | From::Live | From::Beginning | From::Time(_) | From::Held => None,
        };
        let Some(after) = asked else { continue };
        let unseen = after == Some(Position::default()) && head.after.seq.0 == 0;
        if after != Some(head.after) && !unseen {
            let next = Position { epoch: head.after.epoch, seq: head.after.seq.next() };
            missed.push(Missed { topic: Some(head.topic.clone()), after, next: Some(next) });
        }
    }
    if missed.is_empty() {
        missed.push(Missed { topic: None, after: None, next: None });
    }
    missed
}

/// What a client says of one topic.
#[expect(clippy::option_option, reason = "three answers: nothing, a position that no log can have given, a position")]
fn position_of(positions: &[(Option<String>, Option<Position>)], topic: &Topic) -> Option<Option<Position>> {
    let is = |name: &str| crate::names::topic_of(name).is_ok_and(|one| one.as_str() == topic.as_str());
    positions.iter().find(|(name, _)| name.as_deref().is_none_or(is)).map(|(_, position)| *position)
}

/// The place before anything was given.
fn begun(pattern: &Pattern, from: &From, started: &Started, history: History, now: Timestamp, held: bool) -> Place {
    let topic = pattern.as_topic();
    let head = topic.as_ref().and_then(|topic| started.heads.iter().find(|head| head.topic == *topic));
    let live = || match head {
        Some(head) => Place::Behind(Cursor::Topic(head.after)),
        None => Place::Time(now.before(SLACK)),
    };
    // What is held does not say yet where it starts.
    let start = |otherwise: Place| match head {
        Some(head) if !held => Place::Behind(Cursor::Topic(head.after)),
        _ => otherwise,
    };
    match from {
        From::Live | From::Held => live(),
        From::Fresh => match (history, &topic) {
            (History::None, _) | (History::Last(_), None) => live(),
            (History::All, None) => Place::Beginning,
            (History::Last(_) | History::All, Some(_)) => start(Place::Newcomer),
        },
        From::Beginning => start(Place::Beginning),
        From::Time(time) => Place::Time(*time),
        From::Cursor(text) => match Cursor::parse(text) {
            Some(Cursor::Topic(position)) if topic.is_some() => start(Place::Behind(Cursor::Topic(position))),
            Some(cursor @ Cursor::Pattern { .. }) if topic.is_none() => Place::Behind(cursor),
            Some(Cursor::Pattern { position, .. }) => start(Place::Behind(Cursor::Topic(position))),
            Some(Cursor::Topic(_)) | None => Place::Unknown,
        },
        From::After { positions, since } => {
            let Some(topic) = &topic else { return Place::Unknown };
            match (position_of(positions, topic), since) {
                (Some(position), _) => {
                    start(position.map_or(Place::Unknown, |position| Place::Behind(Cursor::Topic(position))))
                }
                (None, Some(since)) => Place::Time(*since),
                (None, None) => begun(pattern, &From::Fresh, started, history, now, held),
            }
        }
    }
}

/// A place of a list.
fn read(text: &str) -> Option<From> {
    if text == "b" {
        return Some(From::Beginning);
    }
    if text == "n" {
        return Some(From::Fresh);
    }
    if let Some(millis) = text.strip_prefix('t')
        && millis.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(millis) = millis.parse()
    {
        return Some(From::Time(Timestamp::from_millis(millis)));
    }
    Some(match Cursor::parse(text)? {
        Cursor::Topic(position) => From::After { positions: vec![(None, Some(position))], since: None },
        cursor @ Cursor::Pattern { .. } => From::Cursor(cursor.to_string()),
    })
}

/// 48 bits of a topic or pattern: FNV-1a.
fn key(pattern: &str) -> String {
    let mixed = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = pattern.bytes().fold(0xcbf2_9ce4_8422_2325, mixed);
    let folded = hash ^ (hash >> 48);
    URL_SAFE_NO_PAD.encode(&folded.to_be_bytes()[2..])
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:$".contains(&byte);
    if text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "expired" => {
                f.write_str("what is missing is no longer kept, or more than is given again; load the present state")
            }
            "other_log" => f.write_str("the position is not of this log, which began anew; load the present state"),
            _ => f.write_str("something may be missing; load the present state"),
        }
    }
}

#[cfg(test)]
mod tests;
