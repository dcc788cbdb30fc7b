use callboard_core::{Headers, Name, Topic, value};

use crate::{CallError, Message};

/// Where announcements begin: [`Broadcast::to`], or [`Broadcast::new`] to add to in a loop.
#[derive(Debug)]
pub enum Broadcast {}

impl Broadcast {
    /// Announces `event` on `topic`; `.to(..)` on what this returns announces more, in that order.
    ///
    /// A topic that comes in pieces or from outside is parsed when the action returns; what is none is an error of the action.
    /// [`topic!`](crate::topic) checks one that is written in the program when it is compiled.
    #[must_use = "a broadcast does nothing until it is part of the Value that the action returns"]
    pub fn to(topic: impl IntoTopic, event: impl Message) -> Broadcasts {
        Broadcasts::new().to(topic, event)
    }

    /// Announces nothing yet.
    ///
    /// ```
    /// use callboard::prelude::*;
    /// let names = ["ada", "grace"];
    /// let all = names.iter().fold(Broadcast::new(), |all, name| all.to(format!("user.{name}"), (*name).to_owned()));
    /// # let _ = all;
    /// ```
    #[expect(clippy::new_ret_no_self, reason = "`Broadcast` is the name that users of this kind of runtime know")]
    pub const fn new() -> Broadcasts {
        Broadcasts::new()
    }
}

/// Announcements, in order.
#[must_use = "a broadcast does nothing until it is part of the Value that the action returns"]
#[derive(Debug, Default)]
pub struct Broadcasts {
    items: Vec<value::Broadcast>,
    // The first one that is wrong; it is the action's error when the Value is returned.
    error: Option<CallError>,
}

impl Broadcasts {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { items: Vec::new(), error: None }
    }

    /// One more, behind those before.
    pub fn to(mut self, topic: impl IntoTopic, event: impl Message) -> Self {
        let announced = topic
            .into_topic()
            .and_then(|topic| Ok(value::Broadcast { topic, payload: event.into_payload()?, headers: Headers::new() }));
        match announced {
            Ok(broadcast) => self.items.push(broadcast),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// Adds a header to the last one.
    pub fn header(mut self, name: impl Into<Name>, value: impl Into<Name>) -> Self {
        if let Some(last) = self.items.last_mut() {
            last.headers.set(name, value);
        }
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Ones that cannot be announced: the action's error.
    pub(crate) const fn failed(error: CallError) -> Self {
        Self { items: Vec::new(), error: Some(error) }
    }

    pub(super) fn append(&mut self, mut more: Self) {
        if self.items.is_empty() {
            self.items = more.items;
        } else {
            self.items.append(&mut more.items);
        }
        self.error = self.error.take().or(more.error);
    }

    pub(crate) fn lower(self) -> Result<Vec<value::Broadcast>, CallError> {
        match self.error {
            None => Ok(self.items),
            Some(error) => Err(error),
        }
    }
}

/// What can be a topic: a [`Topic`], or a text that is parsed.
pub trait IntoTopic {
    /// Parses it.
    ///
    /// # Errors
    /// `InvalidTopic`, with what is wrong with the text and what to write.
    fn into_topic(self) -> Result<Topic, CallError>;
}

impl IntoTopic for Topic {
    fn into_topic(self) -> Result<Topic, CallError> {
        Ok(self)
    }
}

impl IntoTopic for &Topic {
    fn into_topic(self) -> Result<Topic, CallError> {
        Ok(self.clone())
    }
}

impl IntoTopic for &str {
    fn into_topic(self) -> Result<Topic, CallError> {
        Ok(Topic::parse(self)?)
    }
}

impl IntoTopic for String {
    fn into_topic(self) -> Result<Topic, CallError> {
        self.as_str().into_topic()
    }
}

impl IntoTopic for &String {
    fn into_topic(self) -> Result<Topic, CallError> {
        self.as_str().into_topic()
    }
}
