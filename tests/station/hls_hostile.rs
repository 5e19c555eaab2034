//! Clients of HLS that mean no good, beside a listener of the stream who must not notice: readers of a byte a
//! second, floods of ranges, of names, of what is gone and of sessions. What they can make the station hold
//! is bounded, and nothing of it stays.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use longwave::{AacSettings, HlsSettings, PipelineSettings, ServerSettings, ServerStats};
use longwave_testing::client::Client;
use longwave_testing::radio::{Radio, output, stereo};
use longwave_testing::{PATIENCE, long, server, sound, until};
use socket2::SockRef;
use tempfile::TempDir;

const MEDIA: &str = "/radio/hls/radio.aac/live.m3u8";
/// The cadence of a listener is a second; the rest is for a busy machine.
const LONGEST_GAP: Duration = Duration::from_secs(2);

/// A station with HLS, and a listener of its stream.
struct Besieged {
    radio: Radio,
    listener: Listener,
    _folder: TempDir,
}

/// Somebody who hears the stream meanwhile.
struct Listener {
    is_over: Arc<AtomicBool>,
    /// Returns the longest time without audio.
    thread: JoinHandle<Duration>,
}

impl Besieged {
    fn start(segment_seconds: u64, server: impl FnOnce(&mut ServerSettings)) -> Besieged {
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("noise.wav");
        sound::wav(&track, stereo(44_100), &sound::noise(stereo(44_100), 1, 0.2, 44_100 * 60));
        let mut settings = server::settings();
        server(&mut settings);
        let encoder = AacSettings { bitrate: 256, ..AacSettings::default() };
        let pipeline = PipelineSettings {
            playlist: vec![track],
            repeat: true,
            outputs: vec![output("/radio.aac", encoder)],
            hls: vec![HlsSettings {
                segment: Duration::from_secs(segment_seconds),
                ..HlsSettings::at("/radio", ["/radio.aac"])
            }],
            ..PipelineSettings::default()
        };
        let radio = Radio::with(settings, vec![pipeline]);
        let listener = Listener::join(&radio);
        let besieged = Besieged { radio, listener, _folder: folder };
        // Who asks for the list of variants alone is no listener.
        let variants = get("/radio/hls.m3u8", "");
        until("there is a segment", || flood(besieged.connect(), vec![variants.clone()]) == [200]);
        besieged
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.radio.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn stats(&self) -> ServerStats {
        self.radio.station.server().stats()
    }

    /// The path of the newest segment.
    fn segment(&self) -> String {
        let text = Client::new(self.connect()).ask("GET", MEDIA, "", "").body;
        let name = text.lines().rfind(|line| line.ends_with(".ts")).unwrap();
        format!("/radio/hls/radio.aac/{name}")
    }

    /// The listener has heard everything in time, nothing is held for anybody, and all threads end.
    fn ends_unharmed(self) {
        until("nothing is held", || self.stats().held_bytes == 0);
        let gap = self.listener.leave();
        assert!(gap < LONGEST_GAP, "the listener heard nothing for {gap:?}");
        self.radio.stop();
    }
}

impl Listener {
    fn join(radio: &Radio) -> Listener {
        let mut socket = TcpStream::connect(radio.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(b"GET /radio.aac HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let (mut longest, mut buffer) = (Duration::ZERO, vec![0; 65_536]);
            assert!(socket.read(&mut buffer).unwrap() > 0);
            let mut last = Instant::now();
            while !over.load(Ordering::Relaxed) {
                assert!(socket.read(&mut buffer).unwrap() > 0, "the stream has ended");
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        });
        Listener { is_over, thread }
    }

    fn leave(self) -> Duration {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// What this process has in memory, in bytes. Only where a test has a process of its own.
fn resident() -> Option<usize> {
    std::env::var_os("NEXTEST")?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().ok()? * 1024)
}

/// Sends all requests on one connection while it reads the answers; returns how many had each of the
/// statuses. The bodies of answers are as long as they say.
fn flood(mut socket: TcpStream, requests: Vec<String>) -> Vec<u16> {
    let mut writer = socket.try_clone().unwrap();
    let count = requests.len();
    let sender = thread::spawn(move || {
        for some in requests.chunks(50) {
            if writer.write_all(some.concat().as_bytes()).is_err() {
                return;
            }
        }
    });
    let (mut statuses, mut read, mut buffer) = (Vec::new(), Vec::new(), vec![0; 65_536]);
    loop {
        while let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let whole = end + 4 + length.map_or(0, |length| length.parse().unwrap());
            while read.len() < whole {
                match socket.read(&mut buffer).unwrap() {
                    0 => panic!("an answer ends too soon: {head}"),
                    some => read.extend_from_slice(&buffer[..some]),
                }
            }
            read.drain(..whole);
            statuses.push(status);
        }
        if statuses.len() == count {
            break;
        }
        match socket.read(&mut buffer) {
            Ok(some) if some > 0 => read.extend_from_slice(&buffer[..some]),
            // A malformed request ends the connection.
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{} of {count} answers: {error}", statuses.len()),
        }
    }
    drop(socket);
    sender.join().unwrap();
    statuses
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

#[test]
fn slow_readers_of_a_segment_hold_it_once() {
    let (readers, lasts) = if long() { (2_000, 90) } else { (100, 6) };
    let besieged = Besieged::start(8, |_| {});
    let segment = besieged.segment();
    let before = resident();
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..readers {
        let socket = besieged.connect();
        SockRef::from(&socket).set_recv_buffer_size(2_048).unwrap();
        (&socket).write_all(get(&segment, "").as_bytes()).unwrap();
        slow.push(socket);
    }
    let began = Instant::now();
    let (mut at_most, mut shelved) = (0, 0);
    for second in 1..=lasts {
        for socket in &mut slow {
            assert_eq!(socket.read(&mut [0]).unwrap_or(1), 1);
        }
        let stats = besieged.stats();
        (at_most, shelved) = (at_most.max(stats.held_bytes), shelved.max(stats.shelf_bytes));
        thread::sleep(Duration::from_secs(second).saturating_sub(began.elapsed()));
    }
    // A head for each of them, and not the segment of 280 kB.
    assert!(at_most < readers * 2_048, "{at_most} bytes are held for {readers}");
    assert!(shelved < 25 * 400_000, "{shelved} bytes are on the shelf");
    if let (Some(before), Some(after)) = (before, resident()) {
        let more = after.saturating_sub(before);
        assert!(more < 16 << 20, "{more} bytes more for {readers} slow readers");
    }
    // Who reads on gets all of it. (In the long form, their time is over.)
    if !long() {
        let mut rest = Vec::new();
        let mut reader = slow.pop().unwrap();
        reader.shutdown(std::net::Shutdown::Write).unwrap();
        reader.read_to_end(&mut rest).unwrap();
        assert!(rest.len() > 200_000, "{} bytes", rest.len());
    }
    drop(slow);
    besieged.ends_unharmed();
}

#[test]
fn a_flood_of_ranges_gets_what_it_asks_for_or_is_refused() {
    let besieged = Besieged::start(2, |_| {});
    let segment = besieged.segment();
    let many = (0..500).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(",");
    let ranges = [
        "bytes=0-0",
        "bytes=-1",
        "bytes=-99999999999999999999",
        "bytes=99999999999999999999-",
        "bytes=5-4",
        "bytes=0-18446744073709551615",
        "bytes=18446744073709551615-18446744073709551616",
        "bytes=--1",
        "bytes=",
        "bytes=a-b",
        "lines=0-1",
        "bytes=0-0,0-0,0-0",
        &format!("bytes={many}"),
    ];
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let request = |range: &&str| get(&segment, &format!("Range: {range}\r\n"));
            let requests: Vec<_> = ranges.iter().cycle().take(260).map(request).collect();
            let socket = besieged.connect();
            thread::spawn(move || flood(socket, requests))
        })
        .collect();
    for thread in threads {
        let statuses = thread.join().unwrap();
        assert_eq!(statuses.len(), 260);
        assert_eq!(statuses[..2], [206, 206]);
        assert!(statuses.iter().all(|status| [200, 206, 416].contains(status)), "{statuses:?}");
    }
    assert!(besieged.stats().held_bytes < 1 << 20);
    besieged.ends_unharmed();
}

#[test]
fn names_lead_nowhere_else() {
    let besieged = Besieged::start(2, |_| {});
    let segment = besieged.segment();
    let (folder, name) = segment.rsplit_once('/').unwrap();
    let odd = [
        "..",
        ".",
        "%2e%2e",
        "..%2f",
        "%00",
        "a%00.ts",
        "%",
        "%z",
        "%ff",
        "%c0%ae",
        "\\",
        "..\\",
        "~",
        ";",
        "%0d%0a",
        "%252e%252e",
        "live.m3u8/",
        "LIVE.M3U8",
        "*",
        "%3f",
        "a%20b",
        "con",
        "\u{7f}",
        "\u{1}",
        "\0",
        "é",
    ];
    let mut targets: Vec<String> =
        vec![format!("{folder}/{}", "a".repeat(6_000)), format!("{folder}/../{name}")];
    for one in odd {
        for shape in
            ["{f}/{o}", "{f}/{o}/{n}", "/radio/hls/{o}/{n}", "/radio/{o}/radio.aac/{n}", "/{o}{f}/{n}"]
        {
            targets.push(shape.replace("{f}", folder).replace("{o}", one).replace("{n}", name));
        }
    }
    for target in &targets {
        // A connection for each: after a malformed one there is no other.
        let statuses = flood(besieged.connect(), vec![get(target, "")]);
        assert!(matches!(statuses[..], [400 | 404 | 414 | 431]), "{target:?}: {statuses:?}");
    }
    assert_eq!(flood(besieged.connect(), vec![get(MEDIA, "")]), [200]);
    besieged.ends_unharmed();
}

#[test]
fn ten_thousand_requests_for_what_is_gone_leave_nothing() {
    let besieged = Besieged::start(2, |_| {});
    let before = resident();
    let threads: Vec<_> = (0..10)
        .map(|thread| {
            let path = |number: u32| format!("/radio/hls/radio.aac/{thread}-{number}.ts");
            let requests = (0..1_000).map(|number| get(&path(number), "")).collect();
            let socket = besieged.connect();
            thread::spawn(move || flood(socket, requests))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), vec![404; 1_000]);
    }
    assert_eq!(besieged.radio.pipeline().hls()[0].counters.missed, 10_000);
    assert!(besieged.stats().shelf_objects < 30);
    if let (Some(before), Some(after)) = (before, resident()) {
        let more = after.saturating_sub(before);
        assert!(more < 16 << 20, "{more} bytes more");
    }
    besieged.ends_unharmed();
}

