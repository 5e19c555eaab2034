//! Sessions of browsers: logging in and out, and what nobody else can do with a cookie.

use std::net::TcpStream;

use longwave::{Api, ApiSettings, Role, ServerSettings, Users};
use longwave_testing::client::{Answer, Client};
use longwave_testing::until;
use serde_json::{Value, json};

use crate::client::Radio;
use crate::document;

const SESSION: &str = "/api/v1/session";
const SKIP: &str = "/api/v1/pipelines/main/skip";
const JSON: &str = "Content-Type: application/json\r\n";
/// What a browser says when a page of the station asks.
const OWN: &str =
    "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n";

/// A station with the users `ana` (a dj), `bob` (a viewer), `eve` (an admin) and `cat` (a source), who have
/// the password `password 1`.
fn station() -> Radio {
    station_with(|_| {})
}

fn station_with(server: impl FnOnce(&mut ServerSettings)) -> Radio {
    let radio = Radio::with(server, |_| {});
    let mut users = Users::read(&radio.folder.path().join("users")).unwrap();
    for (name, role) in
        [("ana", Role::Dj), ("bob", Role::Viewer), ("eve", Role::Admin), ("cat", Role::Source)]
    {
        users.add(name, role, "password 1").unwrap();
    }
    with_users(radio, &users)
}

/// The same station, whose API has started again with these users.
fn with_users(mut radio: Radio, users: &Users) -> Radio {
    radio.api.take();
    let file = radio.folder.path().join("users");
    users.write(&file).unwrap();
    let settings = ApiSettings { users_file: Some(file), ..ApiSettings::default() };
    radio.api = Some(Api::start(&radio.station, &settings).unwrap());
    radio
}

fn log_in_with(radio: &Radio, headers: &str, body: &Value) -> Answer {
    radio.ask("POST", SESSION, &format!("{JSON}{headers}"), &body.to_string())
}

/// Logs in, and returns the header `Cookie` of the session.
fn log_in(radio: &Radio, name: &str) -> String {
    let answer = log_in_with(radio, "", &json!({ "name": name, "password": "password 1" }));
    assert_eq!(answer.status, 201, "{answer:?}");
    cookie(&answer)
}

/// The header `Cookie` that a browser sends after this answer.
fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").expect("a cookie");
    format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
}

/// The status of a skip with these headers, and the code of the problem.
fn skip(radio: &Radio, headers: &str) -> (u16, String) {
    let answer = radio.ask("POST", SKIP, headers, "");
    if answer.status == 204 { (204, String::new()) } else { (answer.status, answer.problem().1) }
}

fn look(radio: &Radio, cookie: &str) -> u16 {
    radio.ask("GET", "/api/v1/pipelines", cookie, "").status
}

#[test]
fn a_user_logs_in_works_and_logs_out() {
    let radio = station();
    let answer = log_in_with(&radio, OWN, &json!({ "name": "ana", "password": "password 1" }));
    assert_eq!(answer.status, 201);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("longwave=") && set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let account = answer.json();
    assert_eq!((&account["name"], &account["role"]), (&json!("ana"), &json!("dj")));
    assert_eq!(account["rights"], json!(["look", "play", "send", "measure"]));

    let cookie = cookie(&answer);
    let shown = radio.ask("GET", SESSION, &cookie, "").json();
    assert_eq!((&shown["name"], &shown["session"]), (&json!("ana"), &account["session"]));
    assert_eq!(look(&radio, &cookie), 200);
    assert_eq!(skip(&radio, &format!("{cookie}{OWN}")), (204, String::new()));

    // Theft after logout: the old cookie opens nothing, however it was come by.
    let out = radio.ask("DELETE", SESSION, &format!("{cookie}{OWN}"), "");
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().starts_with("longwave=; "), "{out:?}");
    assert_eq!(look(&radio, &cookie), 401);
    assert_eq!(skip(&radio, &format!("{cookie}{OWN}")).0, 401);
    assert_eq!(radio.ask("DELETE", SESSION, &format!("{cookie}{OWN}"), "").status, 401);
}

