//! [`Ledger`]: what the effects of the deposits add up to.

use std::collections::{BTreeMap, BTreeSet};

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// One deposit, as an effect.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Entry")]
pub struct Entry {
    /// The account.
    pub account: String,
    /// Which of its deposits.
    pub number: u64,
    /// How much.
    pub amount: u64,
}

/// The entries of every account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Ledger")]
pub struct Pages {
    /// Those that are due at once.
    pub now: BTreeMap<String, Page>,
    /// Those that are due later.
    pub late: BTreeMap<String, Page>,
}

/// The entries of one account. Effects may overtake each other, so it remembers which ones came before their turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// How many came.
    pub count: u64,
    /// What they add up to.
    pub sum: u64,
    /// Every number up to this came.
    pub upto: u64,
    /// Of the numbers after that, these came.
    pub ahead: BTreeSet<u64>,
    /// How many came that had come before. Each of them is an effect that ran twice.
    pub doubled: u64,
    /// The last of those.
    pub doubled_last: u64,
}

impl Page {
    /// Takes an entry.
    pub fn add(&mut self, number: u64, amount: u64) {
        self.count += 1;
        self.sum += amount;
        if number <= self.upto || !self.ahead.insert(number) {
            self.doubled += 1;
            self.doubled_last = number;
        }
        while self.ahead.remove(&(self.upto + 1)) {
            self.upto += 1;
        }
    }
}

/// Books what the accounts ask it to.
#[derive(Debug)]
pub struct Ledger;

#[actor(name = "ledger", state = Pages)]
impl Ledger {
    #[action]
    fn post(&self, mut pages: Pages, entry: Entry) -> Value<(), Pages> {
        pages.now.entry(entry.account).or_default().add(entry.number, entry.amount);
        Value::of().state(pages)
    }

    #[action]
    fn post_late(&self, mut pages: Pages, entry: Entry) -> Value<(), Pages> {
        pages.late.entry(entry.account).or_default().add(entry.number, entry.amount);
        Value::of().state(pages)
    }
}
