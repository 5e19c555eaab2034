//! Well-behaved and misbehaving players at a server, over real sockets.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use longwave::{Burst, CloseReason, Error, Event, MountSettings, ServerSettings};
use longwave_testing::player::{PACKET_BYTES, Player, header, packet_bytes, text_of};
use longwave_testing::server::{Station, mount_settings, numbers, quick, read_to_end, settings};
use longwave_testing::{A_STOP, PATIENCE, until};
use socket2::SockRef;

#[test]
fn a_listener_gets_a_burst_at_once_and_then_what_comes() {
    let station = Station::start(settings());
    let mut feed = station.mount("/stream.mp3");
    feed.push(500);
    let mut player = Player::get(&station, "/stream.mp3", "");
    assert!(player.head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(header(&player.head, "icy-metaint"), None);
    // 64 KiB of packets of 417 bytes. The burst ends at the head.
    assert_eq!(player.packets(158), numbers(500 - 158..500));
    feed.push(100);
    assert_eq!(player.packets(100), numbers(500..600));
}

#[test]
fn titles_are_told_on_join_and_where_they_change() {
    let station = Station::start(settings());
    let mut feed = station.mount("/stream.mp3");
    let titles = ["Björk – Jóga", "it's; fine", "日本語"];
    feed.title(titles[0]);
    feed.push(100);
    let mut player = Player::get(&station, "/stream.mp3", "Icy-MetaData: 1\r\n");
    assert_eq!(header(&player.head, "icy-metaint"), Some("16000"));
    assert_eq!(player.packets(100), numbers(0..100));
    for (title, packets) in [(titles[1], 50), (titles[2], 150)] {
        feed.title(title);
        feed.push(packets);
    }
    assert_eq!(player.packets(200), numbers(100..300));
    let told: Vec<_> = player.titles.iter().map(|(_, block)| text_of(block)).collect();
    assert_eq!(told, titles);
    // At the first block for the first title, then at the first block after each change.
    let block_after = |packet: usize| (packet * PACKET_BYTES).div_ceil(16_000) * 16_000;
    let positions: Vec<_> = player.titles.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [16_000, block_after(100), block_after(150)]);
}

#[test]
fn a_reader_with_a_tiny_window_gets_whole_packets_and_whole_titles() {
    let station = Station::start(settings());
    let mut feed = station.mount_with(MountSettings {
        path: "/stream.mp3".into(),
        metaint: Some(101),
        ..mount_settings()
    });
    feed.title("first");
    feed.push(200);
    let socket = station.connect();
    SockRef::from(&socket).set_recv_buffer_size(32_768).unwrap();
    let mut player = Player::on(socket, "/stream.mp3", "Icy-MetaData: 1\r\n");
    for round in 0..40 {
        feed.title(&format!("title {round} {}", "x".repeat(round * 10)));
        feed.push(25);
    }
    until("a write was cut short", || station.server.stats().blocked_writes > 0);
    assert_eq!(player.packets(1158), numbers(200 - 158..1200));
    let told = player.titles.iter().map(|(_, block)| text_of(block).split(' ').nth(1).map(str::to_owned));
    let expected = [None].into_iter().chain((0..40).map(|round| Some(round.to_string())));
    assert!(told.eq(expected), "each title once");
    assert_eq!(feed.info().skips, 0);
}

#[test]
fn half_closing_is_not_leaving() {
    let station = Station::start(quick());
    let mut feed = station.mount("/stream.mp3");
    let events = station.server.subscribe(10).unwrap();
    feed.push(10);
    let mut player = Player::get(&station, "/stream.mp3", "");
    player.socket.shutdown(Shutdown::Write).unwrap();
    until("it counts", || station.server.listener_count(None).unwrap() == 1);
    feed.push(10);
    assert_eq!(player.packets(20), numbers(0..20));
    drop(player);
    until("it has left", || {
        feed.push(1);
        station.server.listener_count(Some("/stream.mp3")).unwrap() == 0
    });
    let joined = events.recv_timeout(PATIENCE).unwrap().event;
    let left = events.recv_timeout(PATIENCE).unwrap().event;
    let (Event::ListenerJoined { id: first, .. }, Event::ListenerLeft { id, duration, bytes, reason, .. }) =
        (joined, left)
    else {
        panic!("joined, then left")
    };
    assert_eq!((id, reason), (first, CloseReason::Left));
    assert!(duration >= Duration::from_secs(1));
    assert!(bytes as usize > 20 * PACKET_BYTES);
}

