//! Relayed mounts: what a source sends is what listeners get.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use longwave::{
    Burst, Error, Event, EventReceiver, LeaveReason, MountSettings, RelayedMountSettings, ServerSettings,
    SourceInfo, SourceStream, Station, StationEvent, StationSettings, Title,
};
use longwave_testing::tools::{is_heard_from_some_packet_on, tone_file};
use longwave_testing::{PATIENCE, until};

/// A station with these relayed mounts and nothing else.
fn station(mounts: Vec<RelayedMountSettings>) -> Station {
    Station::start(settings(mounts)).unwrap()
}

fn settings(mounts: Vec<RelayedMountSettings>) -> StationSettings {
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    // Less than what the tests send, so that listeners join in the middle.
    let server = ServerSettings { listen, burst: Burst::Bytes(16 * 1024), ..ServerSettings::default() };
    StationSettings { server, mounts, ..StationSettings::default() }
}

fn guest(fallback: Option<&str>) -> RelayedMountSettings {
    let mut settings = RelayedMountSettings::new("/guest");
    settings.mount.fallback_mount = fallback.map(str::to_owned);
    settings
}

fn info(content_type: &str, user: &str) -> SourceInfo {
    SourceInfo { content_type: content_type.into(), user: user.into(), ..SourceInfo::default() }
}

/// Connects a source, and returns the end that the test writes to.
fn connect(station: &Station, content_type: &str, user: &str) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let closer = theirs.try_clone().unwrap();
    let stream = SourceStream::new(theirs).closed_by(move |_| {
        let _ = closer.shutdown(std::net::Shutdown::Both);
    });
    station.relay("/guest", info(content_type, user), stream).unwrap();
    ours
}

fn get(station: &Station, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(station.server().local_addrs()[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(format!("GET /guest HTTP/1.0\r\n{headers}\r\n").as_bytes()).unwrap();
    socket
}

/// The head and the body of an answer that ends.
fn to_end(mut socket: TcpStream) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let (head, body) = split(&answer);
    (head, body.to_vec())
}

fn split(answer: &[u8]) -> (String, &[u8]) {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (head, body) = answer.split_at(head);
    (String::from_utf8(head.to_vec()).unwrap(), body)
}

fn position(station: &Station) -> u64 {
    station.server().mount_info("/guest").map_or(0, |info| info.position.0)
}

fn left(events: &EventReceiver<StationEvent>) -> LeaveReason {
    loop {
        match events.recv_timeout(PATIENCE).expect("an event").event {
            Event::SourceLeft { reason, .. } => return reason,
            other => drop(other),
        }
    }
}

/// Each format, with a content type that programs give it, and what is served.
#[test]
fn listeners_get_what_the_source_sends_byte_for_byte() {
    for (options, extension, content_type, served) in [
        (["-b:a", "128k"], "mp3", "audio/mpeg", "audio/mpeg"),
        (["-b:a", "128k"], "aac", "audio/aacp", "audio/aac"),
        (["-c:a", "libvorbis"], "ogg", "application/ogg", "audio/ogg"),
        (["-c:a", "libopus"], "ogg", "audio/ogg", "audio/ogg"),
        (["-c:a", "flac"], "ogg", "audio/ogg; codecs=flac", "audio/ogg"),
    ] {
        let sent = tone_file(8, 48_000, &options, extension);
        let station = station(vec![guest(None)]);
        let mut source = connect(&station, content_type, "ana");
        // Sockets cut where they like.
        let (early, late) = sent.split_at(sent.len() / 2);
        early.chunks(1_001).for_each(|piece| source.write_all(piece).unwrap());
        until("the first half is there", || position(&station) > early.len() as u64 * 3 / 4);
        let mut listener = get(&station, "");
        let mut answer = vec![0; 1];
        listener.read_exact(&mut answer).unwrap();
        source.write_all(late).unwrap();
        drop(source);
        listener.read_to_end(&mut answer).unwrap();
        let (head, body) = split(&answer);
        assert!(head.contains(&format!("Content-Type: {served}\r\n")), "{head}");
        is_heard_from_some_packet_on(&sent, body, content_type);
        // What is shorter is in the burst of whoever joins.
        assert!(sent.len() < 100_000 || body.len() < sent.len(), "it joined in the middle");
    }
}

#[test]
fn an_ogg_stream_brings_its_titles_and_each_chained_link_another() {
    let station = station(vec![guest(None)]);
    let mut source = connect(&station, "audio/ogg", "ana");
    let title = || station.server().mount_info("/guest").map(|info| info.title.title.text.clone());
    for (codec, song) in [("libvorbis", "Jóga"), ("libopus", "Hunter"), ("flac", "Unravel")] {
        let tags = ["-c:a", codec, "-metadata", "artist=Björk", "-metadata", &format!("title={song}")];
        source.write_all(&tone_file(1, 48_000, &tags, "ogg")).unwrap();
        until("its title is there", || title() == Some(format!("Björk - {song}")));
    }
    // A title from outside holds until the next link.
    station.update_source_metadata("/guest", Title::new("from outside")).unwrap();
    source.write_all(&tone_file(1, 48_000, &["-c:a", "libvorbis"], "ogg")).unwrap();
    until("it is there", || title().as_deref() == Some("from outside"));
}

#[test]
fn a_source_is_told_when_it_comes_and_goes_and_its_path_is_free_then() {
    let station = station(vec![guest(None)]);
    let events = station.server().subscribe(64).unwrap();
    assert!(to_end(get(&station, "")).0.starts_with("HTTP/1.0 404 "), "as if it were absent");
    let source = connect(&station, "audio/mpeg", "ana");
    match events.recv_timeout(PATIENCE).unwrap().event {
        Event::SourceConnected { path, user, content_type, .. } => {
            assert_eq!((&*path, &*user, &*content_type), ("/guest", "ana", "audio/mpeg"));
        }
        other => panic!("{other:?}"),
    }
    let again = |content_type: &str, path: &str| {
        station.relay(path, info(content_type, "ben"), SourceStream::new(std::io::empty()))
    };
    assert!(matches!(again("audio/mpeg", "/guest"), Err(Error::Exists(_))));
    assert!(matches!(again("audio/mpeg", "/other"), Err(Error::NotFound(_))));
    let known = station.sources();
    assert_eq!((known.len(), &*known[0].path, &*known[0].info.user), (1, "/guest", "ana"));
    station.kick_source(known[0].id).unwrap();
    assert_eq!(left(&events), LeaveReason::Kicked);
    assert!(matches!(station.kick_source(known[0].id), Err(Error::NotFound(_))));
    drop(source);
    assert!(matches!(again("video/webm", "/guest"), Err(Error::Setting { key: "content_type", .. })));
    drop(connect(&station, "audio/mpeg", "ben"));
    assert_eq!(left(&events), LeaveReason::Left);
    assert!(station.sources().is_empty());
}

#[test]
fn without_its_source_a_mount_leads_to_its_fallback_also_before_the_first_came() {
    let tone = tone_file(2, 44_100, &["-b:a", "128k"], "mp3");
    let station = station(vec![guest(Some("/spare"))]);
    let spare = MountSettings {
        path: "/spare".into(),
        content_type: "audio/mpeg".into(),
        ..MountSettings::default()
    };
    let mut spare = station.server().add_mount(spare).unwrap().into_audio();
    spare.update_metadata(Title::new("spare"));
    assert_eq!(spare.write_audio(&tone).unwrap(), tone.len());
    until("the spare sounds", || spare.info().position.0 > 10_000);
    let mut listener = get(&station, "Icy-MetaData: 1\r\n");
    let mut heard = vec![0; 12];
    listener.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"HTTP/1.0 200", "it hears the fallback");
    // The source comes, and the listener goes on with it.
    let mut source = connect(&station, "audio/mpeg", "ana");
    station.update_source_metadata("/guest", Title::new("guest")).unwrap();
    until("it is told", || {
        // The source goes on: a listener that has a burst to play yet comes in where it is by then.
        source.write_all(&tone).unwrap();
        let mut some = [0; 4_096];
        let count = listener.read(&mut some).unwrap();
        heard.extend_from_slice(&some[..count]);
        String::from_utf8_lossy(&heard).contains("StreamTitle='guest'")
    });
    // A fallback of another content type is passed over, and refuses nobody.
    drop(source);
    until("it has gone", || station.sources().is_empty());
    let other = connect(&station, "audio/aac", "ana");
    assert_eq!(station.sources().len(), 1);
    drop(other);
}

