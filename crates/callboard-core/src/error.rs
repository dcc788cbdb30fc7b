//! Every error that leaves the runtime: a stable [`Code`], whether a [`Retry`] is safe, and whose [`Blame`] it is.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident => $retry:ident, $blame:ident;)*) => {
        /// What went wrong. The names are stable; the doors map them to HTTP, gRPC and close codes in one table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name, e.g. `ActorNotFound`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// Whether the same request may be sent again, when the error does not say otherwise.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)* }
            }

            /// Whose fault it is.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }
        }
    };
}

codes! {
    /// No such actor is declared here.
    ActorNotFound => Never, Caller;
    /// The actor has no such action, or none that takes this payload type.
    ActionNotFound => Never, Caller;
    /// The payload, a name or an argument does not have the right form.
    InvalidPayload => Never, Caller;
    /// A topic or pattern does not have the right form.
    InvalidTopic => Never, Caller;
    /// The caller did not say who it is.
    Unauthenticated => Never, Caller;
    /// The caller may not do this.
    Denied => Never, Caller;
    /// A queue is full; nothing was done. Try again after a pause.
    Overloaded => Safe, Platform;
    /// Time ran out; whether the work was done is not known.
    DeadlineExceeded => MayRepeat, Platform;
    /// Actors wait for each other; the message spells the path.
    CallCycle => Never, Actor;
    /// The action returned an error; nothing was committed.
    ActionFailed => Never, Actor;
    /// The action panicked; nothing was committed and the activation was ended.
    ActionPanicked => Never, Actor;
    /// The state was changed by somebody else, or the thing exists already.
    Conflict => Safe, Platform;
    /// This node lost the actor's shard; nothing was committed.
    Fenced => Safe, Platform;
    /// The idempotency key was used with another payload.
    IdempotencyMismatch => Never, Caller;
    /// The position is older than what is kept, or of another epoch.
    Gap => Never, Platform;
    /// A message is larger than the limit.
    TooLarge => Never, Caller;
    /// The store or another node cannot be reached, or the node is stopping.
    Unavailable => MayRepeat, Platform;
    /// A defect of the platform.
    Internal => MayRepeat, Platform;
}

impl Code {
    /// Reads the stable name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether the same request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// Nothing was done: it may be sent again as it is.
    Safe,
    /// It may have been done: send it again only with an idempotency key, or if doing it twice is harmless.
    MayRepeat,
}

impl Retry {
    /// The stable name: `never`, `safe`, `may_repeat`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Safe => "safe",
            Self::MayRepeat => "may_repeat",
        }
    }
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The caller sent what can't be done.
    Caller,
    /// The actor's own code failed.
    Actor,
    /// The runtime, its store or its network.
    Platform,
}

impl Blame {
    /// The stable name: `caller`, `actor`, `platform`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Actor => "actor",
            Self::Platform => "platform",
        }
    }
}

/// An error with a public text. What only the log may say is in [`Error::detail`].
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    detail: Option<String>,
    retry: Retry,
}

impl Error {
    /// An error whose text the caller may read: say what is wrong and what to do.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, message: message.into(), detail: None, retry: code.retry() }))
    }

    /// Adds what only the log may say.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Replaces the code's usual retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// The public text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What only the log may say.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Whether the same request may be sent again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match (self.0.code, self.0.retry) {
            // Not a race that was lost: what the caller wants contradicts what is there, and will again.
            (Code::Conflict, Retry::Never) => Blame::Caller,
            (code, _) => code.blame(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.detail().map_or(Ok(()), |detail| write!(f, " ({detail})"))
    }
}

impl std::error::Error for Error {}

impl From<crate::id::IdError> for Error {
    fn from(error: crate::id::IdError) -> Self {
        Self::new(Code::InvalidPayload, error.to_string())
    }
}

impl From<crate::topic::TopicError> for Error {
    fn from(error: crate::topic::TopicError) -> Self {
        Self::new(Code::InvalidTopic, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_that_will_not_pass_is_the_callers() {
        let raced = Error::new(Code::Conflict, "changed meanwhile");
        assert_eq!((raced.retry(), raced.blame()), (Retry::Safe, Blame::Platform));
        assert_eq!(raced.with_retry(Retry::Never).blame(), Blame::Caller);
    }
}
