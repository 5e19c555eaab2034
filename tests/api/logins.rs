//! Credentials and rights at the API.

use std::time::Instant;

use longwave::{Role, Users};
use longwave_testing::client::{Client, basic};
use serde_json::{Value, json};

use crate::client::Radio;
use crate::document;

const SKIP: &str = "/api/v1/pipelines/main/skip";

fn code(radio: &Radio, headers: &str) -> (u16, String) {
    let answer = radio.ask("POST", SKIP, headers, "");
    if answer.status == 204 {
        return (204, String::new());
    }
    let (status, code, _) = answer.problem();
    (status, code)
}

#[test]
fn every_route_that_is_not_public_needs_the_right_credential() {
    let radio = Radio::start();
    let mut described = 0;
    for (path, item) in document::document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] == json!([]) {
                continue;
            }
            let path = path.replace("{pipeline}", "main").replace("{id}", "1").replace("{voice}", "1");
            let method = method.to_uppercase();
            let answer = radio.ask(&method, &path, "", "");
            assert_eq!(answer.problem().0, 401, "{method} {path}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm=\"Longwave\""));
            let answer = radio.ask(&method, &path, "Authorization: Bearer lw-0000\r\n", "");
            assert!(matches!(answer.problem().0, 401 | 429), "{method} {path}");
            // Everybody who may look may log out: see `sessions.rs`.
            if method != "GET" && path != "/api/v1/session" {
                let answer = radio.steer_as(&radio.viewer, &method, &path, Value::Null);
                assert_eq!(answer.problem(), (403, "forbidden".into(), None), "{method} {path}");
            }
            described += 1;
        }
    }
    assert!(described > 30);
}

/// A station that has a user with a password, too.
fn with_a_password() -> Radio {
    with_users(Radio::start(), &[])
}

/// The same with these users, who have the password `password`, as well.
fn with_users(mut radio: Radio, others: &[&str]) -> Radio {
    radio.api.take();
    let file = radio.folder.path().join("users");
    let mut users = Users::read(&file).unwrap();
    users.add("alice", Role::Admin, "pass: wörd").unwrap();
    users.add("bob", Role::Viewer, "password").unwrap();
    others.iter().for_each(|name| users.add(name, Role::Viewer, "password").unwrap());
    users.write(&file).unwrap();
    let settings = longwave::ApiSettings { users_file: Some(file), ..longwave::ApiSettings::default() };
    radio.api = Some(longwave::Api::start(&radio.station, &settings).unwrap());
    radio
}

#[test]
fn a_password_is_verified_once_and_remembered() {
    let radio = with_a_password();
    let alice = basic("alice", "pass: wörd");
    let mut client = Client::new(radio.connect());
    let mut ask = |times: u32| {
        let began = Instant::now();
        for _ in 0..times {
            assert_eq!(client.ask("GET", "/api/v1/pipelines", &alice, "").status, 200);
        }
        began.elapsed()
    };
    // The first request waits for a slow hash. Two hundred of these would take two hundred times as long.
    let (first, others) = (ask(1), ask(200));
    assert!(others < 100 * first, "{first:?}, {others:?}");
    assert_eq!(code(&radio, &alice), (204, String::new()));
    assert_eq!(code(&radio, &basic("bob", "password")), (403, "forbidden".into()));
    for wrong in [
        basic("alice", "pass: word"),
        basic("alice", ""),
        basic("carol", "password"),
        "Authorization: Basic !!!\r\n".into(),
        "Authorization: Basic\r\n".into(),
        "Authorization: Digest x\r\n".into(),
        format!("Authorization: Bearer {}\r\n", "x".repeat(5_000)),
    ] {
        assert_eq!(code(&radio, &wrong), (401, "unauthorized".into()), "{wrong}");
    }
}

#[test]
fn a_brute_force_must_wait_and_delays_nobody_else() {
    let radio = with_a_password();
    let alice = basic("alice", "pass: wörd");
    assert_eq!(code(&radio, &alice), (204, String::new()));
    // They come at once: none gets through while others are being verified.
    let mut clients: Vec<_> = (0..40).map(|_| Client::new(radio.connect())).collect();
    for (guess, client) in clients.iter_mut().enumerate() {
        client.send("POST", SKIP, &basic("alice", &format!("guess {guess}")), "");
    }
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.answer(false).status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30, "{statuses:?}");
    let refused = radio.ask("POST", SKIP, &basic("alice", "another"), "");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{refused:?}");
    // Even the right password must wait if it is not known yet. Known users continue, and so do tokens.
    assert_eq!(code(&radio, &basic("bob", "password")), (429, "too-many-failures".into()));
    assert_eq!(code(&radio, &alice), (204, String::new()));
    assert_eq!(radio.steer("POST", SKIP, Value::Null).status, 204);
    assert_eq!(code(&radio, "Authorization: Bearer lw-guess\r\n"), (429, "too-many-failures".into()));
}

