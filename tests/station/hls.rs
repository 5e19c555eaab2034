//! HLS of a whole station: what a player of segments hears and reads, across changes and restarts.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::Duration;

use longwave::{
    AacProfile, AacSettings, Event, HlsSettings, Mp3Settings, PcmSpec, PipelineSettings, StationSettings,
    Title,
};
use longwave_testing::client::{Client, Fetched};
use longwave_testing::radio::{Radio, output};
use longwave_testing::ts::{self, Demuxer};
use longwave_testing::{ear, sound, until};
use tempfile::TempDir;

const RATE: f64 = 44_100.0;

/// A player that fetches.
struct Player(Client);

/// A media playlist.
#[derive(Debug)]
struct Media {
    text: String,
    first_sequence: u64,
    segments: Vec<String>,
}

impl Player {
    fn new(radio: &Radio) -> Player {
        Player(Client::new(TcpStream::connect(radio.address).unwrap()))
    }

    fn fetch(&mut self, path: &str) -> Fetched {
        self.0.fetch("GET", path, "")
    }

    fn text(&mut self, path: &str) -> (u16, String) {
        let answer = self.0.ask("GET", path, "", "");
        (answer.status, answer.body)
    }

    /// The playlist of a variant, as soon as it lists a segment.
    fn media(&mut self, path: &str) -> Media {
        let mut found = None;
        until("a segment is listed", || {
            let (status, text) = self.text(path);
            found = (status == 200).then(|| Media::read(text));
            found.is_some()
        });
        found.unwrap()
    }

    /// The segments of a variant from `from` on, at least so many of them.
    fn segments(&mut self, folder: &str, at_least: usize) -> Vec<Vec<u8>> {
        let path = format!("{folder}/live.m3u8");
        until("there are so many segments", || self.media(&path).segments.len() >= at_least);
        let names = self.media(&path).segments;
        names
            .iter()
            .map(|name| self.fetch(&format!("{folder}/{name}")))
            .map(|answer| {
                assert_eq!(answer.status, 200, "{}", answer.head);
                answer.bytes
            })
            .collect()
    }
}

impl Media {
    fn read(text: String) -> Media {
        let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag)).map(str::to_owned);
        let segments = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        let first_sequence = value("#EXT-X-MEDIA-SEQUENCE:").unwrap().parse().unwrap();
        Media { first_sequence, segments, text }
    }
}

/// A folder with tracks of these pitches, each of so many seconds.
fn music(tracks: &[f64], seconds: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, hz) in tracks.iter().enumerate() {
        let pcm = sound::sine(PcmSpec::CD, *hz, 0.4, seconds * 44_100);
        sound::wav(&folder.path().join(format!("{number} Tön \"{hz}\".wav")), PcmSpec::CD, &pcm);
    }
    folder
}

fn settings(folder: &TempDir) -> PipelineSettings {
    let of = |profile, bitrate| AacSettings { profile, bitrate, ..AacSettings::default() };
    PipelineSettings {
        playlist: vec![folder.path().into()],
        repeat: true,
        outputs: vec![
            output("/radio.aac", of(AacProfile::Lc, 128)),
            output("/low.aac", of(AacProfile::Lc, 64)),
            output("/he.aac", of(AacProfile::He, 48)),
            output("/stream.mp3", Mp3Settings::default()),
        ],
        hls: vec![hls(&["/radio.aac", "/low.aac", "/he.aac", "/stream.mp3"])],
        ..PipelineSettings::default()
    }
}

fn hls(outputs: &[&str]) -> HlsSettings {
    let segment = Duration::from_secs(2);
    HlsSettings { segment, count: false, ..HlsSettings::at("/radio", outputs.iter().copied()) }
}