#[test]
fn a_token_logs_in_too_and_a_source_does_not() {
    let radio = station();
    let answer = log_in_with(&radio, "", &json!({ "token": radio.admin }));
    assert_eq!((answer.status, &answer.json()["role"]), (201, &json!("admin")));
    let answer = log_in_with(&radio, "", &json!({ "token": "lw-none" }));
    assert_eq!(answer.problem().0, 401);
    let answer = log_in_with(&radio, "", &json!({ "name": "cat", "password": "password 1" }));
    assert_eq!(answer.problem().0, 403);
    for body in [json!({}), json!({ "name": "ana" }), json!({ "name": "ana", "password": "x", "token": "y" })]
    {
        assert_eq!(log_in_with(&radio, "", &body).problem().1, "invalid-body", "{body}");
    }
    let form = radio.ask("POST", SESSION, "Content-Type: text/plain\r\n", r#"{"token":"x"}"#);
    assert_eq!(form.problem().1, "unsupported-media-type");
}

/// A browser whose page has a form of its own does not open another dialog for a password.
#[test]
fn a_page_is_not_challenged_by_basic() {
    let radio = station();
    let challenge = |method, target, headers: &str, body: &str| {
        let answer = radio.ask(method, target, headers, body);
        assert_eq!(answer.status, 401, "{answer:?}");
        answer.header("www-authenticate").unwrap().split(' ').next().unwrap().to_owned()
    };
    let by_script = "X-Requested-With: longwave\r\n";
    assert_eq!(challenge("GET", SESSION, "", ""), "Basic");
    assert_eq!(challenge("GET", SESSION, by_script, ""), "Session");
    assert_eq!(challenge("GET", "/api/v1/events", "Cookie: longwave=\r\n", ""), "Session");
    let wrong = r#"{"name":"ana","password":"no"}"#;
    assert_eq!(challenge("POST", SESSION, &format!("{by_script}{JSON}"), wrong), "Session");
}

/// Fixation: nobody can have a user log in to a session whose key they know.
#[test]
fn each_login_has_a_new_key_and_ends_the_session_before_it() {
    let radio = station();
    let known = "longwave=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let login = json!({ "name": "ana", "password": "password 1" });
    let first = cookie(&log_in_with(&radio, &format!("Cookie: {known}\r\n"), &login));
    assert!(!first.contains(known));
    assert_eq!(look(&radio, &format!("Cookie: {known}\r\n")), 401);
    let second = cookie(&log_in_with(&radio, &first, &login));
    assert_ne!(first, second);
    assert_eq!((look(&radio, &first), look(&radio, &second)), (401, 200));
    // A neighbour in the domain sets a second cookie.
    let own = second.trim_end();
    assert_eq!(look(&radio, &format!("{own}; {known}\r\n")), 401);
    for cookie in ["Cookie: longwave=\r\n", "Cookie: longwave=%00\r\n", "Cookie: longwave=lw-0\r\n"] {
        assert_eq!(look(&radio, cookie), 401, "{cookie}");
    }
}

#[test]
fn a_page_of_another_origin_does_nothing_with_the_cookie() {
    let radio = station();
    let cookie = log_in(&radio, "eve");
    for headers in [
        // A browser too old to say where a request comes from.
        "",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: none\r\n",
        // Another service on the same machine: the browser sends it our cookie, too.
        "Origin: http://localhost:9000\r\n",
    ] {
        let refused = skip(&radio, &format!("{cookie}{JSON}{headers}"));
        assert_eq!(refused, (403, "cross-origin".into()), "{headers}");
    }
    // A form cannot say that it sends JSON.
    for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        let refused = skip(&radio, &format!("{cookie}Origin: http://localhost\r\n{kind}"));
        assert_eq!(refused, (415, "unsupported-media-type".into()), "{kind}");
    }
    assert_eq!(skip(&radio, &format!("{cookie}{JSON}Sec-Fetch-Site: same-origin\r\n")).0, 204);
    // Nor does it log its own user in.
    let login = json!({ "name": "ana", "password": "password 1" });
    let answer = log_in_with(&radio, "Origin: https://evil.example\r\n", &login);
    assert_eq!(answer.problem().1, "cross-origin");
    // Sources change titles by GET: a session does not.
    let titles = "/admin/metadata?mode=updinfo&mount=/a&song=x";
    assert_eq!(Client::new(radio.connect()).ask("GET", titles, &cookie, "").status, 401);
}