#[test]
fn probes_and_clients_that_leave_at_once_are_no_listeners() {
    let station = Station::start(quick());
    let mut feed = station.mount("/stream.mp3");
    let events = station.server.subscribe(10).unwrap();
    feed.push(20);
    let mut probe = Player::get(&station, "/stream.mp3", "Range: bytes=0-1\r\n");
    assert!(probe.head.starts_with("HTTP/1.1 200 OK\r\n"), "never 206");
    drop(Player::get(&station, "/stream.mp3", ""));
    let _listener = Player::get(&station, "/stream.mp3", "User-Agent: player/1\r\n");
    until("one counts and the one who left is gone", || {
        feed.push(1);
        station.server.listener_count(None).unwrap() > 0 && station.server.stats().connections == 2
    });
    assert_eq!(probe.packets(20), numbers(0..20));
    assert_eq!((station.server.listener_count(None).unwrap(), station.server.stats().listener_peak), (1, 1));
    let event = events.recv_timeout(PATIENCE).unwrap().event;
    assert!(matches!(event, Event::ListenerJoined { agent, .. } if agent == "player/1"));
    assert!(events.try_recv().is_none());
}

#[test]
fn a_stalled_listener_is_closed_and_nobody_else_notices() {
    let station = Station::start(ServerSettings { write_timeout: Duration::from_millis(1500), ..settings() });
    let mut feed = station.mount("/stream.mp3");
    let events = station.server.subscribe(10).unwrap();
    feed.push(158);
    let socket = station.connect();
    SockRef::from(&socket).set_recv_buffer_size(4096).unwrap();
    let stalled = Player::on(socket, "/stream.mp3", "");
    let mut player = Player::get(&station, "/stream.mp3", "");
    assert_eq!(player.packets(158), numbers(0..158));
    let mut expected = 158;
    until("the stalled one is gone", || {
        feed.push(200);
        for number in player.packets(200) {
            assert_eq!(number, expected);
            expected += 1;
        }
        station.server.stats().closed_for(CloseReason::Stalled) == 1
    });
    until("its end is told", || {
        let event = events.recv_timeout(PATIENCE).expect("an event").event;
        matches!(event, Event::ListenerLeft { reason: CloseReason::Stalled, .. })
    });
    assert_eq!(station.server.stats().closed_for(CloseReason::Left), 0);
    drop(stalled);
}

#[test]
fn a_listener_that_falls_out_of_the_backlog_jumps_and_is_counted() {
    let patient = ServerSettings { write_timeout: Duration::from_secs(10), ..settings() };
    let station = Station::start(patient);
    let mut feed = station.mount("/stream.mp3");
    feed.push(200);
    let mut player = Player::get(&station, "/stream.mp3", "");
    let mut expected = 200 - 158;
    let (mut gaps, mut missing) = (0, 0);
    until("it is blocked", || {
        let sent = station.server.stats().bytes_sent;
        feed.push(400);
        until("it was served", || station.server.stats().bytes_sent > sent);
        station.server.stats().blocked_writes > 0
    });
    // The backlog wraps past its position.
    feed.push(1000);
    while expected < feed.next {
        for number in player.packets(1) {
            gaps += u64::from(number != expected);
            missing += u64::from(number - expected);
            expected = number + 1;
        }
    }
    let info = feed.info();
    // On a busy machine it may fall out again.
    assert!(gaps >= 1, "it never fell out");
    assert_eq!((info.skips, info.skipped_bytes), (gaps, missing * PACKET_BYTES as u64));
    assert_eq!(station.server.stats().skipped_bytes, info.skipped_bytes);
}

