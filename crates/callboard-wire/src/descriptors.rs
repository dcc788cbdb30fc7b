//! [`Descriptors`]: the protobuf types that are known at run time, by which payloads become JSON and back.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use callboard_core::declaration::Handler;
use callboard_core::{Code, Encoding, Error, Name, Payload, TypeRef, limits, value};
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Map, Value, json};

mod nesting;

pub use nesting::JSON_DEPTH_MAX;

/// The prefix of a type's URL. Only what follows the last `/` of a URL is read.
pub const TYPE_URL_PREFIX: &str = "type.googleapis.com/";

/// The type name of a JSON payload of which nobody said what it is.
pub const JSON_TYPE: Name = Name::from_static("json");

/// The member of a JSON object that names its type.
const TYPE_MEMBER: &str = "@type";
/// The member that holds the value of a type whose JSON form is not an object, or is not known.
const VALUE_MEMBER: &str = "value";

/// Why descriptor sets are refused. They come from the program's own build, so this is told at start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorsError {
    /// A set is not what a protobuf compiler writes, or a file that it imports is missing.
    #[error("a descriptor set cannot be read: {0}; build it with all its imports included")]
    Invalid(String),
    /// Two sets have different files of the same name.
    #[error(
        "two descriptor sets have different files named {0:?}; put the .proto files into a directory of their own name"
    )]
    Clash(String),
}

/// The protobuf types that are known at run time: the well-known ones, Callboard's own, and those that were registered.
#[derive(Clone)]
pub struct Descriptors {
    pool: DescriptorPool,
    // The types in which a `google.protobuf.Any` may stand at some depth: only those need the walk of `nesting`.
    any_holders: HashSet<String>,
}

impl std::fmt::Debug for Descriptors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Descriptors").field("files", &self.pool.files().len()).finish_non_exhaustive()
    }
}

impl Descriptors {
    /// Reads encoded `google.protobuf.FileDescriptorSet`s, each with all its imports. Well-known types may be left out, and the
    /// same file may come in several sets.
    ///
    /// # Errors
    /// When a set cannot be read, or contradicts another one.
    pub fn new(sets: impl IntoIterator<Item = Bytes>) -> Result<Self, DescriptorsError> {
        let invalid = |error: &dyn std::fmt::Display| DescriptorsError::Invalid(error.to_string());
        let mut pool = DescriptorPool::decode(crate::pb::FILE_DESCRIPTOR_SET).map_err(|e| invalid(&e))?;
        let own: HashSet<String> = pool.files().map(|file| file.name().to_owned()).collect();
        let mut known: HashMap<String, prost_types::FileDescriptorProto> = HashMap::new();
        for set in sets {
            let files = <prost_types::FileDescriptorSet as prost::Message>::decode(set.clone());
            for mut file in files.map_err(|e| invalid(&e))?.file {
                file.source_code_info = None;
                let name = file.name().to_owned();
                match known.get(&name) {
                    Some(before) if *before != file && !own.contains(&name) => {
                        return Err(DescriptorsError::Clash(name));
                    }
                    Some(_) => {}
                    None => drop(known.insert(name, file)),
                }
            }
            pool.decode_file_descriptor_set(set).map_err(|e| invalid(&e))?;
        }
        let any_holders = nesting::any_holders(&pool);
        Ok(Self { pool, any_holders })
    }

    /// Whether a protobuf type is known.
    #[must_use]
    pub fn knows(&self, type_name: &str) -> bool {
        self.pool.get_message_by_name(type_name).is_some()
    }

    /// The descriptor of a protobuf type, for documents that describe it.
    #[must_use]
    pub fn message(&self, type_name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(type_name)
    }

    /// The descriptor of a type whose JSON form is an object of its fields and in which no `Any` stands: it can be read and
    /// written without a look at the whole value first.
    pub(crate) fn plain(&self, type_name: &str) -> Option<MessageDescriptor> {
        let plain =
            !self.any_holders.contains(type_name) && matches!(nesting::json_form(type_name), nesting::JsonForm::Fields);
        self.message(type_name).filter(|_| plain)
    }

    /// All known files as one encoded `google.protobuf.FileDescriptorSet`, for reflection.
    #[must_use]
    pub fn file_descriptor_set(&self) -> Vec<u8> {
        self.pool.encode_to_vec()
    }

