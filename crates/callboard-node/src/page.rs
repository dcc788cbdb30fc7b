//! [`Page`]: what an application shows in a browser, served beside the doors.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;

/// The first parts of paths that are the node's own.
const TAKEN: &[&str] = &["", "v1", "health", "metrics", "cable", "socket", "events"];

/// A fixed answer to `GET` under a path of the application's own, for everybody who can reach the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    path: String,
    content_type: &'static str,
    body: Bytes,
}

impl Page {
    /// A page of some type, e.g. `text/css; charset=utf-8`.
    pub fn new(path: impl Into<String>, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { path: path.into(), content_type, body: body.into() }
    }

    /// A page in HTML.
    pub fn html(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(path, "text/html; charset=utf-8", body)
    }

    /// A module or script.
    pub fn script(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(path, "text/javascript; charset=utf-8", body)
    }
}

/// The routes of the pages.
///
/// # Errors
/// A path that is none, stands twice, or is the node's own; with what to write.
pub(crate) fn routes(pages: Vec<Page>) -> Result<Router, String> {
    let mut paths = BTreeSet::new();
    let mut router = Router::new();
    for Page { path, content_type, body } in pages {
        let first = path.strip_prefix('/').and_then(|rest| rest.split('/').next());
        let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c));
        match first {
            Some(first) if plain && !TAKEN.contains(&first) => {}
            Some(_) | None => {
                return Err(format!(
                    "a page cannot be at {path:?}; write a path of its own in plain characters, e.g. \"/campaign\" ({} are taken)",
                    TAKEN.iter().map(|taken| format!("/{taken}")).collect::<Vec<_>>().join(", ")
                ));
            }
        }
        if !paths.insert(path.clone()) {
            return Err(format!("there are two pages at {path:?}; give one of them another path"));
        }
        let answer = move || {
            let body = body.clone();
            async move {
                let headers = [
                    (header::CONTENT_TYPE, content_type),
                    (header::CACHE_CONTROL, "no-cache"),
                    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                ];
                (headers, body)
            }
        };
        router = router.route(&path, get(answer));
    }
    Ok(router)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_path_of_its_own() {
        let good = || vec![Page::html("/campaign", "<p>"), Page::script("/campaign/page.js", "1")];
        assert!(routes(good()).is_ok());
        for wrong in ["", "/", "campaign", "/v1/x", "/cable", "/metrics", "/{id}", "/a b", "/*rest"] {
            let error = routes(vec![Page::html(wrong, "")]).unwrap_err();
            assert!(error.contains("cannot be at"), "{wrong}: {error}");
        }
        assert!(routes([good(), good()].concat()).unwrap_err().contains("two pages at \"/campaign\""));
    }
}
