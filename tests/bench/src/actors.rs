//! The actors that are measured.

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
