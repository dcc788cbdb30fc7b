//! [`Accounts`]: the actor whose every commit has all parts of one.

use std::time::Duration;

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ledger::{Entry, Ledger};

/// Pays in. `op` is the caller's number of the request, by which it is found wherever it left a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Deposit")]
pub struct Deposit {
    /// The caller's number.
    pub op: u64,
    /// How much.
    pub amount: u64,
}

/// What a deposit left behind: the state, the response, and (with the account's name) the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Account")]
pub struct Account {
    /// How many deposits there were. Each is one revision, and one publication on the account's own topic.
    pub number: u64,
    /// What they add up to.
    pub balance: u64,
    /// The last one's number.
    pub op: u64,
}

/// A deposit was committed.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Deposited")]
pub struct Deposited {
    /// The account.
    pub account: String,
    /// The account behind the deposit.
    #[serde(flatten)]
    pub after: Account,
    /// How much it was.
    pub amount: u64,
}

/// The topic on which all deposits are announced.
pub const EVENTS: &str = "account.events";

/// The topic on which an account announces its own deposits.
#[must_use]
pub fn topic_of(account: &str) -> String {
    format!("account.{account}")
}

/// Each deposit with a multiple of this number is booked a second time, some time later.
pub const LATE_EVERY: u64 = 8;

/// How much later: longer than many nodes live.
const LATE_BY: Duration = Duration::from_millis(400);

/// Takes deposits. Accounts leave memory so soon that they do it under load.
#[derive(Debug)]
pub struct Accounts;

#[actor(name = "account", kind = unnamed, state = Account, deactivate_timeout = "40ms")]
impl Accounts {
    #[action]
    fn deposit(&self, ctx: &Context, mut account: Account, deposit: Deposit) -> Result<Value<Account, Account>> {
        if deposit.amount == 0 {
            return Err(Error::invalid("deposit at least 1"));
        }
        account.number += 1;
        account.balance += deposit.amount;
        account.op = deposit.op;
        let name = ctx.key().to_owned();
        let entry = Entry { account: name.clone(), number: account.number, amount: deposit.amount };
        let own = topic_of(&name);
        let event = Deposited { account: name, after: account, amount: deposit.amount };
        let value = Value::response(account)
            .state(account)
            .broadcast(Broadcast::to(EVENTS, event.clone()).to(own, event))
            .effect(Ledger::at(ctx).post(entry.clone()));
        if !account.number.is_multiple_of(LATE_EVERY) {
            return Ok(value);
        }
        let late = Entry { number: account.number / LATE_EVERY, ..entry };
        Ok(value.effect(Effect::of(Ledger::at(ctx).post_late(late)).after(LATE_BY)))
    }
}
