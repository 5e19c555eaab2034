//! Finds the answer to a request. It has no state and no side effects.

use super::expected::Expected;
use super::pages;
use crate::http::{HttpAnswer, M3U, Request, Status};
use crate::percent::mount_url;
use crate::server::connections::shares::{Kind, ShareTaken};
use crate::server::mounts::mount::Mount;
use crate::server::mounts::table::Mounts;
use crate::server::shelf::Shelf;

/// The methods of the server. A client that used another method is told them.
const METHODS: &str = "GET, HEAD, OPTIONS";
/// Seconds after which a refused client may try again.
const RETRY_AFTER: &str = "10";

/// Why a page or the API is refused to HTTP/1.1 without a host.
pub(crate) const NO_HOST: &str =
    "the request names no host: it needs a header such as Host: radio.example:8000";

/// The destination of a request.
pub(crate) enum Route {
    /// A short answer.
    Answer(HttpAnswer),
    /// The mount with this key. GET listens to it; HEAD gets the headers that GET would get.
    Mount(usize),
}

/// Finds the answer to a well-formed request. `base_url` is the URL by which the client reaches the server.
pub(crate) fn route(
    request: &Request<'_>,
    mounts: &Mounts,
    shelf: &Shelf,
    expected: &Expected,
    base_url: impl FnOnce() -> String,
) -> Route {
    match request.method {
        "OPTIONS" => return Route::Answer(preflight()),
        "GET" | "HEAD" => (),
        // A service may take other methods.
        _ if request.path().is_some_and(|path| mounts.find(&path).is_none() && expected.covers(&path)) => {
            return Route::Answer(Expected::answer());
        }
        _ => {
            return Route::Answer(HttpAnswer::text(405, "not here\n").with("Allow", METHODS));
        }
    }
    let Some(path) = request.path() else {
        return Route::Answer(not_found(mounts));
    };
    if let Some(key) = mounts.find(&path).or_else(|| mounts.resolve(&path, None)) {
        return Route::Mount(key);
    }
    let answer = match path.rsplit_once('.') {
        _ if path == "/" && !request.names_host() => Some(HttpAnswer::text(400, &format!("{NO_HOST}\n"))),
        _ if path == "/" => {
            Some(HttpAnswer::new(200, "text/html; charset=utf-8", pages::index(&on_air(mounts, shelf))))
        }
        Some((of, kind)) => mounts.find(of).and_then(|key| playlist(kind, &base_url(), mounts.get(key))),
        None => None,
    };
    Route::Answer(answer.unwrap_or_else(|| match expected.covers(&path) {
        true => Expected::answer(),
        false => not_found(mounts),
    }))
}

/// The answer to a malformed request.
pub(crate) fn refusal(status: Status) -> HttpAnswer {
    HttpAnswer::text(status.0, &format!("{}\n", status.reason().to_lowercase()))
}

/// The answer to a source that speaks ICY where nobody takes sources.
pub(crate) fn no_sources() -> HttpAnswer {
    HttpAnswer::text(503, "this server takes no sources: try again soon\n")
}

/// The answer to a request with more than one `Host`.
pub(crate) fn two_hosts() -> HttpAnswer {
    HttpAnswer::text(400, "the request has more than one header Host\n")
}

/// The answer when the server or a mount has its maximum of listeners.
pub(crate) fn full(what: &str) -> HttpAnswer {
    HttpAnswer::text(503, &format!("{what} is full: try again soon\n")).with("Retry-After", RETRY_AFTER)
}

/// The answer to a client whose address is denied.
pub(crate) fn denied_here() -> HttpAnswer {
    HttpAnswer::text(403, "your address is not served here\n")
}

/// The answer to a player whose session an operator has ended.
pub(crate) fn kicked() -> HttpAnswer {
    HttpAnswer::text(403, "this session was ended by the station\n")
}

/// The answer to a client whose address has its share.
pub(crate) fn too_many_of_you(taken: &ShareTaken) -> HttpAnswer {
    let what = match taken.kind {
        Kind::Connection | Kind::Reserve => "connections",
        Kind::Listener => "listeners",
        Kind::EventClient => "clients that follow events",
    };
    let text = format!("your address has {} {what} here, and no more are allowed\n", taken.limit);
    HttpAnswer::text(429, &text).with("Retry-After", RETRY_AFTER)
}

fn preflight() -> HttpAnswer {
    HttpAnswer::text(200, "").with("Allow", METHODS).allowing_all(METHODS)
}

fn not_found(mounts: &Mounts) -> HttpAnswer {
    let paths: String = listed(mounts).map(|mount| format!("  {}\n", mount.path)).collect();
    let text = match paths.as_str() {
        "" => "nothing is on the air here\n".to_owned(),
        paths => format!("there is no such stream here. On the air:\n{paths}"),
    };
    HttpAnswer::text(404, &text)
}

fn playlist(kind: &str, base: &str, mount: &Mount) -> Option<HttpAnswer> {
    let url = mount_url(base, &mount.path);
    let name = mount.settings.display_name();
    let (content_type, body) = match kind {
        "m3u" => (M3U, pages::m3u(&url, name)),
        "pls" => ("audio/x-scpls", pages::pls(&url, name)),
        "xspf" => ("application/xspf+xml", pages::xspf(&url, name)),
        _ => return None,
    };
    Some(HttpAnswer::new(200, content_type, body))
}

/// The streams as a page shows them.
pub(super) fn on_air<'a>(mounts: &'a Mounts, shelf: &'a Shelf) -> Vec<pages::Stream<'a>> {
    listed(mounts).map(|mount| stream(mount, shelf.playlist_of(&mount.path))).collect()
}

/// The mounts on the air that anybody may know of.
fn listed(mounts: &Mounts) -> impl Iterator<Item = &Mount> {
    mounts.on_air().into_iter().filter(|mount| !mount.settings.hidden)
}

fn stream<'a>(mount: &'a Mount, hls: Option<&'a str>) -> pages::Stream<'a> {
    pages::Stream {
        path: &mount.path,
        content_type: &mount.settings.content_type,
        bitrate: mount.settings.bitrate,
        name: mount.settings.display_name(),
        title: mount.board.title.load().title.text.clone(),
        hls,
    }
}
