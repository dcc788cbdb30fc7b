//! Every door for clients: HTTP/JSON and gRPC on one listener.

pub mod doors;
pub mod grpc;
