//! Values that may be written as texts, as the environment has them.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Something that may be written as itself or as a text.
struct Written<T>(PhantomData<T>);

macro_rules! scalar {
    ($name:ident, $type:ty, $what:literal, $($visit:ident: $from:ty),*) => {
        impl Visitor<'_> for Written<$type> {
            type Value = $type;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($what)
            }

            $(fn $visit<E: Error>(self, value: $from) -> Result<$type, E> {
                <$type>::try_from(value).map_err(|_| E::custom(concat!("expected ", $what)))
            })*

            fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                <$type>::from_str(text.trim()).map_err(|_| E::custom(concat!("expected ", $what)))
            }
        }

        pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$type>, D::Error> {
            deserializer.deserialize_any(Written::<$type>(PhantomData)).map(Some)
        }
    };
}

scalar!(maybe_bool, bool, "true or false", visit_bool: bool);
scalar!(maybe_count, u64, "a whole number", visit_u64: u64, visit_i64: i64);

pub(super) fn yes_or_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    maybe_bool(deserializer).map(Option::unwrap_or_default)
}

/// A list, or a text with commas.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of texts, or a text with commas")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Vec<String>, A::Error> {
            Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(items))
        }
    }

    deserializer.deserialize_any(List)
}
