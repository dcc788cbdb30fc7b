//! How values stand in columns, both directions.

use callboard_core::batch::Subscriber;
use callboard_core::timer::CatchUp;
use callboard_core::trace::TraceContext;
use callboard_core::{ActorId, Code, Encoding, Headers, MessageId, Name, Pattern, Position, Seq, Timestamp, Topic};
use rusqlite::Row;

use crate::fault::{Fault, Outcome};

/// A count, a time or a place as SQLite's integer; what is beyond it becomes the greatest there is.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// All 64 bits of a hash or an id.
pub(crate) const fn bits(value: u64) -> i64 {
    value.cast_signed()
}

pub(crate) fn time(value: Timestamp) -> i64 {
    int(value.as_millis())
}

/// Rows that fit a page of this many.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub(crate) const fn message_id(id: MessageId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

pub(crate) const fn encoding(encoding: Encoding) -> i64 {
    match encoding {
        Encoding::Protobuf => 0,
        Encoding::Json => 1,
        Encoding::Bytes => 2,
    }
}

pub(crate) const fn catch_up(catch_up: CatchUp) -> i64 {
    match catch_up {
        CatchUp::Once => 0,
        CatchUp::All => 1,
        CatchUp::Skip => 2,
    }
}

/// The kind and name under which a subscriber is known.
pub(crate) fn subscriber(subscriber: &Subscriber) -> (i64, &str) {
    match subscriber {
        Subscriber::Actor(id) => (ACTOR, id.as_str()),
        Subscriber::External(name) => (EXTERNAL, name.as_str()),
    }
}

pub(crate) const ACTOR: i64 = 0;
pub(crate) const EXTERNAL: i64 = 1;

/// Each name and value behind its length (32 bits, little endian); nothing for no headers.
pub(crate) fn headers(headers: &Headers) -> Option<Vec<u8>> {
    if headers.is_empty() {
        return None;
    }
    let mut packed = Vec::with_capacity(32 * headers.len());
    for (name, value) in headers.iter() {
        for text in [name, value] {
            packed.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            packed.extend(text.as_bytes());
        }
    }
    Some(packed)
}

/// Trace id, span id, and whether it is sampled.
pub(crate) fn trace(trace: Option<TraceContext>) -> Option<[u8; 25]> {
    let trace = trace?;
    let mut packed = [0; 25];
    packed[..16].copy_from_slice(&trace.trace_id.to_be_bytes());
    packed[16..24].copy_from_slice(&trace.span_id.to_be_bytes());
    packed[24] = u8::from(trace.sampled);
    Some(packed)
}

/// A row that is read column by column, from the left.
pub(crate) struct Columns<'a, 's> {
    row: &'a Row<'s>,
    next: usize,
}

fn corrupt(what: &str, found: &dyn std::fmt::Debug) -> Fault {
    Fault::Corrupt(format!("a row has {what} {found:?}"))
}

impl<'a, 's> Columns<'a, 's> {
    pub(crate) const fn of(row: &'a Row<'s>) -> Self {
        Self { row, next: 0 }
    }

    fn step(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    pub(crate) fn signed(&mut self) -> Outcome<i64> {
        let column = self.step();
        Ok(self.row.get(column)?)
    }

    pub(crate) fn optional(&mut self) -> Outcome<Option<i64>> {
        let column = self.step();
        Ok(self.row.get(column)?)
    }

    pub(crate) fn unsigned(&mut self) -> Outcome<u64> {
        let value = self.signed()?;
        u64::try_from(value).map_err(|_| corrupt("the count", &value))
    }

    pub(crate) fn hash(&mut self) -> Outcome<u64> {
        Ok(self.signed()?.cast_unsigned())
    }

    pub(crate) fn time(&mut self) -> Outcome<Timestamp> {
        self.unsigned().map(Timestamp::from_millis)
    }

    pub(crate) fn position(&mut self) -> Outcome<Position> {
        let epoch = self.unsigned()?;
        Ok(Position::new(epoch, self.seq()?.0))
    }

    pub(crate) fn seq(&mut self) -> Outcome<Seq> {
        self.unsigned().map(Seq)
    }

    pub(crate) fn text(&mut self) -> Outcome<&'a str> {
        let column = self.step();
        self.row.get_ref(column)?.as_str().map_err(|error| corrupt("a text", &error))
    }

