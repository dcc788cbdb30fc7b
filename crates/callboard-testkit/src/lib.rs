//! Test doubles, contract suites and generators for Callboard's ports.
