//! [`Mailer`]: the way to the outside world. Here every mail is a line of a file.

use callboard::{MessageId, Timestamp};
use serde::Serialize;

use crate::journal::Journal;

/// Sends mail, each mail once.
#[derive(Clone, Debug)]
pub struct Mailer {
    journal: Journal,
}

/// A mail.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// What it says.
    pub text: String,
    /// Which order it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
}

#[derive(Serialize)]
struct Sent<'a> {
    time: String,
    #[serde(flatten)]
    mail: &'a Mail,
}

impl Mailer {
    /// Writes mail to this journal.
    #[must_use]
    pub const fn new(journal: Journal) -> Self {
        Self { journal }
    }

    /// Sends a mail because of something that happened. The same `cause` again sends nothing: it is the idempotency key that
    /// one would give to a real mail service.
    ///
    /// # Errors
    /// The mail was not sent.
    pub async fn send(&self, cause: MessageId, time: Timestamp, mail: &Mail) -> std::io::Result<()> {
        self.journal.append(cause, &Sent { time: time.to_string(), mail }).await.map(drop)
    }
}