#[test]
fn segments_have_the_packets_that_other_listeners_get() {
    let folder = music(&[440.0], 60);
    let mut radio = Radio::stepped(settings(&folder));
    let mounts = ["/radio.aac", "/low.aac", "/he.aac", "/stream.mp3"];
    let listeners = mounts.map(|mount| radio.listen(mount, false));
    radio.run(15.0);
    let mut player = Player::new(&radio);
    let folders = ["radio.aac", "low.aac", "he.aac", "stream.mp3"].map(|name| format!("/radio/hls/{name}"));
    let variants = folders.map(|folder| player.segments(&folder, 6));
    let lists: BTreeMap<_, _> =
        ["hls", "he", "mp3"].map(|name| (name, player.text(&format!("/radio/{name}.m3u8")))).into();
    assert!(
        lists["hls"].1.contains("hls/radio.aac/live.m3u8\n")
            && lists["hls"].1.contains("hls/low.aac/live.m3u8\n")
    );
    assert!(lists["he"].1.ends_with("CODECS=\"mp4a.40.5\"\nhls/he.aac/live.m3u8\n"), "{}", lists["he"].1);
    assert!(
        lists["mp3"].1.ends_with("CODECS=\"mp4a.40.34\"\nhls/stream.mp3/live.m3u8\n"),
        "{}",
        lists["mp3"].1
    );
    for (name, status) in [("he-v2", 404), ("lc", 404), ("hls/x/live", 404), ("other", 404)] {
        assert_eq!(player.text(&format!("/radio/{name}.m3u8")).0, status, "{name}");
    }
    let pts = variants.each_ref().map(|segments| {
        let mut demuxer = Demuxer::default();
        segments.iter().map(|segment| demuxer.read(segment)).collect::<Vec<_>>()
    });
    // All variants are cut at the same samples, give or take one packet: at most 2,048 frames.
    for (one, other) in pts[0].iter().zip(&pts[2]).chain(pts[0].iter().zip(&pts[3])) {
        assert!(one.audio[0].pts.abs_diff(other.audio[0].pts) <= 2048 * 90_000 / 44_100);
    }
    radio.stop();
    for ((listener, segments), mount) in listeners.into_iter().zip(pts).zip(mounts) {
        let heard = listener.into_stream();
        let elementary: Vec<u8> = segments.iter().flat_map(ts::Demuxed::elementary).collect();
        let at = heard.windows(64).position(|bytes| bytes == &elementary[..64]).expect(mount);
        assert!(heard[at..].starts_with(&elementary), "{mount}: not all of it is what others hear");
    }
}

#[test]
fn titles_come_with_the_sound_that_they_name() {
    let folder = music(&[440.0, 880.0], 7);
    let mut radio = Radio::stepped(settings(&folder));
    radio.run(21.0);
    let mut player = Player::new(&radio);
    let segments = player.segments("/radio/hls/radio.aac", 10);
    let mut demuxer = Demuxer::default();
    let parts: Vec<_> = segments.iter().map(|segment| demuxer.read(segment)).collect();
    let stream: Vec<u8> = parts.iter().flat_map(ts::Demuxed::elementary).collect();
    let heard = ear::ffmpeg("aac", &stream, PcmSpec::CD);
    let start = parts[0].audio[0].pts;
    let mut titles: Vec<(u64, String)> = Vec::new();
    for (pts, tag) in parts.iter().flat_map(|part| &part.titles) {
        let title = &tag.iter().find(|(frame, _)| frame == "TIT2").unwrap().1;
        if titles.last().is_none_or(|(_, last)| last != title) {
            titles.push((*pts, title.clone()));
        }
    }
    assert!(titles.len() >= 3, "{titles:?}");
    for (pts, title) in &titles[1..] {
        let hz = if title.contains("440") { 440.0 } else { 880.0 };
        // The first moment from which on its tone is heard.
        let at = |window: usize| {
            let tone = heard.pitch(0, window..window + 882);
            (tone - hz).abs() < 60.0
        };
        let named = ((pts - start) as f64 / 90_000.0 * RATE) as usize;
        let first = (named.saturating_sub(8_820)..named + 8_820).step_by(49).find(|window| at(*window));
        let sounds = first.unwrap_or_else(|| panic!("{title} is not heard near {named}")) + 441;
        let apart = sounds.abs_diff(named) as f64 / RATE;
        println!("{title}: named at {named}, heard at {sounds}: {:.1} ms apart", apart * 1000.0);
        assert!(apart <= 1024.0 / RATE, "{title}: {apart} s apart");
    }
    // The playlist names the same tracks.
    let media = player.media("/radio/hls/radio.aac/live.m3u8");
    assert!(
        media.text.contains("CLASS=\"longwave.track\"") && media.text.contains("X-TITLE=\"0 Tön '440'\""),
        "{}",
        media.text
    );
    // What an application says comes in the same way.
    radio.pipeline().update_metadata(Title::new("Gänz änders"), None, Default::default()).unwrap();
    radio.run(4.0);
    until("the title is named", || {
        player.media("/radio/hls/radio.aac/live.m3u8").text.contains("X-TITLE=\"Gänz änders\"")
    });
    radio.stop();
}

