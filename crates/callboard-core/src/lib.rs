//! The vocabulary of Callboard and every pure decision.
//!
//! Nothing here does I/O, reads a clock or starts a task; time and randomness are arguments. A newcomer reads the
//! modules in this order, which is also the glossary:
//!
//! * [`id`]: an **actor** is addressed by its [`ActorId`], is always addressable, and belongs to one [`Shard`].
//! * [`topic`]: a dotted **topic**, and the **pattern** that selects topics.
//! * [`position`]: where a publication stands in its topic ([`Position`]), and how often an actor's state changed
//!   ([`Revision`]).
//! * [`payload`]: typed bytes; [`name`]: short strings that are cheap to clone; [`trace`]: W3C trace context.
//! * [`publication`]: what was announced on a topic, once it has a position.
//! * [`declaration`]: what an author says of an actor: actions, channels, durability, timers.
//! * [`invocation`]: what is asked of an actor, and what [`Cause`] asked it.
//! * [`value`]: what an action decided. Nothing of it happens before all of it is committed.
//! * [`batch`]: the same, ready to commit, as a closed list of [`Write`]s.
//! * [`activation`]: the lifecycle of an actor in memory, one enum.
//! * [`subscription`]: history first, then live, no overlap, no silent gap.
//! * [`acknowledgement`]: what a consumer was sent and has not confirmed is sent again.
//! * [`timer`], [`retry`]: due times, catch-up and back-off as functions.
//! * [`principal`]: who asks, and what it may do.
//! * [`limits`]: every bound. [`error`]: every code.
//! * [`port`]: the traits at which the runtime, the stores and the doors meet.

pub mod acknowledgement;
pub mod activation;
pub mod batch;
pub mod declaration;
pub mod error;
pub mod id;
pub mod invocation;
pub mod limits;
pub mod name;
pub mod payload;
pub mod port;
pub mod position;
pub mod principal;
pub mod publication;
pub mod retry;
pub mod subscription;
pub mod time;
pub mod timer;
pub mod topic;
pub mod trace;
pub mod value;

pub use batch::{Batch, Write};
pub use declaration::Declaration;
pub use error::{Blame, Code, Error, Retry};
pub use id::{ActorId, MessageId, NodeId, Shard};
pub use invocation::{Cause, Invocation, Reply};
pub use name::Name;
pub use payload::{Encoding, Headers, Payload, TypeRef};
pub use position::{Epoch, Mark, Position, Revision, Seq};
pub use principal::{Grants, Principal};
pub use publication::Publication;
pub use time::Timestamp;
pub use topic::{Pattern, Topic};
pub use value::Value;