    /// A payload as JSON: protobuf by its descriptor in proto3's JSON mapping, JSON as it is, opaque bytes as base64. A
    /// protobuf type that is not known becomes `{"@type": "type.googleapis.com/<name>", "value": "<base64>"}`.
    ///
    /// # Errors
    /// `InvalidPayload` when the bytes cannot be read as their type, or are nested too deeply.
    pub fn to_json(&self, payload: &Payload) -> Result<Value, Error> {
        let unreadable = |why: &dyn std::fmt::Display| {
            let text = format!("the payload cannot be read as {}: {}", excerpt(payload.type_name()), brief(why));
            Error::new(Code::InvalidPayload, text)
        };
        match payload.encoding() {
            Encoding::Json => serde_json::from_slice(payload.bytes()).map_err(|e| unreadable(&e)),
            Encoding::Bytes => Ok(Value::String(BASE64.encode(payload.bytes()))),
            Encoding::Protobuf => {
                let Some(descriptor) = self.message(payload.type_name()) else { return Ok(opaque(payload)) };
                let message = DynamicMessage::decode(descriptor, payload.bytes()).map_err(|e| unreadable(&e))?;
                nesting::check_any(&message, &self.any_holders).map_err(|e| unreadable(&e))?;
                let options = SerializeOptions::new().skip_default_fields(false);
                // What fails here is an `Any` inside of a type that is not known: then the whole stays opaque.
                message.serialize_with_options(serde_json::value::Serializer, &options).or_else(|_| Ok(opaque(payload)))
            }
        }
    }

    /// JSON as a payload of the given type: protobuf by its descriptor (field names as in the .proto or in lowerCamelCase;
    /// unknown fields are errors), JSON types as they are, opaque bytes from base64. An `"@type"` member is left out.
    ///
    /// # Errors
    /// `InvalidPayload`, naming the field that is wrong; `TooLarge`.
    pub fn from_json(&self, wanted: &TypeRef, value: &Value) -> Result<Payload, Error> {
        if !nesting::depth_within(value, JSON_DEPTH_MAX) {
            let text = format!("the JSON is nested more than {JSON_DEPTH_MAX} levels deep");
            return Err(Error::new(Code::InvalidPayload, text));
        }
        let bytes = match wanted.encoding {
            Encoding::Json => serde_json::to_vec(untyped(value).as_ref())
                .map_err(|e| Error::new(Code::InvalidPayload, e.to_string()))?
                .into(),
            Encoding::Bytes => from_base64(value, wanted)?,
            Encoding::Protobuf => self.encode(wanted, value)?,
        };
        let payload = Payload::new(wanted.name.clone(), wanted.encoding, bytes);
        value::check_len(&payload)?;
        Ok(payload)
    }

    fn encode(&self, wanted: &TypeRef, value: &Value) -> Result<Bytes, Error> {
        let Some(descriptor) = self.message(&wanted.name) else {
            return match value.get(VALUE_MEMBER) {
                Some(bytes @ Value::String(_)) => from_base64(bytes, wanted),
                _ => Err(Error::new(
                    Code::InvalidPayload,
                    format!(
                        "the protobuf type {} has no descriptor here, so JSON cannot be turned into it; register its \
                         descriptor set, or send the encoded message as {{\"value\": \"<base64>\"}}",
                        excerpt(&wanted.name)
                    ),
                )),
            };
        };
        let value = match nesting::json_form(descriptor.full_name()) {
            nesting::JsonForm::Fields => untyped(value),
            nesting::JsonForm::Special => special(value),
        };
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(value.as_ref(), &mut track);
        let message = DynamicMessage::deserialize_with_options(descriptor.clone(), tracked, &DeserializeOptions::new());
        let message = message.map_err(|error| {
            let path = track.path().to_string();
            let (place, fields) = match path.as_str() {
                "." => (String::new(), known_fields(&descriptor)),
                path => (format!(" at {}", brief(&path)), String::new()),
            };
            let text = format!("the JSON is not a {}{place}: {}{fields}", excerpt(&wanted.name), brief(&error));
            Error::new(Code::InvalidPayload, text)
        })?;
        Ok(prost::Message::encode_to_vec(&message).into())
    }

    /// The type that JSON from outside is to be read as, when nothing was declared about it: `explicit`, else its `"@type"`
    /// member; a known protobuf type is one, anything else is a JSON type of that name, [`JSON_TYPE`] without one.
    ///
    /// # Errors
    /// `InvalidPayload` when what is given is not a type's name.
    pub fn resolve(&self, explicit: Option<&str>, value: &Value) -> Result<TypeRef, Error> {
        let Some(name) = named_type(explicit, value)? else {
            return Ok(TypeRef { name: JSON_TYPE, encoding: Encoding::Json });
        };
        let encoding = if self.knows(name) { Encoding::Protobuf } else { Encoding::Json };
        Ok(TypeRef { name: name.to_owned().into(), encoding })
    }

