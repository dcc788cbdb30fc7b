use std::sync::Arc;

use callboard_core::Principal;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// A client as its credentials show it, for the rules of a channel. Cheap to clone.
///
/// What it says was verified when the client connected; the credentials themselves are not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who(Arc<Principal>);

impl Who {
    /// Who it is, e.g. a token's `sub`; `None` for anonymous clients.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Whether it is this subject. Costs no more than the comparison.
    #[must_use]
    pub fn is(&self, subject: &str) -> bool {
        self.subject() == Some(subject)
    }

    /// Its subject, or the refusal of somebody who has none.
    ///
    /// # Errors
    /// `Unauthenticated` for anonymous clients.
    pub fn known(&self) -> Result<&str> {
        self.subject().ok_or_else(|| Error::unauthenticated("say who you are: connect with a token"))
    }

    /// All its claims as a type of your own. They are read from their text at each call.
    ///
    /// # Errors
    /// `Denied` when the credentials do not have these claims; the text says which one is missing.
    pub fn claims<C: DeserializeOwned>(&self) -> Result<C> {
        serde_json::from_str(&self.0.claims)
            .map_err(|error| Error::denied(format_args!("the token's claims do not suffice: {error}")))
    }

    /// One claim; `None` if there is none of that name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Value> {
        let claims: serde_json::Map<String, Value> = serde_json::from_str(&self.0.claims).ok()?;
        claims.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether a claim is this text or number, or a list that has it: `who.has("role", "gamemaster")`.
    #[must_use]
    pub fn has(&self, claim: &str, wanted: &str) -> bool {
        match self.claim(claim) {
            Some(Value::Array(list)) => list.iter().any(|value| text(value).as_deref() == Some(wanted)),
            Some(value) => text(&value).as_deref() == Some(wanted),
            None => false,
        }
    }

    /// Everything that is known of it: its grants, when its credentials end.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0
    }
}

impl From<Arc<Principal>> for Who {
    fn from(principal: Arc<Principal>) -> Self {
        Self(principal)
    }
}

/// A parameter or a claim as one text; `None` for what is no text, number or truth value.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use callboard_core::{Code, Grants};

    use super::*;

    fn who(claims: &str) -> Who {
        let claims = Arc::from(claims);
        Who(Arc::new(Principal { subject: Some("ada".into()), claims, grants: Grants::default(), expires: None }))
    }

    #[test]
    fn a_claim_is_a_value_or_a_list_of_them() {
        let who = who(r#"{"role":["player","gamemaster"],"campaign":7,"plan":"pro"}"#);
        assert!(who.has("role", "gamemaster") && who.has("campaign", "7") && who.has("plan", "pro"));
        assert!(!who.has("role", "admin") && !who.has("plan", "p") && !who.has("none", ""));
        assert!(who.is("ada") && !who.is("grace"));
    }

    #[test]
    fn claims_that_are_missing_are_a_refusal_that_names_them() {
        #[derive(Debug, serde::Deserialize)]
        struct Tenant {
            #[expect(dead_code, reason = "only its absence matters")]
            tenant: String,
        }
        let error = who("{}").claims::<Tenant>().unwrap_err();
        assert_eq!(error.code(), Code::Denied);
        assert!(error.message().contains("tenant"), "{error}");
        let nobody = Who(Arc::new(Principal::anonymous(Grants::default())));
        assert_eq!(nobody.known().unwrap_err().code(), Code::Unauthenticated);
    }
}
