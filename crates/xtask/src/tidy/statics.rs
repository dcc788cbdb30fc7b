//! No globals: a static with interior mutability makes two nodes in one process share something.

use super::RustFile;
use crate::exceptions::Exceptions;

const MUTABLE: &[&str] = &["Atomic", "Mutex", "RwLock", "Once", "Lazy", "Cell<", "ArcSwap", "HashMap", "DashMap"];

pub(super) fn check(files: &[RustFile], exceptions: &Exceptions) -> Vec<String> {
    let mut complaints = Vec::new();
    for RustFile { path, source } in files {
        for (number, line) in source.lines() {
            let Some(name) = mutable_static(&line) else { continue };
            if exceptions.limit("static", path, &name).is_none() {
                complaints.push(format!("{path}:{number}: {name} is a global; pass it as an argument"));
            }
        }
    }
    complaints
}

fn mutable_static(line: &str) -> Option<String> {
    if line.contains("thread_local!") {
        return Some("thread_local".to_owned());
    }
    let at = line.find("static ")?;
    // `&'static T` and `'static` bounds are types.
    let before = line[..at].trim_end();
    if !(before.is_empty() || before.ends_with("pub") || before.ends_with(')')) {
        return None;
    }
    let (name, kind) = line[at + "static ".len()..].split_once(':')?;
    let mutable = name.trim().starts_with("mut ") || MUTABLE.iter().any(|word| kind.contains(word));
    mutable.then(|| name.trim().trim_start_matches("mut ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statics_that_can_change_are_found() {
        assert_eq!(mutable_static("pub(crate) static A: AtomicU64 = AtomicU64::new(0);").as_deref(), Some("A"));
        assert_eq!(mutable_static("    static B: OnceLock<u8> = OnceLock::new();").as_deref(), Some("B"));
        assert_eq!(mutable_static("static TABLE: [u8; 2] = [1, 2];"), None);
        assert_eq!(mutable_static("fn a(x: &'static str, m: Mutex<u8>) {}"), None);
    }
}
