//! The table of routes.

use super::handlers::{outputs, pipelines, queue, station, voices};
use super::icecast;
use super::router::Access::{self, Admin, Public, Viewer};
use super::router::Handler::{self, Events, Quick, Slow};
use super::router::Route;
use super::streams::Streams;

/// What the API answers for.
pub(crate) const PATHS: &[&str] = &["/api/", "/health", "/nowplaying/", "/status-json.xsl"];

const fn get(path: &'static str, access: Access, handler: Handler) -> Route {
    Route { method: "GET", path, access, handler }
}

/// Whatever changes something is for admins.
const fn change(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, access: Admin, handler }
}

#[rustfmt::skip]
pub(crate) static ROUTES: &[Route] = &[
    get("/health", Public, Quick(station::health)),
    get("/status-json.xsl", Public, Quick(icecast::status)),
    get("/nowplaying/{mount*}", Public, Events(Streams::follow_mount)),
    get("/api/v1/openapi.json", Public, Quick(station::openapi)),

    get("/api/v1/events", Viewer, Events(Streams::follow_station)),
    get("/api/v1/health", Viewer, Quick(station::health)),
    get("/api/v1/server", Viewer, Quick(station::server)),
    get("/api/v1/mounts", Viewer, Quick(station::mounts)),
    get("/api/v1/metadata", Viewer, Slow(station::metadata)),
    get("/api/v1/listeners", Viewer, Quick(station::listeners)),
    change("POST", "/api/v1/reload", Slow(station::reload)),
    change("DELETE", "/api/v1/listeners/{id}", Quick(station::kick)),

    get("/api/v1/pipelines", Viewer, Quick(pipelines::list)),
    get("/api/v1/pipelines/{pipeline}", Viewer, Quick(pipelines::show)),
    get("/api/v1/pipelines/{pipeline}/health", Viewer, Quick(pipelines::health)),
    get("/api/v1/pipelines/{pipeline}/history", Viewer, Quick(pipelines::history)),
    get("/api/v1/pipelines/{pipeline}/up-next", Viewer, Quick(pipelines::up_next)),
    change("POST", "/api/v1/pipelines/{pipeline}/play", Slow(pipelines::play)),
    change("POST", "/api/v1/pipelines/{pipeline}/skip", Quick(pipelines::skip)),
    change("POST", "/api/v1/pipelines/{pipeline}/seek", Quick(pipelines::seek)),
    change("POST", "/api/v1/pipelines/{pipeline}/hold", Quick(pipelines::hold)),
    change("POST", "/api/v1/pipelines/{pipeline}/resume", Quick(pipelines::resume)),
    get("/api/v1/pipelines/{pipeline}/playlist", Viewer, Quick(pipelines::playlist)),
    change("PUT", "/api/v1/pipelines/{pipeline}/playlist", Slow(pipelines::load)),
    change("PATCH", "/api/v1/pipelines/{pipeline}/playlist", Quick(pipelines::change_list)),
    change("PUT", "/api/v1/pipelines/{pipeline}/metadata", Quick(pipelines::update_metadata)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/metadata", Quick(pipelines::clear_metadata)),

    get("/api/v1/pipelines/{pipeline}/queue", Viewer, Quick(queue::list)),
    change("POST", "/api/v1/pipelines/{pipeline}/queue", Slow(queue::add)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/queue", Quick(queue::clear)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/queue/{id}", Quick(queue::remove)),
    change("PUT", "/api/v1/pipelines/{pipeline}/queue/{id}/index", Quick(queue::move_to)),

    get("/api/v1/pipelines/{pipeline}/voices", Viewer, Quick(voices::list)),
    change("POST", "/api/v1/pipelines/{pipeline}/voices", Slow(voices::play)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/voices", Quick(voices::stop_all)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/voices/{voice}", Quick(voices::stop)),
    change("POST", "/api/v1/pipelines/{pipeline}/voices/{voice}/pause", Quick(voices::pause)),
    change("POST", "/api/v1/pipelines/{pipeline}/voices/{voice}/resume", Quick(voices::resume)),
    change("POST", "/api/v1/pipelines/{pipeline}/voices/{voice}/seek", Quick(voices::seek)),
    change("PUT", "/api/v1/pipelines/{pipeline}/voices/{voice}/volume", Quick(voices::volume)),

    get("/api/v1/pipelines/{pipeline}/outputs", Viewer, Quick(outputs::list)),
    change("POST", "/api/v1/pipelines/{pipeline}/outputs", Slow(outputs::add)),
    change("PUT", "/api/v1/pipelines/{pipeline}/outputs", Slow(outputs::update)),
    change("DELETE", "/api/v1/pipelines/{pipeline}/outputs", Slow(outputs::remove)),
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
                let admin = operation["description"] == "Needs the role admin.";
                let access = if public {
                    Public
                } else if admin {
                    Admin
                } else {
                    Viewer
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
    fn what_changes_something_needs_an_admin() {
        for route in ROUTES {
            assert_eq!(route.method != "GET", route.access == Admin, "{} {}", route.method, route.path);
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
