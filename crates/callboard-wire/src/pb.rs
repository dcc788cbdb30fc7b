//! The protobuf API, package `callboard.v1`, generated from `proto/`; and [`convert`], where its messages become domain values
//! and back.
//!
//! The generated documentation is that of the `.proto` files.

use bytes::Bytes;

pub mod convert;

pub use convert::error::{error_from_status, status_from_error};

/// The `callboard.v1` files, their imports and the well-known types, as an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// `google.protobuf.Any`, whose value shares its bytes with the message in which it came.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Any {
    /// The type: what follows the last `/` is its full name.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The encoded message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// The generated messages, clients and servers.
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::or_fun_call,
    clippy::use_self,
    elided_lifetimes_in_paths,
    missing_debug_implementations,
    missing_docs,
    unnameable_types,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("callboard.v1");
}
