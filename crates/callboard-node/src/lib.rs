//! The composition root of a Callboard node.
