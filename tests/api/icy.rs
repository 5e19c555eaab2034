//! Sources that speak ICY, the protocol of SHOUTcast 1: raw sockets, and libshout.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use longwave::{Event, LeaveReason};
use longwave_testing::client::{Client, basic};
use longwave_testing::tools::is_heard_from_some_packet_on;
use longwave_testing::{PATIENCE, until};

use crate::document;
use crate::sources::{PASSWORD, Radio, mp3};

const WELCOME: &str = "OK2\r\nicy-caps:11\r\n\r\n";

impl Radio {
    fn icy(&self) -> TcpStream {
        let socket = TcpStream::connect(self.station.server().icy_addrs()[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    /// A source that is welcome, before its headers.
    fn welcome(&self, line: &str) -> TcpStream {
        let mut socket = self.icy();
        socket.write_all(line.as_bytes()).unwrap();
        expect_welcome(&mut socket);
        socket
    }

    /// A source that sends.
    fn icy_source(&self, line: &str, headers: &[u8]) -> TcpStream {
        let mut socket = self.welcome(line);
        socket.write_all(headers).unwrap();
        self.connected();
        socket
    }

    fn connected(&self) {
        self.told(|event| matches!(event, Event::SourceConnected { .. }).then_some(()));
    }

    /// All that a source is told that is refused.
    fn refused_icy(&self, said: &str) -> String {
        let mut socket = self.icy();
        socket.write_all(said.as_bytes()).unwrap();
        to_end(&mut socket)
    }

    /// The status and the text of the answer to a request for `/admin.cgi`.
    fn admin(&self, query: &str) -> (u16, String) {
        let mut socket = self.connect();
        let agent = "User-Agent: ShoutcastDSP (Mozilla Compatible)";
        socket.write_all(format!("GET /admin.cgi?{query} HTTP/1.0\r\n{agent}\r\n\r\n").as_bytes()).unwrap();
        let answer = Client::new(socket).answer(false);
        document::judge("GET", "/admin.cgi", &answer);
        (answer.status, answer.body)
    }
}

fn expect_welcome(socket: &mut TcpStream) {
    let mut answer = [0; WELCOME.len()];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), WELCOME);
}

fn to_end(socket: &mut TcpStream) -> String {
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn its_bytes_are_what_listeners_get_with_the_titles_that_it_sends() {
    let radio = Radio::start();
    let headers = b"icy-name:J\xf3ga FM\r\nicy-genre:Pop\r\nicy-url:https://radio.example\r\nicy-irc:N/A\r\n\
                    icy-pub:1\r\nicy-br:128\r\n\r\n";
    let mut source = radio.icy_source(&format!("dj:{PASSWORD}\r\n"), headers);
    let known = &radio.station.sources()[0];
    assert_eq!((&*known.path, &*known.info.user), ("/guest", "dj"));
    assert_eq!((&*known.info.program, &*known.info.content_type), ("ICY (SHOUTcast 1)", "audio/mpeg"));
    let mount = radio.station.server().mount_info("/guest").unwrap().settings;
    assert_eq!((mount.name.as_deref(), mount.genre.as_deref()), (Some("Jóga FM"), Some("Pop")));
    assert_eq!((mount.url.as_deref(), mount.bitrate), (Some("https://radio.example"), Some(128)));

    let sent = mp3(6);
    let (early, late) = sent.split_at(sent.len() / 2);
    source.write_all(early).unwrap();
    until("it sounds", || radio.position() > early.len() as u64 / 2);
    // As BUTT writes it: Windows-1252 by itself, the password as it is.
    let query =
        format!("pass=dj:{}&mode=updinfo&song=Bj%F6rk%20-%20J%F3ga&url=", PASSWORD.replace(' ', "%20"));
    let (status, body) = radio.admin(&query);
    assert_eq!((status, body.contains("Metadata update successful")), (200, true), "{body}");
    let mut titled = radio.listen("Icy-MetaData: 1\r\n");
    let mut listener = radio.listen("");
    let mut heard = listener.exactly(1);
    source.write_all(late).unwrap();
    titled.until("StreamTitle='Björk - Jóga';".as_bytes());
    drop(source);
    assert_eq!(radio.left(), LeaveReason::Left);
    heard.extend(listener.to_end());
    is_heard_from_some_packet_on(&sent, &heard, "audio/mpeg");
}

/// It sends everything before it reads, with a header of HTTP for load balancers, and closes the connections
/// of its titles without reading.
#[test]
fn butt_is_on_the_air_as_it_speaks_to_shoutcast() {
    let radio = Radio::start();
    let mut butt = radio.icy();
    for part in [
        format!("dj:{PASSWORD}\r\n"),
        "Host: radio.example:8000\r\n".into(),
        "icy-name:Anna\u{2019}s evening\r\n".into(),
        "icy-pub:0\r\n".into(),
        "icy-br:128\r\n".into(),
        "content-type:".into(),
        "audio/mpeg".into(),
        "\r\n\r\n".into(),
    ] {
        butt.write_all(part.as_bytes()).unwrap();
    }
    let mut answer = [0; 99];
    let count = butt.read(&mut answer).unwrap();
    assert_eq!(&answer[..count], WELCOME.as_bytes(), "it looks at the first two bytes of one read");
    let tone = mp3(2);
    butt.write_all(&tone).unwrap();
    until("it sounds", || radio.position() > 0);
    let mount = radio.station.server().mount_info("/guest").unwrap().settings;
    assert_eq!((mount.name.as_deref(), mount.bitrate), (Some("Anna\u{2019}s evening"), Some(128)));
    for title in ["Bj%C3%B6rk%20-%20J%C3%B3ga", "%D0%BF%D1%80%D0%B8"] {
        let password = PASSWORD.replace(' ', "%20");
        let mut socket = radio.connect();
        let line = format!("GET /admin.cgi?pass=dj:{password}&mode=updinfo&song={title}&url= HTTP/1.0\r\n");
        let agent = "User-Agent: ShoutcastDSP (Mozilla Compatible)\r\nHost: radio.example:8000\r\n\r\n";
        socket.write_all(line.as_bytes()).unwrap();
        socket.write_all(agent.as_bytes()).unwrap();
    }
    until("its last title is there", || {
        // A title stands at the audio that comes with it.
        butt.write_all(&tone[..tone.len() / 20]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        radio.title() == "при"
    });
    drop(butt);
    assert_eq!(radio.left(), LeaveReason::Left);
}

#[test]
fn it_is_on_the_air_at_a_live_input() {
    let radio = Radio::start();
    let mut source = radio.icy_source(&format!("/live:ana:{PASSWORD}\n"), b"icy-name:Anna\n\n");
    source.write_all(&mp3(4)).unwrap();
    let pipeline = &radio.station.pipelines()[0];
    until("it is on the air", || pipeline.live().is_some_and(|live| live.title.as_deref() == Some("Anna")));
    let password = PASSWORD.replace(' ', "%20");
    let (status, body) = radio.admin(&format!("mode=updinfo&pass=/live:ana:{password}&song=J%F3ga"));
    assert_eq!(status, 200, "{body}");
    source.write_all(&mp3(1)).unwrap();
    until("the title has come", || pipeline.live().and_then(|live| live.title).as_deref() == Some("Jóga"));
    drop(source);
    assert_eq!(radio.left(), LeaveReason::Left);
}

#[test]
fn the_line_and_the_headers_may_be_torn_anywhere_and_end_in_any_way() {
    let radio = Radio::start();
    for (end, mount) in [("\n", ""), ("\r\n", "/guest:"), ("\r\r\n", "")] {
        let line = format!("{mount}dj:{PASSWORD}{end}");
        let headers = format!("icy-name:Torn{end}content-type:audio/aac{end}{end}");
        let mut socket = radio.icy();
        line.as_bytes().chunks(1).for_each(|byte| socket.write_all(byte).unwrap());
        expect_welcome(&mut socket);
        headers.as_bytes().chunks(1).for_each(|byte| socket.write_all(byte).unwrap());
        radio.connected();
        let info = radio.station.sources()[0].info.clone();
        assert_eq!((info.name.as_deref(), &*info.content_type), (Some("Torn"), "audio/aac"), "{end:?}");
        drop(socket);
        assert_eq!(radio.left(), LeaveReason::Left);
        // All at once, as some programs send it, with the first bytes of the stream.
        let mut socket = radio.icy();
        socket.write_all(&[line.as_bytes(), headers.as_bytes(), b"audio"].concat()).unwrap();
        expect_welcome(&mut socket);
        until("its bytes are there", || {
            radio.station.sources().iter().any(|known| known.received_bytes == 5)
        });
        drop(socket);
        assert_eq!(radio.left(), LeaveReason::Left);
    }
}

#[test]
fn who_may_not_send_is_told_why_in_a_line_of_text() {
    let radio = Radio::start();
    for (said, answer) in [
        ("wrong horse\r\n".to_owned(), "invalid password\r\nthere is no such user"),
        ("dj:wrong\n".into(), "invalid password\r\nthere is no such user"),
        (format!("ben:{PASSWORD}\n"), "ben is a viewer: this needs a source, a dj or an admin"),
        (
            format!("/nothing:dj:{PASSWORD}\n"),
            "there is no path /nothing for this login: dj may send to /guest",
        ),
        (
            format!("/only.aac:dj:{PASSWORD}\n"),
            "there is no path /only.aac for this login: dj may send to /guest",
        ),
        ("!POKE\nicy-name:libshout server poke request\n\n".into(), "invalid password\r\nlog in"),
        ("\n".into(), "invalid password\r\nthe first line must be a password"),
        ("x".repeat(600), "invalid password\r\nthe first line must be a password"),
        ("GET / HTTP/1.1\r\n\r\n".into(), "HTTP/1.1 400 Bad Request\r\n"),
    ] {
        let told = radio.refused_icy(&said);
        assert!(told.starts_with(answer) && !told.contains("OK"), "{said:?}: {told:?}");
    }
    // The type is known only behind the headers.
    let mut socket = radio.welcome(&format!("/only.aac:ana:{PASSWORD}\n"));
    socket.write_all(b"content-type:audio/mpeg\n\n").unwrap();
    assert!(to_end(&mut socket).starts_with("this mount takes audio/aac, and not audio/mpeg"));
    let refused = |reason: &str| {
        radio
            .told(|event| match event {
                Event::SourceRefused { path, user, reason, .. } => Some((path, user, reason)),
                _ => None,
            })
            .2
            .contains(reason)
    };
    for reason in ["there is no path /nothing", "there is no path /only.aac", "this mount takes"] {
        assert!(refused(reason), "{reason}");
    }
    let _source = radio.icy_source(&format!("dj:{PASSWORD}\n"), b"\n");
    let taken = radio.refused_icy(&format!("ana:{PASSWORD}\n"));
    assert!(taken.starts_with("dj is on here since 20"), "{taken}");
    // Only the door knows whether the connection before is dead: it is judged behind the headers.
    let mut again = radio.welcome(&format!("dj:{PASSWORD}\n"));
    again.write_all(b"\n").unwrap();
    assert!(to_end(&mut again).starts_with("dj is on here since 20"));
    assert!(refused("dj is on here") && refused("dj is on here"));
}

#[test]
fn a_dj_whose_line_broke_takes_over_their_own_dead_connection() {
    let radio = Radio::start();
    let line = format!("dj:{PASSWORD}\n");
    let mut dead = radio.icy_source(&line, b"\n");
    let before = radio.station.sources()[0].id;
    until("nothing has come for two seconds", || {
        radio.station.sources()[0].silent_for >= Duration::from_secs(2)
    });
    let mut again = radio.welcome(&line);
    again.write_all(b"icy-name:Again\n\n").unwrap();
    assert_eq!(radio.left(), LeaveReason::Replaced);
    radio.connected();
    let sources = radio.station.sources();
    assert_eq!((sources.len(), sources[0].info.name.as_deref()), (1, Some("Again")));
    assert_ne!(sources[0].id, before);
    assert_eq!(to_end(&mut dead), "");
}

#[test]
fn who_finds_no_room_is_told_at_the_login_and_a_dead_connection_makes_room() {
    let radio = Radio::with("max_sources = 1");
    let line = format!("dj:{PASSWORD}\n");
    let mut first = radio.icy_source(&line, b"\n");
    let full = "there are as many sources here as max_sources allows: wait until one has left\r\n";
    let elsewhere = format!("/live:ana:{PASSWORD}\n");
    assert_eq!(radio.refused_icy(&elsewhere), full);
    let told = radio.told(|event| match event {
        Event::SourceRefused { path, reason, .. } => Some((path, reason)),
        event => {
            assert!(!matches!(event, Event::SourceConnected { .. }));
            None
        }
    });
    assert_eq!(told, ("/live".to_owned(), full.trim_end().to_owned()));
    until("nothing has come for two seconds", || {
        radio.station.sources()[0].silent_for >= Duration::from_secs(2)
    });
    let _again = radio.icy_source(&line, b"\n");
    assert_eq!(to_end(&mut first), "");
}

#[test]
fn wrong_passwords_count_as_failed_logins_on_both_ports() {
    let radio = Radio::start();
    for n in 0..5 {
        assert!(radio.refused_icy(&format!("wrong {n}\n")).starts_with("invalid password\r\n"));
        assert_eq!(radio.admin(&format!("mode=updinfo&song=x&pass=wrong{n}")).0, 401);
        // libshout's question is none.
        assert!(radio.refused_icy("!POKE\n").starts_with("invalid password\r\n"));
    }
    let told = radio.refused_icy("wrong again\n");
    assert!(told.starts_with("too many failed logins from this address"), "{told}");
    assert_eq!(radio.admin("mode=updinfo&song=x&pass=wrong").0, 429);
}

#[test]
fn titles_are_for_whom_the_password_names() {
    let radio = Radio::start();
    let password = PASSWORD.replace(' ', "%20");
    let source = radio.icy_source(&format!("{PASSWORD}\n"), b"\n");
    assert_eq!(radio.station.sources()[0].info.user, "source", "it knows only a password");
    for (query, status, part) in [
        (format!("mode=updinfo&pass={password}&song=x"), 200, "successful"),
        (format!("mode=updinfo&pass=dj%3A{password}&song=%D0%BF"), 200, "successful"),
        (format!("mode=updinfo&pass=/guest:dj:{password}&title=x&charset=latin1"), 200, "successful"),
        (format!("mode=updinfo&pass=/only.aac:ana:{password}&song=x"), 400, "Source does not exist"),
        (format!("mode=updinfo&pass=/only.aac:ana:{password}&mount=/guest&song=x"), 200, "successful"),
        (format!("mode=updinfo&pass=/only.aac:dj:{password}&song=x"), 403, "this user sends nothing to"),
        (format!("mode=updinfo&pass={password}"), 400, "Missing parameter"),
        (format!("mode=viewxml&pass={password}"), 400, "Only mode=updinfo is here"),
        (format!("mode=updinfo&pass=ben:{password}&song=x"), 403, "viewer"),
        ("mode=updinfo&song=x".into(), 401, "needs a credential"),
        ("mode=updinfo&song=x&pass=".into(), 401, "needs a credential"),
    ] {
        let (got, body) = radio.admin(&query);
        assert!(got == status && body.contains(part), "{query}: {got} {body}");
    }
    let asked =
        Client::new(radio.connect()).ask("GET", "/admin.cgi?mode=updinfo&song=y", &basic("dj", PASSWORD), "");
    assert_eq!(asked.status, 200, "a login by Basic does, too");
    let foreign = format!("{}Origin: https://evil.example\r\n", basic("dj", PASSWORD));
    let asked = Client::new(radio.connect()).ask("GET", "/admin.cgi?mode=updinfo&song=z", &foreign, "");
    assert_eq!(asked.status, 403, "a page of another origin");
    drop(source);
}

/// It asks with `!POKE` first, on a connection of its own. It adds 1 to the port that it is given.
#[test]
fn libshout_is_on_the_air_by_icy() {
    let radio = Radio::start();
    let port = (radio.station.server().icy_addrs()[0].port() - 1).to_string();
    let mut shout = Command::new("python3");
    shout.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/libshout_icy.py"));
    shout.args(["127.0.0.1", &port, &format!("dj:{PASSWORD}")]);
    let mut shout = shout.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is there");
    let said = shout.stdout.take().unwrap();
    assert_eq!(BufReader::new(said).lines().next().expect("it is welcome").unwrap(), "open");
    let sent = mp3(4);
    let mut stdin = shout.stdin.take().unwrap();
    let (early, late) = sent.split_at(sent.len() / 2);
    stdin.write_all(early).unwrap();
    until("it sounds", || radio.position() > early.len() as u64 / 2);
    let mount = radio.station.server().mount_info("/guest").unwrap();
    assert_eq!(mount.settings.name.as_deref(), Some("Guest FM"));
    let mut listener = radio.listen("");
    let mut heard = listener.exactly(1);
    stdin.write_all(late).unwrap();
    drop(stdin);
    assert!(shout.wait().unwrap().success());
    assert_eq!(radio.left(), LeaveReason::Left);
    heard.extend(listener.to_end());
    is_heard_from_some_packet_on(&sent, &heard, "audio/mpeg");
}