#[test]
fn resets_at_any_time_leave_nothing_behind() {
    let station = Station::start(quick());
    let mut feed = station.mount("/stream.mp3");
    feed.push(200);
    let mut player = Player::get(&station, "/stream.mp3", "");
    for turn in 0..60 {
        let mut socket = station.connect();
        let request = b"GET /stream.mp3 HTTP/1.1\r\nHost: x\r\n\r\n";
        socket.write_all(&request[..request.len() * (turn % 4) / 3]).unwrap();
        if turn % 4 == 3 && turn % 8 == 3 {
            socket.read_exact(&mut [0; 1000]).unwrap();
        }
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    until("all are gone but one", || station.server.stats().connections == 1);
    feed.push(10);
    assert_eq!(player.packets(168), numbers(200 - 158..210));
}

#[test]
fn refusals_arrive() {
    let station = Station::start(quick());
    let _feed = station.mount("/stream.mp3");
    let mebibyte = [b"GET /".as_slice(), &vec![b'x'; 1 << 20], b" HTTP/1.1\r\n\r\n"].concat();
    let flood = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1000));
    for (request, status) in [
        (mebibyte.as_slice(), "HTTP/1.1 431 "),
        (flood.as_bytes(), "HTTP/1.1 431 "),
        (b"\x16\x03\x01\x02\x00\x01\x00", "HTTP/1.1 400 "),
        (b"hello\r\n\r\n", "HTTP/1.1 400 "),
        (b"GET /stream.mp3 HTTP/1.1\r\nHo", "HTTP/1.1 408 "),
        (b"no newline", "HTTP/1.1 408 "),
        (b"", ""),
    ] {
        let mut socket = station.connect();
        // The server may have closed before it has read a mebibyte.
        let _ = socket.write_all(request);
        let answer = read_to_end(&mut socket);
        assert!(answer.starts_with(status) && answer.is_empty() == status.is_empty(), "{status}: {answer}");
    }
    until("nothing is left", || station.server.stats().connections == 0);
}

#[test]
fn short_answers_keep_the_connection_and_come_in_order() {
    let station = Station::start(quick());
    let mut feed = station.mount("/stream.mp3");
    feed.push(10);
    let mut socket = station.connect();
    let requests =
        "GET /one HTTP/1.1\r\nHost: x\r\n\r\nHEAD /two HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS * HTTP/1.1\r\n\r\n";
    for byte in requests.as_bytes() {
        socket.write_all(&[*byte]).unwrap();
    }
    socket.write_all(b"GET /stream.mp3 HTTP/1.0\r\n\r\n").unwrap();
    let mut output = Vec::new();
    while !output.ends_with(&packet_bytes(9)) {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).unwrap();
        assert!(count > 0);
        output.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8_lossy(&output);
    let statuses: Vec<_> = text.match_indices("HTTP/1.").map(|(at, _)| &text[at..at + 12]).collect();
    assert_eq!(statuses, ["HTTP/1.1 404", "HTTP/1.1 404", "HTTP/1.1 200", "HTTP/1.0 200"]);
}