/// A studio behind one address, whose programs all come back at once after the station's restart. A guard
/// that counts a login as failed while it waits refuses most of them.
#[test]
fn fifty_good_logins_of_one_address_wait_for_each_other_and_wrong_ones_stay_limited() {
    const STUDIO: &str = "203.0.113.5";
    let names: Vec<String> = (0..50).map(|n| format!("dj{n}")).collect();
    let trusted = |server: &mut longwave::ServerSettings| server.trusted_proxies = vec!["127.0.0.1".into()];
    let radio =
        with_users(Radio::with(trusted, |_| {}), &names.iter().map(|name| &**name).collect::<Vec<_>>());
    let mut programs: Vec<_> =
        names.iter().map(|name| log_in_from(&radio, STUDIO, name, "password")).collect();
    // Some have the same login.
    programs.extend((0..10).map(|_| log_in_from(&radio, STUDIO, "dj7", "password")));
    let statuses: Vec<u16> = programs.iter_mut().map(|client| client.answer(false).status).collect();
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");

    // None of them counts. Guesses do, however many come at once, whatever they try.
    let guesses = |client: &str, count: usize| {
        let guess = |n| log_in_from(&radio, client, "dj7", &format!("guess {n}"));
        let mut guesses: Vec<_> = (0..count).map(guess).collect();
        let statuses: Vec<u16> = guesses.iter_mut().map(|client| client.answer(false).status).collect();
        [401, 429].map(|wanted| statuses.iter().filter(|status| **status == wanted).count())
    };
    assert_eq!(guesses(STUDIO, 6), [6, 0]);
    assert_eq!(log_in_from(&radio, STUDIO, "bob", "password").answer(false).status, 200);
    assert_eq!(guesses(STUDIO, 50), [4, 46]);
    assert_eq!(guesses(STUDIO, 1), [0, 1]);
    // Who is known goes on, and so does every other address.
    assert_eq!(log_in_from(&radio, STUDIO, "dj7", "password").answer(false).status, 200);
    assert_eq!(log_in_from(&radio, "203.0.113.6", "alice", "pass: wörd").answer(false).status, 200);
}

/// Sends a login of a client that a trusted proxy forwards.
fn log_in_from(radio: &Radio, client: &str, name: &str, password: &str) -> Client {
    let mut connection = Client::new(radio.connect());
    let headers = format!("{}X-Forwarded-For: {client}\r\n", basic(name, password));
    connection.send("GET", "/api/v1/pipelines", &headers, "");
    connection
}

/// Operators log in for the first time while strangers' wrong logins are more than can be verified. Their
/// answers must all be good.
fn operators_get_in(stranger: impl Fn(usize) -> String, operator: impl Fn(usize) -> String) {
    const OPERATORS: [&str; 2] = ["ann", "ben"];
    let trusted = |server: &mut longwave::ServerSettings| server.trusted_proxies = vec!["127.0.0.1".into()];
    let radio = with_users(Radio::with(trusted, |_| {}), &OPERATORS);
    // Somebody has logged in from the first address.
    assert_eq!(log_in_from(&radio, "198.51.100.7", "bob", "password").answer(false).status, 200);
    let mut flood: Vec<_> = (0..600).map(|n| log_in_from(&radio, &stranger(n), "ann", "a guess")).collect();
    for (n, name) in OPERATORS.into_iter().enumerate() {
        let answer = log_in_from(&radio, &operator(n), name, "password").answer(false);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    let statuses: Vec<u16> = flood.iter_mut().map(|client| client.answer(false).status).collect();
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    // How many were verified before the operators came depends on the machine. The last ones found no place.
    assert!(statuses[590..].contains(&503), "{statuses:?}");
    // Tokens never wait.
    assert_eq!(radio.steer("POST", SKIP, Value::Null).status, 204);
}

#[test]
fn hundreds_of_strangers_do_not_keep_operators_out() {
    operators_get_in(|n| format!("203.0.113.{}", n % 240), |n| format!("198.{}.100.1", 60 + n));
}

#[test]
fn strangers_with_a_whole_provider_of_addresses_do_not_keep_operators_out() {
    operators_get_in(|n| format!("2001:db8:{n:x}::1"), |n| format!("2001:{:x}::1", 0xdb9 + n));
}

#[test]
fn strangers_all_over_the_world_do_not_keep_known_operators_out() {
    operators_get_in(|n| format!("{}.{}.0.1", 20 + n / 100, n % 100), |_| "198.51.100.7".into());
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    let radio = Radio::start();
    let login = format!("Authorization: Bearer {}\r\n", radio.admin);
    for headers in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: http://localhost\r\n",
        "Origin: http://localhost.evil.example\r\n",
    ] {
        assert_eq!(code(&radio, &format!("{login}{headers}")), (403, "cross-origin".into()), "{headers}");
    }
    for headers in ["Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"]
    {
        assert_eq!(code(&radio, &format!("{login}{headers}")), (204, String::new()), "{headers}");
    }
    let answer =
        radio.ask("GET", "/api/v1/pipelines", &format!("{login}Origin: https://evil.example\r\n"), "");
    assert_eq!(answer.header("access-control-allow-origin"), None, "it must not be read from there either");
}

#[test]
fn behind_a_proxy_each_client_has_its_own_failures() {
    let radio = Radio::with(|server| server.trusted_proxies = vec!["127.0.0.1".into()], |_| {});
    let from = |client: &str| {
        code(&radio, &format!("Authorization: Bearer lw-guess\r\nX-Forwarded-For: 10.9.9.9, {client}\r\n"))
    };
    for _ in 0..10 {
        assert_eq!(from("192.0.2.1").0, 401);
    }
    assert_eq!(from("192.0.2.1").0, 429);
    assert_eq!(from("192.0.2.2").0, 401);
}
