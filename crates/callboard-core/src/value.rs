//! [`Value`]: what an action decided, as data. Nothing of it happens before all of it is committed.

use std::time::Duration;

use crate::payload::{Headers, Payload};
use crate::{ActorId, Code, Error, MessageId, Name, Timestamp, Topic, limits};

/// What an action decided. The runtime commits the whole of it in one transaction and only then performs it.
#[derive(Clone, Debug, Default)]
pub struct Value {
    /// What the caller gets; `None` is an empty response.
    pub response: Option<Payload>,
    /// The new state; `None` leaves it as it is.
    pub state: Option<Payload>,
    /// The new tags; `None` leaves them as they are.
    pub tags: Option<Headers>,
    /// What is announced, in this order.
    pub broadcasts: Vec<Broadcast>,
    /// What is asked of other actors, after the commit.
    pub effects: Vec<Effect>,
    /// Scheduled effects of this actor that are not to happen, by id.
    pub cancelled_effects: Vec<MessageId>,
    /// Whether a `snapshot` actor writes now instead of behind.
    pub checkpoint: bool,
}

/// One announcement of a [`Value`].
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// Where.
    pub topic: Topic,
    /// What.
    pub payload: Payload,
    /// What the author adds to the headers that the runtime sets.
    pub headers: Headers,
}

/// An invocation of another actor that leaves with the commit: once, at least tried, in the order of its due time.
#[derive(Clone, Debug)]
pub struct Effect {
    /// By which it can be cancelled before it is due.
    pub id: MessageId,
    /// Who is asked.
    pub target: ActorId,
    /// What is asked.
    pub action: Name,
    /// With what.
    pub payload: Payload,
    /// What travels with it.
    pub headers: Headers,
    /// When.
    pub when: When,
}

/// When an effect is to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Right after the commit.
    #[default]
    Now,
    /// So long after the action.
    After(Duration),
    /// At an instant; at once if it has passed.
    At(Timestamp),
}

impl When {
    /// The instant, for an action that ran at `now`.
    #[must_use]
    pub fn due(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Now => now,
            Self::After(delay) => now.after(delay),
            Self::At(instant) => instant,
        }
    }
}

impl Value {
    /// Whether there is nothing to commit: at most a response.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.state.is_none()
            && self.tags.is_none()
            && self.broadcasts.is_empty()
            && self.effects.is_empty()
            && self.cancelled_effects.is_empty()
    }

    /// Refuses a Value over the limits.
    ///
    /// # Errors
    /// `TooLarge`, with what is too large in the message.
    pub fn check(&self) -> Result<(), Error> {
        let items = self.broadcasts.len() + self.effects.len() + self.cancelled_effects.len();
        if items > limits::VALUE_ITEMS_MAX {
            return Err(Error::new(
                Code::TooLarge,
                format!("the Value has {items} broadcasts and effects; the most is {}", limits::VALUE_ITEMS_MAX),
            ));
        }
        let payloads = self.response.iter().chain(&self.state);
        let payloads = payloads.chain(self.broadcasts.iter().map(|b| &b.payload));
        for payload in payloads.chain(self.effects.iter().map(|e| &e.payload)) {
            check_len(payload)?;
        }
        Ok(())
    }
}

/// Refuses a payload over [`limits::PAYLOAD_LEN_MAX`].
///
/// # Errors
/// `TooLarge`.
pub fn check_len(payload: &Payload) -> Result<(), Error> {
    let len = payload.bytes().len();
    if len <= limits::PAYLOAD_LEN_MAX {
        return Ok(());
    }
    Err(Error::new(
        Code::TooLarge,
        format!(
            "a payload of type {} has {len} bytes; the most is {}; keep large things outside and send a reference",
            payload.type_name(),
            limits::PAYLOAD_LEN_MAX
        ),
    ))
}
