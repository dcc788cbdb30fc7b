//! How long files and functions may be.

use super::RustFile;
use crate::exceptions::Exceptions;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check(files: &[RustFile], exceptions: &Exceptions) -> Vec<String> {
    let mut complaints = Vec::new();
    for RustFile { path, source } in files {
        let lines = source.lines_without_tests();
        complaints.extend(too_long(exceptions, "file", path, "-", lines, FILE_LINES_MAX).map(|limit| {
            format!("{path}: {lines} lines without tests; the most is {limit}: split it by what it is about")
        }));
        for function in source.functions() {
            let (name, lines, line) = (&function.name, function.lines, function.line);
            complaints.extend(
                too_long(exceptions, "function", path, name, lines, FUNCTION_LINES_MAX)
                    .map(|limit| format!("{path}:{line}: {name} has {lines} lines; the most is {limit}")),
            );
        }
    }
    complaints
}

/// The limit that is exceeded. What is short enough does not ask for its exception, so that a stale one is found.
fn too_long(exceptions: &Exceptions, rule: &str, file: &str, item: &str, lines: usize, max: usize) -> Option<usize> {
    if lines <= max {
        return None;
    }
    let limit = exceptions.limit(rule, file, item).unwrap_or(max);
    (lines > limit).then_some(limit)
}
