//! What requests do, for the program that the station is a part of: without a socket, a user or a token.

use std::net::SocketAddr;

use super::Api;
use super::call::{Call, Handled};
use super::guard::Access;
use super::problem::Problem;
use super::router::{self, Handler};
use super::routes::ROUTES;
use super::service::handled;
use crate::access::Identity;
use crate::{HttpAnswer, HttpRequest};

impl Api {
    /// Does what a request to the API does, as an admin could, and answers as it would: so an application has
    /// in its own process what it has over HTTP, also where there is no function for it. (`docs/API.md` in the
    /// repository, and `/api/v1/openapi.json`, describe it.) `target` is a path, percent-encoded, with its
    /// query: `/api/v1/denied`, `/played/stream.mp3?at=14:32`. `body` is JSON, or empty.
    ///
    /// It runs on the calling thread, and takes as long as the request would: up to some seconds where a disk
    /// does not answer. In the log of changes, its user is `(application)`. What streams, or may, is for HTTP
    /// alone, and refused with status 405: events, levels, `/nowplaying`, uploads and downloads.
    ///
    /// ```
    /// # #[cfg(feature = "mp3")] {
    /// use longwave::{Api, ApiSettings, Station, StationSettings};
    /// # let listen = vec!["127.0.0.1:0".parse().unwrap()];
    /// # let server = longwave::ServerSettings { listen, ..Default::default() };
    /// # let settings = StationSettings { server, ..StationSettings::default() };
    /// let station = Station::start(settings)?;
    /// let api = Api::start(&station, &ApiSettings::default())?;
    /// let answer = api.ask("POST", "/api/v1/denied", br#"{ "address": "192.0.2.1" }"#);
    /// assert_eq!(answer.status(), 201);
    /// assert!(api.ask("GET", "/api/v1/denied", b"").body().starts_with(b"[{"));
    /// # }
    /// # Ok::<(), longwave::Error>(())
    /// ```
    pub fn ask(&self, method: &str, target: &str, body: &[u8]) -> HttpAnswer {
        let request =
            HttpRequest::of_application(method, target, body, own_url(self.core.server.local_addrs()));
        self.asked(&request).unwrap_or_else(|problem| problem.answer())
    }

    fn asked(&self, request: &HttpRequest) -> Handled {
        let segments =
            request.segments().ok_or_else(|| Problem::new("not-found", "the path is not UTF-8"))?;
        let (route, held) = router::find(ROUTES, request.method(), &segments)?;
        let who = Identity::of_application();
        // What is public asks for nobody's name.
        let who = (route.access != Access::Public).then_some(&who);
        match route.handler {
            _ if route.access == Access::Login => Err(Problem::new(
                "method-not-allowed",
                "the application needs no session: it may do everything",
            )),
            Handler::Quick(handler) | Handler::Slow(handler) => {
                let call = Call { request, held: &held, who };
                handled(&self.core, handler, &call)
            }
            Handler::Events(_) | Handler::Transfer(_) => {
                Err(Problem::new("method-not-allowed", "this streams, or may: it is for HTTP alone"))
            }
        }
    }
}

/// Where a client on this machine reaches the server.
fn own_url(addresses: &[SocketAddr]) -> String {
    match addresses.first() {
        Some(own) if own.ip().is_unspecified() => format!("http://localhost:{}", own.port()),
        Some(own) => format!("http://{own}"),
        None => "http://localhost".to_owned(),
    }
}

#[cfg(all(test, feature = "mp3"))]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::{Config, Station, StationSettings};

    fn start(folder: &Path) -> (Station, Api) {
        let file = folder.join("station.toml");
        let text = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n[[pipeline]]\n\
                    [[pipeline.output]]\nformat = 'mp3'\nmount = '/ä.mp3'";
        fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let station = Station::start(StationSettings::from(config.clone())).unwrap();
        let api = Api::start_reloadable(&station, config, &file).unwrap();
        (station, api)
    }

    /// The status and the document of an answer.
    fn ask(api: &Api, method: &str, target: &str, body: &str) -> (u16, Value) {
        let answer = api.ask(method, target, body.as_bytes());
        (answer.status(), serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
    }

    #[test]
    fn the_application_does_what_an_admin_does_over_http() {
        let folder = tempfile::tempdir().unwrap();
        let (station, api) = start(folder.path());
        // There is no user yet, so nobody else could.
        let (status, _) = ask(
            &api,
            "PUT",
            "/api/v1/users/j%C3%B3ga",
            r#"{"role": "dj", "kind": "password", "password": "long enough"}"#,
        );
        assert_eq!(status, 201);
        let users = fs::read_to_string(folder.path().join("users")).unwrap();
        assert!(users.contains("jóga:dj:"), "{users}");
        let (status, listed) = ask(&api, "GET", "/api/v1/users", "");
        assert_eq!((status, listed[0]["name"].as_str()), (200, Some("jóga")));
        assert_eq!(ask(&api, "DELETE", "/api/v1/users/j%C3%B3ga", "").0, 204);

        assert_eq!(ask(&api, "POST", "/api/v1/denied", r#"{"address": "127.0.0.1"}"#).0, 201);
        let (_, denied) = ask(&api, "GET", "/api/v1/denied", "");
        assert_eq!(denied[0]["address"], "127.0.0.1");
        assert_eq!(ask(&api, "DELETE", &format!("/api/v1/denied/{}", denied[0]["id"]), "").0, 204);
        assert_eq!(station.server().denials(), []);

        // The log of changes has it, the newest first.
        let (_, changes) = ask(&api, "GET", "/api/v1/changes", "");
        assert_eq!(changes.as_array().unwrap().len(), 4);
        assert_eq!(changes[3]["user"], "(application)");
        assert_eq!(changes[3]["path"], "/api/v1/users/j%C3%B3ga");
        assert_eq!(ask(&api, "GET", "/api/v1/configuration", "").0, 200);
        let (_, mounts) = ask(&api, "GET", "/api/v1/mounts", "");
        let address = station.server().local_addrs()[0];
        assert_eq!(mounts[0]["listen_url"], format!("http://{address}/%C3%A4.mp3"));
        api.stop();
    }

    #[test]
    fn what_cannot_be_is_refused_as_over_http_and_what_goes_on_is_for_http() {
        let folder = tempfile::tempdir().unwrap();
        let (_station, api) = start(folder.path());
        let code = |method, target, body| {
            let (status, problem) = ask(&api, method, target, body);
            (status, problem["code"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(code("GET", "/nothing", ""), (404, "not-found".into()));
        assert_eq!(code("GET", "/api/v1/%ff", ""), (404, "not-found".into()));
        assert_eq!(code("BREW", "/api/v1/mounts", ""), (405, "method-not-allowed".into()));
        assert_eq!(code("POST", "/api/v1/denied", "{"), (400, "invalid-json".into()));
        assert_eq!(
            code("POST", "/api/v1/denied", r#"{"adress": "192.0.2.1"}"#),
            (400, "invalid-body".into())
        );
        for (method, target) in [
            ("GET", "/api/v1/events"),
            ("GET", "/nowplaying"),
            ("GET", "/api/v1/recordings/a.mp3"),
            ("POST", "/api/v1/session"),
        ] {
            assert_eq!(code(method, target, ""), (405, "method-not-allowed".into()), "{method} {target}");
        }
        api.stop();
    }
}
