//! Which handler answers which request: one table, which the OpenAPI document is checked against.

use super::call::{Call, Handled};
use super::core::Core;
use super::guard::Access;
use super::streams::Streams;
use crate::HttpRequest;
use crate::api::problem::Problem;

/// What answers, and on which thread.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// On the thread `api`: touches no file, waits for nothing.
    Quick(fn(&Core, &Call<'_>) -> Handled),
    /// On the thread `api-files`: opens files.
    Slow(fn(&Core, &Call<'_>) -> Handled),
    /// On the thread `api`, which alone pushes events: may make the client follow them.
    Events(fn(&mut Streams, &Core, HttpRequest, &[String])),
}

/// A line of the table.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// Segments in braces take whatever is there; a last `{…*}` takes all the rest.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: Handler,
}

/// The route of a request, and what its braces hold.
pub(crate) fn find(
    table: &'static [Route],
    method: &str,
    segments: &[String],
) -> Result<(&'static Route, Vec<String>), Problem> {
    let here: Vec<_> =
        table.iter().filter_map(|route| Some((route, matches(route.path, segments)?))).collect();
    // Who may GET may HEAD: the server leaves the body out.
    let wanted = if method == "HEAD" { "GET" } else { method };
    let mut allowed: Vec<&str> = here.iter().map(|(route, _)| route.method).collect();
    if let Some(found) = here.into_iter().find(|(route, _)| route.method == wanted) {
        return Ok(found);
    }
    if allowed.is_empty() {
        return Err(Problem::new("not-found", "there is nothing at this path: see /api/v1/openapi.json"));
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.push("OPTIONS");
    let allowed = allowed.join(", ");
    Err(Problem::new("method-not-allowed", format!("this path takes {allowed}"))
        .with_header("Allow", allowed))
}

fn matches(pattern: &str, segments: &[String]) -> Option<Vec<String>> {
    let mut held = Vec::new();
    let mut segments = segments.iter();
    for part in pattern.split('/').skip(1) {
        if part.starts_with('{') && part.ends_with("*}") {
            let rest: Vec<&str> = segments.map(String::as_str).collect();
            held.push(rest.join("/"));
            return (!rest.concat().is_empty()).then_some(held);
        }
        let segment = segments.next()?;
        if part.starts_with('{') {
            held.push(segment.clone());
        } else if part != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(pattern: &str, path: &str) -> Option<Vec<String>> {
        matches(pattern, &path.split('/').skip(1).map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn braces_hold_a_segment_and_the_last_may_hold_the_rest() {
        assert_eq!(held("/a/b", "/a/b"), Some(vec![]));
        assert_eq!(held("/a/{b}/c", "/a/x/c"), Some(vec!["x".into()]));
        assert_eq!(held("/a/{b*}", "/a/x/y"), Some(vec!["x/y".into()]));
        for (pattern, path) in
            [("/a/b", "/a"), ("/a/b", "/a/b/"), ("/a/{b}", "/a"), ("/a/{b*}", "/a/"), ("/a", "/b")]
        {
            assert_eq!(held(pattern, path), None, "{pattern} {path}");
        }
    }
}
