//! The routes that need no credential.

use longwave::{AccessLog, ServerSettings, Title, TitleHolds};
use longwave_testing::client::Client;
use longwave_testing::tap::Tap;
use longwave_testing::until;
use serde_json::Value;

use crate::client::Radio;
use crate::document::document;

#[test]
fn the_description_is_served_as_it_is_checked_in() {
    let radio = Radio::start();
    let answer = radio.ask("GET", "/api/v1/openapi.json", "", "");
    assert!(answer.status == 200 && answer.json() == *document());
}

#[test]
fn health_is_ok_or_says_what_is_wrong() {
    let radio = Radio::start();
    until("something is on the air", || radio.pipeline().current_track().is_some());
    let answer = radio.ask("GET", "/health", "", "");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"status":"ok","problems":[],"warnings":[]}"#)
    );
    let head = radio.ask("HEAD", "/health", "", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(radio.look("/api/v1/health")["status"], "ok");

    let silent = Radio::with(|_| {}, |pipeline| pipeline.playlist.clear());
    until("it has noticed", || !silent.pipeline().health().is_ok());
    let answer = silent.ask("GET", "/health", "", "");
    assert_eq!(answer.status, 503);
    let json = answer.json();
    assert_eq!(json["status"], "failing");
    assert_eq!(json["problems"][0]["pipeline"], "main");
    assert!(json["problems"][0]["problem"].as_str().unwrap().contains("nothing that can be played"));
}

/// Waits for a warning that has this detail. Only those with a credential see it.
fn check_that_strangers_do_not_see(radio: &Radio, detail: &str, says: &str) {
    let body = || radio.look("/api/v1/health")["warnings"].to_string();
    until("the operator is warned", || body().contains(detail));
    let (whole, answer) = (radio.look("/api/v1/health"), radio.ask("GET", "/health", "", ""));
    let public = answer.json();
    assert_eq!((answer.status, &public["status"]), (200, &whole["status"]));
    let texts: Vec<&str> =
        public["warnings"].as_array().unwrap().iter().map(|one| one["problem"].as_str().unwrap()).collect();
    assert_eq!(Some(texts.len()), whole["warnings"].as_array().map(Vec::len));
    assert!(texts.iter().any(|text| text.contains(says)), "{texts:?}");
    for text in texts {
        assert!(!text.contains(['/', ':']) && !text.contains(detail), "{text}");
    }
}

#[test]
fn health_tells_strangers_no_path_of_the_access_log() {
    let radio = Radio::with(|server| server.access_log = AccessLog::File("/dev/full".into()), |_| {});
    radio.ask("GET", "/nothing", "", "");
    check_that_strangers_do_not_see(&radio, "/dev/full", "the access log is not written");
}

#[test]
fn health_tells_strangers_no_name_of_a_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let states = folder.path().join("states");
    std::fs::create_dir(&states).unwrap();
    let radio = Radio::with(|_| {}, |pipeline| pipeline.state_file = Some(states.join("main.json")));
    // The state may just be being written there.
    until("the folder is gone", || std::fs::remove_dir_all(&states).is_ok());
    radio.pipeline().skip().unwrap();
    check_that_strangers_do_not_see(&radio, "main.json", "the state is not kept");
}

#[test]
fn health_tells_strangers_no_address() {
    let radio = Radio::with(
        |server| {
            server.trusted_proxies = vec!["127.0.0.1".into()];
            server.max_connections_per_address = 2;
        },
        |_| {},
    );
    let mut kept = Vec::new();
    for _ in 0..4 {
        let mut client = Client::new(radio.connect());
        client.send("GET", "/", "X-Forwarded-For: 10.1.2.3\r\n", "");
        client.answer(false);
        kept.push(client);
    }
    check_that_strangers_do_not_see(&radio, "10.1.2.3", "may be a proxy");
}

