//! The attribute and derive macros of callboard.
