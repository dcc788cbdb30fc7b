//! What every crate's manifest has to say.

use anyhow::Result;

use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    if !workspace.files.iter().any(|file| file == "LICENSE") {
        complaints.push("LICENSE is missing".to_owned());
    }
    for package in workspace.members() {
        let file = workspace.manifest_of(package);
        let text = workspace.read(&file)?.unwrap_or_default();
        if !has_workspace_lints(&text) {
            complaints.push(format!("{file}: add `[lints]` with `workspace = true`"));
        }
        if !text.lines().any(|line| line.trim() == "license.workspace = true") {
            complaints.push(format!("{file}: add `license.workspace = true`"));
        }
    }
    Ok(complaints)
}

fn has_workspace_lints(manifest: &str) -> bool {
    let section = manifest.lines().skip_while(|line| line.trim() != "[lints]").skip(1);
    section.take_while(|line| !line.starts_with('[')).any(|line| line.trim() == "workspace = true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lints_have_to_be_those_of_the_workspace() {
        assert!(has_workspace_lints("[lints]\nworkspace = true\n"));
        assert!(!has_workspace_lints("[lints]\n[dependencies]\nworkspace = true\n"));
    }
}
