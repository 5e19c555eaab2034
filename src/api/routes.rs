//! The table of routes.

use super::admin;
use super::guard::Access;
use super::handlers::{
    announcements, configuration, denied, history, live, outputs, pipelines, queue, recordings, requests,
    schedule, sessions, sources, station, users, voices,
};
#[cfg(feature = "library")]
use super::handlers::{inbox, ingredients, library, m3u};
#[cfg(not(feature = "library"))]
use super::handlers::{
    no_library as inbox, no_library as ingredients, no_library as library, no_library as m3u,
};
use super::icecast;
use super::icy;
use super::metrics;
use super::played;
use super::router::Handler::{self, Events, Quick, Slow, Transfer};
use super::router::Route;
use super::streams::Streams;
use crate::access::Right;

/// The paths that the API answers.
pub(crate) const PATHS: &[&str] = &[
    "/admin.cgi",
    "/admin/metadata",
    "/api/",
    "/health",
    "/metrics",
    "/nowplaying",
    "/nowplaying/",
    "/played/",
    "/requests",
    "/requests/",
    "/status-json.xsl",
];

/// What is put below these is a file of any length.
pub(crate) const UPLOADS: &[&str] = &["/api/v1/library/inbox/", "/api/v1/library/m3u/"];

/// A public route: it needs no credential.
const fn open(path: &'static str, handler: Handler) -> Route {
    Route { method: "GET", path, access: Access::Public, handler }
}

const LOOK: Access = Access::Needs(Right::Look);

const fn look(path: &'static str, handler: Handler) -> Route {
    Route { method: "GET", path, access: LOOK, handler }
}

const fn change(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, access: Access::Needs(Right::Change), handler }
}

const fn play(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, access: Access::Needs(Right::Play), handler }
}

const fn send(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, access: Access::Needs(Right::Send), handler }
}

