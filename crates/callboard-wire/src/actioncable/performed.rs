//! What the clients' `perform` sends: the name of an action among the members of the data.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The member that names the action.
const ACTION: &str = "action";

/// An action and its data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Performed {
    /// `None` for data that was sent without naming an action.
    pub(super) action: Option<String>,
    /// The data as it was written, without the name: an action that takes nothing, or only what it knows, is given what it would be
    /// given over any other protocol.
    pub(super) json: String,
}

impl Performed {
    /// Reads the data of a message; `None` when it is no JSON.
    pub(super) fn read(text: &str) -> Option<Self> {
        let whole: &RawValue = serde_json::from_str(text).ok()?;
        let Ok(Members(mut members)) = serde_json::from_str(whole.get()) else {
            return Some(Self { action: None, json: text.to_owned() });
        };
        let named = |(name, value): &(String, &RawValue)| {
            let text = (name == ACTION).then(|| serde_json::from_str::<String>(value.get()).ok());
            text.flatten()
        };
        // As everywhere, the last of several members of one name counts.
        let Some(action) = members.iter().rev().find_map(named) else {
            return Some(Self { action: None, json: text.to_owned() });
        };
        members.retain(|(name, _)| name != ACTION);
        let written = members.iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), value.get()));
        let json = format!("{{{}}}", written.collect::<Vec<_>>().join(","));
        Some(Self { action: Some(action), json })
    }
}

/// The members of an object, their values untouched.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Option<String>, String)> {
        Performed::read(text).map(|performed| (performed.action, performed.json))
    }

    #[test]
    fn the_name_of_the_action_is_no_part_of_its_data_which_stays_as_it_was_written() {
        let named = |action: &str, json: &str| Some((Some(action.to_owned()), json.to_owned()));
        assert_eq!(read(r#"{"action":"next_round"}"#), named("next_round", "{}"));
        assert_eq!(
            read(r#" {"z": 1.50, "n": 12345678901234567890123, "action": "say", "a\"b": {"action": "in it"}} "#),
            named("say", r#"{"z":1.50,"n":12345678901234567890123,"a\"b":{"action": "in it"}}"#)
        );
        assert_eq!(read(r#"{"action":"first","a":1,"action":"last"}"#), named("last", r#"{"a":1}"#));
    }

    #[test]
    fn data_without_the_name_of_an_action_is_left_alone() {
        for text in [r#"{"text": "hi"}"#, r#"{"action": 7}"#, "[1]", r#""text""#, "7", "null"] {
            assert_eq!(read(text), Some((None, text.to_owned())), "{text}");
        }
        for text in ["", "{", r#"{"a":1} x"#, "nothing"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
