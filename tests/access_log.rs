//! The access log: each request has one line at its end, in the form that tools expect.

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use longwave::{HttpAnswer, ServerSettings};
use longwave_testing::player::Player;
use longwave_testing::server::{Station, quick};
use longwave_testing::until;

struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        assert_ne!(thread, "reactor", "it must not even ask a logger");
        metadata.target() == "longwave::access" && metadata.level() == log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            assert_eq!(thread, "journal", "the reactor must not wait for a logger");
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
fn every_request_has_its_line() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let station = Station::start(ServerSettings { header_timeout: Duration::from_millis(200), ..quick() });
    let mut feed = station.mount("/stream.mp3");
    feed.push(20);
    station.ask(b"GET /a%22b?c=\"d\" HTTP/1.1\r\nUser-Agent: \"evil\" \\ \xc2\x9b\r\nReferer: http://x/\r\nConnection: close\r\n\r\n");
    station.ask(b"GET /never");
    let agent = "x".repeat(10_000);
    let mut player = Player::get(&station, "/stream.mp3", &format!("User-Agent: {agent}\r\n"));
    player.packets(20);
    drop(player);
    until("the listener's line is there", || {
        feed.push(1);
        LINES.0.lock().unwrap().len() == 3
    });
    let requests = station.server.take_requests(&["/own"], 1).unwrap();
    let mut client = station.connect();
    client.write_all(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut request = requests.next_within(Duration::from_secs(30)).unwrap();
    request.identify("Zo\u{eb} \u{9b}");
    request.answer(HttpAnswer::text(200, "so it is"));
    until("the answer's line is there", || LINES.0.lock().unwrap().len() == 4);
    let sources = station.server.take_sources(1).unwrap();
    let mut client = station.connect();
    client
        .write_all(b"PUT /live HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nUser-Agent: x\r\n\r\naudio")
        .unwrap();
    let mut request = sources.next_within(Duration::from_secs(30)).unwrap();
    request.identify("ana");
    let _stream = request.receive_source();
    until("the source's line is there", || LINES.0.lock().unwrap().len() == 5);
    station.server.stop();

    let lines = LINES.0.lock().unwrap();
    assert!(lines[3].starts_with(r"127.0.0.1 - Zoë\u{20}\u{9b} ["), "{}", lines[3]);
    assert!(lines[4].starts_with("127.0.0.1 - ana ["), "{}", lines[4]);
    assert!(lines[4].ends_with(r#"] "PUT /live HTTP/1.1" 200 5 "-" "x" 0"#), "{}", lines[4]);
    let lines = &lines[..3];
    let parts: Vec<_> = lines.iter().map(|line| line.split_once(" - - [").expect(line)).collect();
    assert!(parts.iter().all(|(address, rest)| *address == "127.0.0.1" && &rest[20..29] == " +0000] \""));
    let tails: Vec<_> = parts.iter().map(|(_, rest)| &rest[28..]).collect();
    let first = tails[0].strip_prefix(r#""GET /a%22b?c=\"d\" HTTP/1.1" 404 "#).expect(tails[0]);
    assert!(first.ends_with(r#" "http://x/" "\"evil\" \\ \u{9b}" 0"#), "{first}");
    assert!(tails[1].starts_with(r#""-" 408 "#) && tails[1].ends_with(r#" "-" "-" 0"#), "{}", tails[1]);
    let third = tails[2].strip_prefix(r#""GET /stream.mp3 HTTP/1.1" 200 "#).expect(tails[2]);
    let (bytes, rest) = third.split_once(' ').unwrap();
    assert!(bytes.parse::<usize>().unwrap() > 20 * 417);
    assert!(rest.starts_with(&format!(r#""-" "{}" "#, &agent[..256])), "what is kept is bounded: {rest}");
}
