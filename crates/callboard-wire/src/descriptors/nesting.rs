//! How deep JSON and messages may be nested: a hostile one must not exhaust the stack of whoever walks it.

use std::collections::HashSet;

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};

/// Levels of a JSON value, and of messages inside messages: what is deeper is refused.
pub const JSON_DEPTH_MAX: usize = 64;

/// What one `Any` counts for: its content is copied for each level.
const ANY_LEVELS: usize = 4;

const ANY: &str = "google.protobuf.Any";

/// Whether a JSON value has at most `most` levels; a scalar has one.
pub(crate) fn depth_within(value: &serde_json::Value, most: usize) -> bool {
    let Some(left) = most.checked_sub(1) else { return false };
    match value {
        serde_json::Value::Array(items) => items.iter().all(|item| depth_within(item, left)),
        serde_json::Value::Object(members) => members.values().all(|member| depth_within(member, left)),
        _ => true,
    }
}

/// How a message type is written in JSON.
pub(super) enum JsonForm {
    /// As an object of its fields.
    Fields,
    /// In a form of its own.
    Special,
}

/// How a message type is written in JSON.
pub(super) fn json_form(type_name: &str) -> JsonForm {
    match type_name.strip_prefix("google.protobuf.") {
        Some(
            "Any" | "BoolValue" | "BytesValue" | "DoubleValue" | "Duration" | "FieldMask" | "FloatValue" | "Int32Value"
            | "Int64Value" | "ListValue" | "StringValue" | "Struct" | "Timestamp" | "UInt32Value" | "UInt64Value"
            | "Value",
        ) => JsonForm::Special,
        _ => JsonForm::Fields,
    }
}

/// The types in which an `Any` may stand at some depth, `Any` itself included.
pub(super) fn any_holders(pool: &DescriptorPool) -> HashSet<String> {
    let mut holders = HashSet::from([ANY.to_owned()]);
    loop {
        let before = holders.len();
        for message in pool.all_messages() {
            if !holders.contains(message.full_name()) && holds_one_of(&message, &holders) {
                holders.insert(message.full_name().to_owned());
            }
        }
        if holders.len() == before {
            return holders;
        }
    }
}

fn holds_one_of(message: &MessageDescriptor, holders: &HashSet<String>) -> bool {
    message.fields().any(|field| match field.kind() {
        Kind::Message(inner) => holders.contains(inner.full_name()),
        _ => false,
    })
}

/// The message has an `Any` in an `Any` in an `Any` ... The decoder's own limit starts anew in each of them.
#[derive(Debug, thiserror::Error)]
#[error("it is nested more than {JSON_DEPTH_MAX} levels deep")]
pub(super) struct TooDeep;

/// Refuses a message that is nested too deeply through its `Any`s.
pub(super) fn check_any(message: &DynamicMessage, holders: &HashSet<String>) -> Result<(), TooDeep> {
    walk_message(message, holders, JSON_DEPTH_MAX)
}

fn walk_message(message: &DynamicMessage, holders: &HashSet<String>, left: usize) -> Result<(), TooDeep> {
    let descriptor = message.descriptor();
    if !holders.contains(descriptor.full_name()) {
        return Ok(());
    }
    if descriptor.full_name() != ANY {
        let left = left.checked_sub(1).ok_or(TooDeep)?;
        return message.fields().try_for_each(|(_, value)| walk_value(value, holders, left));
    }
    let left = left.checked_sub(ANY_LEVELS).ok_or(TooDeep)?;
    let (url, value) = (message.get_field_by_name("type_url"), message.get_field_by_name("value"));
    let (Some(Value::String(url)), Some(Value::Bytes(bytes))) = (url.as_deref(), value.as_deref()) else {
        return Ok(());
    };
    let name = url.rsplit_once('/').map_or(url.as_str(), |(_, name)| name);
    let Some(inner) = descriptor.parent_pool().get_message_by_name(name) else { return Ok(()) };
    match DynamicMessage::decode(inner, bytes.clone()) {
        Ok(inner) => walk_message(&inner, holders, left),
        // Whoever writes it as JSON finds the same.
        Err(_) => Ok(()),
    }
}

fn walk_value(value: &Value, holders: &HashSet<String>, left: usize) -> Result<(), TooDeep> {
    match value {
        Value::Message(message) => walk_message(message, holders, left),
        Value::List(items) => items.iter().try_for_each(|item| walk_value(item, holders, left)),
        Value::Map(entries) => entries.values().try_for_each(|entry| walk_value(entry, holders, left)),
        _ => Ok(()),
    }
}
