//! Every way in which a command ends: [`Exit`], and the [`Failure`] behind all but one.

use std::io;
use std::process::ExitCode;

use callboard_core::{Code, Error, Retry};
use callboard_wire::pb::error_from_status;

/// The exit codes. They are part of the interface: scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done.
    Ok = 0,
    /// The call failed: the action refused, panicked, or something broke.
    Failed = 1,
    /// The command line is wrong. (clap uses the same number.)
    Usage = 2,
    /// There is no such actor, action, revision, letter or subscription.
    NotFound = 3,
    /// The node cannot be reached, or takes no work now; trying again may help.
    Unavailable = 4,
    /// What was sent is not accepted: payload, topic, size, idempotency key.
    Refused = 5,
    /// The caller may not do this.
    Denied = 6,
    /// Time ran out; whether it was done is not known.
    Timeout = 7,
    /// The node cannot start: configuration, address, data folder.
    Start = 8,
}

/// For `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the call failed: the action refused, panicked, or something broke
  2  the command line is wrong
  3  no such actor, action, revision, letter or subscription
  4  the node cannot be reached or takes no work now; trying again may help
  5  what was sent is not accepted: payload, topic, size, idempotency key
  6  the caller may not do this
  7  time ran out; whether it was done is not known
  8  the node cannot start: configuration, address, data folder";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ends without having done its work.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: &'static str,
    message: String,
    retry: Option<Retry>,
    advice: Option<String>,
    // Nobody reads our output any more: nothing is said, and nothing went wrong.
    quiet: bool,
}

impl Failure {
    /// A failure that the node did not report.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let code = match exit {
            Exit::Usage => "Usage",
            Exit::NotFound => "NotFound",
            Exit::Unavailable => "Unavailable",
            Exit::Refused => "InvalidPayload",
            Exit::Denied => "Denied",
            Exit::Timeout => "DeadlineExceeded",
            Exit::Start => "Start",
            Exit::Ok | Exit::Failed => "Failed",
        };
        Self { exit, code, message: message.into(), retry: None, advice: None, quiet: false }
    }

    /// Adds what to do.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// With what the process ends.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Says it on standard error, as JSON when that was asked for.
    pub(crate) fn report(&self, json: bool) {
        use io::Write as _;
        if self.quiet {
            return;
        }
        let text = if json {
            let retry = self.retry.map(Retry::as_str);
            let (code, message, advice) = (self.code, &self.message, &self.advice);
            let error = serde_json::json!({ "code": code, "message": message, "retry": retry, "advice": advice });
            format!("{}\n", serde_json::json!({ "error": error }))
        } else {
            let advice = self.advice.as_ref().map(|advice| format!("  {advice}\n")).unwrap_or_default();
            format!("error: {}: {}\n{advice}", self.code, self.message)
        };
        // When even standard error is gone the exit code has to be enough.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, advice) = meaning(error.code(), error.retry());
        let mut failure = Self::new(exit, error.message());
        failure.code = error.code().as_str();
        failure.retry = Some(error.retry());
        failure.advice = advice.map(str::to_owned);
        failure
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        error_from_status(&status).into()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { quiet: true, ..Self::new(Exit::Ok, "nobody reads the output") };
        }
        Self::new(Exit::Failed, format!("writing the output: {error}"))
    }
}

/// The exit code of an error, and what the caller can do.
const fn meaning(code: Code, retry: Retry) -> (Exit, Option<&'static str>) {
    match code {
        Code::ActorNotFound => (Exit::NotFound, Some("`callboard actors declared` shows what can be invoked")),
        Code::ActionNotFound => {
            (Exit::NotFound, Some("`callboard actors declared` shows the actions and what they take"))
        }
        Code::Gap => (Exit::NotFound, None),
        Code::InvalidPayload | Code::InvalidTopic | Code::TooLarge => (Exit::Refused, None),
        Code::IdempotencyMismatch => (Exit::Refused, Some("use another --key for another payload")),
        Code::Unauthenticated => (Exit::Denied, Some("say who you are with --token or CALLBOARD_TOKEN")),
        Code::Denied => (Exit::Denied, Some("the token needs that right; docs/security.md says how it gets it")),
        // The action said it, of what it is about.
        Code::Conflict if matches!(retry, Retry::Never) => {
            (Exit::Failed, Some("nothing was committed; the same again would fail again"))
        }
        Code::Overloaded | Code::Fenced | Code::Conflict => {
            (Exit::Unavailable, Some("nothing was done; try again in a moment"))
        }
        Code::Unavailable => (Exit::Unavailable, Some("GET /health/readiness on the node says what is wrong")),
        Code::DeadlineExceeded => (
            Exit::Timeout,
            Some("it may have been done: repeat it with the same --key, or give it more time with --deadline"),
        ),
        Code::CallCycle | Code::ActionFailed => (Exit::Failed, Some("nothing was committed")),
        Code::ActionPanicked => (Exit::Failed, Some("nothing was committed; the node's log has the panic")),
        Code::Internal => (Exit::Failed, Some("this is a defect of the platform; the node's log has more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_exit_codes_are_the_real_ones() {
        let all = [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::NotFound,
            Exit::Unavailable,
            Exit::Refused,
            Exit::Denied,
            Exit::Timeout,
            Exit::Start,
        ];
        let documented = EXIT_CODES.lines().skip(1).map(|line| line.trim().split(' ').next().unwrap_or_default());
        let numbers: Vec<String> = all.iter().map(|exit| (*exit as u8).to_string()).collect();
        assert_eq!(documented.collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn no_error_code_counts_as_success() {
        for code in Code::ALL {
            assert_ne!(Failure::from(Error::new(*code, "x")).exit(), Exit::Ok, "{code}");
        }
    }

    #[test]
    fn only_a_conflict_that_may_pass_is_to_be_tried_again() {
        let raced = Failure::from(Error::new(Code::Conflict, "changed meanwhile"));
        assert_eq!(raced.exit(), Exit::Unavailable);
        assert!(raced.advice.unwrap().contains("try again"));
        let refused = Failure::from(Error::new(Code::Conflict, "it is paid").with_retry(Retry::Never));
        assert_eq!(refused.exit(), Exit::Failed);
        assert!(!refused.advice.unwrap().contains("try again"));
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit(), failure.quiet), (Exit::Ok, true));
    }
}