#[test]
fn the_answers_of_the_protocol() {
    let station = Station::start(quick());
    let feed = station.mount_with(MountSettings {
        path: "/Jóga-mix.mp3".into(),
        name: Some("<b>Radio".into()),
        ..mount_settings()
    });
    let ask = |request: &str| station.ask(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes());
    let encoded = "/J%C3%B3ga-mix.mp3";

    let head = ask(&format!("HEAD {encoded}?x=1 HTTP/1.1\r\nIcy-MetaData: 1"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"));
    for (name, value) in [
        ("Content-Type", "audio/mpeg"),
        ("icy-br", "128"),
        ("icy-name", "<b>Radio"),
        ("icy-pub", "0"),
        ("icy-metaint", "16000"),
        ("ice-audio-info", "channels=2;samplerate=44100;bitrate=128"),
        ("Connection", "close"),
        ("Access-Control-Allow-Origin", "*"),
    ] {
        assert_eq!(header(&head, name), Some(value), "{head}");
    }
    for name in ["Transfer-Encoding", "Accept-Ranges", "Content-Range", "Content-Length"] {
        assert_eq!(header(&head, name), None);
    }
    assert!(header(&head, "Date").is_some_and(|date| date.ends_with(" GMT")), "{head}");
    assert!(header(&head, "Server").is_some_and(|server| server.starts_with("Longwave/")), "{head}");

    for target in ["*", encoded, "/nothing"] {
        let answer = ask(&format!("OPTIONS {target} HTTP/1.1\r\nOrigin: http://x"));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        let allowed = header(&answer, "Access-Control-Allow-Headers").unwrap();
        for name in ["*", "Icy-MetaData", "Range", "Authorization", "Content-Type"] {
            assert!(allowed.split(", ").any(|allowed| allowed == name), "{name} is not in {allowed}");
        }
    }
    let answer = ask(&format!("DELETE {encoded} HTTP/1.1"));
    assert!(answer.starts_with("HTTP/1.1 405 "));
    assert_eq!(header(&answer, "Allow"), Some("GET, HEAD, OPTIONS"));
    let answer = ask("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345");
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.matches("HTTP/1.").count() == 1);
    let answer = ask("GET /nothing HTTP/1.0");
    assert!(answer.starts_with("HTTP/1.0 404 ") && answer.contains("\n  /Jóga-mix.mp3\n"));

    let url = format!("http://radio.example:81{encoded}");
    for kind in ["m3u", "pls", "xspf"] {
        let answer = ask(&format!("GET {encoded}.{kind} HTTP/1.1\r\nHost: radio.example:81"));
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(&url), "{answer}");
        let answer = ask(&format!("GET {encoded}.{kind} HTTP/1.0"));
        assert!(answer.contains(&format!("http://{}{encoded}", station.address)), "{answer}");
        assert!(ask(&format!("GET /nothing.{kind} HTTP/1.1")).starts_with("HTTP/1.1 404 "));
    }
    let page = ask("GET / HTTP/1.1\r\nHost: radio.example:81");
    assert!(page.contains("text/html") && page.contains("&lt;b&gt;Radio") && page.contains("<audio"));
    assert!(page.contains(&format!("src=\"{encoded}\"")));
    drop(feed);
    until("the mount is gone", || ask("GET / HTTP/1.0").contains("Nothing is on the air"));
}

#[test]
fn streams_are_sent_without_a_host_and_pages_are_not() {
    let station = Station::start(quick());
    let _feed = station.mount("/a.mp3");
    let ask = |request: &str| station.ask(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes());
    let status = |request: &str| ask(request).split(' ').nth(1).unwrap().to_owned();
    for nobody in ["", "\r\nHost:", "\r\nHost: [::1", "\r\nHost: ..", "\r\nHost: user@radio.example"] {
        for (request, expected) in [
            ("HEAD /a.mp3 HTTP/1.1", "200"),
            ("GET /a.mp3.m3u HTTP/1.1", "200"),
            ("GET /nothing HTTP/1.1", "404"),
            ("GET / HTTP/1.0", "200"),
            ("GET / HTTP/1.1", "400"),
            ("HEAD / HTTP/1.1", "400"),
        ] {
            assert_eq!(status(&format!("{request}{nobody}")), expected, "{request}{nobody}");
        }
        let playlist = ask(&format!("GET /a.mp3.m3u HTTP/1.1{nobody}"));
        assert!(playlist.contains(&format!("\r\nhttp://{}/a.mp3\r\n", station.address)), "{playlist}");
    }
    let playlist = ask("GET http://radio.example:81/a.mp3.m3u HTTP/1.1\r\nHost: other.example");
    assert!(playlist.contains("\r\nhttp://radio.example:81/a.mp3\r\n"), "{playlist}");
    for two in ["Host: a\r\nHost: b", "Host: a\r\nhost: a", "Host:\r\nX: y\r\nHost: a"] {
        for request in
            ["GET /a.mp3 HTTP/1.1", "GET /a.mp3 HTTP/1.0", "GET http://a/ HTTP/1.1", "OPTIONS * HTTP/1.1"]
        {
            let answer = station.ask(format!("{request}\r\n{two}\r\n\r\n").as_bytes());
            assert!(answer.contains(" 400 ") && answer.ends_with("more than one header Host\n"), "{answer}");
        }
    }
}