    pub(crate) fn optional_text(&mut self) -> Outcome<Option<&'a str>> {
        let column = self.step();
        self.row.get_ref(column)?.as_str_or_null().map_err(|error| corrupt("a text", &error))
    }

    pub(crate) fn blob(&mut self) -> Outcome<&'a [u8]> {
        let column = self.step();
        self.row.get_ref(column)?.as_blob().map_err(|error| corrupt("bytes", &error))
    }

    pub(crate) fn optional_blob(&mut self) -> Outcome<Option<&'a [u8]>> {
        let column = self.step();
        self.row.get_ref(column)?.as_blob_or_null().map_err(|error| corrupt("bytes", &error))
    }

    pub(crate) fn name(&mut self) -> Outcome<Name> {
        Ok(Name::from(self.text()?.to_owned()))
    }

    pub(crate) fn actor(&mut self) -> Outcome<ActorId> {
        read_actor(self.text()?)
    }

    pub(crate) fn optional_actor(&mut self) -> Outcome<Option<ActorId>> {
        self.optional_text()?.map(read_actor).transpose()
    }

    pub(crate) fn topic(&mut self) -> Outcome<Topic> {
        read_topic(self.text()?)
    }

    pub(crate) fn pattern(&mut self) -> Outcome<Pattern> {
        let text = self.text()?;
        Pattern::parse(text).map_err(|_| corrupt("the pattern", &text))
    }

    pub(crate) fn code(&mut self) -> Outcome<Code> {
        let text = self.text()?;
        Code::parse(text).ok_or_else(|| corrupt("the code", &text))
    }

    pub(crate) fn count32(&mut self) -> Outcome<u32> {
        let value = self.signed()?;
        u32::try_from(value).map_err(|_| corrupt("the count", &value))
    }

    pub(crate) fn message_id(&mut self) -> Outcome<MessageId> {
        let bytes = self.blob()?;
        let bytes: [u8; 16] = bytes.try_into().map_err(|_| corrupt("the id", &bytes))?;
        Ok(MessageId::from_bits(u128::from_be_bytes(bytes)))
    }

    pub(crate) fn catch_up(&mut self) -> Outcome<CatchUp> {
        match self.signed()? {
            0 => Ok(CatchUp::Once),
            1 => Ok(CatchUp::All),
            2 => Ok(CatchUp::Skip),
            other => Err(corrupt("the catch-up", &other)),
        }
    }

    pub(crate) fn subscriber(&mut self) -> Outcome<Subscriber> {
        match self.signed()? {
            ACTOR => self.actor().map(Subscriber::Actor),
            EXTERNAL => self.name().map(Subscriber::External),
            other => Err(corrupt("the kind of subscriber", &other)),
        }
    }

    pub(crate) fn headers(&mut self) -> Outcome<Headers> {
        let Some(mut packed) = self.optional_blob()? else { return Ok(Headers::new()) };
        let mut list = Vec::new();
        while !packed.is_empty() {
            let name = unpack(&mut packed)?;
            list.push((name, unpack(&mut packed)?));
        }
        Ok(list.into_iter().collect())
    }

    pub(crate) fn trace(&mut self) -> Outcome<Option<TraceContext>> {
        let Some(packed) = self.optional_blob()? else { return Ok(None) };
        let (trace_id, rest) = packed.split_first_chunk::<16>().ok_or_else(|| corrupt("the trace", &packed))?;
        let (span_id, rest) = rest.split_first_chunk::<8>().ok_or_else(|| corrupt("the trace", &packed))?;
        let (trace_id, span_id) = (u128::from_be_bytes(*trace_id), u64::from_be_bytes(*span_id));
        Ok(Some(TraceContext { trace_id, span_id, sampled: rest == [1] }))
    }
}

fn unpack(packed: &mut &[u8]) -> Outcome<Name> {
    let cut = || Fault::Corrupt("a row has headers that end too early".to_owned());
    let (len, rest) = packed.split_first_chunk::<4>().ok_or_else(cut)?;
    let len = u32::from_le_bytes(*len) as usize;
    let (text, rest) = rest.split_at_checked(len).ok_or_else(cut)?;
    *packed = rest;
    Ok(Name::from(String::from_utf8_lossy(text).into_owned()))
}

pub(crate) fn read_actor(text: &str) -> Outcome<ActorId> {
    ActorId::parse(text).map_err(|_| corrupt("the actor", &text))
}

pub(crate) fn read_topic(text: &str) -> Outcome<Topic> {
    Topic::parse(text).map_err(|_| corrupt("the topic", &text))
}

pub(crate) fn read_encoding(number: i64) -> Outcome<Encoding> {
    match number {
        0 => Ok(Encoding::Protobuf),
        1 => Ok(Encoding::Json),
        2 => Ok(Encoding::Bytes),
        other => Err(corrupt("the encoding", &other)),
    }
}
