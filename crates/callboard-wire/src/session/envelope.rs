//! The envelope: a publication's data with its place around it, for protocols that have no place of their own for it.
//!
//! `{"seq":42,"epoch":"1","topic":"order.events","type":"shop.OrderCreated","data":{...},"ack_required":true,"replay":true}`;
//! the last two, and `redelivered`, only where they are true.

use callboard_core::Publication;

use super::Delivery;

/// Writes the envelope around `json`.
pub fn write(out: &mut String, publication: &Publication, json: &str, delivery: Delivery) {
    use std::fmt::Write as _;
    let Publication { position, topic, payload, .. } = publication;
    // Writing to a string does not fail.
    let _ = write!(out, "{{\"seq\":{},\"epoch\":\"{}\",\"topic\":", position.seq.0, position.epoch.0);
    string(out, topic.as_str());
    out.push_str(",\"type\":");
    string(out, payload.type_name().as_str());
    out.push_str(",\"data\":");
    out.push_str(json);
    for (name, set) in
        [("ack_required", delivery.ack_required), ("replay", delivery.replay), ("redelivered", delivery.again)]
    {
        if set {
            let _ = write!(out, ",\"{name}\":true");
        }
    }
    out.push('}');
}

/// Writes a text as a JSON string.
pub fn string(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
