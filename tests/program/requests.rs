//! Listeners who search for tracks and request them, without a login.
#![cfg(all(feature = "mp3", feature = "library"))]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use longwave_testing::studio::constant;
use longwave_testing::until;
use serde_json::Value;

use super::history::Daemon;

/// A station with a library of four tracks, of which two may be requested in an hour.
struct Radio {
    /// It ends with this value.
    _daemon: Daemon,
    folder: PathBuf,
    address: String,
}

impl Radio {
    fn start(folder: &Path) -> Radio {
        Radio::with(folder, "")
    }

    /// One with further keys of its server.
    fn with(folder: &Path, keys: &str) -> Radio {
        fs::create_dir(folder.join("music")).unwrap();
        for name in ["Jóga", "Hyperballad", "Army of Me", "Isobel"] {
            constant(&folder.join(format!("music/{name}.wav")), 0.1, 600 * 8000);
        }
        let text = format!(
            "[server]\nlisten = ['127.0.0.1:0']\n{keys}[library]\nfolders = 'music'\n\
                    [[pipeline]]\nplaylist = 'music/Isobel.wav'\nchannels = 1\nsample_rate = 8000\n\
                    [pipeline.requests]\nper_address = 2\n\
                    [[pipeline.output]]\nformat = 'mp3'\nmount = '/radio.mp3'\nbitrate = 32\n"
        );
        fs::write(folder.join("station.toml"), text).unwrap();
        let daemon = Daemon::start(folder);
        let address = daemon.address.clone();
        Radio { _daemon: daemon, folder: folder.to_owned(), address }
    }

    /// The whole answer to a request, with these further headers.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn search(&self, words: &str) -> Vec<Value> {
        let answer = self.ask("GET", &format!("/requests/search?q={words}"), "", "");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str::<Value>(body).unwrap().as_array().unwrap().clone()
    }

    /// What a command of `ctl` prints.
    fn ctl(&self, args: &[&str]) -> Result<String, String> {
        let mut ctl = Command::new(env!("CARGO_BIN_EXE_longwave"));
        ctl.args(["ctl", "--server", &format!("http://{}", self.address)]).args(args);
        let done = ctl.env("XDG_RUNTIME_DIR", &self.folder).output().unwrap();
        let [out, errors] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
        if done.status.success() { Ok(out) } else { Err(errors) }
    }

    /// Waits until the library has so many tracks.
    fn has_tracks(&self, count: u64) {
        until("the library has its tracks", || {
            let state: Value = serde_json::from_str(&self.ctl(&["--json", "library"]).unwrap()).unwrap();
            state["tracks"] == count
        });
    }

    fn request(&self, body: &str) -> String {
        // A page of another origin may do it, too.
        let headers = "Content-Type: application/json\r\nOrigin: https://fans.example\r\n\
                       Sec-Fetch-Site: cross-site\r\n";
        self.ask("POST", "/requests", headers, body)
    }
}

/// The body of a refusal, which pages may read and bots obey.
fn refusal(answer: &str, status: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(head.contains("Access-Control-Allow-Origin: *"), "{head}");
    let problem: Value = serde_json::from_str(body).unwrap();
    let retry_after = head.lines().find_map(|line| line.strip_prefix("Retry-After: "));
    let retry_after: Option<u64> = retry_after.map(|seconds| seconds.parse().unwrap());
    assert_eq!(problem["retry_after"].as_u64(), retry_after, "{answer}");
    problem
}

#[test]
fn anybody_may_request_what_the_library_has_up_to_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Radio::start(folder.path());
    daemon.has_tracks(4);
    assert_eq!(daemon.search("").len(), 4);
    let id = |words: &str| {
        let [track] = &daemon.search(words)[..] else { panic!("{words} is not one track") };
        track["track"].as_i64().unwrap()
    };
    let json = |track: i64| format!("{{\"track\": {track}}}");

    let heard = refusal(&daemon.request(&json(id("isobel"))), "429");
    assert_eq!(heard["code"], "too-many-requests");
    assert!(heard["detail"].as_str().unwrap().contains("heard or requested not long ago"), "{heard}");
    let nearly_four_hours = 14_000..=14_400;
    assert!(nearly_four_hours.contains(&heard["retry_after"].as_u64().unwrap()), "{heard}");
    let taken = daemon.request(&json(id("joga")));
    assert!(taken.starts_with("HTTP/1.1 201") && taken.contains("Access-Control-Allow-Origin: *"), "{taken}");
    assert!(taken.contains("\"title\":\"Jóga\""), "{taken}");
    refusal(&daemon.request(&json(id("joga"))), "429");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let taken = daemon.ask("POST", "/requests", form, &format!("track={}", id("hyper")));
    assert!(taken.starts_with("HTTP/1.1 201"), "{taken}");
    let third = refusal(&daemon.request(&json(id("army"))), "429");
    assert!(third["detail"].as_str().unwrap().contains("this address has requested"), "{third}");
    let bodies = ["{\"track\": 999999}", "{}", "nonsense", "[1]", "{\"track\": 1, \"pipeline\": \"no\"}"];
    for (body, status) in bodies.iter().zip(["404", "400", "400", "400", "404"]) {
        refusal(&daemon.request(body), status);
    }
    let preflight = daemon.ask("OPTIONS", "/requests", "Origin: https://fans.example\r\n", "");
    assert!(preflight.contains("Access-Control-Allow-Methods: POST"), "{preflight}");

    let found = daemon.ctl(&["requests", "search", "army", "of"]).unwrap();
    assert!(found.contains("Army of Me"), "{found}");
    let refused = daemon.ctl(&["requests", "add", &id("army").to_string()]).unwrap_err();
    assert!(refused.contains("this address has requested"), "{refused}");
    let queue = daemon.ctl(&["queue", "list"]).unwrap();
    assert!(queue.find("Jóga").unwrap() < queue.find("Hyperballad").unwrap(), "{queue}");
    daemon.ctl(&["skip"]).unwrap();
    until("it is on the air, for its reason", || {
        daemon.ctl(&["why"]).unwrap().lines().nth(1).is_some_and(|line| line.contains("a listener's request"))
    });
}

