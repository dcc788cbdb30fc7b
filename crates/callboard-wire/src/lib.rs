//! Every byte format of Callboard, in both directions; no sockets.
