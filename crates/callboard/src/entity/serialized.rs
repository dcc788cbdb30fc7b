use callboard_core::Code;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::CallError;

/// An entity as clients see it: a JSON object with its `entity_class`. Cheap to clone for its size: one text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serialized(Box<RawValue>);

#[derive(Deserialize)]
struct Classed {
    #[serde(default)]
    entity_class: Option<IgnoredAny>,
}

impl Serialized {
    /// What serde makes of it, with the class in front unless it has one.
    ///
    /// # Errors
    /// `ActionFailed` when that is no JSON object.
    pub fn of<T: Serialize + ?Sized>(value: &T, class: &str) -> Result<Self, CallError> {
        let wrong = |why: &dyn std::fmt::Display| CallError::new(Code::ActionFailed, format!("{class}: {why}"));
        let text = serde_json::to_string(value).map_err(|error| wrong(&error))?;
        let fields = text.strip_prefix('{').ok_or_else(|| wrong(&"its serialized form is no JSON object"))?;
        let classed: Classed = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        let text = if classed.entity_class.is_some() {
            text
        } else {
            let comma = if fields == "}" { "" } else { "," };
            format!("{{\"entity_class\":{}{comma}{fields}", serde_json::Value::from(class))
        };
        RawValue::from_string(text).map(Self).map_err(|error| wrong(&error))
    }

    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        self.0.get()
    }

    /// Whether it is an object, as one that came from outside may not be.
    pub(super) fn is_object(&self) -> bool {
        self.json().starts_with('{')
    }
}

impl PartialEq for Serialized {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_stands_in_front_and_the_fields_keep_their_order() {
        #[derive(Serialize)]
        struct Character {
            name: &'static str,
            id: u64,
        }
        let serialized = Serialized::of(&Character { name: "Ann", id: 3 }, "Character").unwrap();
        assert_eq!(serialized.json(), r#"{"entity_class":"Character","name":"Ann","id":3}"#);
        assert_eq!(Serialized::of(&json!({}), "C").unwrap().json(), r#"{"entity_class":"C"}"#);
        let own = json!({"entity_class": "Vehicle", "id": 1});
        assert_eq!(Serialized::of(&own, "Character").unwrap().json(), own.to_string());
        let inner = json!({"owner": {"entity_class": "User"}});
        assert!(Serialized::of(&inner, "Character").unwrap().json().starts_with(r#"{"entity_class":"Character","#));
        for no_object in [json!(null), json!([1]), json!("x")] {
            assert!(Serialized::of(&no_object, "C").is_err());
        }
    }
}
