//! Attacks on the API: huge and slow bodies, smuggled requests, markup, crowds.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::client::Radio;
use longwave_testing::client::Client;
use longwave_testing::studio::constant;
use longwave_testing::until;

const QUEUE: &str = "/api/v1/pipelines/main/queue";

fn quick() -> Radio {
    Radio::with(|server| server.header_timeout = Duration::from_millis(500), |_| {})
}

#[test]
fn a_body_of_a_gibibyte_is_refused_before_it_comes() {
    let radio = Radio::start();
    let login = format!("Authorization: Bearer {}\r\n", radio.admin);
    for length in ["65537", "1073741824", "99999999999999999999999999"] {
        let mut client = Client::new(radio.connect());
        let head = format!("POST {QUEUE} HTTP/1.1\r\nHost: a\r\n{login}Content-Length: {length}\r\n\r\n");
        client.socket.write_all(head.as_bytes()).unwrap();
        let answer = client.answer(false);
        assert_eq!(answer.problem(), (413, "content-too-large".into(), None));
        // A client that sends it all the same is read for a short while only.
        let piece = vec![b'x'; 1 << 20];
        let sent = (0..64).take_while(|_| client.socket.write_all(&piece).is_ok()).count();
        assert!(sent < 64, "somebody reads all of it");
    }
    // The longest allowed body is read, and is not JSON.
    let most = "x".repeat(65_536);
    let answer = radio.ask("POST", QUEUE, &format!("{login}Content-Type: application/json\r\n"), &most);
    assert_eq!(answer.problem().1, "invalid-json");
}

#[test]
fn a_body_that_comes_slowly_has_its_time() {
    let radio = quick();
    let mut client = Client::new(radio.connect());
    let login = format!("Authorization: Bearer {}\r\n", radio.admin);
    write!(client.socket, "POST {QUEUE} HTTP/1.1\r\nHost: a\r\n{login}Content-Length: 1000\r\n\r\n").unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) && client.socket.write_all(b" ").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
        if began.elapsed() > Duration::from_millis(1_500) {
            break;
        }
    }
    assert_eq!(client.answer(false).status, 408);
    assert!(client.is_closed());
}

#[test]
fn bodies_on_their_way_are_counted_so_that_memory_is_bounded() {
    let radio = Radio::start();
    let stats = || radio.station.server().stats();
    let login = format!("Authorization: Bearer {}\r\n", radio.admin);
    let begin = format!("POST {QUEUE} HTTP/1.1\r\nHost: a\r\n{login}Content-Length: 60000\r\n\r\n{{");
    let mut clients: Vec<Client> = (0..129).map(|_| Client::new(radio.connect())).collect();
    let mut last = clients.pop().unwrap();
    for client in &mut clients {
        client.socket.write_all(begin.as_bytes()).unwrap();
    }
    until("all have their places", || stats().admitted_bodies == 128);
    last.socket.write_all(begin.as_bytes()).unwrap();
    assert_eq!(last.answer(false).problem().0, 503);
    drop(clients);
    until("there is room again", || {
        radio.steer("POST", QUEUE, json!({ "files": ["one.wav"] })).status == 201
    });
    assert_eq!((stats().admitted_bodies, stats().anonymous_bodies), (0, 0));
}

#[test]
fn a_body_without_a_good_credential_is_refused_before_it_comes() {
    let radio = Radio::start();
    let token = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for (headers, status) in [
        (String::new(), 401),
        (token("lw-guess"), 401),
        (token(&radio.viewer), 403),
        (format!("{}Origin: https://evil.example\r\n", token(&radio.admin)), 403),
    ] {
        for expect in ["", "Expect: 100-continue\r\n"] {
            let mut client = Client::new(radio.connect());
            write!(
                client.socket,
                "POST {QUEUE} HTTP/1.1\r\nHost: a\r\n{headers}{expect}Content-Length: 60000\r\n\r\n"
            )
            .unwrap();
            assert_eq!(client.answer(false).status, status, "{headers}{expect}");
            assert!(client.is_closed(), "nobody can tell where its next request begins");
        }
    }
}

