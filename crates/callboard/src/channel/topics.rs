use callboard_core::{Code, Pattern, Topic};
use serde::de::DeserializeOwned;

use super::joining::{Joining, topic};
use super::template::Template;
use super::who::Who;
use crate::CallError;

/// What says which topics stand behind a join: a template, or a function of the parameters, or of the client and the parameters.
///
/// In a function every parameter has its type written down: `|p: &CampaignParams| format!("campaign.{}", p.id)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which topics a join hears",
    label = "no rule for topics",
    note = "write a template, `\"campaign.{{id}}\"`, or a function that returns a text, a `Topic`, a `Pattern` or a list of these: \
            `|p: &CampaignParams| format!(\"campaign.{{}}\", p.id)` or `|who: &Who, p: &CampaignParams| ..`; \
            the parameters' type needs `#[derive(Deserialize)]`"
)]
pub trait TopicRule<Form> {
    /// The rule in one form.
    fn rule(self) -> TopicsOf;
}

/// A rule for topics. Made by [`TopicRule`].
pub struct TopicsOf(pub(super) Result<Rule, String>);

type Rule = Box<dyn Fn(&Joining) -> Result<Vec<Pattern>, CallError> + Send + Sync>;

impl std::fmt::Debug for TopicsOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TopicsOf")
    }
}

impl TopicRule<()> for &str {
    fn rule(self) -> TopicsOf {
        TopicsOf(Template::of_topic(self).map(|template| -> Rule {
            Box::new(move |joining| {
                let text = template.fill(&joining.params, joining.who.principal())?;
                Ok(vec![Pattern::parse(&text)?])
            })
        }))
    }
}

impl<F, P, T> TopicRule<fn(&P) -> T> for F
where
    F: Fn(&P) -> T + Send + Sync + 'static,
    P: DeserializeOwned,
    T: IntoTopics,
{
    fn rule(self) -> TopicsOf {
        TopicsOf(Ok(Box::new(move |joining| self(&joining.params()?).into_topics())))
    }
}

impl<F, P, T> TopicRule<fn(&Who, &P) -> T> for F
where
    F: Fn(&Who, &P) -> T + Send + Sync + 'static,
    P: DeserializeOwned,
    T: IntoTopics,
{
    fn rule(self) -> TopicsOf {
        TopicsOf(Ok(Box::new(move |joining| self(&joining.who, &joining.params()?).into_topics())))
    }
}

/// What names topics: texts, [`Topic`]s, [`Pattern`]s, lists and results of these.
///
/// A text is a topic and never a pattern, so that a client who writes `*` into a parameter hears nothing; to follow a pattern,
/// return a [`Pattern`].
pub trait IntoTopics {
    /// The topics.
    ///
    /// # Errors
    /// `InvalidTopic` with what is wrong.
    fn into_topics(self) -> Result<Vec<Pattern>, CallError>;
}

impl IntoTopics for String {
    fn into_topics(self) -> Result<Vec<Pattern>, CallError> {
        Ok(vec![topic(&self)?.into()])
    }
}

impl IntoTopics for &str {
    fn into_topics(self) -> Result<Vec<Pattern>, CallError> {
        Ok(vec![topic(self)?.into()])
    }
}

impl IntoTopics for Topic {
    fn into_topics(self) -> Result<Vec<Pattern>, CallError> {
        Ok(vec![self.into()])
    }
}

impl IntoTopics for Pattern {
    fn into_topics(self) -> Result<Vec<Pattern>, CallError> {
        Ok(vec![self])
    }
}

impl<T: IntoTopics> IntoTopics for Vec<T> {
    fn into_topics(self) -> Result<Vec<Pattern>, CallError> {
        flat(self)
    }
}

impl<T: IntoTopics, const N: usize> IntoTopics for [T; N] {
    fn into_topics(self) -> Result<Vec<Pattern>, CallError> {
        flat(self)
    }
}

impl<T: IntoTopics, E: Into<crate::Error>> IntoTopics for Result<T, E> {
    fn into_topics(self) -> Result<Vec<Pattern>, CallError> {
        self.map_err(|error| CallError::from(error.into()))?.into_topics()
    }
}

fn flat<T: IntoTopics>(list: impl IntoIterator<Item = T>) -> Result<Vec<Pattern>, CallError> {
    let mut topics = Vec::new();
    for item in list {
        topics.append(&mut item.into_topics()?);
    }
    Ok(topics)
}

/// The topics of all rules, each once.
pub(super) fn all(rules: &[Rule], joining: &Joining) -> Result<Vec<Pattern>, CallError> {
    let mut topics: Vec<Pattern> = Vec::new();
    for rule in rules {
        for topic in rule(joining).map_err(|error| named(joining, &error))? {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
    }
    let most = callboard_core::limits::CHANNEL_TOPICS_MAX;
    if topics.is_empty() || topics.len() > most {
        let message =
            format!("{} has {} topics for these parameters; a join hears 1 to {most}", joining.channel, topics.len());
        return Err(CallError::new(Code::InvalidPayload, message));
    }
    Ok(topics)
}

// A topic that cannot be is one that the client's parameters made.
fn named(joining: &Joining, error: &CallError) -> CallError {
    let code = if error.code() == Code::InvalidTopic { Code::InvalidPayload } else { error.code() };
    let text = error.message();
    let prefix =
        if text.starts_with(joining.channel.as_str()) { String::new() } else { format!("{}: ", joining.channel) };
    CallError::new(code, format!("{prefix}{text}"))
}

pub(super) type Rules = Vec<Rule>;
