//! What the actors say and remember, generated from `proto/shop/v1/shop.proto`.

use callboard::Timestamp;

/// The shop's messages with everything that they import, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[allow(
    clippy::all,
    clippy::use_self,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code; the .proto file is its documentation"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/shop.v1.rs"));
}

pub use generated::*;

/// A point in time in the form that protobuf has for it.
pub(crate) fn at(time: Timestamp) -> Option<prost_types::Timestamp> {
    let seconds = i64::try_from(time.as_millis() / 1000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(time.as_millis() % 1000 * 1_000_000).unwrap_or(0);
    Some(prost_types::Timestamp { seconds, nanos })
}