#[test]
fn slow_bodies_of_a_crowd_of_strangers_keep_no_admin_out() {
    let radio = Radio::start();
    let begin = format!("POST {QUEUE} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{{");
    let mut crowd: Vec<Client> = (0..300).map(|_| Client::new(radio.connect())).collect();
    for client in &mut crowd {
        client.socket.write_all(begin.as_bytes()).unwrap();
    }
    for _ in 0..10 {
        assert_eq!(radio.steer("POST", QUEUE, json!({ "files": ["one.wav"] })).status, 201);
    }
    assert_eq!(radio.station.server().stats().anonymous_bodies, 0);
}

#[test]
fn a_public_path_takes_no_body() {
    let radio = Radio::start();
    for target in ["/health", "/status-json.xsl", "/nowplaying/a", "/api/v1/openapi.json"] {
        let mut client = Client::new(radio.connect());
        write!(client.socket, "GET {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n").unwrap();
        assert_eq!(client.answer(false).problem().0, 413, "{target}");
        assert!(client.is_closed());
    }
}

#[test]
fn a_playlist_of_a_thousand_names_at_most_is_looked_for() {
    let radio = Radio::start();
    let files = vec!["one.wav"; 1_001];
    let answer = radio.steer("PUT", "/api/v1/pipelines/main/playlist", json!({ "files": files }));
    assert_eq!(answer.problem().0, 422);
}

#[test]
fn a_title_has_a_bound() {
    let radio = Radio::start();
    for (length, status) in [(500, 201), (501, 422)] {
        let file = json!({ "file": "one.wav", "title": "ü".repeat(length) });
        assert_eq!(radio.steer("POST", QUEUE, json!({ "files": [file] })).status, status, "{length}");
        assert_eq!(radio.steer("POST", "/api/v1/pipelines/main/play", file).status, status, "{length}");
    }
    let metadata = "/api/v1/pipelines/main/metadata";
    let title = |length: usize| json!({ "title": "ü".repeat(length) });
    let url = |length: usize| json!({ "title": "", "url": format!("https://a/{}", "x".repeat(length - 10)) });
    for (body, status, at) in [
        (title(500), 204, ""),
        (title(501), 422, "title"),
        (title(20_000), 422, "title"),
        (url(1024), 204, ""),
        (url(1025), 422, "url"),
        (url(60_000), 422, "url"),
    ] {
        let answer = radio.steer("PUT", metadata, body);
        assert_eq!(answer.status, status, "{at}");
        if status == 422 {
            assert_eq!(answer.problem(), (422, "invalid-value".into(), Some(at.into())));
        }
    }
    let schema = &radio.look("/api/v1/openapi.json")["components"]["schemas"]["Metadata"]["properties"];
    assert_eq!((&schema["title"]["maxLength"], &schema["url"]["maxLength"]), (&json!(500), &json!(1024)));
}

/// Otherwise a user who may only read could hold all places for bodies.
#[test]
fn a_request_that_changes_nothing_takes_no_body() {
    let radio = Radio::start();
    for method in ["GET", "HEAD"] {
        let mut client = Client::new(radio.connect());
        let login = format!("Authorization: Bearer {}\r\n", radio.admin);
        write!(client.socket, "{method} {QUEUE} HTTP/1.1\r\nHost: a\r\n{login}Content-Length: 10\r\n\r\n")
            .unwrap();
        assert_eq!(client.answer(method == "HEAD").status, 413, "{method}");
        assert!(client.is_closed());
    }
    assert_eq!(radio.look("/api/v1/server")["admitted_bodies"], 0);
}

