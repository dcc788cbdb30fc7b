//! Nothing in the repository may depend on where somebody's checkout or home is.

use anyhow::Result;

use crate::exceptions::Exceptions;
use crate::workspace::Workspace;

const MACHINE: &[&str] = &["/work/", "/root/", "/home/", "/Users/"];

pub(super) fn check(workspace: &Workspace, exceptions: &Exceptions) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in &workspace.files {
        let Some(text) = workspace.read(file)? else { continue };
        let found = text.lines().enumerate().find_map(|(n, line)| machine_path(line).map(|path| (n + 1, path)));
        if let Some((line, path)) = found
            && exceptions.limit("path", file, "-").is_none()
        {
            complaints.push(format!("{file}:{line}: {path} is a path of one machine"));
        }
    }
    Ok(complaints)
}

fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE.iter().copied().find(|path| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '/' | '~')))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_are_meant() {
        assert_eq!(machine_path("see /work/main/x"), Some("/work/"));
        assert_eq!(machine_path("https://example.org/home/x"), None);
        assert_eq!(machine_path("target/root/x"), None);
    }
}
