//! Users and tokens that an admin keeps over HTTP, and what nobody can do by it.

use std::os::unix::fs::PermissionsExt;
use std::{fs, thread};

use longwave::{Api, ApiSettings, Role, Users};
use longwave_testing::client::{Answer, Client, basic};
use serde_json::{Value, json};

use crate::client::Radio;

const USERS: &str = "/api/v1/users";
/// What a browser says when a page of the station asks.
const OWN: &str =
    "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n";

fn at(name: &str) -> String {
    format!("{USERS}/{name}")
}

fn dj() -> Value {
    json!({ "kind": "password", "role": "dj", "password": "correct horse" })
}

/// Whether a user can log in, and as what.
fn role(radio: &Radio, name: &str, password: &str) -> Option<String> {
    let answer = radio.ask("GET", "/api/v1/session", &basic(name, password), "");
    (answer.status == 200).then(|| answer.json()["role"].as_str().unwrap().to_owned())
}

/// Opens a session, and returns the header `Cookie`.
fn log_in(radio: &Radio, name: &str, password: &str) -> String {
    let login = json!({ "name": name, "password": password }).to_string();
    cookie(&radio.ask("POST", "/api/v1/session", "Content-Type: application/json\r\n", &login))
}

fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
}

fn look(radio: &Radio, cookie: &str) -> u16 {
    radio.ask("GET", "/api/v1/session", cookie, "").status
}

fn problem(answer: &Answer) -> (u16, String, Option<String>) {
    answer.problem()
}

fn refused(status: u16, code: &str, field: Option<&str>) -> (u16, String, Option<String>) {
    (status, code.to_owned(), field.map(str::to_owned))
}

