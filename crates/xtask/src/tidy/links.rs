//! Relative links in the documentation lead somewhere.

use std::path::Path;

use anyhow::Result;

use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in workspace.files.iter().filter(|file| file.ends_with(".md")) {
        let Some(text) = workspace.read(file)? else { continue };
        let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
        for link in targets(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if path.is_empty() { workspace.root.join(file) } else { workspace.root.join(folder).join(path) };
            if !target.exists() {
                complaints.push(format!("{file}: the link {link} leads nowhere"));
            } else if !anchor.is_empty() && !has_heading(&target, anchor) {
                complaints.push(format!("{file}: the link {link} names a heading that is not there"));
            }
        }
    }
    Ok(complaints)
}

/// The targets of inline links that stay in the repository, outside of code.
fn targets(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let Some(end) = rest.find(')') else { continue };
            let target = rest[..end].split_whitespace().next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:") || target.is_empty();
            if !outside {
                found.push(target);
            }
        }
    }
    found
}

fn has_heading(file: &Path, anchor: &str) -> bool {
    if file.extension().is_none_or(|extension| extension != "md") {
        return true;
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line.trim_start_matches('#')) == anchor)
}

/// A heading's anchor, as the usual renderers make it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_stay_here_are_followed() {
        let text = "[a](docs/a.md#b) [b](https://x.y) `c`\n```\n[d](e)\n```\n[f](../g \"title\")";
        assert_eq!(targets(text), ["docs/a.md#b", "../g"]);
        assert_eq!(slug("## Where does it live?".trim_start_matches('#')), "where-does-it-live");
    }
}
