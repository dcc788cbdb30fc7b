//! The actors that are measured.

use std::time::Duration;

use callboard::prelude::*;
use callboard::{ActorTurn, Declare, Outcome};

/// Adds to a number that lives as long as the activation.
pub(crate) struct VolatileCounter;

#[actor(name = "volatile_counter", kind = unnamed, state = u64, durability = volatile, deactivate_timeout = "1h")]
impl VolatileCounter {
    #[action]
    fn add(&self, count: u64, by: u32) -> Value<u64, u64> {
        let count = count + u64::from(by);
        Value::response(count).state(count)
    }
}

/// Keeps the record that it is given: the commit writes as many bytes as the caller sent.
pub(crate) struct DurableRecord;

#[actor(name = "durable_record", kind = unnamed, state = Vec<u8>, deactivate_timeout = "1h")]
impl DurableRecord {
    #[action]
    fn keep(&self, record: bytes::Bytes) -> Value<u64, Vec<u8>> {
        Value::response(record.len() as u64).state(record.to_vec())
    }
}

/// The same over HTTP: a record as JSON.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize, Message)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) amount: u64,
}

/// What a caller sends.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize, Message)]
pub(crate) struct NewRecord {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) amount: u64,
}

/// Keeps a JSON record.
pub(crate) struct JsonRecord;

#[actor(name = "json_record", kind = unnamed, state = Record, deactivate_timeout = "1h")]
impl JsonRecord {
    #[action]
    fn keep(&self, record: NewRecord) -> Value<NewRecord, Record> {
        let state = Record { name: record.name.clone(), text: record.text.clone(), amount: record.amount };
        Value::response(record).state(state)
    }
}

/// Hears a topic durably and counts.
pub(crate) struct Listener(pub(crate) std::sync::Arc<std::sync::atomic::AtomicU64>, pub(crate) String);

impl Actor for Listener {
    type State = ();

    fn declaration(&self) -> Declare {
        Declare::named(self.1.clone()).action("hear").takes::<u64>().channel("bench.events", "hear")
    }

    async fn handle(&self, mut turn: ActorTurn<'_, ()>) -> std::result::Result<Outcome, CallError> {
        let _event: u64 = turn.payload()?;
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        turn.decide(Value::<()>::of())
    }
}

/// Echoes a record, and counts in memory.
pub(crate) struct VolatileEcho;

#[actor(name = "volatile_echo", kind = unnamed, state = u64, durability = volatile, deactivate_timeout = "1h")]
impl VolatileEcho {
    #[action]
    fn echo(&self, count: u64, record: bytes::Bytes) -> Value<bytes::Bytes, u64> {
        Value::response(record).state(count + 1)
    }
}

/// Holds as many bytes as it is told, in memory only.
pub(crate) struct VolatileRecord;

#[actor(name = "volatile_record", kind = unnamed, state = Vec<u8>, durability = volatile, deactivate_timeout = "1h")]
impl VolatileRecord {
    #[action]
    fn hold(&self, len: u32) -> Value<u32, Vec<u8>> {
        Value::response(len).state(vec![7; len as usize])
    }
}

/// Shows the record that is stored of it; leaves memory when it was idle for so long.
pub(crate) struct StoredRecord(pub(crate) Duration);

/// What [`StoredRecord`] is declared as.
pub(crate) const STORED_RECORD: &str = "stored_record";

impl Actor for StoredRecord {
    type State = Vec<u8>;

    fn declaration(&self) -> Declare {
        Declare::unnamed(STORED_RECORD)
            .state::<Vec<u8>>()
            .deactivate_timeout(self.0)
            .action("get")
            .gives::<bytes::Bytes>()
    }

    async fn handle(&self, mut turn: ActorTurn<'_, Vec<u8>>) -> std::result::Result<Outcome, CallError> {
        let (_, record) = turn.look()?;
        let decided: Value<bytes::Bytes, Vec<u8>> = Value::response(bytes::Bytes::copy_from_slice(record));
        turn.decide(decided)
    }
}