#[test]
fn status_is_as_tools_for_icecast_know_it() {
    let source = |radio: &Radio, target: &str| -> Value {
        let answer = radio.ask("GET", target, "", "");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        answer.json()["icestats"]["source"].clone()
    };
    let radio = Radio::start();
    let title = "1999 <b>\"-\" \u{1}\r\nJóga";
    let line = "1999 <b>\"-\" Jóga";
    radio.pipeline().update_metadata(Title::new(title), None, TitleHolds::UntilCleared).unwrap();
    until("it is announced", || radio.station.server().mount_info("/a").unwrap().title.title.text == line);
    let one = source(&radio, "/status-json.xsl");
    assert_eq!(one["title"], line, "a title is a string and one line, whatever it looks like");
    assert_eq!(one["listenurl"], "http://localhost/a");
    assert_eq!((&one["listeners"], &one["channels"]), (&0.into(), &1.into()));
    radio.pipeline().add_output(Tap::counting().output("/b")).unwrap();
    let several = source(&radio, "/status-json.xsl");
    assert_eq!(several.as_array().map(Vec::len), Some(2));
    assert_eq!(source(&radio, "/status-json.xsl?mount=/b")["listenurl"], "http://localhost/b");
    assert_eq!(source(&radio, "/status-json.xsl?mount=/c"), Value::Null);
}

#[test]
fn what_a_mount_plays_is_told_with_what_comes_next() {
    let radio = Radio::start();
    until("it is announced", || radio.station.server().mount_info("/a").unwrap().title.title.text == "one");
    let now = radio.ask("GET", "/nowplaying/a", "", "").json();
    assert_eq!((&now["mount"], &now["title"], &now["next"]), (&"/a".into(), &"one".into(), &"two".into()));
    assert_eq!(now["duration"], 600.0);
    assert!(now["audible_at"].as_str() >= now["started"].as_str(), "{now}");
    radio.pipeline().update_metadata(Title::new("Guest"), None, TitleHolds::UntilCleared).unwrap();
    until("the guest is announced", || radio.ask("GET", "/nowplaying/a", "", "").json()["title"] == "Guest");
    assert_eq!(radio.ask("GET", "/nowplaying/a", "", "").json()["track"], Value::Null);
    assert_eq!(radio.ask("GET", "/nowplaying/b", "", "").problem(), (404, "not-found".into(), None));
}

#[test]
fn what_was_heard_before_is_told_and_what_was_heard_at_a_time() {
    let radio = Radio::start();
    let now = || radio.ask("GET", "/nowplaying/a", "", "").json();
    until("the first track is announced", || now()["title"] == "one");
    assert_eq!((&now()["live"], &now()["history"]), (&Value::Null, &Value::Array(vec![])));
    radio.pipeline().skip().unwrap();
    until("the second track is announced", || now()["title"] == "two");
    let heard = now()["history"].clone();
    assert_eq!(heard.as_array().map(Vec::len), Some(1), "{heard}");
    assert_eq!(heard[0]["title"], "one");
    let first = heard[0]["audible_at"].as_str().unwrap();
    assert!(Some(first) < now()["audible_at"].as_str(), "{heard}");

    let at = |at: &str| radio.ask("GET", &format!("/played/a?at={at}"), "", "");
    assert_eq!(at(first).json()["title"], "one");
    assert_eq!(at(now()["audible_at"].as_str().unwrap()).json()["title"], "two");
    assert_eq!(at("1999-12-31T23:59:59Z").problem().0, 404);
    assert_eq!(at("soon").problem(), (422, "invalid-value".into(), Some("at".into())));
    assert_eq!(radio.ask("GET", "/played/a", "", "").problem().0, 400);
    assert_eq!(radio.ask("GET", "/played/b?at=12:00", "", "").problem().0, 404);
}

#[test]
fn all_streams_are_told_but_those_that_are_hidden() {
    let radio = Radio::start();
    let mut hidden = Tap::counting().output("/hidden");
    hidden.mount.hidden = true;
    radio.pipeline().add_output(hidden).unwrap();
    radio.pipeline().add_output(Tap::counting().output("/b")).unwrap();
    let all = || radio.ask("GET", "/nowplaying", "", "").json();
    let mounts = || -> Vec<String> {
        all().as_array().unwrap().iter().map(|stream| stream["mount"].as_str().unwrap().to_owned()).collect()
    };
    until("both are there", || mounts() == ["/a", "/b"]);
    until("both have a title", || all().as_array().unwrap().iter().all(|stream| stream["title"] == "one"));
}

