//! Who may use whom: the table in ARCHITECTURE.md against what cargo sees.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};

use crate::workspace::Workspace;

const FILE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- dependencies: begin -->";
/// Behind a name: only a feature may bring it in.
const OPTIONAL: &str = "(feature)";
const END: &str = "<!-- dependencies: end -->";

/// What one row of the table allows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Allowed {
    normal: BTreeSet<String>,
    /// Of these, the ones that only a feature may bring in.
    optional: BTreeSet<String>,
    dev: BTreeSet<String>,
}

/// Rows by crate name, or by folder (`examples/*`).
type Table = BTreeMap<String, Allowed>;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let text = workspace.read(FILE)?.with_context(|| format!("{FILE} is not text"))?;
    let table = parse(&text)?;
    let members: BTreeSet<&str> = workspace.members().map(|package| package.name.as_str()).collect();
    let mut complaints = unknown_names(&table, &members);
    for package in workspace.members() {
        let manifest = workspace.manifest_of(package);
        let row = table.get(&package.name).or_else(|| {
            let (folder, _) = manifest.split_once('/')?;
            table.get(&format!("{folder}/*"))
        });
        let Some(row) = row else {
            complaints.push(format!("{FILE}: {} has no row in the dependency table", package.name));
            continue;
        };
        for used in
            package.dependencies.iter().filter(|used| used.name != package.name && members.contains(used.name.as_str()))
        {
            let dev = used.kind.as_deref() == Some("dev");
            if !(row.normal.contains(&used.name) || dev && row.dev.contains(&used.name)) {
                let when = if dev { " in tests" } else { "" };
                complaints.push(format!("{manifest}: {} may not use {}{when} ({FILE})", package.name, used.name));
            }
            if !dev && !used.optional && row.optional.contains(&used.name) {
                complaints.push(format!("{manifest}: {} may use {} only with a feature", package.name, used.name));
            }
        }
    }
    Ok(complaints)
}

fn unknown_names(table: &Table, members: &BTreeSet<&str>) -> Vec<String> {
    let rows = table.keys().filter(|row| !row.ends_with("/*"));
    let cells = table.values().flat_map(|row| row.normal.iter().chain(&row.dev));
    let names: BTreeSet<&String> = rows.chain(cells).filter(|name| !members.contains(name.as_str())).collect();
    names.into_iter().map(|name| format!("{FILE}: the dependency table names {name}, which is no crate here")).collect()
}

fn parse(text: &str) -> Result<Table> {
    let (_, rest) = text.split_once(BEGIN).with_context(|| format!("{FILE} has no {BEGIN}"))?;
    let (table, _) = rest.split_once(END).with_context(|| format!("{FILE} has no {END}"))?;
    let mut rows = Table::new();
    // The first two lines are the head of the table.
    for line in table.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        ensure!(cells.len() == 3, "{FILE}: a row of the dependency table has three cells: {line}");
        let optional = cells[1].split(',').filter_map(|name| name.trim().strip_suffix(OPTIONAL)).map(plain).collect();
        let row = Allowed { normal: names(cells[1]), optional, dev: names(cells[2]) };
        let name = cells[0].trim_matches('`').to_owned();
        ensure!(rows.insert(name.clone(), row).is_none(), "{FILE}: {name} stands twice in the dependency table");
    }
    Ok(rows)
}

fn names(cell: &str) -> BTreeSet<String> {
    let each = cell.split(',').map(str::trim).map(|name| plain(name.strip_suffix(OPTIONAL).unwrap_or(name)));
    each.filter(|name| !name.is_empty() && name != "-").collect()
}

fn plain(name: &str) -> String {
    name.trim().trim_matches('`').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dependency_table_agrees_with_cargo() {
        let workspace = Workspace::load().unwrap();
        assert_eq!(check(&workspace).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_row_reads_as_names_and_twice_the_same_crate_is_refused() {
        let row = "| `a` | `b`, `c` (feature) | - |\n";
        let table = |rows: &str| format!("{BEGIN}\n| crate | may use | tests |\n|---|---|---|\n{rows}{END}");
        let parsed = parse(&table(row)).unwrap();
        assert_eq!(parsed["a"].normal, BTreeSet::from(["b".to_owned(), "c".to_owned()]));
        assert_eq!(parsed["a"].optional, BTreeSet::from(["c".to_owned()]));
        assert!(parsed["a"].dev.is_empty());
        assert!(parse(&table(&row.repeat(2))).is_err());
    }
}