    /// The type as which an action takes a JSON value: the one that it declares. When it declares several, `explicit` or an
    /// `"@type"` member picks one.
    ///
    /// # Errors
    /// `InvalidPayload` when the value does not say which, with the candidates; `ActionNotFound` when it names a type that the
    /// action does not take.
    pub fn choose(&self, handlers: &[Handler], explicit: Option<&str>, value: &Value) -> Result<TypeRef, Error> {
        let candidates = || {
            let names = handlers.iter().map(|handler| match &handler.input {
                Some(input) => input.name.as_str(),
                None => "any other type",
            });
            names.collect::<Vec<_>>().join(", ")
        };
        match (named_type(explicit, value)?, handlers) {
            (Some(name), _) => {
                let declared = handlers.iter().filter_map(|handler| handler.input.as_ref());
                if let Some(input) = declared.into_iter().find(|input| input.name == name) {
                    return Ok(input.clone());
                }
                if handlers.iter().any(|handler| handler.input.is_none()) {
                    return self.resolve(Some(name), value);
                }
                let text = format!("the action does not take {}; it takes {}", excerpt(name), candidates());
                Err(Error::new(Code::ActionNotFound, text))
            }
            (None, [Handler { input: Some(input), .. }]) => Ok(input.clone()),
            (None, [] | [Handler { input: None, .. }]) => self.resolve(None, value),
            (None, _) => Err(Error::new(
                Code::InvalidPayload,
                format!("the action takes several types; say which with \"@type\": {}", candidates()),
            )),
        }
    }
}

// The type that the caller named, without the URL's prefix.
fn named_type<'a>(explicit: Option<&'a str>, value: &'a Value) -> Result<Option<&'a str>, Error> {
    let member = match value.get(TYPE_MEMBER) {
        None => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => return Err(Error::new(Code::InvalidPayload, "\"@type\" is not a string; write a type's name")),
    };
    explicit.filter(|text| !text.is_empty()).or(member).map(type_name).transpose()
}

/// The name in a type's URL, or the name itself: what follows the last `/`.
///
/// # Errors
/// `InvalidPayload` when it is empty, longer than 255 bytes, or has blanks or control characters.
pub fn type_name(url: &str) -> Result<&str, Error> {
    let name = url.rsplit_once('/').map_or(url, |(_, name)| name);
    let bad = name.is_empty() || name.len() > limits::ID_LEN_MAX;
    if bad || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let text = format!("{:?} is not the name of a type; write e.g. \"shop.v1.OrderCreated\"", excerpt(url));
        return Err(Error::new(Code::InvalidPayload, text));
    }
    Ok(name)
}

// As many fields are listed in an error.
const FIELDS_MAX: usize = 20;

fn known_fields(descriptor: &MessageDescriptor) -> String {
    let names: Vec<String> = descriptor.fields().take(FIELDS_MAX).map(|field| field.json_name().to_owned()).collect();
    if names.is_empty() { String::new() } else { format!("; its fields are {}", names.join(", ")) }
}

fn opaque(payload: &Payload) -> Value {
    let url = format!("{TYPE_URL_PREFIX}{}", payload.type_name());
    json!({ TYPE_MEMBER: url, VALUE_MEMBER: BASE64.encode(payload.bytes()) })
}

// The value without its "@type"; copied only if it has one.
fn untyped(value: &Value) -> std::borrow::Cow<'_, Value> {
    use std::borrow::Cow;
    match value {
        Value::Object(members) if members.contains_key(TYPE_MEMBER) => {
            let rest: Map<String, Value> =
                members.iter().filter(|(key, _)| *key != TYPE_MEMBER).map(|(k, v)| (k.clone(), v.clone())).collect();
            Cow::Owned(Value::Object(rest))
        }
        _ => Cow::Borrowed(value),
    }
}

// The value of a type whose JSON form is not an object of its fields; with an "@type" it stands in "value".
fn special(value: &Value) -> std::borrow::Cow<'_, Value> {
    use std::borrow::Cow;
    match value {
        Value::Object(members) if members.contains_key(TYPE_MEMBER) => {
            members.get(VALUE_MEMBER).map_or_else(|| untyped(value), Cow::Borrowed)
        }
        _ => Cow::Borrowed(value),
    }
}

fn from_base64(value: &Value, wanted: &TypeRef) -> Result<Bytes, Error> {
    let wrong = |why: &str| {
        Error::new(Code::InvalidPayload, format!("{} is sent as a base64 string: {why}", excerpt(&wanted.name)))
    };
    let text = match special(value).as_ref() {
        Value::String(text) => text.clone(),
        _ => return Err(wrong("this is not a string")),
    };
    BASE64.decode(text).map(Bytes::from).map_err(|error| wrong(&error.to_string()))
}

// At most this much of what came from outside is repeated in an error.
const EXCERPT_LEN: usize = 200;

fn excerpt(text: &str) -> &str {
    let end = (0..=EXCERPT_LEN.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

fn brief(text: &dyn std::fmt::Display) -> String {
    let text = text.to_string();
    match excerpt(&text) {
        cut if cut.len() == text.len() => text,
        cut => format!("{cut}..."),
    }
}

#[cfg(test)]
mod tests;
