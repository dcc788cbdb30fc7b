use std::future::Future;

use callboard_core::port::BoxFuture;
use callboard_core::{Code, Pattern};
use serde::de::DeserializeOwned;

use super::joining::{Joining, caught, caught_waiting};
use super::who::Who;
use crate::CallError;

/// What says who may join: a function `|who: &Who| ..` or `|who: &Who, p: &CampaignParams| ..`, or one that waits, `async fn(who: Who, p:
/// CampaignParams) -> ..`. It returns a `bool`, nothing, or a `Result` of either; an error is what the client is told.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who may join",
    label = "no rule for joining",
    note = "write a function that borrows, `|who: &Who, p: &CampaignParams| who.has(\"campaign\", &p.id)`, or one that waits and \
            owns, `async fn may_join(who: Who, p: CampaignParams) -> Result<bool>`; it returns a `bool`, nothing or a `Result`"
)]
pub trait ConsentRule<Form> {
    /// The rule in one form.
    fn rule(self) -> Consent;
}

/// Who may join. Made by [`ConsentRule`].
pub struct Consent(pub(super) Form);

pub(super) enum Form {
    // Whoever is granted the topics.
    Grants,
    Anyone,
    Now(Rule<()>),
    Waits(Rule<Waiting>),
}

type Rule<T> = Box<dyn Fn(&Joining) -> Result<T, CallError> + Send + Sync>;

type Waiting = BoxFuture<'static, Result<(), CallError>>;

impl std::fmt::Debug for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Consent")
    }
}

impl<F, P, V> ConsentRule<fn(&Who, &P) -> V> for F
where
    F: Fn(&Who, &P) -> V + Send + Sync + 'static,
    P: DeserializeOwned,
    V: Verdict,
{
    fn rule(self) -> Consent {
        Consent(Form::Now(Box::new(move |joining| self(&joining.who, &joining.params()?).verdict())))
    }
}

impl<F, V> ConsentRule<fn(&Who) -> V> for F
where
    F: Fn(&Who) -> V + Send + Sync + 'static,
    V: Verdict,
{
    fn rule(self) -> Consent {
        Consent(Form::Now(Box::new(move |joining| self(&joining.who).verdict())))
    }
}

impl<F, P, W> ConsentRule<fn(Who, P) -> W> for F
where
    F: Fn(Who, P) -> W + Send + Sync + 'static,
    P: DeserializeOwned,
    W: Future<Output: Verdict> + Send + 'static,
{
    fn rule(self) -> Consent {
        Consent(Form::Waits(Box::new(move |joining| {
            let waiting = self(joining.who.clone(), joining.params()?);
            Ok(Box::pin(async move { waiting.await.verdict() }))
        })))
    }
}

/// What a rule for joining may return.
pub trait Verdict {
    /// Whether the client may join.
    ///
    /// # Errors
    /// What the client is told: `Denied` unless the rule said something else.
    fn verdict(self) -> Result<(), CallError>;
}

impl Verdict for bool {
    fn verdict(self) -> Result<(), CallError> {
        if self { Ok(()) } else { Err(CallError::new(Code::Denied, "you may not join")) }
    }
}

impl Verdict for () {
    fn verdict(self) -> Result<(), CallError> {
        Ok(())
    }
}

impl<V: Verdict, E: Into<crate::Error>> Verdict for Result<V, E> {
    fn verdict(self) -> Result<(), CallError> {
        self.map_err(|error| CallError::from(error.into()))?.verdict()
    }
}

impl Consent {
    /// Whoever is granted the topics anyway.
    pub(super) const fn by_grants() -> Self {
        Self(Form::Grants)
    }

    pub(super) const fn anyone() -> Self {
        Self(Form::Anyone)
    }

    pub(super) const fn is_said(&self) -> bool {
        !matches!(self.0, Form::Grants)
    }

    /// Asks the rule.
    pub(super) async fn ask(&self, joining: &Joining, topics: &[Pattern]) -> Result<(), CallError> {
        const WHAT: &str = "the rule for joining";
        let channel = &joining.channel;
        match &self.0 {
            Form::Anyone => Ok(()),
            Form::Grants => granted(joining, topics),
            Form::Now(rule) => caught(channel, WHAT, || rule(joining))?,
            Form::Waits(rule) => {
                let waiting = caught(channel, WHAT, || rule(joining))??;
                caught_waiting(channel, WHAT, waiting).await?
            }
        }
    }
}

fn granted(joining: &Joining, topics: &[Pattern]) -> Result<(), CallError> {
    let grants = &joining.who.principal().grants;
    match topics.iter().find(|topic| !grants.may_subscribe(topic)) {
        None => Ok(()),
        Some(topic) => Err(CallError::new(
            Code::Denied,
            format!("you may not join {}: {topic} is not granted to you", joining.channel),
        )),
    }
}
