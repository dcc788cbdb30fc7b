//! [`Heard`]: what a subscriber keeps of what it heard, and what is wrong with it.

use std::collections::BTreeMap;

use callboard::prelude::*;
use callboard::{CallError, core};
use serde::{Deserialize, Serialize};

/// As many violations are kept in words.
const WRONG_KEPT: usize = 8;

/// What was heard, by pattern and topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Heard")]
pub struct Heard {
    /// The place in each topic, under `pattern topic`.
    pub places: BTreeMap<String, Place>,
    /// How often a publication did not follow the one before.
    pub wrong: u64,
    /// The first of those, in words.
    pub violations: Vec<String>,
}

/// How far one topic was heard through one pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The log's epoch.
    pub epoch: u64,
    /// The first that was heard.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// How many.
    pub count: u64,
}

/// Where a subscriber's first publication of a topic stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// At the topic's first, since the subscriber was there before.
    WithTheFirst,
    /// Anywhere: the subscriber came later.
    Anywhere,
}

impl Heard {
    /// The key of a place.
    #[must_use]
    pub fn key(pattern: &str, topic: &str) -> String {
        format!("{pattern} {topic}")
    }

    /// Notes the publication of a turn: it has to follow the last one.
    ///
    /// # Errors
    /// `ActionFailed` when the turn is none of a publication.
    pub fn note(&mut self, ctx: &Context, begins: Begins) -> Result<(), CallError> {
        let core::Cause::Delivery { channel, publication } = ctx.cause() else {
            return Err(CallError::new(Code::ActionFailed, "only publications are heard"));
        };
        let (epoch, seq) = (publication.position.epoch.0, publication.position.seq.0);
        self.follow(&Self::key(channel.as_str(), publication.topic.as_str()), epoch, seq, begins);
        Ok(())
    }

    /// Notes that `seq` was heard at a place.
    pub fn follow(&mut self, key: &str, epoch: u64, seq: u64, begins: Begins) {
        let before = self.places.get(key).copied();
        let follows = match before {
            None => begins == Begins::Anywhere || seq == 1,
            Some(before) => before.epoch == epoch && seq == before.last + 1,
        };
        if !follows {
            let before = before.unwrap_or_default();
            self.violate(format!("{key}: {epoch}-{seq} came behind {}-{}", before.epoch, before.last));
        }
        let place = self.places.entry(key.to_owned()).or_insert(Place { epoch, first: seq, last: seq, count: 0 });
        *place = Place { epoch, last: seq, count: place.count + 1, ..*place };
    }

    /// Notes that something is wrong.
    pub fn violate(&mut self, what: String) {
        self.wrong += 1;
        if self.violations.len() < WRONG_KEPT {
            self.violations.push(what);
        }
    }
}

/// An event that says which request it is the trace of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Note")]
pub struct Note {
    /// The caller's number.
    pub op: u64,
}

/// The type name of [`Note`], for clients that publish it.
pub const NOTE_TYPE: &str = "crash.Note";