#[test]
fn limits_and_opening_hours_change_by_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Radio::start(folder.path());
    daemon.has_tracks(4);
    let file = folder.path().join("station.toml");
    let text = fs::read_to_string(&file).unwrap();
    let reload = |keys: &str| {
        fs::write(&file, text.replace("per_address = 2", keys)).unwrap();
        daemon.ctl(&["reload"]).unwrap()
    };
    let id = daemon.search("army")[0]["track"].as_i64().unwrap();
    let body = format!("{{\"track\": {id}}}");
    // In three days: not now, whatever the time zone.
    let days = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    let day = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][((days + 3) % 7) as usize];
    let changed = reload(&format!("open = '{day} 12:00 for 1h'"));
    assert!(changed.contains("requests: open, per_address"), "{changed}");
    let closed = refusal(&daemon.request(&body), "403");
    assert_eq!(closed["code"], "requests-closed");
    assert!((86_400..5 * 86_400).contains(&closed["retry_after"].as_u64().unwrap()), "{closed}");
    assert_eq!(daemon.search("army").len(), 1, "one may look around");
    reload("per_hour = 0");
    refusal(&daemon.request(&body), "429");
    reload("per_hour = 1");
    let taken = daemon.request(&body);
    assert!(taken.starts_with("HTTP/1.1 201"), "{taken}");
    fs::write(&file, text.replace("[pipeline.requests]\nper_address = 2\n", "")).unwrap();
    let changed = daemon.ctl(&["reload"]).unwrap();
    assert!(changed.contains("requests: removed"), "{changed}");
    refusal(&daemon.request(&body), "404");
    assert!(daemon.ctl(&["queue", "list"]).unwrap().contains("Army"), "what waits is played");
}

#[test]
fn behind_a_proxy_each_listener_has_limits_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Radio::with(folder.path(), "trusted_proxies = '127.0.0.1'\n");
    daemon.has_tracks(4);
    let file = folder.path().join("station.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("per_address = 2", "per_address = 1")).unwrap();
    daemon.ctl(&["reload"]).unwrap();
    let request = |client: &str, words: &str| {
        let track = daemon.search(words)[0]["track"].as_i64().unwrap();
        let headers = format!("Content-Type: application/json\r\nX-Forwarded-For: {client}\r\n");
        daemon.ask("POST", "/requests", &headers, &format!("{{\"track\": {track}}}"))
    };
    let taken = |client, words| {
        let answer = request(client, words);
        assert!(answer.starts_with("HTTP/1.1 201 "), "{client} {words}: {answer}");
    };
    let refused = |client, words| {
        let detail = refusal(&request(client, words), "429")["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("this address has requested"), "{client} {words}: {detail}");
    };
    taken("2001:db8:0:1::1", "joga");
    refused("2001:db8:0:1:ffff::2", "hyper");
    taken("203.0.113.7", "army");
    refused("203.0.113.7", "hyper");
    taken("203.0.113.8", "hyper");
}

#[test]
fn who_asks_too_often_waits_and_operators_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Radio::start(folder.path());
    // Bodies that never come have places of their own.
    let slow: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut socket = TcpStream::connect(&daemon.address).unwrap();
            let json = "Content-Type: application/json\r\nContent-Length: 60000\r\n";
            write!(socket, "POST /requests HTTP/1.1\r\nHost: a\r\n{json}\r\n{{").unwrap();
            socket
        })
        .collect();
    let refused = (0..200).find_map(|_| {
        let answer = daemon.ask("GET", "/requests/search?q=x", "", "");
        (!answer.starts_with("HTTP/1.1 200")).then_some(answer)
    });
    let refused = refusal(&refused.expect("there is a limit"), "429");
    assert_eq!(
        (&refused["detail"], &refused["retry_after"]),
        (&"this address asks too often".into(), &1.into())
    );
    daemon.ctl(&["skip"]).unwrap();
    daemon.ctl(&["library", "search", "x"]).unwrap();
    drop(slow);
}