#[test]
fn a_restart_goes_on_with_higher_numbers_and_never_says_that_it_is_over() {
    let folder = music(&[440.0], 30);
    let state = tempfile::tempdir().unwrap();
    let run = || {
        let settings = PipelineSettings { state_file: Some(state.path().join("state")), ..settings(&folder) };
        let mut radio = Radio::stepped(settings);
        radio.run(9.0);
        let mut player = Player::new(&radio);
        player.segments("/radio/hls/radio.aac", 3);
        let media = player.media("/radio/hls/radio.aac/live.m3u8");
        radio.stop();
        media
    };
    let (first, second) = (run(), run());
    // Nobody may know whether there was another run before the first one.
    assert!(first.text.contains("#EXT-X-DISCONTINUITY\n"), "{}", first.text);
    assert!(second.text.contains("#EXT-X-DISCONTINUITY\n"), "{}", second.text);
    let last = first.first_sequence + first.segments.len() as u64 - 1;
    assert!(second.first_sequence > last, "{last}, then {}", second.first_sequence);
    assert!(first.segments.iter().all(|name| !second.segments.contains(name)));
    assert!(![&first, &second].iter().any(|media| media.text.contains("ENDLIST")));
}

const RADIO: &str = "/radio/hls/radio.aac/live.m3u8";
const LOW: &str = "/radio/hls/low.aac/live.m3u8";

#[test]
fn outputs_and_hls_come_change_and_go_on_the_air() {
    let folder = music(&[440.0], 30);
    let declared = settings(&folder);
    let mut radio = Radio::stepped(declared.clone());
    radio.run(9.0);
    let mut player = Player::new(&radio);
    player.segments("/radio/hls/low.aac", 3);
    let reload = |radio: &Radio, differ: &dyn Fn(&mut PipelineSettings)| {
        let mut new = declared.clone();
        differ(&mut new);
        let server = longwave_testing::server::settings();
        let settings = StationSettings { server, pipelines: vec![new], ..StationSettings::default() };
        let report = radio.station.reload(&settings);
        assert!(report.failed.is_empty() && report.restart.is_empty(), "{report:?}");
        report.changed
    };
    // An output goes, and with it a variant: its players are told, and the others stay.
    let before = player.media(RADIO);
    let fewer = |new: &mut PipelineSettings| {
        new.outputs.remove(1);
        new.hls = vec![HlsSettings { window: 4, ..hls(&["/radio.aac", "/he.aac"]) }];
    };
    let changed = reload(&radio, &fewer);
    assert!(changed.contains(&"pipeline main: hls: /radio: outputs, window".into()), "{changed:?}");
    until("its players are told", || player.media(LOW).text.ends_with("#EXT-X-ENDLIST\n"));
    let mp3 = "/radio/hls/stream.mp3/live.m3u8";
    until("those of the other, too", || player.media(mp3).text.ends_with("#EXT-X-ENDLIST\n"));
    let list = player.text("/radio/hls.m3u8").1;
    assert!(list.contains("radio.aac") && !list.contains("low.aac"), "{list}");
    assert_eq!((player.text("/radio/mp3.m3u8").0, player.text("/radio/he.m3u8").0), (404, 200));
    // The same run goes on: what was there is there, and the list has as many segments as it should.
    assert_eq!(player.fetch(&format!("/radio/hls/radio.aac/{}", before.segments[0])).status, 200);
    radio.run(9.0);
    until("it goes on", || player.media(RADIO).first_sequence > before.first_sequence + 2);
    let after = player.media(RADIO);
    assert_eq!(after.segments.len(), 4);
    assert!(!after.text.contains("ENDLIST") && player.media(LOW).text.contains("ENDLIST"));
    let epoch = |name: &str| name.split('-').next().unwrap().to_owned();
    assert_eq!(epoch(&after.segments[0]), epoch(&before.segments[0]), "it is the same run");
    // Another length of segments is another run. What there is stays until that has begun.
    let longer = |new: &mut PipelineSettings| {
        fewer(new);
        new.hls[0].segment = Duration::from_secs(3);
    };
    let changed = reload(&radio, &longer);
    assert!(changed.contains(&"pipeline main: hls: /radio: segment".into()), "{changed:?}");
    assert_eq!(player.media(RADIO).segments, after.segments);
    radio.run(12.0);
    until("the other run has begun", || player.media(RADIO).text.contains("#EXT-X-TARGETDURATION:3\n"));
    let next = player.media(RADIO);
    assert!(next.first_sequence > after.first_sequence + 3, "{} after {after:?}", next.text);
    assert_ne!(epoch(&next.segments[0]), epoch(&after.segments[0]));
    assert!(next.text.contains("#EXT-X-DISCONTINUITY\n") && !next.text.contains("ENDLIST"), "{}", next.text);
    // A mount that is encoded in another profile begins another run, too.
    let other = |new: &mut PipelineSettings| {
        longer(new);
        let he = AacSettings { profile: AacProfile::He, bitrate: 64, ..AacSettings::default() };
        new.outputs[0] = output("/radio.aac", he);
    };
    reload(&radio, &other);
    radio.run(12.0);
    until("it has begun", || epoch(&player.media(RADIO).segments[0]) != epoch(&next.segments[0]));
    until("its list says so", || {
        player.text("/radio/hls.m3u8").1.contains("CODECS=\"mp4a.40.5\"\nhls/radio.aac/live.m3u8")
    });
    // It goes: its players are told. And it comes back at the same path.
    let changed = reload(&radio, &|new| {
        other(new);
        new.hls.clear();
    });
    assert!(changed.contains(&"pipeline main: hls: /radio: removed".into()), "{changed:?}");
    until("its players are told", || player.media(RADIO).text.contains("#EXT-X-ENDLIST"));
    reload(&radio, &other);
    radio.run(12.0);
    until("it is back", || !player.media(RADIO).text.contains("ENDLIST"));
    let refused = radio.pipeline().set_hls(vec![hls(&["/none.aac"])]).unwrap_err();
    assert!(refused.to_string().contains("no output /none.aac"), "{refused}");
    let below = output("/radio/hls/x.aac", AacSettings::default());
    let refused = radio.pipeline().add_output(below).unwrap_err();
    assert!(refused.to_string().contains("/radio/hls.m3u8, to which /radio/hls/x.aac belongs"), "{refused}");
    radio.stop();
}