#[test]
fn who_has_the_answer_already_is_told_so() {
    let radio = Radio::start();
    until("it is announced", || radio.ask("GET", "/nowplaying/a", "", "").json()["next"] == "two");
    for path in ["/nowplaying", "/nowplaying/a"] {
        let first = radio.ask("GET", path, "", "");
        assert_eq!(first.header("cache-control"), Some("public, max-age=1"));
        let known = |tag: &str| radio.ask("GET", path, &format!("If-None-Match: {tag}\r\n"), "");
        // Nothing changes for ten minutes, but what comes next may still be read.
        let tag = || radio.ask("GET", path, "", "").header("etag").unwrap().to_owned();
        until("it stays as it is", || known(&tag()).status == 304);
        let again = known("\"another\"");
        assert_eq!((again.status, again.json()), (200, radio.ask("GET", path, "", "").json()));
        assert_eq!(again.header("access-control-allow-origin"), Some("*"));
    }
}

#[test]
fn tags_of_what_comes_next_are_read_ahead() {
    // `two.wav` has no tags, so its file name is its title. A given title takes precedence over both.
    let radio = Radio::start();
    let entry = longwave::Entry::titled(radio.music("three.wav"), "For Ana");
    radio.pipeline().queue_files([entry], longwave::Place::End).unwrap();
    until("it is told", || radio.ask("GET", "/nowplaying/a", "", "").json()["next"] == "For Ana");
}

#[test]
fn a_connection_is_kept_and_pipelined_requests_are_answered_in_order() {
    let radio = Radio::start();
    let mut client = Client::new(radio.connect());
    for _ in 0..3 {
        client.send("GET", "/health", "", "");
        client.send("GET", "/nowplaying/nothing", "", "");
        client.send("HEAD", "/status-json.xsl", "", "");
        client.send("OPTIONS", "/api/v1/pipelines", "", "");
        client.send("GET", "/", "", "");
    }
    for _ in 0..3 {
        assert_ne!(client.answer(false).status, 404);
        assert_eq!(client.answer(false).status, 404);
        assert_eq!(client.answer(true).status, 200);
        let options = client.answer(false);
        assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
        assert!(client.answer(false).body.contains("<html"));
    }
    let last = client.ask("GET", "/health", "Connection: close\r\n", "");
    assert_eq!(last.header("connection"), Some("close"));
    assert!(client.is_closed());
}

/// Players and displays on other sites. Their requests need a preflight if a library adds headers.
#[test]
fn pages_of_any_origin_may_ask_for_what_is_public_and_for_nothing_else() {
    let radio = Radio::start();
    let asks = "Origin: https://site.example\r\nAccess-Control-Request-Method: GET\r\n\
        Access-Control-Request-Headers: cache-control,content-type\r\n";
    let public = [
        "/nowplaying",
        "/nowplaying/a",
        "/nowplaying/nothing",
        "/played/a?at=00:00",
        "/status-json.xsl",
        "/health",
        "/api/v1/openapi.json",
        "/a",
        "/a.m3u",
        "/a.xspf",
        "/",
        "/nothing",
    ];
    for path in public {
        let ask = |method, headers| Client::new(radio.connect()).ask(method, path, headers, "");
        let preflight = ask("OPTIONS", asks);
        assert!(matches!(preflight.status, 200 | 204), "{path}: {}", preflight.status);
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"), "{path}");
        let headers = preflight.header("access-control-allow-headers").unwrap();
        for name in ["Cache-Control", "Content-Type", "X-Requested-With", "Last-Event-ID", "Icy-MetaData"] {
            assert!(headers.contains(name), "{path}: {name} is not in {headers}");
        }
        let head = ask("HEAD", "Origin: https://site.example\r\n");
        assert_eq!(head.header("access-control-allow-origin"), Some("*"), "{path}");
    }
    for path in ["/api/v1/pipelines", "/api/v1/events", "/api/v1/pipelines/main/skip", "/api/v1/nothing"] {
        let preflight = Client::new(radio.connect()).ask("OPTIONS", path, asks, "");
        assert_eq!(preflight.header("access-control-allow-origin"), None, "{path}");
        assert_eq!(preflight.header("access-control-allow-headers"), None, "{path}");
    }
}

