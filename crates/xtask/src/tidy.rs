//! The house rules that a machine can hold us to. Each rule is a function that returns its complaints.

mod edges;
mod length;
mod licences;
mod links;
mod manifests;
mod names;
mod paths;
mod statics;

use anyhow::{Result, bail};

use crate::exceptions::Exceptions;
use crate::source::Source;
use crate::workspace::Workspace;

/// A Rust file of ours that is not a test.
#[derive(Debug)]
struct RustFile {
    path: String,
    source: Source,
}

/// Runs every rule.
///
/// # Errors
/// Lists every complaint.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let exceptions = Exceptions::load(workspace)?;
    let rust = rust_files(workspace)?;
    let mut complaints = edges::check(workspace)?;
    complaints.extend(manifests::check(workspace)?);
    complaints.extend(licences::check(&workspace.metadata));
    complaints.extend(length::check(&rust, &exceptions));
    complaints.extend(names::check(&workspace.files, &exceptions));
    complaints.extend(statics::check(&rust, &exceptions));
    complaints.extend(paths::check(workspace, &exceptions)?);
    complaints.extend(links::check(workspace)?);
    complaints.extend(exceptions.unused());
    if complaints.is_empty() {
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("  {complaint}");
    }
    bail!("{} house rules broken", complaints.len())
}

fn rust_files(workspace: &Workspace) -> Result<Vec<RustFile>> {
    let mut found = Vec::new();
    for path in workspace.files.iter().filter(|path| path.ends_with(".rs") && !is_test(path)) {
        if let Some(text) = workspace.read(path)? {
            found.push(RustFile { path: path.clone(), source: Source::parse(&text) });
        }
    }
    Ok(found)
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/")
}