#[test]
fn no_request_is_hidden_in_another() {
    let radio = Radio::start();
    let login = format!("Authorization: Bearer {}\r\n", radio.admin);
    let hidden = format!("DELETE {QUEUE} HTTP/1.1\r\nHost: a\r\n{login}\r\n");
    radio.steer("POST", QUEUE, json!({ "files": ["one.wav"] }));
    let (short, long) = (hidden.len() / 2, hidden.len());
    for framing in [
        format!("Content-Length: {long}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {short}\r\n"),
        format!("Transfer-Encoding: xchunked\r\nContent-Length: {short}\r\n"),
        format!("Content-Length: {short}\r\nContent-Length: {long}\r\n"),
        format!("Content-Length: {short}, {long}\r\n"),
        "Content-Length: +0\r\n".into(),
        "Content-Length: 0x10\r\n".into(),
        "Transfer-Encoding: chunked\r\n".into(),
        "Transfer-Encoding:\tchunked\r\n".into(),
        "Transfer-Encoding: identity\r\n".into(),
        "Content-Length : 0\r\n".into(),
        "X: y\r\n Content-Length: 0\r\n".into(),
    ] {
        for target in [QUEUE, "/health", "/", "/a.m3u"] {
            let mut client = Client::new(radio.connect());
            let request = format!("POST {target} HTTP/1.1\r\nHost: x\r\n{framing}\r\n0\r\n\r\n{hidden}");
            client.socket.write_all(request.as_bytes()).unwrap();
            let status = client.answer(false).status;
            assert!(matches!(status, 400 | 405 | 411 | 501), "{target}: {status} for {framing}");
            assert!(client.is_closed(), "{target}: another request is read after {framing}");
        }
    }
    // With a correct length, exactly one more request follows.
    let mut client = Client::new(radio.connect());
    let body = "{\"files\":[\"one.wav\"]}";
    client.send("POST", QUEUE, &format!("{login}Content-Type: application/json\r\n"), body);
    client.send("GET", QUEUE, &login, "");
    assert_eq!(client.answer(false).status, 201);
    assert_eq!(client.answer(false).json().as_array().map(Vec::len), Some(2));
}

#[test]
fn the_api_needs_one_host() {
    let radio = Radio::start();
    for (hosts, status) in [
        ("", 400),
        ("Host: \r\n", 400),
        ("Host: ..\r\n", 400),
        ("Host: a\r\nHost: b\r\n", 400),
        ("Host: a:80\r\n", 200),
        ("Host: 192.0.2.1\r\n", 200),
        ("Host: [::1]\r\n", 200),
    ] {
        for target in ["/api/v1/openapi.json", "/status-json.xsl"] {
            let mut client = Client::new(radio.connect());
            write!(client.socket, "GET {target} HTTP/1.1\r\n{hosts}\r\n").unwrap();
            assert_eq!(client.answer(false).status, status, "{target} {hosts}");
            let mut old = Client::new(radio.connect());
            write!(old.socket, "GET {target} HTTP/1.0\r\n{hosts}\r\n").unwrap();
            let ambiguous = hosts.matches("Host").count() > 1;
            assert_eq!(old.answer(false).status, if ambiguous { 400 } else { 200 }, "{target} {hosts}");
        }
    }
}