#[test]
fn a_dj_cannot_do_what_only_an_admin_may() {
    let radio = station();
    let tokens: Vec<_> = ["ana", "bob"].map(|name| (name, log_in(&radio, name))).into();
    let mut refused = 0;
    for (path, item) in document::document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let roles = operation["description"].as_str().unwrap_or_default();
            let path = path.replace("{pipeline}", "main").replace("{id}", "1").replace("{voice}", "1");
            for (name, cookie) in &tokens {
                let may_not = match roles {
                    "Needs the role admin." => true,
                    "Needs the role dj or admin." => *name == "bob",
                    _ => false,
                };
                if may_not {
                    let answer = radio.ask(&method.to_uppercase(), &path, &format!("{cookie}{OWN}"), "");
                    assert_eq!(answer.problem(), (403, "forbidden".into(), None), "{name}: {method} {path}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn a_brute_force_by_sessions_must_wait() {
    let radio = station();
    let known = log_in(&radio, "ana");
    let mut clients: Vec<_> = (0..30).map(|_| Client::new(radio.connect())).collect();
    for (guess, client) in clients.iter_mut().enumerate() {
        let body = json!({ "name": "eve", "password": format!("guess {guess}") }).to_string();
        client.send("POST", SESSION, JSON, &body);
    }
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.answer(false).status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20, "{statuses:?}");
    let right = log_in_with(&radio, "", &json!({ "name": "eve", "password": "password 1" }));
    assert_eq!(right.problem().0, 429);
    // Who is logged in goes on.
    assert_eq!(skip(&radio, &format!("{known}{OWN}")).0, 204);
}

/// Strangers who never send the bodies that they announce take no places of those who have a credential.
#[test]
fn bodies_of_strangers_keep_nobody_out() {
    let trusted = |server: &mut ServerSettings| server.trusted_proxies = vec!["127.0.0.1".into()];
    let radio = station_with(trusted);
    let mut strangers: Vec<TcpStream> = Vec::new();
    for n in 0..300 {
        let mut socket = radio.connect();
        let head = format!(
            "POST {SESSION} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.{}\r\n{JSON}Content-Length: 9\r\n\r\n{{",
            n % 250
        );
        std::io::Write::write_all(&mut socket, head.as_bytes()).unwrap();
        strangers.push(socket);
    }
    let stats = || radio.station.server().stats();
    until("all places of strangers are taken", || stats().anonymous_bodies == stats().max_anonymous_bodies);
    assert_eq!(stats().admitted_bodies, 0);
    let title = radio.steer("PUT", "/api/v1/pipelines/main/metadata", json!({ "title": "x" }));
    assert_eq!(title.status, 204);
}

#[test]
fn behind_tls_the_cookie_goes_through_tls_alone() {
    let trusted = |server: &mut ServerSettings| server.trusted_proxies = vec!["127.0.0.1".into()];
    let radio = station_with(trusted);
    let is_secure = |headers: &str| {
        let answer = log_in_with(&radio, headers, &json!({ "name": "ana", "password": "password 1" }));
        answer.header("set-cookie").unwrap().ends_with("; Secure")
    };
    assert!(!is_secure(""));
    assert!(is_secure("X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\n"));
    assert!(is_secure("Origin: https://localhost\r\n"), "a proxy that says nothing");
    assert!(!is_secure("Origin: http://localhost\r\n"));
}

#[test]
fn an_admin_sees_sessions_and_ends_them() {
    let radio = station();
    let (eve, ana) = (log_in(&radio, "eve"), log_in(&radio, "ana"));
    let list = radio.ask("GET", "/api/v1/sessions", &eve, "").json();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|open| (&open["name"], &open["own"])).collect();
    assert_eq!(names, [(&json!("eve"), &json!(true)), (&json!("ana"), &json!(false))]);
    let id = list[1]["id"].as_u64().unwrap();
    let mut follower = Client::new(radio.connect());
    follower.send("GET", "/api/v1/events", &ana, "");
    follower.until(b"event: snapshot\n");
    let end = |cookie: &str| {
        radio.ask("DELETE", &format!("/api/v1/sessions/{id}"), &format!("{cookie}{OWN}"), "").status
    };
    assert_eq!((end(&ana), end(&eve), end(&eve)), (403, 204, 404));
    assert_eq!(look(&radio, &ana), 401);
    // What it follows ends, too.
    follower.to_end();
}

#[test]
fn a_session_ends_with_the_rights_of_its_user() {
    let radio = station();
    let file = radio.folder.path().join("users");
    let settings = format!(
        "[server]\nlisten = '127.0.0.1:0'\nusers_file = '{}'\n[[mount]]\nmount = '/x'\n",
        file.display()
    );
    let config = radio.folder.path().join("station.toml");
    std::fs::write(&config, settings).unwrap();
    let read = longwave::Config::read(&config).unwrap();
    let station = longwave::Station::start(read.clone().into()).unwrap();
    let api = Api::start_reloadable(&station, read, &config).unwrap();
    let address = station.server().local_addrs()[0];
    let client = || Client::new(TcpStream::connect(address).unwrap());
    let log_in = |name: &str, password: &str| {
        let login = json!({ "name": name, "password": password }).to_string();
        cookie(&client().ask("POST", SESSION, JSON, &login))
    };
    let look = |cookie: &str| client().ask("GET", SESSION, cookie, "").status;
    let change = |change: &dyn Fn(&mut Users)| {
        Users::update(&file, |users| {
            change(users);
            Ok(())
        })
        .unwrap();
        assert_eq!(api.reload().unwrap().changed, ["users"]);
    };

    let (ana, bob) = (log_in("ana", "password 1"), log_in("bob", "password 1"));
    assert_eq!((look(&ana), look(&bob)), (200, 200));
    change(&|users| users.set_password("ana", "password 2").unwrap());
    assert_eq!((look(&ana), look(&bob)), (401, 200));
    // The password of before does not bring it back.
    change(&|users| users.remove("bob").unwrap());
    assert_eq!(look(&bob), 401);
    let ana = log_in("ana", "password 2");
    assert_eq!(look(&ana), 200);
    drop(api);
    station.stop();
}