#[rustfmt::skip]
pub(crate) static ROUTES: &[Route] = &[
    open("/health", Quick(station::public_health)),
    open("/status-json.xsl", Quick(icecast::status)),
    Route { method: "GET", path: "/metrics", access: Access::Measure, handler: Quick(metrics::metrics) },
    open("/nowplaying", Events(Streams::all_mounts)),
    open("/played/{mount*}", Slow(played::played)),
    open("/nowplaying/{mount*}", Events(Streams::follow_mount)),
    open("/requests/search", Slow(requests::search)),
    Route { method: "POST", path: "/requests", access: Access::Public, handler: Slow(requests::request) },
    open("/api/v1/openapi.json", Quick(station::openapi)),

    Route { method: "POST", path: "/api/v1/session", access: Access::Login, handler: Quick(sessions::open) },
    look("/api/v1/session", Quick(sessions::show)),
    Route { method: "DELETE", path: "/api/v1/session", access: LOOK, handler: Quick(sessions::close) },
    change("GET", "/api/v1/sessions", Quick(sessions::list)),
    change("DELETE", "/api/v1/sessions/{id}", Quick(sessions::end)),

    change("GET", "/api/v1/users", Quick(users::list)),
    change("PUT", "/api/v1/users/{name}", Slow(users::add)),
    change("PATCH", "/api/v1/users/{name}", Slow(users::change)),
    change("DELETE", "/api/v1/users/{name}", Slow(users::remove)),

    look("/api/v1/changes", Quick(sessions::changes)),
    look("/api/v1/events", Events(Streams::follow_station)),
    look("/api/v1/health", Quick(station::health)),
    look("/api/v1/server", Quick(station::server)),
    look("/api/v1/mounts", Quick(station::mounts)),
    look("/api/v1/metadata", Slow(station::metadata)),
    look("/api/v1/listeners", Quick(station::listeners)),
    look("/api/v1/report", Slow(history::report)),
    look("/api/v1/statistics", Slow(history::statistics)),
    change("GET", "/api/v1/configuration", Slow(configuration::show)),
    change("POST", "/api/v1/reload", Slow(configuration::reload)),
    change("DELETE", "/api/v1/listeners/{id}", Quick(station::kick)),
    look("/api/v1/denied", Quick(denied::list)),
    change("POST", "/api/v1/denied", Quick(denied::deny)),
    change("DELETE", "/api/v1/denied/{id}", Quick(denied::allow)),
    look("/api/v1/sources", Quick(sources::list)),
    change("DELETE", "/api/v1/sources/{id}", Quick(sources::kick)),
    play("GET", "/api/v1/recordings", Slow(recordings::list)),
    play("GET", "/api/v1/recordings/{name*}", Transfer(recordings::download)),
    send("GET", "/admin/metadata", Quick(admin::metadata)),
    send("POST", "/admin/metadata", Quick(admin::metadata)),
    Route { method: "GET", path: "/admin.cgi", access: Access::Pass, handler: Quick(icy::admin) },

    look("/api/v1/library", Slow(library::state)),
    look("/api/v1/library/tracks", Slow(library::tracks)),
    look("/api/v1/library/tracks/{id}", Slow(library::track)),
    look("/api/v1/library/tracks/{id}/waveform", Slow(library::waveform)),
    change("PATCH", "/api/v1/library/tracks/{id}", Slow(library::edit)),
    change("POST", "/api/v1/library/scan", Quick(library::scan)),
    change("POST", "/api/v1/library/pause", Quick(library::pause)),
    change("POST", "/api/v1/library/resume", Quick(library::resume)),
    play("GET", "/api/v1/library/inbox", Slow(inbox::list)),
    play("PUT", "/api/v1/library/inbox/{name}", Transfer(inbox::upload)),
    play("DELETE", "/api/v1/library/inbox/{name}", Slow(inbox::remove)),
    look("/api/v1/library/playlists", Slow(library::playlists)),
    look("/api/v1/library/playlists/{name}", Slow(library::playlist)),
    change("PUT", "/api/v1/library/playlists/{name}", Slow(library::set_playlist)),
    look("/api/v1/library/playlists/{name}/tracks", Slow(library::playlist_tracks)),
    change("PATCH", "/api/v1/library/playlists/{name}", Slow(library::rename_playlist)),
    change("DELETE", "/api/v1/library/playlists/{name}", Slow(library::remove_playlist)),
    look("/api/v1/library/m3u/{name}", Slow(m3u::export)),
    change("PUT", "/api/v1/library/m3u/{name}", Transfer(m3u::import)),

    look("/api/v1/pipelines", Quick(pipelines::list)),
    look("/api/v1/pipelines/{pipeline}", Quick(pipelines::show)),
    look("/api/v1/pipelines/{pipeline}/health", Quick(pipelines::health)),
    look("/api/v1/pipelines/{pipeline}/history", Slow(history::history)),
    look("/api/v1/pipelines/{pipeline}/up-next", Quick(pipelines::up_next)),
    look("/api/v1/pipelines/{pipeline}/levels", Events(Streams::follow_levels)),
    look("/api/v1/pipelines/{pipeline}/schedule", Slow(schedule::show)),
    look("/api/v1/pipelines/{pipeline}/schedule/preview", Slow(schedule::preview)),
    change("PUT", "/api/v1/pipelines/{pipeline}/schedule/{kind}/{name}", Slow(ingredients::set)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/schedule/{kind}/{name}", Slow(ingredients::unset)),
    play("POST", "/api/v1/pipelines/{pipeline}/play", Slow(pipelines::play)),
    play("POST", "/api/v1/pipelines/{pipeline}/skip", Quick(pipelines::skip)),
    play("POST", "/api/v1/pipelines/{pipeline}/seek", Quick(pipelines::seek)),
    play("POST", "/api/v1/pipelines/{pipeline}/hold", Quick(pipelines::hold)),
    play("POST", "/api/v1/pipelines/{pipeline}/resume", Quick(pipelines::resume)),
    look("/api/v1/pipelines/{pipeline}/playlist", Quick(pipelines::playlist)),
    change("PUT", "/api/v1/pipelines/{pipeline}/playlist", Slow(pipelines::load)),
    change("PATCH", "/api/v1/pipelines/{pipeline}/playlist", Quick(pipelines::change_list)),
    play("PUT", "/api/v1/pipelines/{pipeline}/metadata", Quick(pipelines::update_metadata)),
    play("DELETE", "/api/v1/pipelines/{pipeline}/metadata", Quick(pipelines::clear_metadata)),

    look("/api/v1/pipelines/{pipeline}/queue", Quick(queue::list)),
    play("POST", "/api/v1/pipelines/{pipeline}/queue", Slow(queue::add)),
    play("DELETE", "/api/v1/pipelines/{pipeline}/queue", Quick(queue::clear)),
    play("DELETE", "/api/v1/pipelines/{pipeline}/queue/{id}", Quick(queue::remove)),
    play("PUT", "/api/v1/pipelines/{pipeline}/queue/{id}/index", Quick(queue::move_to)),

    look("/api/v1/pipelines/{pipeline}/voices", Quick(voices::list)),
    play("POST", "/api/v1/pipelines/{pipeline}/voices", Slow(voices::play)),
    play("DELETE", "/api/v1/pipelines/{pipeline}/voices", Quick(voices::stop_all)),
    play("DELETE", "/api/v1/pipelines/{pipeline}/voices/{voice}", Quick(voices::stop)),
    play("POST", "/api/v1/pipelines/{pipeline}/voices/{voice}/pause", Quick(voices::pause)),
    play("POST", "/api/v1/pipelines/{pipeline}/voices/{voice}/resume", Quick(voices::resume)),
    play("POST", "/api/v1/pipelines/{pipeline}/voices/{voice}/seek", Quick(voices::seek)),
    play("PUT", "/api/v1/pipelines/{pipeline}/voices/{voice}/volume", Quick(voices::volume)),

    look("/api/v1/pipelines/{pipeline}/live", Quick(live::list)),
    play("POST", "/api/v1/pipelines/{pipeline}/live/force", Quick(live::force)),
    play("POST", "/api/v1/pipelines/{pipeline}/live/release", Quick(live::release)),
    play("POST", "/api/v1/pipelines/{pipeline}/live/mute", Quick(live::mute)),
    play("POST", "/api/v1/pipelines/{pipeline}/live/unmute", Quick(live::unmute)),

    look("/api/v1/pipelines/{pipeline}/announcements", Quick(announcements::list)),
    play("POST", "/api/v1/pipelines/{pipeline}/announce", Slow(announcements::announce)),
    play("DELETE", "/api/v1/pipelines/{pipeline}/announcements", Quick(announcements::stop_all)),
    play("DELETE", "/api/v1/pipelines/{pipeline}/announcements/{id}", Quick(announcements::stop)),

    look("/api/v1/pipelines/{pipeline}/outputs", Quick(outputs::list)),
    change("POST", "/api/v1/pipelines/{pipeline}/outputs", Slow(outputs::add)),
    change("PUT", "/api/v1/pipelines/{pipeline}/outputs", Slow(outputs::update)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/outputs", Slow(outputs::remove)),
    look("/api/v1/pipelines/{pipeline}/hls", Quick(outputs::hls)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::problem::CODES;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn document() -> Value {
        serde_json::from_str(include_str!("openapi.json")).expect("the document is JSON")
    }

    #[test]
    fn the_document_describes_every_route_and_nothing_else() {
        let document = document();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let public = operation["security"].as_array().is_some_and(Vec::is_empty);
                let access = match operation["description"].as_str() {
                    Some("Needs a login in the body.") => Access::Login,
                    _ if public => Access::Public,
                    Some("Needs the role admin.") => Access::Needs(Right::Change),
                    Some("Needs the role dj or admin.") => Access::Needs(Right::Play),
                    Some("Needs the role source, dj or admin.") => Access::Needs(Right::Send),
                    Some("Needs the role source, dj or admin, by `pass`.") => Access::Pass,
                    Some("Needs any role, or an address of `metrics_allow`.") => Access::Measure,
                    _ => Access::Needs(Right::Look),
                };
                described.insert((path.clone(), method.to_uppercase(), format!("{access:?}")));
            }
        }
        let routes: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| {
                (route.path.replace("*}", "}"), route.method.to_owned(), format!("{:?}", route.access))
            })
            .collect();
        assert_eq!(described, routes);
        assert_eq!(routes.len(), ROUTES.len(), "no route is there twice");
    }

    #[test]
    fn what_changes_something_needs_the_right_to() {
        for route in ROUTES {
            let changes = matches!(route.access, Access::Needs(Right::Change | Right::Play));
            if matches!(route.access, Access::Needs(Right::Send) | Access::Pass) {
                // How the clients of Icecast and of SHOUTcast send titles.
                assert!(["/admin/metadata", "/admin.cgi"].contains(&route.path));
                continue;
            }
            // Anybody may request something. Who logs out changes nothing of the station. Who is logged in, who
            // the users are, and what the configuration says is for admins alone. What was recorded, and what
            // was sent, is for those who make programmes.
            let for_admins = ["/api/v1/users", "/api/v1/configuration"];
            let is_other = ["/api/v1/session", "/api/v1/recordings", "/api/v1/library/inbox"]
                .iter()
                .any(|other| route.path.starts_with(other))
                || (route.method == "GET" && for_admins.contains(&route.path))
                || route.path == "/requests";
            assert!(is_other || (route.method != "GET") == changes, "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn every_code_of_a_problem_is_explained() {
        let guide = include_str!("../../docs/API.md");
        for (code, status, _) in CODES {
            assert!(guide.contains(&format!("| `{code}` | {status} |")), "{code}");
        }
    }
}
