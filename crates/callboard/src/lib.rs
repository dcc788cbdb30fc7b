//! Virtual actors with named broadcast channels.
//!
//! An actor has a name, a state and actions. It is always addressable: what reaches it (a call, a publication on a topic that it
//! listens to, an effect, a timer) brings it into memory, and it leaves when nobody uses it. It does one thing at a time.
//! An action is given the state and a message, and returns a [`Value`]: a response, a new state, broadcasts, effects. The runtime
//! commits the whole Value in one transaction and only then replies, announces and calls: nothing is ever half done.
//!
//! # An actor, by hand
//!
//! Everything is a trait that one can implement. An actor says what it is, and picks the method for a turn:
//!
//! ```
//! use callboard::prelude::*;
//! use callboard::{ActorTurn, Declare, Outcome, Route};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Default, Message, Serialize, Deserialize)]
//! struct Account {
//!     balance: u64,
//! }
//!
//! #[derive(Message, Serialize, Deserialize)]
//! struct Deposit {
//!     amount: u64,
//! }
//!
//! #[derive(Message, Serialize, Deserialize)]
//! struct Deposited {
//!     account: String,
//!     balance: u64,
//! }
//!
//! struct Accounts;
//!
//! impl Accounts {
//!     fn deposit(&self, ctx: &Context, mut account: Account, deposit: Deposit) -> Result<Value<u64, Account>> {
//!         if deposit.amount == 0 {
//!             return Err(Error::invalid("deposit at least 1"));
//!         }
//!         account.balance += deposit.amount;
//!         let event = Deposited { account: ctx.key().to_owned(), balance: account.balance };
//!         Ok(Value::response(account.balance).state(account).broadcast(Broadcast::to("account.events", event)))
//!     }
//!
//!     fn balance(&self, account: &Account) -> Value<u64> {
//!         Value::response(account.balance)
//!     }
//! }
//!
//! impl Actor for Accounts {
//!     type State = Account;
//!
//!     fn declaration(&self) -> Declare {
//!         Declare::unnamed("account")
//!             .state::<Account>()
//!             .action("deposit")
//!             .takes::<Deposit>()
//!             .gives::<u64>()
//!             .action("balance")
//!             .gives::<u64>()
//!     }
//!
//!     async fn handle(&self, mut turn: ActorTurn<'_, Account>) -> Result<Outcome, CallError> {
//!         match turn.action() {
//!             "deposit" => {
//!                 let deposit = turn.payload()?;
//!                 let (ctx, account) = turn.take()?;
//!                 let decided = self.deposit(ctx, account, deposit);
//!                 turn.decide(decided)
//!             }
//!             "balance" => {
//!                 let (_, account) = turn.look()?;
//!                 let decided = self.balance(account);
//!                 turn.decide(decided)
//!             }
//!             _ => turn.refuse(),
//!         }
//!     }
//! }
//! ```
//!
//! # The same, with the macro
//!
//! [`#[actor]`](macro@actor) writes that impl and no more, checks it when it is compiled (a channel whose action is not there, a
//! topic that is none, two handlers of one type), and adds a typed reference to call the actor by:
//!
//! ```
//! # use callboard::prelude::*;
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Clone, Default, Message, Serialize, Deserialize)]
//! # struct Account { balance: u64 }
//! # #[derive(Message, Serialize, Deserialize)]
//! # struct Deposit { amount: u64 }
//! # #[derive(Message, Serialize, Deserialize)]
//! # struct Deposited { account: String, balance: u64 }
//! struct Accounts;
//!
//! #[actor(name = "account", kind = unnamed, state = Account)]
//! impl Accounts {
//!     #[action]
//!     fn deposit(&self, ctx: &Context, mut account: Account, deposit: Deposit) -> Result<Value<u64, Account>> {
//!         // as above
//! #       if deposit.amount == 0 {
//! #           return Err(Error::invalid("deposit at least 1"));
//! #       }
//! #       account.balance += deposit.amount;
//! #       let event = Deposited { account: ctx.key().to_owned(), balance: account.balance };
//! #       Ok(Value::response(account.balance).state(account).broadcast(Broadcast::to("account.events", event)))
//!     }
//!
//!     #[action]
//!     fn balance(&self, account: &Account) -> Value<u64> {
//!         Value::response(account.balance)
//!     }
//! }
//!
//! struct Statements {
//!     folder: std::path::PathBuf,
//! }
//!
//! // It listens; it remembers nothing; what it needs to work is a field.
//! #[actor(name = "statements", channels = [("account.events", "print")])]
//! impl Statements {
//!     #[action]
//!     async fn print(&self, ctx: &Context, event: Deposited) -> Result<Value> {
//!         // A publication may come again after a crash, with the same id: here it is the file's name.
//!         let Some(id) = ctx.publication_id() else { return Ok(Value::of()) };
//!         std::fs::write(self.folder.join(id.to_string()), format!("{}: {}", event.account, event.balance))?;
//!         Ok(Value::of())
//!     }
//! }
//!
//! // Whoever can call: a system, a test system, and inside an action its context.
//! async fn pay_in(system: &impl Caller) -> Result<u64> {
//!     let ada = Accounts::at(system, "ada");
//!     ada.deposit(Deposit { amount: 5 }).key("payment-1").await?; // once, however often it is sent
//!     ada.deposit(Deposit { amount: 7 }).send().await?; // committed, and not waited for
//!     Ok(ada.balance().await?)
//! }
//! # fn main() {
//! #     callboard::testing::run(async {
//! #         let folder = std::env::temp_dir();
//! #         let bank = callboard::testing::TestSystem::builder().actor(Accounts).actor(Statements { folder }).start().await;
//! #         let balance = pay_in(&bank).await.unwrap();
//! #         assert!(balance == 5 || balance == 12);
//! #         bank.settle().await;
//! #         assert_eq!(Accounts::at(&bank, "ada").balance().await.unwrap(), 12);
//! #         bank.stop().await;
//! #     });
//! # }
//! ```
//!
//! # What reads off a signature
//!
//! * Parameters are told apart by their types, in any order, and none is needed: `&Context`; the state, by value to change it or
//!   by reference to look at it; one more is the payload. Methods of one action name differ by payload type.
//! * `Value<R, S>` answers an `R` and may change the state; `Value<R>` cannot change it; `Value` neither answers nor changes;
//!   a method that returns nothing decides nothing. What is not decided costs nothing: no write, no flush.
//! * `Result<..>` may fail, with any error that `?` takes. Then nothing is committed, and the state is what it was.
//! * `async` may wait, for a call or for the outside world. The actor waits with it.
//!
//! # Where to go on
//!
//! [`Message`]: what can be said and remembered. [`Value`], [`Broadcast`], [`Effect`]: what an action decides. [`Context`]: what it
//! may know. [`Call`]: calls and their options. [`Channel`]: what
//! clients outside join. [`entity`]: telling them what changed. [`External`]: hearing topics without being an actor. `System` (feature
//! `node`): running a service. `testing` (feature `testing`): testing one.