#[test]
fn a_user_is_added_changed_and_removed_without_a_reload() {
    let radio = Radio::start();
    let made = radio.steer("PUT", &at("j%C3%B3ga"), dj());
    assert_eq!((made.status, made.json()), (201, json!({ "name": "jóga", "token": null })));
    assert_eq!(role(&radio, "jóga", "correct horse").as_deref(), Some("dj"));
    assert_eq!(problem(&radio.steer("PUT", &at("j%C3%B3ga"), dj())), refused(409, "exists", None));

    let limits = json!({ "paths": ["/live"], "slots": ["Fri 22:00 for 2h overrun 10m"] });
    assert_eq!(radio.steer("PATCH", &at("j%C3%B3ga"), limits).status, 204);
    let list = radio.steer("GET", USERS, Value::Null).json();
    let shown = list.as_array().unwrap().iter().find(|user| user["name"] == "jóga").unwrap();
    assert_eq!(
        (&shown["role"], &shown["kind"], &shown["own"]),
        (&json!("dj"), &json!("password"), &json!(false))
    );
    assert_eq!(
        (&shown["paths"], &shown["slots"]),
        (&json!(["/live"]), &json!(["Fri 22:00 for 2h overrun 10m"]))
    );
    assert!(!list.to_string().contains("argon2") && !list.to_string().contains("sha256"), "{list}");

    // A viewer sends nothing, so the limits must go with the role.
    let viewer = radio.steer("PATCH", &at("j%C3%B3ga"), json!({ "role": "viewer" }));
    assert_eq!(problem(&viewer), refused(422, "invalid-value", Some("paths")));
    let viewer = json!({ "role": "viewer", "paths": [], "slots": [], "password": "battery staple" });
    assert_eq!(radio.steer("PATCH", &at("j%C3%B3ga"), viewer).status, 204);
    assert_eq!(role(&radio, "jóga", "correct horse"), None);
    assert_eq!(role(&radio, "jóga", "battery staple").as_deref(), Some("viewer"));

    // It is all in the file, whose owner alone can read it.
    let file = radio.folder.path().join("users");
    assert_eq!(Users::read(&file).unwrap().verify("jóga", "battery staple"), Some(Role::Viewer));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(radio.steer("DELETE", &at("j%C3%B3ga"), Value::Null).status, 204);
    assert_eq!(role(&radio, "jóga", "battery staple"), None);
    for method in ["DELETE", "PATCH"] {
        let body = if method == "PATCH" { json!({ "role": "dj" }) } else { Value::Null };
        assert_eq!(problem(&radio.steer(method, &at("j%C3%B3ga"), body)), refused(404, "not-found", None));
    }

    // Who did it is told, and no secret.
    let changes = radio.steer("GET", "/api/v1/changes", Value::Null);
    let told: Vec<_> =
        changes.json().as_array().unwrap().iter().map(|change| change["method"].clone()).collect();
    assert_eq!(told, ["DELETE", "PATCH", "PATCH", "PUT"]);
    assert!(changes.body.contains(r#""user":"steward""#) && !changes.body.contains("horse"), "{changes:?}");
}

#[test]
fn a_token_is_told_once_and_revoked() {
    let radio = Radio::start();
    let made = radio.steer("PUT", &at("display-2"), json!({ "kind": "token", "role": "viewer" }));
    assert_eq!(made.status, 201);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("lw-") && token.len() == 67, "{token}");
    assert_eq!(radio.steer_as(&token, "GET", "/api/v1/server", Value::Null).status, 200);
    assert!(!radio.steer("GET", USERS, Value::Null).body.contains(&token));
    let password = radio.steer("PATCH", &at("display-2"), json!({ "password": "correct horse" }));
    assert_eq!(problem(&password), refused(422, "invalid-value", Some("password")));

    let mut follower = Client::new(radio.connect());
    follower.send("GET", "/api/v1/events", &format!("Authorization: Bearer {token}\r\n"), "");
    follower.until(b"event: snapshot\n");
    assert_eq!(radio.steer("DELETE", &at("display-2"), Value::Null).status, 204);
    assert_eq!(radio.steer_as(&token, "GET", "/api/v1/server", Value::Null).status, 401);
    follower.to_end();
}

#[test]
fn who_is_removed_or_demoted_loses_the_session_at_once() {
    let radio = Radio::start();
    for name in ["ana", "bob"] {
        let admin = json!({ "kind": "password", "role": "admin", "password": "correct horse" });
        assert_eq!(radio.steer("PUT", &at(name), admin).status, 201);
    }
    let sessions = ["ana", "bob"].map(|name| log_in(&radio, name, "correct horse"));
    assert_eq!(sessions.each_ref().map(|cookie| look(&radio, cookie)), [200, 200]);
    assert_eq!(radio.steer("PATCH", &at("ana"), json!({ "role": "dj" })).status, 204);
    assert_eq!(sessions.each_ref().map(|cookie| look(&radio, cookie)), [401, 200]);
    assert_eq!(radio.steer("DELETE", &at("bob"), Value::Null).status, 204);
    assert_eq!(sessions.each_ref().map(|cookie| look(&radio, cookie)), [401, 401]);
    assert_eq!(role(&radio, "ana", "correct horse").as_deref(), Some("dj"));
}

#[test]
fn nobody_takes_the_station_away_from_themselves() {
    let radio = Radio::start();
    for (method, body) in [
        ("DELETE", Value::Null),
        ("PATCH", json!({ "role": "dj" })),
        ("PATCH", json!({ "role": "viewer" })),
        ("PATCH", json!({ "pipelines": ["main"] })),
    ] {
        let answer = radio.steer(method, &at("steward"), body.clone());
        assert_eq!(problem(&answer), refused(409, "locks-out", None), "{method} {body}");
    }
    assert_eq!(radio.steer("GET", USERS, Value::Null).status, 200);
    // Two admins who demote each other at once: one of them stays.
    let admin = json!({ "kind": "password", "role": "admin", "password": "correct horse" });
    assert_eq!(radio.steer("PUT", &at("ana"), admin).status, 201);
    let ana = basic("ana", "correct horse");
    assert_eq!(radio.ask("GET", USERS, &ana, "").status, 200);
    let statuses = thread::scope(|scope| {
        let one = scope.spawn(|| radio.steer("DELETE", &at("ana"), Value::Null).status);
        let other = scope.spawn(|| radio.ask("DELETE", &at("steward"), &ana, "").status);
        [one.join().unwrap(), other.join().unwrap()]
    });
    assert!(matches!(statuses, [204, 401] | [401, 204]), "{statuses:?}");
}

#[test]
fn who_changes_their_own_password_goes_on_and_their_other_sessions_do_not() {
    let radio = Radio::start();
    let admin = json!({ "kind": "password", "role": "admin", "password": "correct horse" });
    assert_eq!(radio.steer("PUT", &at("eve"), admin).status, 201);
    let (own, other) = (log_in(&radio, "eve", "correct horse"), log_in(&radio, "eve", "correct horse"));
    let body = json!({ "password": "battery staple" }).to_string();
    let answer = radio.ask("PATCH", &at("eve"), &format!("{own}{OWN}"), &body);
    assert_eq!(answer.status, 204);
    let renewed = cookie(&answer);
    assert_ne!(renewed, own);
    assert_eq!([&renewed, &own, &other].map(|cookie| look(&radio, cookie)), [200, 401, 401]);
    // Another's password sets no cookie.
    let made = radio.ask("PUT", &at("ana"), &format!("{renewed}{OWN}"), &dj().to_string());
    assert_eq!((made.status, made.header("set-cookie")), (201, None));
    let answer = radio.ask("PATCH", &at("ana"), &format!("{renewed}{OWN}"), &body);
    assert_eq!((answer.status, answer.header("set-cookie")), (204, None));
}

#[test]
fn what_is_no_user_is_refused() {
    let radio = Radio::start();
    let before = fs::read_to_string(radio.folder.path().join("users")).unwrap();
    let long = "x".repeat(65);
    for name in ["a%3Ab", "a%0Ab", "a%00", "a%20b", "%2e%2e%2f", "a%E2%80%AEb", "%20", long.as_str()] {
        let answer = radio.steer("PUT", &at(name), dj());
        assert_eq!(problem(&answer), refused(422, "invalid-value", Some("name")), "{name}");
    }
    let with = |key: &str, value: Value| {
        let mut body = dj();
        body[key] = value;
        body
    };
    for (body, code, field) in [
        // Unknown fields are no way to set what is not named here.
        (with("hash", json!("$argon2id$")), "invalid-body", Some("hash")),
        (with("expires", json!(null)), "invalid-body", Some("expires")),
        (with("name", json!("steward")), "invalid-body", Some("name")),
        (with("role", json!("root")), "invalid-value", Some("role")),
        (with("role", json!("admin:$sha256$")), "invalid-value", Some("role")),
        (with("kind", json!("token")), "invalid-body", None),
        (with("password", json!("short")), "invalid-value", Some("password")),
        (with("password", json!("x".repeat(1_024))), "invalid-value", Some("password")),
        (with("password", Value::Null), "invalid-body", None),
        (with("paths", json!(["live"])), "invalid-value", Some("paths")),
        (with("paths", json!(["/a\nb:admin:x"])), "invalid-value", Some("paths")),
        (with("paths", json!(vec!["/a"; 65])), "invalid-value", Some("paths")),
        (with("slots", json!(["Fri 25:00 for 2h"])), "invalid-value", Some("slots")),
        (json!({ "kind": "password", "role": "dj" }), "invalid-body", None),
        (json!({}), "invalid-body", None),
    ] {
        let answer = radio.steer("PUT", &at("ana"), body.clone());
        let (_, found, at) = problem(&answer);
        assert_eq!((found.as_str(), at.as_deref()), (code, field), "{body}");
    }
    assert_eq!(fs::read_to_string(radio.folder.path().join("users")).unwrap(), before, "nothing is written");
}

#[test]
fn only_an_admin_keeps_users_and_no_other_page_does() {
    let radio = Radio::start();
    assert_eq!(radio.steer("PUT", &at("ana"), dj()).status, 201);
    let ana = log_in(&radio, "ana", "correct horse");
    let own = json!({ "role": "admin" }).to_string();
    for (method, path, body) in [
        ("GET", USERS, ""),
        ("PUT", &at("eve"), &dj().to_string()),
        ("PATCH", &at("ana"), &own),
        ("DELETE", &at("display"), ""),
    ] {
        let answer = radio.ask(method, path, &format!("{ana}{OWN}"), body);
        assert_eq!(problem(&answer), refused(403, "forbidden", None), "{method}");
        assert_eq!(radio.ask(method, path, "", "").status, 401, "{method}");
    }
    let admin = json!({ "kind": "password", "role": "admin", "password": "correct horse" });
    assert_eq!(radio.steer("PUT", &at("eve"), admin).status, 201);
    let eve = log_in(&radio, "eve", "correct horse");
    let json_only = "Content-Type: application/json\r\n";
    for (headers, status) in [
        (format!("{eve}{json_only}Origin: https://evil.example\r\n"), 403),
        (format!("{eve}{json_only}Sec-Fetch-Site: cross-site\r\n"), 403),
        (format!("{eve}{json_only}"), 403),
        (format!("{eve}Origin: http://localhost\r\nContent-Type: text/plain\r\n"), 415),
    ] {
        assert_eq!(radio.ask("PUT", &at("mallory"), &headers, &dj().to_string()).status, status, "{headers}");
    }
    // An admin of one pipeline is none of the station.
    let limited = json!({ "kind": "token", "role": "admin", "pipelines": ["main"] });
    let limited = radio.steer("PUT", &at("night"), limited).json()["token"].as_str().unwrap().to_owned();
    assert_eq!(problem(&radio.steer_as(&limited, "PUT", &at("x"), dj())), refused(403, "forbidden", None));
}

#[test]
fn a_users_file_that_is_gone_or_broken_changes_nothing() {
    let radio = Radio::start();
    let file = radio.folder.path().join("users");
    let text = fs::read_to_string(&file).unwrap();
    let unavailable = || {
        let answer = radio.steer("PUT", &at("ana"), dj());
        assert_eq!(problem(&answer), refused(503, "users-unavailable", None));
        assert_eq!(radio.steer("GET", USERS, Value::Null).json().as_array().unwrap().len(), 2);
    };
    fs::remove_file(&file).unwrap();
    unavailable();
    assert!(!file.exists(), "a file with one user would lock out all others");
    fs::write(&file, "").unwrap();
    unavailable();
    fs::write(&file, "nonsense\n").unwrap();
    unavailable();
    assert_eq!(fs::read_to_string(&file).unwrap(), "nonsense\n");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    unavailable();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(radio.steer("PUT", &at("ana"), dj()).status, 201);
}

#[test]
fn users_in_no_file_stay_as_they_are() {
    let mut radio = Radio::start();
    radio.api.take();
    let mut fixed = Users::default();
    let token = fixed.add_token("host", Role::Admin).unwrap();
    let file = radio.folder.path().join("users");
    fs::remove_file(&file).unwrap();
    let settings =
        ApiSettings { users_file: Some(file.clone()), users: fixed.clone(), ..ApiSettings::default() };
    radio.api = Some(Api::start(&radio.station, &settings).unwrap());
    let steer = |method: &str, path: &str, body: Value| radio.steer_as(&token, method, path, body);
    assert_eq!(steer("GET", USERS, Value::Null).json()[0]["fixed"], true);
    assert_eq!(problem(&steer("DELETE", &at("host"), Value::Null)), refused(403, "forbidden", None));
    assert_eq!(problem(&steer("PUT", &at("host"), dj())), refused(409, "exists", None));
    // Nobody was in the file, so the first one may come.
    assert_eq!(steer("PUT", &at("ana"), dj()).status, 201);
    assert_eq!(Users::read(&file).unwrap().list().count(), 1);
    assert_eq!(steer("GET", USERS, Value::Null).json().as_array().unwrap().len(), 2);

    radio.api.take();
    let settings = ApiSettings { users: fixed, ..ApiSettings::default() };
    radio.api = Some(Api::start(&radio.station, &settings).unwrap());
    let answer = radio.steer_as(&token, "PUT", &at("ben"), dj());
    assert_eq!(problem(&answer), refused(404, "not-found", None), "there is no file");
}

#[test]
fn many_admins_at_once_lose_nothing_of_each_other() {
    let radio = Radio::start();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|writer| {
                let radio = &radio;
                scope.spawn(move || {
                    let body = json!({ "kind": "token", "role": "viewer" });
                    (0..5)
                        .map(|n| radio.steer("PUT", &at(&format!("t{writer}-{n}")), body.clone()).status)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses, [201; 20]);
    assert_eq!(Users::read(&radio.folder.path().join("users")).unwrap().list().count(), 22);
    assert_eq!(radio.steer("GET", USERS, Value::Null).json().as_array().unwrap().len(), 22);
}