#[test]
fn whatever_a_browser_shows_runs_no_script() {
    let radio = Radio::start();
    for (method, target, status) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/a.m3u", 200),
        ("GET", "/a.xspf", 200),
        ("GET", "/<script>", 404),
        ("OPTIONS", "/", 200),
        ("DELETE", "/", 405),
        ("GET", "/status-json.xsl", 200),
        ("GET", "/api/v1/openapi.json", 200),
        ("GET", "/api/v1/pipelines", 401),
        ("GET", "/api/<script>", 404),
        ("GET", "/nowplaying/<script>", 404),
    ] {
        let answer = Client::new(radio.connect()).ask(method, target, "", "");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert_eq!(
            (answer.status, answer.header("x-content-type-options")),
            (status, Some("nosniff")),
            "{target}"
        );
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
            "{target}"
        );
        assert!(answer.head.matches("\r\nX-Content-Type-Options:").count() == 1, "{}", answer.head);
    }
    for target in ["/a", "/nowplaying/a"] {
        let mut stream = Client::new(radio.connect());
        stream.send("GET", target, "Accept: text/event-stream\r\n", "");
        let head = String::from_utf8(stream.until(b"\r\n\r\n")).unwrap();
        assert!(head.contains(" 200 ") && head.contains("\r\nX-Content-Type-Options: nosniff\r\n"), "{head}");
    }
}

#[test]
fn polls_are_not_in_the_access_log_unless_they_are_asked_for() {
    let radio = Radio::start();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let into = |access_log_api| ServerSettings {
        access_log: AccessLog::File(log.clone()),
        access_log_api,
        ..ServerSettings::default()
    };
    let server = radio.station.server();
    server.reconfigure(&into(false)).unwrap();
    let lines = || std::fs::read_to_string(&log).unwrap();
    let (viewer, admin) = (
        format!("Authorization: Bearer {}\r\n", radio.viewer),
        format!("Authorization: Bearer {}\r\n", radio.admin),
    );
    let ask = |method: &str, target: &str, login: &str| {
        Client::new(radio.connect()).ask(method, target, login, "").status
    };
    let polls = |viewer: &str| {
        for target in ["/health", "/status-json.xsl", "/nowplaying/none", "/api/v1/none", "/api/v1/pipelines"]
        {
            assert!(matches!(ask("GET", target, viewer), 200 | 404 | 503), "{target}");
        }
        assert_eq!(ask("HEAD", "/status-json.xsl", ""), 200);
        let mut stream = Client::new(radio.connect());
        stream.send("GET", "/nowplaying/a", "Accept: text/event-stream\r\n", "");
        stream.until(b"\r\n\r\n");
    };
    polls(&viewer);
    // These are there: wrong credentials, changes, and what is no matter of the API.
    assert_eq!(ask("GET", "/api/v1/pipelines", ""), 401);
    assert_eq!(ask("POST", "/api/v1/pipelines/main/skip", &viewer), 403);
    assert_eq!(ask("POST", "/api/v1/pipelines/none/skip", &admin), 404);
    assert_eq!(ask("GET", "/nothing", ""), 404);
    until("the last line is there", || lines().contains("\"GET /nothing "));
    let requests = |lines: &str| -> Vec<String> {
        lines.lines().map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(
        requests(&lines()),
        [
            "GET /api/v1/pipelines HTTP/1.1",
            "POST /api/v1/pipelines/main/skip HTTP/1.1",
            "POST /api/v1/pipelines/none/skip HTTP/1.1",
            "GET /nothing HTTP/1.1",
        ]
    );
    server.reconfigure(&into(true)).unwrap();
    polls(&viewer);
    for target in ["GET /health ", "HEAD /status-json.xsl ", "GET /nowplaying/a "] {
        until("it is there", || lines().contains(target));
    }
}

#[test]
fn without_the_api_its_paths_are_not_found() {
    let mut radio = Radio::start();
    radio.api.take();
    let mut client = Client::new(radio.connect());
    let health = client.ask("GET", "/health", "", "");
    assert_eq!((health.status, health.header("Retry-After")), (503, Some("2")), "it may be started again");
    radio.station.server().expect_no_more("/health").unwrap();
    let mut client = Client::new(radio.connect());
    assert_eq!(client.ask("GET", "/health", "", "").status, 404);
    assert!(client.ask("GET", "/", "", "").body.contains("<html"));
}
