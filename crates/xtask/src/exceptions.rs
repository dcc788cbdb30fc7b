//! The known exceptions to the house rules, each with its reason: `exceptions.txt` next to this crate's manifest.

use std::cell::RefCell;
use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::Workspace;

/// Where the exceptions are written down.
pub(crate) const FILE: &str = "crates/xtask/exceptions.txt";

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Exception {
    /// Which rule: `file`, `function`, `static`, `module`, `path`.
    pub(crate) rule: String,
    /// Where.
    pub(crate) file: String,
    /// What in the file: a function, a static; `-` for the file itself.
    pub(crate) item: String,
    /// The length up to which it may go, for rules that measure.
    pub(crate) limit: usize,
}

/// All of them. The list may only get shorter: one that is no longer needed has to go.
#[derive(Debug)]
pub(crate) struct Exceptions {
    all: Vec<Exception>,
    used: RefCell<HashSet<Exception>>,
}

impl Exceptions {
    pub(crate) fn load(workspace: &Workspace) -> Result<Self> {
        Self::parse(&workspace.read(FILE)?.with_context(|| format!("{FILE} is not text"))?)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut all = Vec::new();
        for (n, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            let at = || format!("{FILE}:{}", n + 1);
            let [rule, file, item, limit, reason] = fields[..] else {
                anyhow::bail!("{}: write `rule | file | item | limit | reason`", at());
            };
            ensure!(!reason.is_empty(), "{}: an exception needs a reason", at());
            let limit = if limit == "-" { 0 } else { limit.parse().with_context(at)? };
            all.push(Exception { rule: rule.to_owned(), file: file.to_owned(), item: item.to_owned(), limit });
        }
        Ok(Self { all, used: RefCell::default() })
    }

    /// The limit that an exception grants, if there is one.
    pub(crate) fn limit(&self, rule: &str, file: &str, item: &str) -> Option<usize> {
        let found = self.all.iter().find(|e| e.rule == rule && e.file == file && e.item == item)?;
        self.used.borrow_mut().insert(found.clone());
        Some(found.limit)
    }

    /// Those that nothing asked for.
    pub(crate) fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        let left = self.all.iter().filter(|e| !used.contains(*e));
        left.map(|e| format!("{FILE}: {} {} {} is no longer needed; remove the line", e.rule, e.file, e.item)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_without_a_reason_is_refused_and_an_unused_one_is_named() {
        assert!(Exceptions::parse("file | a.rs | - | 700 |").is_err());
        let list = Exceptions::parse("# why\nfile | a.rs | - | 700 | tables\nstatic | b.rs | X | - | proof").unwrap();
        assert_eq!(list.limit("file", "a.rs", "-"), Some(700));
        assert_eq!(list.limit("file", "b.rs", "-"), None);
        assert_eq!(list.unused().len(), 1);
    }
}
