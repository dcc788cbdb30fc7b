//! Every byte format of Callboard, in both directions; no sockets.
//!
//! * [`pb`]: the protobuf API (`callboard.v1`): generated messages, clients and servers, and the one place where they become
//!   domain values and back. Fields and methods are only ever added.
//! * [`descriptors`]: the users' protobuf types at run time: payloads as JSON and back.
//! * [`json`]: the documents of the HTTP door; [`problem`]: its errors (RFC 9457).
//! * [`status`]: the one table from error codes to HTTP, gRPC and close codes.

pub mod descriptors;
pub mod json;
pub mod pb;
pub mod problem;
pub mod status;
