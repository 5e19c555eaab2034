//! Recordings: what an output or a source sends is in a file, byte for byte, whatever its disk does.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longwave::{
    Event, EventReceiver, LiveSettings, LiveState, Mp3Settings, OutputSettings, PipelineSettings,
    RecordSettings, RelayedMountSettings, ServerSettings, SourceInfo, SourceStream, Station, StationEvent,
    StationSettings,
};
use longwave_testing::radio::{Radio, output};
use longwave_testing::tools::{decoded_frames, is_heard_from_some_packet_on, tone_file};
use longwave_testing::{PATIENCE, until};

/// The machine may have little room.
fn into(base: &Path, record: &str) -> RecordSettings {
    RecordSettings { base: base.into(), record_reserve: 0, ..RecordSettings::into_files(record) }
}

/// The file of the next recording that is complete.
fn ended(events: &EventReceiver<StationEvent>) -> PathBuf {
    loop {
        match events.recv_timeout(PATIENCE).expect("a recording ends").event {
            Event::RecordingEnded { file, bytes, .. } => {
                assert_eq!(file.metadata().unwrap().len(), bytes);
                return file;
            }
            other => drop(other),
        }
    }
}

#[test]
fn an_output_is_recorded_as_its_listeners_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let record = into(folder.path(), "%Y/{mount}-{user}");
    let outputs = vec![OutputSettings { record, ..output("/radio/a.mp3", Mp3Settings::default()) }];
    let mut radio = Radio::stepped(PipelineSettings { outputs, ..PipelineSettings::default() });
    let events = radio.pipeline().events(1000).unwrap();
    let listener = radio.listen("/radio/a.mp3", false);
    radio.run(6.0);
    radio.stop();
    let told = || std::iter::from_fn(|| events.try_recv());
    let file = told().find_map(|event| match event {
        Event::RecordingEnded { file, path, user, .. } => {
            assert_eq!((path.as_str(), user.as_str()), ("/radio/a.mp3", "main"));
            Some(file)
        }
        _ => None,
    });
    let file = file.expect("the recording ends before its pipeline");
    assert!(file.ends_with("radio-a-main.mp3"), "{}", file.display());
    let recorded = fs::read(file).unwrap();
    is_heard_from_some_packet_on(&recorded, &listener.into_stream(), "an output");
    let frames = decoded_frames(&recorded, 44_100);
    // The mixer is a job or two ahead of its clock, and an encoder behind it.
    assert!((259_000..280_000).contains(&frames), "{frames}");
}

#[test]
fn a_reload_switches_a_recording_on_and_off_and_the_stream_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerSettings { listen: vec!["127.0.0.1:0".parse().unwrap()], ..ServerSettings::default() };
    let with = |record: RecordSettings| {
        let outputs = vec![OutputSettings { record, ..output("/a", Mp3Settings::default()) }];
        let pipelines = vec![PipelineSettings { outputs, ..PipelineSettings::default() }];
        StationSettings { server: server.clone(), pipelines, ..StationSettings::default() }
    };
    let station = Station::start(with(RecordSettings::default())).unwrap();
    let events = station.server().subscribe(1000).unwrap();
    let began = |name: &str| {
        let file = folder.path().join(name);
        let size = || file.metadata().map_or(0, |about| about.len());
        until("half a second is recorded", || size() > 8000);
    };
    let reload = |record: RecordSettings, said: &str| {
        let report = station.reload(&with(record));
        assert_eq!((report.changed, report.failed), (vec![said.into()], Vec::new()));
    };
    reload(into(folder.path(), "one"), "/a: record, record_reserve");
    began("one.mp3");
    reload(into(folder.path(), "two"), "/a: record");
    assert!(ended(&events).ends_with("one.mp3"));
    began("two.mp3");
    reload(RecordSettings::default(), "/a: record, record_reserve");
    assert!(ended(&events).ends_with("two.mp3"));
    let info = station.server().mount_info("/a").unwrap();
    assert_eq!((info.dropped_packets, station.stop().abandoned.len()), (0, 0));
    for name in ["one.mp3", "two.mp3"] {
        assert!(decoded_frames(&fs::read(folder.path().join(name)).unwrap(), 44_100) > 0, "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_costs_the_recording_alone() {
    let record = into("/dev/null".as_ref(), "folder/x");
    let outputs = vec![OutputSettings { record, ..output("/a", Mp3Settings::default()) }];
    let mut radio = Radio::stepped(PipelineSettings { outputs, ..PipelineSettings::default() });
    let events = radio.pipeline().events(1000).unwrap();
    let listener = radio.listen("/a", false);
    radio.run(5.0);
    let failed = loop {
        match events.recv_timeout(PATIENCE).expect("it is told") {
            Event::RecordingFailed { reason, .. } => break reason,
            other => drop(other),
        }
    };
    assert_eq!(failed, "/dev/null/folder/x.mp3: Not a directory (os error 20)");
    let health = radio.pipeline().health();
    assert_eq!(health.warnings, [format!("/a is not recorded: {failed}")]);
    assert_eq!(health.public_warnings, ["/a is not recorded"]);
    radio.stop();
    assert!(decoded_frames(&listener.into_stream(), 44_100) > 4 * 44_100);
}

fn connect(station: &Station, content_type: &str, user: &str) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let closer = theirs.try_clone().unwrap();
    let stream = SourceStream::new(theirs).closed_by(move |_| {
        let _ = closer.shutdown(std::net::Shutdown::Both);
    });
    let (content_type, user) = (content_type.into(), user.into());
    station.relay("/guest", SourceInfo { content_type, user, ..SourceInfo::default() }, stream).unwrap();
    ours
}