#[test]
fn a_flood_of_sessions_is_bounded_and_ends() {
    const MOST: u64 = 20_000;
    let besieged = Besieged::start(4, |server| {
        server.trusted_proxies = vec!["127.0.0.1".into()];
        server.max_listeners_per_address = 20;
    });
    // One address with as many sessions as it likes: it is served, and its share is counted.
    let poll = |id: u32, from: &str| get(&format!("{MEDIA}?s={id:016x}"), from);
    let of_one = (0..200).map(|id| poll(id, "X-Forwarded-For: 192.0.2.1\r\n")).collect();
    assert_eq!(flood(besieged.connect(), of_one), vec![200; 200]);
    assert_eq!(besieged.stats().hls_listeners, 20);
    // Lists of variants alone make no sessions.
    let lists = vec![get("/radio/hls.m3u8", ""); 500];
    assert_eq!(flood(besieged.connect(), lists), vec![200; 500]);
    assert_eq!(besieged.stats().hls_listeners, 20);
    let before = resident();
    // This machine has no share, so only the bound for all of them counts.
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let requests = (0..2_750).map(|id| poll(1_000_000 * (thread + 1) + id, "")).collect();
            let socket = besieged.connect();
            thread::spawn(move || flood(socket, requests))
        })
        .collect();
    for thread in threads {
        assert!(thread.join().unwrap().iter().all(|status| *status == 200), "all of them are served");
    }
    let stats = besieged.stats();
    assert!(stats.hls_listener_peak <= MOST, "{}", stats.hls_listener_peak);
    assert!(stats.hls_listener_peak > 1_000, "{}", stats.hls_listener_peak);
    if let (Some(before), Some(after)) = (before, resident()) {
        let more = after.saturating_sub(before);
        assert!(more < 64 << 20, "{more} bytes more");
    }
    until("all sessions are over", || besieged.stats().hls_listeners == 0);
    assert_eq!(besieged.stats().addresses, 0, "shares are given back");
    besieged.ends_unharmed();
}
