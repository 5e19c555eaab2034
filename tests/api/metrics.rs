//! What Prometheus reads, and who may read it.

use std::io::Write;

use longwave::{AccessLog, Role, ServerSettings};
use longwave_testing::server::settings;
use longwave_testing::until;

use crate::client::Radio;

/// The value of a series, as it is written.
fn value(radio: &Radio, series: &str) -> Option<f64> {
    let text = radio.ask("GET", "/metrics", "", "").body;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

fn is(radio: &Radio, series: &str, wanted: f64) {
    until(series, || value(radio, series) == Some(wanted));
}

fn open(server: &mut ServerSettings) {
    server.metrics_allow = vec!["127.0.0.0/8".into()];
}

#[test]
fn metrics_have_what_the_api_counts() {
    let radio = Radio::with(open, |_| {});
    is(&radio, "longwave_mount_listeners{mount=\"/a\"}", 0.0);
    is(&radio, "longwave_healthy{pipeline=\"main\"}", 1.0);
    is(&radio, "longwave_healthy{pipeline=\"\"}", 1.0);
    is(&radio, "longwave_problem{pipeline=\"main\",kind=\"dead-air\"}", 0.0);
    is(&radio, "longwave_pipeline_tracks_total{pipeline=\"main\"}", 1.0);
    is(&radio, concat!("longwave_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0);
    let mut listener = radio.connect();
    listener.write_all(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    is(&radio, "longwave_mount_listeners{mount=\"/a\"}", 1.0);
    is(&radio, "longwave_server_listeners", 1.0);
    drop(listener);
    is(&radio, "longwave_server_leaves_total{reason=\"left\"}", 1.0);
    is(&radio, "longwave_mount_joins_total{mount=\"/a\"}", 1.0);
    radio.pipeline().skip().unwrap();
    is(&radio, "longwave_pipeline_tracks_total{pipeline=\"main\"}", 2.0);
    let encoder = "{pipeline=\"main\",mount=\"/a\"}";
    let positive = |name: &str| value(&radio, name).is_some_and(|value| value > 0.0);
    for name in ["longwave_encoder_encoded_seconds_total", "longwave_encoder_worked_seconds_total"] {
        until(name, || positive(&format!("{name}{encoder}")));
    }
    for name in
        ["longwave_reactor_turn_seconds_count", "longwave_pipeline_mixed_seconds_total{pipeline=\"main\"}"]
    {
        until(name, || positive(name));
    }
    let outputs = radio.steer("GET", "/api/v1/pipelines/main/outputs", serde_json::Value::Null).json();
    assert_eq!(outputs[0]["encoder"]["failures"], 0, "{outputs}");
    assert!(outputs[0]["encoder"]["encoded"].as_f64() > Some(0.0), "{outputs}");
    let state = radio.steer("GET", "/api/v1/pipelines/main", serde_json::Value::Null).json();
    assert_eq!(state["statistics"]["tracks"], 2, "{state}");
}

/// What is wrong is told by its kind.
#[test]
fn problems_and_warnings_are_metrics() {
    let radio = Radio::with(
        |server| {
            open(server);
            server.access_log = AccessLog::File("/dev/full".into());
        },
        |_| {},
    );
    radio.ask("GET", "/nothing", "", "");
    is(&radio, "longwave_warnings{pipeline=\"\"}", 1.0);
    is(&radio, "longwave_healthy{pipeline=\"\"}", 1.0);
    radio.pipeline().remove_output("/a").unwrap();
    is(&radio, "longwave_problem{pipeline=\"main\",kind=\"off-air\"}", 1.0);
    is(&radio, "longwave_healthy{pipeline=\"main\"}", 0.0);
    assert_eq!(value(&radio, "longwave_mount_listeners{mount=\"/a\"}"), None);
}

#[test]
fn a_token_of_any_role_reads_metrics_and_nobody_else() {
    let mut radio = Radio::start();
    let users_file = radio.folder.path().join("users");
    let mut users = longwave::Users::read(&users_file).unwrap();
    let source = users.add_token("butt", Role::Source).unwrap();
    users.write(&users_file).unwrap();
    radio.api.take();
    radio.start_api();
    let status = |headers: &str| radio.ask("GET", "/metrics", headers, "").status;
    for token in [&radio.viewer, &radio.admin, &source] {
        assert_eq!(status(&format!("Authorization: Bearer {token}\r\n")), 200);
    }
    assert_eq!(status(""), 401);
    assert_eq!(status("Authorization: Bearer nonsense\r\n"), 401);
    let head = radio.ask("HEAD", "/metrics", &format!("Authorization: Bearer {source}\r\n"), "");
    assert_eq!((head.status, &*head.body), (200, ""));
    assert_eq!(radio.steer("POST", "/metrics", serde_json::Value::Null).status, 405);
}

#[test]
fn an_address_reads_metrics_if_it_is_its_own_and_allowed() {
    let radio = Radio::start();
    let status = |headers: &str| radio.ask("GET", "/metrics", headers, "").status;
    let apply = |change: fn(&mut ServerSettings)| {
        let mut server = settings();
        change(&mut server);
        radio.station.server().reconfigure(&server).unwrap();
    };
    assert_eq!(status(""), 401, "being on the same machine is no credential");
    apply(open);
    assert_eq!(status(""), 200);
    let through_a_proxy = "X-Forwarded-For: 192.0.2.9\r\n";
    assert_eq!(status(through_a_proxy), 401, "anybody may come through it");
    apply(|server| {
        server.metrics_allow = vec!["192.0.2.9".into()];
        server.trusted_proxies = vec!["127.0.0.1".into()];
    });
    assert_eq!(status(through_a_proxy), 200);
    assert_eq!(status("X-Forwarded-For: 192.0.2.10\r\n"), 401);
    assert_eq!(status(""), 401, "the proxy itself");
    let wrong = ServerSettings { metrics_allow: vec!["example".into()], ..settings() };
    let refused = radio.station.server().reconfigure(&wrong).unwrap_err().to_string();
    assert!(refused.starts_with("metrics_allow: "), "{refused}");
}

#[test]
fn who_accepts_openmetrics_gets_it() {
    let radio = Radio::with(open, |_| {});
    let plain = radio.ask("GET", "/metrics", "", "");
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.body.contains("\n# TYPE longwave_mount_sent_bytes_total counter\n"));
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";
    let open = radio.ask("GET", "/metrics", accept, "");
    let open_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((open.header("content-type"), open.header("vary")), (Some(open_type), Some("Accept")));
    assert!(open.body.contains("\n# TYPE longwave_mount_sent_bytes counter\n"));
    assert!(open.body.ends_with("# EOF\n"));
}
