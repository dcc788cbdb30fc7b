//! The world that the crash harness kills: a node with actors whose committed state shows whatever was lost, doubled or
//! put out of order.
//!
//! * [`account`]: takes deposits; each is one commit with a state, two broadcasts and an effect. [`ledger`]: what the
//!   effects add up to.
//! * [`recorder`]: hears topics and keeps what it heard of each. [`listener`]: the same as instances. [`picky`]: refuses
//!   some of what it hears. [`stubborn`]: stands still there. [`journal`]: hears from outside of the actors, and writes a file.
//! * [`gauge`]: replies first and writes behind. [`ticker`]: counts the times of its timers. [`mill`]: grinds what is posted.
//!   [`guest`]: comes and is deleted.
//!
//! `crash-node` runs this world as a process; `crash-drive` loads it, kills it and checks it. Everything here is made of what
//! the SDK offers to every author.

pub mod account;
pub mod gauge;
pub mod guest;
pub mod heard;
pub mod journal;
pub mod ledger;
pub mod listener;
pub mod mill;
pub mod node;
pub mod picky;
pub mod recorder;
pub mod stubborn;
pub mod ticker;
