//! Every door for clients: HTTP/JSON and gRPC on one listener.
