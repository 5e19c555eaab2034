//! What playlists say, from the first segment on and across restarts.

use std::time::{Duration, SystemTime};

use super::listing::Playlist;
use super::{Encoder, clock, segmenter, segments, title};
use crate::hls::{Bandwidth, LastRun, Profile, Run, Segment, Variant, Window, multivariants};
use crate::units::FramePos;

/// 2026-12-01T12:00:00Z.
pub(super) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_126_400)
}

#[test]
fn a_playlist_lists_the_last_segments() {
    let clock = clock(44_100, 4);
    let run = Run::begin(&clock, FramePos(0), noon(), None);
    let mut window = Window::new(clock, run, 3);
    let mut encoder = Encoder::new(0, 1024);
    encoder.retitle(0, &title("\"One\""));
    for segment in segments(&mut segmenter(clock), &mut encoder, 4) {
        window.push(segment).unwrap();
    }
    assert_eq!(
        window.playlist(false),
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:449031601\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:449031600\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-DATERANGE:ID=\"t1796126400000\",CLASS=\"longwave.track\",\
         START-DATE=\"2026-12-01T12:00:00.000Z\",X-ARTIST=\"Somebody\",X-TITLE=\"'One'\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-12-01T12:00:04.017Z\n#EXTINF:3.993832,\nmx4na800-449031601.ts\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-12-01T12:00:08.010Z\n#EXTINF:3.993833,\nmx4na800-449031602.ts\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-12-01T12:00:12.004Z\n#EXTINF:4.017052,\nmx4na800-449031603.ts\n"
    );
    assert!(Playlist::read(&window.playlist(true)).is_over);
}

#[test]
fn a_restart_goes_on_in_both_sequences() {
    let clock = clock(44_100, 4);
    let last = LastRun { media_sequence: 500_000_000, discontinuity_sequence: 600_000_006 };
    let run = Run::begin(&clock, FramePos(0), noon(), Some(last));
    let mut window = Window::new(clock, run, 3);
    assert_eq!(window.leaves(), LastRun { discontinuity_sequence: 600_000_007, ..last });
    let mut seen = Vec::new();
    for segment in segments(&mut segmenter(clock), &mut Encoder::new(0, 1024), 5) {
        window.push(segment).unwrap();
        let playlist = Playlist::read(&window.playlist(false));
        let tags: Vec<bool> = playlist.segments.iter().map(|segment| segment.is_discontinuous).collect();
        seen.push((playlist.media_sequence, playlist.discontinuity_sequence, tags));
    }
    assert_eq!(
        seen,
        [
            (500_000_001, 600_000_006, vec![true]),
            (500_000_001, 600_000_006, vec![true, false]),
            (500_000_001, 600_000_006, vec![true, false, false]),
            (500_000_002, 600_000_007, vec![false; 3]),
            (500_000_003, 600_000_007, vec![false; 3]),
        ]
    );
    assert_eq!(window.leaves(), LastRun { media_sequence: 500_000_005, discontinuity_sequence: 600_000_007 });
}

/// A hole has no bandwidth, and what is shorter than half a segment says little of it.
#[test]
fn bandwidth_is_measured_once_the_list_is_full() {
    let clock = clock(48_000, 4);
    let mut window = Window::new(clock, Run::begin(&clock, FramePos(0), noon(), None), 4);
    let mut push = |index: u64, seconds: u64, bytes: Option<usize>| {
        let start = clock.boundary(index);
        let end = FramePos(start.0 + seconds * 48_000);
        let bytes = bytes.map(|bytes| vec![0; bytes].into());
        window.push(Segment { index, start, end, bytes, titles: Vec::new() }).unwrap();
        window.bandwidth(Some(100))
    };
    let likely = Bandwidth { peak: 120_000, average: 120_000 };
    assert_eq!(push(0, 4, Some(1_000_000)), likely);
    assert_eq!(push(1, 4, Some(50_000)), likely);
    assert_eq!(push(2, 4, None), likely);
    assert_eq!(push(3, 4, Some(60_001)), Bandwidth { peak: 2_000_000, average: 740_001 });
    // The first one has left the list, and a second of much is not counted.
    assert_eq!(push(4, 1, Some(500_000)), Bandwidth { peak: 120_002, average: 110_001 });
}

