//! [`Schemas`]: the JSON Schemas (2020-12) of protobuf types, as an OpenAPI document needs them.

use std::collections::BTreeMap;

use callboard_core::{Encoding, TypeRef};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::descriptors::Descriptors;

/// Collects the schemas of the types that a document refers to, and of those that they are made of.
#[derive(Debug)]
pub struct Schemas<'a> {
    descriptors: &'a Descriptors,
    // By full name. A type is entered before its fields are walked, so that types may contain themselves.
    done: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    /// None yet.
    #[must_use]
    pub const fn new(descriptors: &'a Descriptors) -> Self {
        Self { descriptors, done: BTreeMap::new() }
    }

    /// The schema of a type in its JSON form: a reference to [`Schemas::finish`]'s entry for a protobuf type that is known.
    pub fn of(&mut self, wanted: &TypeRef) -> Value {
        match wanted.encoding {
            Encoding::Json => json!({ "title": wanted.name.as_str() }),
            Encoding::Bytes => {
                json!({ "title": wanted.name.as_str(), "type": "string", "contentEncoding": "base64" })
            }
            Encoding::Protobuf => match self.descriptors.message(&wanted.name) {
                Some(message) => self.message(&message),
                None => json!({ "title": wanted.name.as_str() }),
            },
        }
    }

    /// All schemas that were referred to, by full name, for `components/schemas`.
    #[must_use]
    pub fn finish(self) -> Map<String, Value> {
        self.done.into_iter().collect()
    }

    fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message.full_name()) {
            return schema;
        }
        let name = message.full_name().to_owned();
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        if !self.done.contains_key(&name) {
            self.done.insert(name.clone(), Value::Null);
            let properties: Map<String, Value> =
                message.fields().map(|field| (field.json_name().to_owned(), self.field(&field))).collect();
            let schema = json!({
                "type": "object",
                "title": message.name(),
                "properties": properties,
                "additionalProperties": false,
            });
            self.done.insert(name, schema);
        }
        reference
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map()
            && let Kind::Message(entry) = field.kind()
        {
            let values = entry.map_entry_value_field();
            return json!({ "type": "object", "additionalProperties": self.kind(&values.kind()) });
        }
        let one = self.kind(&field.kind());
        if field.is_list() { json!({ "type": "array", "items": one }) } else { one }
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Double => json!({ "type": "number", "format": "double" }),
            Kind::Float => json!({ "type": "number", "format": "float" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "uint32", "minimum": 0 }),
            // Written as strings, because JSON's numbers are doubles to many readers; read in both forms.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({ "type": ["string", "integer"], "format": "int64" }),
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": ["string", "integer"], "format": "uint64" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(names) => enumeration(names),
            Kind::Message(message) => self.message(message),
        }
    }
}

fn enumeration(names: &EnumDescriptor) -> Value {
    if names.full_name() == "google.protobuf.NullValue" {
        return json!({ "type": "null" });
    }
    let values: Vec<Value> = names.values().map(|value| value.name().into()).collect();
    json!({ "type": "string", "title": names.name(), "enum": values })
}

/// The JSON forms that are not an object of the type's fields.
fn well_known(name: &str) -> Option<Value> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Duration" => json!({ "type": "string", "examples": ["1.5s"] }),
        "FieldMask" => json!({ "type": "string", "examples": ["user.name,user.email"] }),
        "Empty" | "Struct" => json!({ "type": "object" }),
        "Value" => json!({}),
        "ListValue" => json!({ "type": "array", "items": {} }),
        "Any" => json!({ "type": "object", "properties": { "@type": { "type": "string" } }, "required": ["@type"] }),
        "DoubleValue" | "FloatValue" => json!({ "type": ["number", "null"] }),
        "Int32Value" | "UInt32Value" => json!({ "type": ["integer", "null"] }),
        "Int64Value" | "UInt64Value" => json!({ "type": ["string", "integer", "null"] }),
        "BoolValue" => json!({ "type": ["boolean", "null"] }),
        "StringValue" => json!({ "type": ["string", "null"] }),
        "BytesValue" => json!({ "type": ["string", "null"], "contentEncoding": "base64" }),
        _ => return None,
    })
}
