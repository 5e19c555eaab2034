//! Finds the handler of a request in one table. A test compares the table with the OpenAPI document.

use std::sync::Arc;

use super::call::{Call, Handled};
use super::core::Core;
use super::guard::Access;
use super::streams::Streams;
use crate::HttpRequest;
use crate::access::{Identity, Right};
use crate::api::problem::Problem;

/// A handler, and the thread that runs it.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Runs on the thread `api`. It touches no file and waits for nothing.
    Quick(fn(&Core, &Call<'_>) -> Handled),
    /// Runs on the thread `api-files`. It may open files.
    Slow(fn(&Core, &Call<'_>) -> Handled),
    /// Runs on the thread `api-files`, before the body of its request has come. It answers the request
    /// itself, which may send a file or get one.
    Transfer(fn(&Arc<Core>, HttpRequest, &[String], &Identity)),
    /// Runs on the thread `api`, which alone pushes events. It may make the client a follower.
    Events(fn(&mut Streams, &Core, HttpRequest, Follow<'_>)),
}

/// What leads a request into an event stream.
pub(crate) struct Follow<'a> {
    /// The values of the route's braces.
    pub(crate) held: &'a [String],
    /// The user, unless the route is public.
    pub(crate) who: Option<&'a Identity>,
}

/// A line of the table.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// Braces match any one segment. `{…*}` at the end matches all remaining segments.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: Handler,
}

/// Below these, users change what is their own alone, and nothing of a pipeline.
const OWN: &[&str] = &["/api/v1/library/inbox", "/api/v1/recordings"];

/// What a request changes. A user may be limited to some pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Station,
    /// The pipeline that the route's first braces name.
    Pipeline,
}

impl Route {
    /// What its requests change, if they change anything.
    pub(crate) fn changed(&self) -> Option<Changed> {
        // What a user sends is their own.
        if OWN.iter().any(|below| self.path.starts_with(below)) {
            return None;
        }
        let of_pipeline = self.path.contains("/{pipeline}");
        let changed = if of_pipeline { Changed::Pipeline } else { Changed::Station };
        matches!(self.access, Access::Needs(Right::Change | Right::Play)).then_some(changed)
    }
}

/// The route of a request, and the values of its braces.
pub(crate) fn find(
    table: &'static [Route],
    method: &str,
    segments: &[String],
) -> Result<(&'static Route, Vec<String>), Problem> {
    let here: Vec<_> =
        table.iter().filter_map(|route| Some((route, matches(route.path, segments)?))).collect();
    // HEAD is allowed where GET is; the server leaves the body out.
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