#[test]
fn each_profile_has_a_playlist_and_the_first_is_the_main_one() {
    let clock = clock(44_100, 4);
    let window = Window::new(clock, Run::begin(&clock, FramePos(0), noon(), None), 12);
    let variant = |directory: &str, profile, bitrate| Variant {
        directory: directory.into(),
        profile,
        bandwidth: window.bandwidth(Some(bitrate)),
    };
    assert_eq!(window.bandwidth(None), window.bandwidth(Some(128)), "some applications' encoders do not say");
    let variants = [
        variant("radio.aac", Profile::AacLc, 128),
        variant("low.aac", Profile::AacHeV2, 32),
        variant("mid.aac", Profile::AacLc, 96),
        variant("he.aac", Profile::AacHe, 64),
        variant("radio.mp3", Profile::Mp3, 192),
    ];
    let entry = |kilobits: u32, codecs: &str, directory: &str| {
        format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={kilobits}000,AVERAGE-BANDWIDTH={kilobits}000,CODECS=\"{codecs}\"\n\
             hls/{directory}/live.m3u8?s=x1\n"
        )
    };
    let whole = |entries: &[String]| {
        format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n{}", entries.concat())
    };
    assert_eq!(
        multivariants(&variants, "?s=x1"),
        [
            ("hls.m3u8", whole(&[entry(154, "mp4a.40.2", "radio.aac"), entry(116, "mp4a.40.2", "mid.aac")])),
            ("he-v2.m3u8", whole(&[entry(44, "mp4a.40.29", "low.aac")])),
            ("he.m3u8", whole(&[entry(77, "mp4a.40.5", "he.aac")])),
            ("mp3.m3u8", whole(&[entry(231, "mp4a.40.34", "radio.mp3")])),
        ]
    );
}

/// What the state file keeps, and what it is when it was lost.
#[test]
fn the_numbers_of_a_run_come_from_its_date_or_from_the_last_run() {
    let clock = clock(44_100, 4);
    let by_date = 1_796_126_400 / 4;
    for (last, first) in [
        (None, by_date),
        (Some(5), by_date),
        (Some(by_date - 1), by_date),
        (Some(by_date), by_date + 1),
        (Some(by_date + 1000), by_date + 1001),
        (Some(u64::MAX), by_date),
    ] {
        let last =
            last.map(|media_sequence| LastRun { media_sequence, discontinuity_sequence: media_sequence });
        // It begins in the midst of segment 10.
        let run = Run::begin(&clock, FramePos(clock.boundary(10).0 + 7), noon(), last);
        assert_eq!(run.media_sequence(10), Some(first));
        assert_eq!((run.media_sequence(9), run.media_sequence(15)), (None, Some(first + 5)));
        assert_eq!(run.discontinuity_sequence(), first);
        let mut window = Window::new(clock, run, 3);
        let before = Segment {
            index: 9,
            start: clock.boundary(9),
            end: clock.boundary(10),
            bytes: None,
            titles: Vec::new(),
        };
        assert!(window.push(before).is_none(), "it is from before the run");
        assert_eq!(Playlist::read(&window.playlist(false)).media_sequence, first);
    }
    let kept = LastRun { media_sequence: 7, discontinuity_sequence: 1 };
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(text, r#"{"media_sequence":7,"discontinuity_sequence":1}"#);
    assert_eq!(serde_json::from_str::<LastRun>(&text).unwrap(), kept);
}

/// A variant that comes later has the numbers of the others.
#[test]
fn a_variant_that_is_added_agrees_with_the_others() {
    let clock = clock(44_100, 4);
    let last = LastRun { media_sequence: 40, discontinuity_sequence: 1 };
    let run = Run::begin(&clock, FramePos(0), noon(), Some(last));
    let mut windows = [0, 3].map(|late| {
        let mut window = Window::new(clock, run.clone(), 3);
        let mut encoder = Encoder::new(clock.boundary(late).0, 1024);
        for segment in segments(&mut segmenter(clock), &mut encoder, 6 - late as usize) {
            window.push(segment).unwrap();
        }
        window
    });
    let described = windows.each_mut().map(|window| {
        let playlist = Playlist::read(&window.playlist(false));
        let tags = playlist.segments.iter().filter(|segment| segment.is_discontinuous).count() as u64;
        let names: Vec<String> = playlist.segments.iter().map(|segment| segment.name.clone()).collect();
        (playlist.media_sequence, playlist.discontinuity_sequence + tags, names)
    });
    assert_eq!(described[0], described[1]);
}
