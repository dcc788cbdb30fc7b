//! [`Token`]: a JSON Web Token in its compact form, taken apart; [`Times`]: from when to when it is good.

use std::time::Duration;

use callboard_core::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::Algorithm;
use super::keys::base64url;

/// Bytes of a token.
pub(super) const TOKEN_LEN_MAX: usize = 8 * 1024;

/// A token of which nothing is verified yet.
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    /// What is signed.
    pub(super) message: &'a str,
    pub(super) signature: Vec<u8>,
    pub(super) claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// What is wrong with its form. Nothing of the token is in the text.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        const FORM: &str = "it is not a JSON Web Token: header.claims.signature, each base64url without padding";
        let (message, signature) = text.rsplit_once('.').ok_or(FORM)?;
        let (header, claims) = message.split_once('.').ok_or(FORM)?;
        let header: Header = serde_json::from_slice(&base64url(header).ok_or(FORM)?).map_err(|_| FORM)?;
        let algorithm = Algorithm::parse(&header.alg).ok_or("its algorithm is none of HS256, RS256, ES256, EdDSA")?;
        if header.crit.is_some() {
            return Err("it has critical extensions (crit), and none is known here");
        }
        // A dot in the middle part is no base64url, so there are three parts and no more.
        let claims =
            serde_json::from_slice(&base64url(claims).ok_or(FORM)?).map_err(|_| "its claims are not a JSON object")?;
        let signature = base64url(signature).ok_or(FORM)?;
        Ok(Self { algorithm, key_id: header.kid, message, signature, claims })
    }
}

/// From when to when a token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) begins: Option<Timestamp>,
    pub(super) ends: Option<Timestamp>,
}

impl Times {
    /// Reads `nbf` and `exp`, with the leeway counted in.
    ///
    /// # Errors
    /// When one is there and no number.
    pub(super) fn of(claims: &Map<String, Value>, leeway: Duration) -> Result<Self, &'static str> {
        let ends = time(claims, "exp").map_err(|()| "its exp is not a number of seconds")?;
        let begins = time(claims, "nbf").map_err(|()| "its nbf is not a number of seconds")?;
        Ok(Self { begins: begins.map(|time| time.before(leeway)), ends: ends.map(|time| time.after(leeway)) })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates, as it should")]
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, ()> {
    match claims.get(name) {
        None => Ok(None),
        // RFC 7519 allows fractions.
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| seconds.is_finite()).ok_or(())?;
            Ok(Some(Timestamp::from_millis((seconds * 1000.0) as u64)))
        }
    }
}

/// Whether a claim that is a text or a list of texts has one of the values; `None` when it is not there.
pub(super) fn names_one_of(claim: Option<&Value>, values: &[String]) -> Option<bool> {
    let is_one = |value: &Value| value.as_str().is_some_and(|text| values.iter().any(|value| value == text));
    match claim? {
        Value::Null => None,
        Value::Array(items) => Some(items.iter().any(is_one)),
        value => Some(is_one(value)),
    }
}
