//! Wrong declarations are compile errors that say what to write.
#![allow(missing_docs, reason = "a test")]

#[test]
fn a_wrong_declaration_does_not_compile_and_says_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