#[test]
fn a_client_that_expects_100_continue_gets_it_once() {
    let radio = Radio::start();
    let body = "{\"files\":[\"one.wav\"]}";
    let mut client = Client::new(radio.connect());
    let head = format!(
        "POST {QUEUE} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        radio.admin,
        body.len()
    );
    client.socket.write_all(head.as_bytes()).unwrap();
    assert_eq!(client.until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.socket.write_all(body.as_bytes()).unwrap();
    assert_eq!(client.answer(false).status, 201);
    client.socket.write_all(head.as_bytes()).unwrap();
    client.until(b"100 Continue\r\n\r\n");
    // A client that gives up instead costs nothing.
}

#[test]
fn names_with_markup_and_control_characters_come_out_as_they_are_and_escaped() {
    let radio = Radio::start();
    let name = "<img src=x onerror=alert(1)> \"'&\r\nX-Evil: 1 \u{1b}[2J\u{85}.wav";
    constant(&radio.music(name), 0.25, 8_000);
    let answer = radio.steer("POST", QUEUE, json!({ "files": [name] }));
    assert_eq!(answer.status, 201, "{answer:?}");
    let queue = radio.steer_as(&radio.viewer, "GET", QUEUE, Value::Null);
    assert_eq!(queue.json()[0]["file"], name);
    assert!(
        queue.body.bytes().all(|byte| byte >= b' '),
        "nothing in JSON steers a terminal: {:?}",
        queue.body
    );
    assert_eq!(queue.header("x-content-type-options"), Some("nosniff"));
    let wrong = radio.steer("POST", QUEUE, json!({ "files": ["gone\r\nX-Evil: 1"] }));
    assert_eq!((wrong.status, wrong.header("x-evil")), (404, None));
    radio.pipeline().skip().unwrap();
    until("it is announced", || {
        radio.look("/api/v1/mounts")[0]["title"].as_str().unwrap().starts_with("<img")
    });
    let status = radio.ask("GET", "/status-json.xsl", "", "");
    assert!(status.body.bytes().all(|byte| byte >= b' '), "{}", status.body);
    let page = Client::new(radio.connect()).ask("GET", "/", "", "");
    assert!(page.body.contains("&lt;img src=x") && !page.body.contains("<img src"), "{}", page.body);
}

#[test]
fn a_silent_crowd_is_closed_and_disturbs_nobody() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    // This process has both ends of each connection.
    let crowd = 10_000.min((hard as usize - 1_000) / 2);
    let patience = Duration::from_secs(8);
    let radio = Radio::with(
        |server| {
            server.header_timeout = patience;
            server.max_listeners = Some(crowd / 2);
            server.max_event_clients = 10;
            server.max_sources = 10;
        },
        |_| {},
    );
    let mut player = Client::new(radio.connect());
    player.send("GET", "/a", "", "");
    player.until(b"\r\n\r\n");
    let idle: Vec<TcpStream> = (0..crowd).map(|_| TcpStream::connect(radio.address).unwrap()).collect();
    until("all have been seen", || radio.station.server().stats().accepted > crowd as u64);
    let stats = radio.station.server().stats();
    // Listeners, event clients, sources, and short connections; and those that are kept for credentials.
    let most = crowd / 2 + 10 + 10 + 100;
    let reserved = 32;
    assert_eq!(stats.max_connections as usize, most);
    assert!(stats.connections as usize <= most + reserved, "{stats:?}");
    // Reserved ones must show a credential soon, so on a slow machine others get their places.
    let told = (crowd + 1).saturating_sub(most + 4 * reserved);
    assert!(stats.refused as usize >= told, "those beyond are told so: {stats:?}");
    let began = Instant::now();
    until("they have been sent away", || radio.station.server().stats().connections <= 1);
    assert!(began.elapsed() < patience * 3);
    assert_eq!(radio.ask("GET", "/status-json.xsl", "", "").status, 200);
    let before = radio.station.server().mount_info("/a").unwrap().position.0;
    until("the listener goes on", || {
        radio.station.server().mount_info("/a").unwrap().position.0 > before + 1_000
    });
    assert_eq!(radio.station.server().listener_count(None).unwrap(), 1);
    drop(idle);
}

/// What names more files than one request may is refused, and nothing of it is done.
#[test]
fn the_files_of_one_request_are_bounded() {
    const PLAYLIST: &str = "/api/v1/pipelines/main/playlist";
    let radio = Radio::start();
    let names = |count: usize| vec![serde_json::json!("two.wav"); count];
    let with_titles = vec![serde_json::json!({"file": "two.wav", "title": "T"}); 1_001];
    let mut mixed = names(1_000);
    mixed.push(serde_json::json!({"file": "two.wav"}));
    let list = radio.look(PLAYLIST);
    for (method, target, files) in [
        ("POST", QUEUE, names(1_001)),
        ("POST", QUEUE, with_titles),
        ("POST", QUEUE, mixed),
        ("POST", QUEUE, names(0)),
        ("PUT", PLAYLIST, names(1_001)),
        ("PUT", PLAYLIST, names(0)),
    ] {
        let count = files.len();
        let answer = radio.steer(method, target, serde_json::json!({"files": files}));
        let refused = (422, "invalid-value".to_owned(), Some("files".to_owned()));
        assert_eq!(answer.problem(), refused, "{method} {target}, {count} files");
    }
    assert!(radio.pipeline().queue().is_empty());
    assert_eq!(radio.look(PLAYLIST)["name"], list["name"]);
    // As many as may be.
    let answer = radio.steer("POST", QUEUE, serde_json::json!({"files": names(1_000)}));
    assert_eq!((answer.status, radio.pipeline().queue().len()), (201, 1_000));
    assert_eq!(radio.steer("PUT", PLAYLIST, serde_json::json!({"files": names(1_000)})).status, 202);
}