/// Each format, cut in the middle. All that was sent is in the files, in whole packets, and each can be
/// played by itself.
#[test]
fn a_source_is_recorded_byte_for_byte_and_each_file_plays() {
    for (options, extension, content_type, ending) in [
        (["-b:a", "128k"], "mp3", "audio/mpeg", "mp3"),
        (["-b:a", "128k"], "aac", "audio/aacp", "aac"),
        (["-c:a", "libvorbis"], "ogg", "application/ogg", "ogg"),
        (["-c:a", "libopus"], "ogg", "audio/ogg", "opus"),
        (["-c:a", "flac"], "ogg", "audio/ogg; codecs=flac", "ogg"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let settings = |record: &str| {
            let listen = vec!["127.0.0.1:0".parse().unwrap()];
            let server = ServerSettings { listen, ..ServerSettings::default() };
            let record = into(folder.path(), record);
            let mounts = vec![RelayedMountSettings { record, ..RelayedMountSettings::new("/guest") }];
            StationSettings { server, mounts, ..StationSettings::default() }
        };
        let sent = tone_file(8, 48_000, &options, extension);
        let station = Station::start(settings("first-{user}")).unwrap();
        let events = station.server().subscribe(1000).unwrap();
        let mut source = connect(&station, content_type, "../Ana");
        // Sockets cut where they like.
        let (early, late) = sent.split_at(sent.len() / 2);
        early.chunks(1_001).for_each(|piece| source.write_all(piece).unwrap());
        let first = folder.path().join(format!("first-Ana.{ending}"));
        let written = || first.metadata().map_or(0, |about| about.len());
        until("the first half is there", || written() > early.len() as u64 * 3 / 4);
        station.reload(&settings("second-{user}"));
        source.write_all(late).unwrap();
        drop(source);
        assert_eq!(ended(&events), first, "{content_type}");
        let second = ended(&events);
        assert!(second.ends_with(format!("second-Ana.{ending}")), "{}", second.display());
        let (first, second) = (fs::read(first).unwrap(), fs::read(second).unwrap());
        // Before the first packet of an MP3 file are tags, and the length of the whole file.
        let start = sent.windows(first.len()).take(3_000).position(|part| part == first);
        let start =
            start.unwrap_or_else(|| panic!("{content_type}: its {} bytes are not there", first.len()));
        assert!(start == 0 || extension == "mp3", "{content_type}: {start}");
        let rest = &sent[start + first.len()..];
        let headers = sent.iter().zip(&second).take_while(|(sent, own)| sent == own).count();
        let of_link = if extension == "ogg" { second.len() - rest.len() } else { 0 };
        assert!(of_link <= headers && second[of_link..] == *rest, "{content_type}: {of_link} of {headers}");
        let frames = [&first, &second].map(|file| decoded_frames(file, 48_000));
        let all: usize = frames.iter().sum();
        // A decoder that begins in the middle may need a packet to tune in.
        assert!(frames.iter().all(|frames| *frames > 100_000), "{content_type}: {frames:?}");
        assert!((8 * 48_000 - 8_000..8 * 48_000 + 8_000).contains(&all), "{content_type}: {frames:?}");
        assert_eq!(station.stop().abandoned, [""; 0]);
    }
}

/// What is recorded is what was sent, whatever the mixer makes of it, and whatever the source says that it
/// sends.
#[test]
fn a_source_at_a_live_input_has_one_file_though_its_line_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let record = into(folder.path(), "{mount}-{user}");
    let (buffer, grace) = (Duration::from_millis(500), Duration::from_secs(600));
    let live = vec![LiveSettings { buffer, grace, record, ..LiveSettings::at("/live") }];
    let outputs = vec![output("/a", Mp3Settings::default())];
    let radio = Radio::start(PipelineSettings { live, outputs, ..PipelineSettings::default() });
    let pipeline = radio.pipeline();
    let events = radio.station.server().subscribe(1000).unwrap();
    let connect = || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let info = SourceInfo { user: "anna".into(), ..SourceInfo::new("audio/mpeg") };
        let closer = theirs.try_clone().unwrap();
        let stream = SourceStream::new(theirs).closed_by(move |_| {
            let _ = closer.shutdown(std::net::Shutdown::Both);
        });
        (pipeline.go_live("/live", info, stream).unwrap(), ours)
    };
    let state = || pipeline.live_inputs()[0].state;
    let sent: Vec<_> = [5, 4].map(|seconds| tone_file(seconds, 44_100, &["-b:a", "128k"], "aac")).into();
    let (_first, mut line) = connect();
    line.write_all(&sent[0]).unwrap();
    // Whoever was never heard is not waited for.
    while !matches!(events.recv_timeout(PATIENCE).expect("it is heard").event, Event::LiveBegan { .. }) {}
    drop(line);
    until("its line has broken", || state() == LiveState::Interrupted);
    let (second, mut line) = connect();
    line.write_all(&sent[1]).unwrap();
    let file = folder.path().join("live-anna.aac");
    let written = || file.metadata().map_or(0, |about| about.len());
    until("all is there", || written() == (sent[0].len() + sent[1].len()) as u64);
    second.end();
    assert_eq!(ended(&events), file);
    assert_eq!(fs::read(&file).unwrap(), sent.concat());
    radio.stop();
}
