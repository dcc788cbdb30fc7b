//! [`EncodedCache`]: the message of a publication in a wrap, made once for all clients that get the same bytes.

use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use callboard_core::{MessageId, Publication};
use callboard_wire::descriptors::Descriptors;
use callboard_wire::json;
use callboard_wire::session::{Encoded, Wrap};
use rapidhash::fast::RandomState;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// As many messages are remembered: those of a burst that all clients are about to get.
const SLOTS: usize = 256;
/// Larger ones are made anew, so that the cache holds at most 16 MiB.
const LEN_MAX: usize = 64 * 1024;

/// A direct-mapped cache: a slot holds the last message that fell on it. A miss costs one encoding, never a wrong message.
#[derive(Debug)]
pub(super) struct EncodedCache {
    slots: Box<[Mutex<Option<Slot>>]>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Slot {
    id: MessageId,
    wrap: Wrap,
    message: Message,
}

impl Default for EncodedCache {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl EncodedCache {
    /// The message for a publication in a wrap.
    pub(super) fn message(&self, descriptors: &Descriptors, publication: &Publication, wrap: Wrap) -> Message {
        let hash = self.hasher.hash_one((publication.id, &wrap));
        let place = usize::try_from(hash % SLOTS as u64).unwrap_or_default();
        let lock = || self.slots[place].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = lock().as_ref()
            && slot.id == publication.id
            && slot.wrap == wrap
        {
            return slot.message.clone();
        }
        let message = encode(descriptors, publication, &wrap);
        if message.len() <= LEN_MAX {
            *lock() = Some(Slot { id: publication.id, wrap, message: message.clone() });
        }
        message
    }
}

/// The message for a publication in a wrap, for one client alone.
pub(super) fn encode(descriptors: &Descriptors, publication: &Publication, wrap: &Wrap) -> Message {
    let mut text = Vec::with_capacity(publication.payload.bytes().len() + 64);
    json::write_payload(&mut text, descriptors, &publication.payload);
    message(wrap.encode(publication, std::str::from_utf8(&text).unwrap_or("null")))
}

/// What a session wrote, as the socket takes it.
pub(super) fn message(encoded: Encoded) -> Message {
    match encoded {
        Encoded::Text(text) => Message::Text(Utf8Bytes::from(text)),
        Encoded::Binary(bytes) => Message::Binary(Bytes::from(bytes)),
    }
}