// The macros write `::callboard`, here too.
extern crate self as callboard;

pub mod actor;
pub mod channel;
pub mod client;
pub mod context;
pub mod declare;
pub mod entity;
pub mod error;
pub mod external;
pub mod handle;
pub mod host;
pub mod message;
pub mod prelude;
pub mod received;
pub mod retention;
#[cfg(feature = "node")]
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;
pub mod value;

pub use callboard_core as core;
pub use callboard_core::{ActorId, Code, MessageId, Name, Payload, Timestamp, Topic};
#[cfg(feature = "testing")]
pub use callboard_macros::test;
pub use callboard_macros::{Broadcastable, Message, actor, topic};

pub use crate::actor::{Actor, ActorTurn, Outcome, Route, State, Stateless};
pub use crate::channel::Channel;
pub use crate::client::{Call, Caller, Client};
pub use crate::context::Context;
pub use crate::declare::Declare;
pub use crate::entity::{Broadcastable, Change, EntityBroadcaster, EntityChanges};
pub use crate::error::{CallError, Error, Result};
pub use crate::external::External;
pub use crate::handle::Handle;
pub use crate::host::host;
pub use crate::message::{AnyPayload, Json, Message};
pub use crate::received::Received;
pub use crate::retention::{durable, ephemeral};
#[cfg(feature = "node")]
pub use crate::system::{Gateway, Sqlite, System};
pub use crate::value::{Broadcast, Effect, Value};
#[cfg(feature = "node")]
pub use callboard_node::auth;

/// A tokio runtime fit for actors, to be built: `callboard::runtime().build()?.block_on(...)`.
///
/// It looks at its global queue before every task. Tokio's own choice starves that queue when hundreds of actors can run at
/// once: the slowest in a thousand calls then take 20 times as long.
#[must_use]
pub fn runtime() -> tokio::runtime::Builder {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().global_queue_interval(1);
    builder
}

/// What the macros write, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use std::sync::LazyLock;
    pub use std::time::Duration;

    pub use callboard_core::declaration::{Durability, FailurePolicy};
    pub use callboard_core::timer::CatchUp;
    pub use callboard_core::{Encoding, Name, Topic, TypeRef};

    pub use crate::message::{decode_json, encode_json};
    pub use crate::value::Decide;

    /// An entity's key as a text, empty for none.
    #[must_use]
    pub fn key_text(key: &dyn crate::entity::KeyPart) -> String {
        key.text().unwrap_or_default().into_owned()
    }

    /// Texts with keys between them.
    #[must_use]
    pub fn filled(texts: &[&str], keys: &[&dyn crate::entity::KeyPart]) -> String {
        let keys = keys.iter().map(|key| key_text(*key)).chain(std::iter::once(String::new()));
        texts.iter().zip(keys).fold(String::new(), |all, (text, key)| all + text + &key)
    }

    /// A topic that the macro has checked.
    #[must_use]
    pub fn checked_topic(text: &'static str) -> Topic {
        match Topic::parse(text) {
            Ok(topic) => topic,
            Err(error) => unreachable!("checked when it was compiled: {error}"),
        }
    }
}
