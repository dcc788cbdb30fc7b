use callboard_core::principal::Principal;
use callboard_core::{Code, Pattern};
use serde_json::{Map, Value};

use super::who::text;
use crate::CallError;

/// A text with places that a join fills: `campaign.{id}`.
///
/// `{id}` is a parameter of that name, `{who}` the client's subject, `{claims.tenant}` one of its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Param(String),
    Who,
    Claim(String),
}

impl Template {
    /// Reads it. The error says what to write.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, behind) = rest.split_at(at);
            let end = behind.strip_prefix('{').and_then(|inner| inner.find(['{', '}']).map(|end| inner.split_at(end)));
            let Some((place, behind)) = end.filter(|(_, behind)| behind.starts_with('}')) else {
                return Err(format!("{text:?} has a brace without its other one; write a parameter as {{id}}"));
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::of(place).ok_or_else(|| {
                format!(
                    "{text:?} has the place {{{place}}}, which is no name; write a parameter as {{id}}, a claim as \
                     {{claims.tenant}}, the client's subject as {{who}}"
                )
            })?);
            rest = &behind[1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Reads one that makes topics or patterns of topics.
    pub(super) fn of_topic(text: &str) -> Result<Self, String> {
        let template = Self::parse(text)?;
        Pattern::parse(&template.example()).map_err(|error| format!("the topic {text:?}: {error}"))?;
        Ok(template)
    }

    /// Whether every place stands behind this text.
    pub(super) fn places_follow(&self, what: &str) -> bool {
        match self.parts.as_slice() {
            [Part::Literal(_)] => true,
            [Part::Literal(first), ..] => first.contains(what),
            _ => false,
        }
    }

    /// With something in each place.
    pub(super) fn example(&self) -> String {
        self.parts.iter().map(|part| if let Part::Literal(text) = part { text } else { "x" }).collect()
    }

    /// Fills the places. A value is one token of a topic: a client cannot reach other topics by what it writes into a parameter.
    pub(super) fn fill(&self, params: &Map<String, Value>, principal: &Principal) -> Result<String, CallError> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Param(name) => {
                    let value = params.get(name).and_then(text).ok_or_else(|| {
                        CallError::new(Code::InvalidPayload, format!("the parameter \"{name}\" is missing"))
                    })?;
                    filled.push_str(token(&value).map_err(|why| {
                        CallError::new(Code::InvalidPayload, format!("the parameter \"{name}\" {why}"))
                    })?);
                }
                Part::Who => filled.push_str(of_client(principal.subject.as_deref(), "subject")?),
                Part::Claim(name) => {
                    let claims: Map<String, Value> = serde_json::from_str(&principal.claims).unwrap_or_default();
                    filled.push_str(of_client(claims.get(name).and_then(text).as_deref(), name)?);
                }
            }
        }
        Ok(filled)
    }
}

impl Part {
    fn of(place: &str) -> Option<Self> {
        let name = |text: &str| {
            let plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
            plain.then(|| text.to_owned())
        };
        match place.strip_prefix("claims.") {
            Some(claim) => name(claim).map(Self::Claim),
            None if place == "who" => Some(Self::Who),
            None => name(place).map(Self::Param),
        }
    }
}

fn of_client<'a>(value: Option<&'a str>, what: &str) -> Result<&'a str, CallError> {
    let value = value.ok_or_else(|| {
        let message = format!("the client's credentials have no {what}; connect with a token that has one");
        CallError::new(Code::Unauthenticated, message)
    })?;
    token(value).map_err(|why| CallError::new(Code::Denied, format!("the client's {what} {why}")))
}

/// The text, if it is one token of a topic.
fn token(text: &str) -> Result<&str, String> {
    let wrong = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/');
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.starts_with('$') {
        return Err("begins with '$'".to_owned());
    }
    text.chars().find(|c| wrong(*c)).map_or(Ok(text), |c| Err(format!("may not contain {c:?}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use callboard_core::Grants;
    use serde_json::json;

    use super::*;

    fn fill(template: &str, params: &Value) -> Result<String, CallError> {
        let claims = Arc::from(r#"{"tenant":"acme","level":3}"#);
        let ada = Principal { subject: Some("ada".into()), claims, grants: Grants::default(), expires: None };
        Template::parse(template).unwrap().fill(params.as_object().unwrap(), &ada)
    }

    #[test]
    fn places_are_filled_from_parameters_and_from_the_client() {
        let params = json!({"id": 7, "room": "lobby"});
        for (template, text) in [
            ("campaign.{id}", "campaign.7"),
            ("user.{who}", "user.ada"),
            ("{claims.tenant}.room-{room}.{claims.level}.>", "acme.room-lobby.3.>"),
            ("news", "news"),
        ] {
            assert_eq!(fill(template, &params).unwrap(), text);
        }
        let error = fill("campaign.{slug}", &params).unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::InvalidPayload, "the parameter \"slug\" is missing"));
        assert_eq!(fill("a.{claims.none}", &params).unwrap_err().code(), Code::Unauthenticated);
    }

    #[test]
    fn a_value_cannot_reach_beyond_its_token() {
        for value in ["*", ">", "7.secret", "", "a b", "$sys", "7/8", "a\u{0}", "*.>"] {
            let error = fill("campaign.{id}", &json!({ "id": value })).unwrap_err();
            assert_eq!(error.code(), Code::InvalidPayload, "{value}");
        }
        for value in [json!(null), json!([]), json!({}), json!(1.5)] {
            assert!(fill("campaign.{id}", &json!({ "id": value })).is_err());
        }
    }

    #[test]
    fn a_template_that_cannot_be_filled_says_what_to_write() {
        for (wrong, says) in [
            ("campaign.{id", "other one"),
            ("campaign.id}", "other one"),
            ("campaign.{{id}}", "other one"),
            ("campaign.{}", "no name"),
            ("campaign.{a b}", "no name"),
            ("campaign..{id}", "empty token"),
            ("campaign.>.{id}", "stands last"),
            ("", "empty token"),
        ] {
            let error = Template::of_topic(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
        assert!(Template::parse("fight/{id}").unwrap().places_follow("/"));
        assert!(!Template::parse("{kind}/{id}").unwrap().places_follow("/"));
        assert!(Template::parse("chat").unwrap().places_follow("/"));
        assert!(!Template::parse("chat{id}").unwrap().places_follow("/"));
    }
}
