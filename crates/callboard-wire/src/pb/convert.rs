//! The one place where the messages of the protobuf API become domain values, and back.
//!
//! What comes from outside is checked here, against the limits of [`callboard_core::limits`]; what leaves is only renamed.

pub mod error;
