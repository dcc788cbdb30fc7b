//! Every byte format of Callboard, in both directions; no sockets.
//!
//! * [`pb`]: the protobuf API (`callboard.v1`): generated messages, clients and servers, and the one place where they become
//!   domain values and back. Fields and methods are only ever added.
//! * [`descriptors`]: the users' protobuf types at run time: payloads as JSON and back.
//! * [`json`]: the documents of the HTTP door; [`problem`]: its errors (RFC 9457).
//! * [`session`]: what every client protocol over a socket has in common; [`actioncable`], [`phoenix`], [`plain`]: the protocols;
//!   [`names`]: the one mapping between topics and their names there.
//! * [`trail`]: how far a client has come, as a text that it gives back.
//! * [`signed`]: stream names that a web application signed for its clients.
//! * [`status`]: the one table from error codes to HTTP, gRPC and close codes.

pub mod actioncable;
pub mod descriptors;
pub mod json;
pub mod names;
pub mod pb;
pub mod phoenix;
pub mod plain;
pub mod problem;
pub mod session;
pub mod signed;
pub mod status;
pub mod trail;
