//! [`Error`]: why an action decides nothing. [`CallError`]: why a call, a publication or a start did not succeed.

use std::any::Any;
use std::fmt;

pub use callboard_core::Error as CallError;
use callboard_core::{Blame, Code};

/// What an action returns, and a `main` or a test that wants `?` for everything.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an action decides nothing: nothing of it is committed, the state stays, and the caller gets the error.
///
/// `?` turns every [`std::error::Error`] into one with the code `ActionFailed` and the error's text; its sources go to the
/// log only. Where the caller is at fault, say so: [`Error::invalid`], [`Error::denied`], [`Error::conflict`].
///
/// An error of a call that the action made keeps its code and its retry advice when the platform or another actor is at
/// fault; when it says that the *caller* is, that caller is this action, and it becomes `ActionFailed`.
///
/// Like the error types that convert from everything, it is not itself a [`std::error::Error`].
///
/// ```
/// use callboard::prelude::*;
///
/// fn parse(text: &str) -> Result<u64> {
///     let amount: u64 = text.parse()?;
///     if amount == 0 {
///         return Err(Error::invalid("an order has an amount; give at least 1"));
///     }
///     Ok(amount)
/// }
/// assert_eq!(parse("x").unwrap_err().code(), Code::ActionFailed);
/// assert_eq!(parse("0").unwrap_err().code(), Code::InvalidPayload);
/// ```
pub struct Error(CallError);

impl Error {
    /// An error with a code of your choice and a text for the caller.
    #[must_use]
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self(CallError::new(code, message.to_string()))
    }

    /// The action failed (`ActionFailed`). Takes everything that has a text, such as an `anyhow::Error`.
    #[must_use]
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::new(Code::ActionFailed, message)
    }

    /// What the caller sent cannot be done (`InvalidPayload`): say what to send instead.
    #[must_use]
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(Code::InvalidPayload, message)
    }

    /// The caller may not do this (`Denied`).
    #[must_use]
    pub fn denied(message: impl fmt::Display) -> Self {
        Self::new(Code::Denied, message)
    }

    /// The caller did not say who it is (`Unauthenticated`).
    #[must_use]
    pub fn unauthenticated(message: impl fmt::Display) -> Self {
        Self::new(Code::Unauthenticated, message)
    }

    /// It is there already, or is not in the state that the caller takes it to be in (`Conflict`), and asking again as it
    /// is would not help.
    #[must_use]
    pub fn conflict(message: impl fmt::Display) -> Self {
        Self(CallError::new(Code::Conflict, message.to_string()).with_retry(callboard_core::error::Retry::Never))
    }

    /// Hands the error of a call on to the own caller, with its code as it is.
    #[must_use]
    pub const fn forward(error: CallError) -> Self {
        Self(error)
    }

    /// Adds what only the log may say.
    #[must_use]
    pub fn with_detail(self, detail: impl fmt::Display) -> Self {
        Self(self.0.with_detail(detail.to_string()))
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code()
    }

    /// The text that the caller reads.
    #[must_use]
    pub fn message(&self) -> &str {
        self.0.message()
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        if let Some(call) = (&error as &dyn Any).downcast_ref::<CallError>() {
            return match call.blame() {
                Blame::Caller => Self::failed(call).with_detail(call.detail().unwrap_or("from a call of the action")),
                Blame::Actor | Blame::Platform => Self(call.clone()),
            };
        }
        let failed = Self::failed(&error);
        let sources: Vec<String> =
            std::iter::successors(error.source(), |source| source.source()).map(ToString::to_string).collect();
        if sources.is_empty() { failed } else { failed.with_detail(sources.join(": ")) }
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_a_callee_stays_its_fault_and_a_wrong_call_becomes_the_actions() {
        let full = Error::from(CallError::new(Code::Overloaded, "full"));
        assert_eq!((full.code(), full.message()), (Code::Overloaded, "full"));
        let wrong = Error::from(CallError::new(Code::ActionNotFound, "no action x"));
        assert_eq!((wrong.code(), wrong.message()), (Code::ActionFailed, "ActionNotFound: no action x"));
        let forwarded = Error::forward(CallError::new(Code::Denied, "no"));
        assert_eq!(CallError::from(forwarded).code(), Code::Denied);
    }

    #[test]
    fn sources_are_for_the_log_only() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the amount is wrong")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = CallError::from(Error::from(Outer("x".parse::<u8>().unwrap_err())));
        assert_eq!(error.message(), "the amount is wrong");
        assert_eq!(error.detail(), Some("invalid digit found in string"));
    }
}
