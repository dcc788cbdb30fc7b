//! The parameters of a join as a type of the author's. Clients of different protocols write the same parameter as `7` or as
//! `"7"`, and names such as `campaign:7` can only write texts; so a text is read as a number where a number is wanted, and the
//! other way round.

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value, map};

/// Reads the fields as a `P`. The error says what is missing or wrong.
pub(super) fn read<P: DeserializeOwned>(fields: &Map<String, Value>) -> Result<P, Error> {
    P::deserialize(Fields(fields))
}

struct Fields<'de>(&'de Map<String, Value>);

impl<'de> Deserializer<'de> for Fields<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Entries { rest: self.0.iter(), value: None })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

struct Entries<'de> {
    rest: map::Iter<'de>,
    value: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some((key, value));
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let Some((key, value)) = self.value.take() else { return Err(Error::custom("a value before its key")) };
        seed.deserialize(Lenient(value)).map_err(|error| Error::custom(format!("`{key}`: {error}")))
    }
}

struct Lenient<'de>(&'de Value);

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $number:ty;)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            // As it is written back: `07` and `+7` are other names than `7`, and what is decided for one is not for the other.
            let written = |text: &&str| text.parse::<$number>().ok().filter(|number| number.to_string() == **text);
            match self.0.as_str().as_ref().and_then(written) {
                Some(number) => visitor.$visit(number),
                // What is no number is told as such by the one that wanted it.
                None => self.0.$deserialize(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Lenient<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    numbers! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Number(number) => visitor.visit_string(number.to_string()),
            other => other.deserialize_string(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Id(u64);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        id: Id,
        slug: String,
        since: Option<i64>,
        #[serde(default)]
        live: bool,
    }

    fn wanted(value: Value) -> Result<Wanted, String> {
        let Value::Object(fields) = value else { panic!("an object") };
        read(&fields).map_err(|error: Error| error.to_string())
    }

    #[test]
    fn a_number_may_be_written_as_text_and_a_text_as_number() {
        let one = Wanted { id: Id(7), slug: "7".to_owned(), since: Some(-1), live: true };
        assert_eq!(wanted(json!({"id": 7, "slug": "7", "since": -1, "live": true})).unwrap(), one);
        assert_eq!(wanted(json!({"id": "7", "slug": 7, "since": "-1", "live": "true"})).unwrap(), one);
        let bare = Wanted { since: None, live: false, ..one };
        assert_eq!(wanted(json!({"id": 7, "slug": "7", "since": null, "channel": "C"})).unwrap(), bare);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(wanted(json!({"slug": "x"})).unwrap_err(), "missing field `id`");
        let text = wanted(json!({"id": "seven", "slug": "x"})).unwrap_err();
        assert!(text.starts_with("`id`: invalid type: string \"seven\", expected u64"), "{text}");
        for id in [json!(-1), json!("07"), json!("+7"), json!(" 7"), json!(7.5), json!(null)] {
            assert!(wanted(json!({ "id": id, "slug": "x" })).unwrap_err().starts_with("`id`: "), "{id}");
        }
        assert!(read::<()>(&Map::new()).is_ok());
    }
}
