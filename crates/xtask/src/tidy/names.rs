//! Modules are nouns of the domain: names that say nothing are not used.

use crate::exceptions::Exceptions;

const FORBIDDEN: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types", "manager", "stuff"];

pub(super) fn check(files: &[String], exceptions: &Exceptions) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let said_nothing = |part: &str| FORBIDDEN.contains(&part.trim_end_matches(".rs"));
        if let Some(name) = file.split('/').find(|part| said_nothing(part))
            && exceptions.limit("module", file, "-").is_none()
        {
            complaints.push(format!("{file}: {name} says nothing of what is in it; name it after that"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_found_as_file_and_as_folder() {
        let files = ["a/src/utils.rs", "a/src/common/mod.rs", "a/src/order.rs"].map(str::to_owned);
        let none = Exceptions::load(&crate::workspace::Workspace::load().unwrap()).unwrap();
        assert_eq!(check(&files, &none).len(), 2);
    }
}