#[test]
fn listeners_of_hls_are_told_and_listed() {
    let folder = music(&[440.0], 30);
    let counted = HlsSettings { count: true, ..hls(&["/radio.aac"]) };
    let mut radio = Radio::stepped(PipelineSettings { hls: vec![counted], ..settings(&folder) });
    let events = radio.pipeline().events(1000).unwrap();
    radio.run(9.0);
    let mut player = Player::new(&radio);
    player.media("/radio/hls/radio.aac/live.m3u8");
    let joined =
        std::iter::from_fn(|| events.recv_timeout(Duration::from_secs(20))).find_map(|event| match event {
            Event::ListenerJoined { mount, .. } => Some(mount),
            _ => None,
        });
    assert_eq!(joined.as_deref(), Some("/radio/hls.m3u8"));
    assert_eq!(radio.station.server().listeners(Some("/radio/hls.m3u8")).unwrap().len(), 1);
    let info = &radio.pipeline().hls()[0];
    assert_eq!((info.playlist.as_str(), info.counters.listeners), ("/radio/hls.m3u8", 1));
    assert_eq!(info.variants, ["/radio.aac"]);
    let left =
        std::iter::from_fn(|| events.recv_timeout(Duration::from_secs(20))).find_map(|event| match event {
            Event::ListenerLeft { mount, .. } => Some(mount),
            _ => None,
        });
    assert_eq!(left.as_deref(), Some("/radio/hls.m3u8"), "after three segments without a request");
    radio.stop();
}

#[test]
fn what_cannot_begin_changes_nothing() {
    let folder = music(&[440.0], 30);
    let mut radio = Radio::stepped(settings(&folder));
    let other = output("/shows/hls/x.mp3", Mp3Settings::default());
    radio.pipeline().add_output(other).unwrap();
    radio.run(9.0);
    let mut player = Player::new(&radio);
    player.segments("/radio/hls/radio.aac", 3);
    let shows = HlsSettings { path: "/shows".into(), ..hls(&["/radio.aac"]) };
    let refused = radio.pipeline().set_hls(vec![shows.clone()]).unwrap_err();
    assert!(refused.to_string().contains("the mount /shows/hls/x.mp3"), "{refused}");
    let info = radio.pipeline().hls();
    assert_eq!((info.len(), info[0].playlist.as_str()), (1, "/radio/hls.m3u8"));
    assert!(!player.media(RADIO).text.contains("ENDLIST"));
    // When nothing is in the way any more, it begins.
    radio.pipeline().remove_output("/shows/hls/x.mp3").unwrap();
    radio.pipeline().set_hls(vec![shows]).unwrap();
    until("the players of the other are told", || player.media(RADIO).text.contains("ENDLIST"));
    radio.run(5.0);
    until("it has begun", || player.text("/shows/hls/radio.aac/live.m3u8").0 == 200);
    radio.stop();
}
