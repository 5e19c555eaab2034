//! What playlists say, from the first segment on and across restarts.

use std::time::{Duration, SystemTime};

use super::listing::Playlist;
use super::{Encoder, clock, segmenter, segments, title};
use crate::hls::{LastRun, Profile, Run, Variant, Window, multivariants};
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
         #EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n\
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
    let last = LastRun { media_sequence: 500_000_000, discontinuity_sequence: 6 };
    let run = Run::begin(&clock, FramePos(0), noon(), Some(last));
    let mut window = Window::new(clock, run, 3);
    assert_eq!(window.leaves(), LastRun { discontinuity_sequence: 7, ..last });
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
            (500_000_001, 6, vec![true]),
            (500_000_001, 6, vec![true, false]),
            (500_000_001, 6, vec![true, false, false]),
            (500_000_002, 7, vec![false; 3]),
            (500_000_003, 7, vec![false; 3]),
        ]
    );
    assert_eq!(window.leaves(), LastRun { media_sequence: 500_000_005, discontinuity_sequence: 7 });
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
            ("he-v2.m3u8", whole(&[entry(39, "mp4a.40.29", "low.aac")])),
            ("he.m3u8", whole(&[entry(77, "mp4a.40.5", "he.aac")])),
            ("mp3.m3u8", whole(&[entry(231, "mp4a.40.34", "radio.mp3")])),
        ]
    );
}