#[test]
fn listeners_beyond_the_limit_are_refused_and_may_come_later() {
    let station = Station::start(ServerSettings { max_listeners: Some(3), ..quick() });
    let mut small = station.mount_with(MountSettings {
        path: "/small.mp3".into(),
        max_listeners: Some(1),
        ..mount_settings()
    });
    let mut large = station.mount("/large.mp3");
    small.push(10);
    large.push(10);
    let on_small = Player::get(&station, "/small.mp3", "");
    let refused = |path: &str| {
        let answer = station.ask(format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 503 ") && header(&answer, "Retry-After").is_some(), "{answer}");
    };
    refused("/small.mp3");
    let _on_large = [Player::get(&station, "/large.mp3", ""), Player::get(&station, "/large.mp3", "")];
    refused("/large.mp3");
    assert_eq!(station.server.stats().refused, 2);
    drop(on_small);
    until("there is room again", || {
        small.push(1);
        let player = Player::get(&station, "/small.mp3", "");
        player.head.starts_with("HTTP/1.1 200 ")
    });
}

#[test]
fn the_end_of_a_mount_sends_what_is_due_and_frees_its_path() {
    let station = Station::start(quick());
    let mut feed = station.mount("/stream.mp3");
    feed.push(10);
    let mut player = Player::get(&station, "/stream.mp3", "");
    let mut other = Player::get(&station, "/stream.mp3", "Icy-MetaData: 1\r\n");
    assert!(matches!(station.server.add_mount(feed.info().settings.as_ref().clone()), Err(Error::Exists(_))));
    feed.push(300);
    drop(feed);
    assert_eq!(player.packets_to_end(), numbers(0..310));
    assert_eq!(other.packets_to_end(), numbers(0..310));
    assert!(station.ask(b"GET /stream.mp3 HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
    assert!(station.server.mounts().is_empty());

    // Another mount gets the same path at once, while the last listeners of the first one remain.
    let mut feed = station.mount("/stream.mp3");
    feed.push(3);
    let mut player = Player::get(&station, "/stream.mp3", "");
    station.server.remove_mount("/stream.mp3").unwrap();
    let mut next = station.mount("/stream.mp3");
    next.push(5);
    assert_eq!(player.packets_to_end(), numbers(0..3));
    assert!(!feed.writer.is_on_air() && next.writer.is_on_air());
    drop(feed);
    assert_eq!(Player::get(&station, "/stream.mp3", "").packets(5), numbers(0..5));
    assert!(matches!(station.server.remove_mount("/other"), Err(Error::NotFound(_))));
}

#[test]
fn an_ended_mount_does_not_wait_long_for_stalled_listeners() {
    let station = Station::start(ServerSettings { write_timeout: Duration::from_secs(60), ..settings() });
    let mut feed = station.mount("/stream.mp3");
    feed.push(200);
    let socket = station.connect();
    SockRef::from(&socket).set_recv_buffer_size(2048).unwrap();
    let _stalled = Player::on(socket, "/stream.mp3", "");
    feed.push(1100);
    until("it is stalled", || station.server.stats().blocked_writes > 0);
    let ended = Instant::now();
    drop(feed);
    until("it is gone", || station.server.stats().connections == 0);
    let waited = ended.elapsed();
    // Two seconds, on a machine that is not busy; far from `write_timeout` on any other.
    assert!((Duration::from_millis(1900)..PATIENCE).contains(&waited), "{waited:?}");
}

#[test]
fn stopping_while_busy_is_orderly_and_frees_the_port_at_once() {
    let station = Station::start(ServerSettings { write_timeout: Duration::from_secs(60), ..settings() });
    let events = station.server.subscribe(1000).unwrap();
    let mut feed = station.mount("/stream.mp3");
    feed.push(158);
    let mut players: Vec<_> = (0..50).map(|_| Player::get(&station, "/stream.mp3", "")).collect();
    let socket = station.connect();
    SockRef::from(&socket).set_recv_buffer_size(2048).unwrap();
    let _stalled = Player::on(socket, "/stream.mp3", "");
    let _idle = station.connect();
    until("they count", || station.server.listener_count(None).unwrap() == 51);
    let address = station.address;
    let pusher = std::thread::spawn(move || {
        let mut feed = feed;
        while feed.writer.is_on_air() {
            let packet = feed.packet();
            feed.writer.push(packet);
            std::thread::sleep(Duration::from_millis(1));
        }
        feed
    });
    let readers: Vec<_> =
        players.drain(..).map(|mut player| std::thread::spawn(move || player.packets_to_end())).collect();

    let began = Instant::now();
    let report = station.server.stop();
    assert!(began.elapsed() < A_STOP);
    assert!(report.abandoned.is_empty());
    let again = Station::start(ServerSettings { listen: vec![address], ..settings() });
    assert!(!station.server.is_running() && again.server.is_running());
    for reader in readers {
        let heard = reader.join().unwrap();
        assert_eq!(heard, numbers(0..heard.len() as u32), "nothing is missing");
        assert!(heard.len() >= 158);
    }
    let feed = pusher.join().unwrap();
    assert!(matches!(station.server.add_mount(mount_settings_at("/late.mp3")), Err(Error::Stopped(_))));
    assert_eq!(station.server.stop(), report, "stopping twice is stopping once");
    let left: Vec<_> = std::iter::from_fn(|| events.try_recv())
        .filter_map(|event| match event.event {
            Event::ListenerLeft { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(left, vec![CloseReason::ServerStopped; 51]);
    drop(feed);
}

fn mount_settings_at(path: &str) -> MountSettings {
    MountSettings { path: path.into(), ..mount_settings() }
}

#[test]
fn dropping_the_last_handle_stops_the_server() {
    let station = Station::start(settings());
    let mut feed = station.mount("/stream.mp3");
    feed.push(3);
    let mut player = Player::get(&station, "/stream.mp3", "");
    let Station { server, address } = station;
    let writer = feed.writer;
    drop(feed.server);
    drop(server);
    assert_eq!(player.packets_to_end(), numbers(0..3));
    assert!(!writer.is_on_air());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let station = Station::start(settings());
    let taken = ServerSettings { listen: vec![station.address], ..settings() };
    let refusal = longwave::Server::start(taken).unwrap_err();
    assert!(matches!(refusal, Error::Listen { address, .. } if address == station.address));
    let greedy = ServerSettings { max_listeners: Some(1 << 40), ..settings() };
    assert!(matches!(longwave::Server::start(greedy), Err(Error::Setting { key: "max_listeners", .. })));
    let hasty = ServerSettings { write_timeout: Duration::ZERO, ..settings() };
    assert!(matches!(longwave::Server::start(hasty), Err(Error::Setting { key: "write_timeout", .. })));
    let nowhere = MountSettings { path: "stream".into(), ..mount_settings() };
    assert!(matches!(station.server.add_mount(nowhere), Err(Error::Setting { key: "mount", .. })));
}

#[test]
fn a_mount_describes_itself_in_its_headers() {
    let station = Station::start(ServerSettings { burst: Burst::Time(Duration::from_secs(8)), ..settings() });
    let mut feed = station.mount("/stream.mp3");
    feed.push(1);
    assert_eq!(feed.info().title.title.text, "");
    feed.push(400);
    feed.title("news");
    let before = std::time::SystemTime::now();
    feed.push(5);
    let info = station.server.mount_info("/stream.mp3").unwrap();
    assert_eq!(info.title.title.text, "news");
    assert_eq!(info.title.position.0, 401 * PACKET_BYTES as u64);
    assert_eq!(info.position.0, 406 * PACKET_BYTES as u64);
    assert!(info.title.changed_at >= before);
    let ahead = info.title.audible_at.duration_since(info.title.changed_at).unwrap();
    assert!((8_000..8_030).contains(&ahead.as_millis()), "{ahead:?}");
    assert_eq!(info.dropped_packets, 0);
    assert!(station.server.mount_info("/other").is_none());
    assert!(station.server.listener_count(Some("/other")).is_err());
    let mut large = feed.packet();
    large.packet.bytes = vec![0; 100_000].into();
    feed.writer.push(large);
    feed.push(1);
    assert_eq!(feed.info().dropped_packets, 1);
}