#[test]
fn a_reload_adds_changes_and_removes_relayed_mounts() {
    let station = station(Vec::new());
    let events = station.server().subscribe(64).unwrap();
    let report = |mounts: Vec<RelayedMountSettings>| {
        let report = station.reload(&settings(mounts));
        assert_eq!((&report.failed[..], &report.restart[..]), (&[][..], &[][..]));
        report.changed
    };
    assert_eq!(report(vec![guest(None)]), ["/guest: added"]);
    let mut source = connect(&station, "audio/mpeg", "ana");
    source.write_all(&tone_file(1, 44_100, &["-b:a", "128k"], "mp3")).unwrap();
    until("it sounds", || position(&station) > 0);
    let mut named = guest(None);
    named.mount.name = Some("Guest FM".into());
    named.source_timeout = std::time::Duration::from_secs(20);
    assert_eq!(report(vec![named.clone()]), ["/guest: name, source_timeout"]);
    let mount = station.server().mount_info("/guest").expect("the source stays");
    assert_eq!(mount.settings.name.as_deref(), Some("Guest FM"));
    named.mount.content_type = "audio/aac".into();
    assert_eq!(report(vec![named]), ["/guest: content_type"]);
    assert_eq!(left(&events), LeaveReason::MountRemoved, "it cannot go on");
    let _source = connect(&station, "audio/aac", "ana");
    assert_eq!(report(Vec::new()), ["/guest: removed"]);
    assert_eq!(left(&events), LeaveReason::MountRemoved);
    assert!(matches!(
        station.relay("/guest", info("audio/aac", "ana"), SourceStream::new(std::io::empty())),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn a_stop_lets_sources_go_and_leaves_no_thread() {
    let station = station(vec![guest(None)]);
    let events = station.server().subscribe(64).unwrap();
    let source = connect(&station, "audio/mpeg", "ana");
    assert_eq!(station.stop().abandoned, Vec::<String>::new());
    assert_eq!(left(&events), LeaveReason::StationStopped);
    drop(source);
}
