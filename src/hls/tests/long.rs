//! Days of segments. Only the packets beside each cut are made: the others change no cut.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::listing::Playlist;
use super::playlists::noon;
use super::{clock, segmenter, title};
use crate::hls::{HlsClock, HlsPacket, Profile, Run, Segmenter, ShownTitle, Window};
use crate::units::FramePos;

const WEEK: u64 = 7 * 86_400;

/// The first and the last packet of a segment, of an encoder that began at zero.
fn beside_the_cuts(
    clock: &HlsClock,
    frames: u32,
    index: u64,
    title: &(Arc<ShownTitle>, u64),
) -> [HlsPacket; 2] {
    let first = |index: u64| clock.boundary(index).0.div_ceil(u64::from(frames));
    [first(index), first(index + 1) - 1].map(|number| HlsPacket {
        at: FramePos(number * u64::from(frames)),
        frames,
        bytes: [7; 4].into(),
        title: title.0.clone(),
        title_at: FramePos(title.1),
    })
}

/// Lists a week, and adds up what the playlists say. Times are computed here from the sample positions alone.
fn a_week_adds_up(hz: u32, seconds: u32) {
    for frames in [1024, 1152, 2048] {
        let clock = clock(hz, seconds);
        let run = Run::begin(&clock, FramePos(0), noon(), None);
        let (mut segmenter, mut window) = (segmenter(clock), Window::new(clock, run, 12));
        let title = (title("One"), 0);
        let (mut micros, mut listed) = (0, 0);
        let segments = WEEK / u64::from(seconds);
        let exact = |frames: u128, per_second: u128| {
            let hz = u128::from(hz);
            (frames * per_second / hz, frames * per_second % hz * 2 >= hz)
        };
        for index in 0..=segments {
            for packet in beside_the_cuts(&clock, frames, index, &title) {
                for segment in segmenter.push(packet) {
                    window.push(segment).unwrap();
                    listed += 1;
                }
            }
            // Each segment is read once: when the list has twelve new ones, and at the end.
            if listed > 0 && (listed % 12 == 0 || index == segments) {
                let playlist = Playlist::read(&window.playlist(false));
                let new = if listed % 12 == 0 { 12 } else { listed % 12 };
                for segment in &playlist.segments[12 - new..] {
                    let date = humantime::parse_rfc3339(&segment.date).unwrap();
                    assert_eq!(date.duration_since(noon()).unwrap().as_millis(), u128::from(micros) / 1000);
                    micros += segment.micros;
                }
            }
        }
        let end = beside_the_cuts(&clock, frames, segments, &title)[0].at;
        let (whole, up) = exact(u128::from(end.0), 1_000_000);
        assert_eq!(u128::from(micros), whole + u128::from(up), "{frames} frames at {hz} Hz");
        assert_eq!(listed as u64, segments);
        // PTS by the same naive arithmetic, at the last cut.
        let (ticks, up) = exact(u128::from(end.0), 90_000);
        assert_eq!(u128::from(clock.pts(end)), (900_000 + ticks + u128::from(up)) % (1 << 33));
    }
}

#[test]
fn a_week_adds_up_at_44100() {
    a_week_adds_up(44_100, 4);
}

#[test]
fn a_week_adds_up_at_48000() {
    a_week_adds_up(48_000, 6);
}

#[test]
fn a_week_adds_up_at_22050() {
    a_week_adds_up(22_050, 10);
}

/// A shelf, as the server has one: it holds what was listed until it is told that it is gone.
#[derive(Default)]
struct Shelf {
    segments: HashSet<String>,
    most: usize,
}

#[test]
fn in_72_hours_the_shelf_holds_two_windows_and_the_variants_agree() {
    let clock = clock(44_100, 4);
    let run = Run::begin(&clock, FramePos(0), noon(), None);
    let variants = [(Profile::AacLc, 1024, 1600), (Profile::AacHe, 2048, 4166), (Profile::Mp3, 1152, 1105)];
    let mut variants = variants.map(|(profile, frames, delay)| {
        let segmenter = Segmenter::new(clock, profile, 12);
        (segmenter, Window::new(clock, run.clone(), 12), Shelf::default(), frames, delay)
    });
    let mut title = (title("Track 0"), 0);
    for index in 0..72 * 900 {
        if index % 50 == 49 {
            title = (super::title(&format!("Track {index}")), clock.boundary(index).0 - 44_100);
        }
        let mut starts = Vec::new();
        for (segmenter, window, shelf, frames, delay) in &mut variants {
            let title = (title.0.clone(), title.1 + *delay);
            for packet in beside_the_cuts(&clock, *frames, index, &title) {
                for segment in segmenter.push(packet) {
                    starts.push((segment.index, segment.start.0));
                    let listing = window.push(segment).unwrap();
                    for name in listing.gone {
                        assert!(shelf.segments.remove(&name), "{name} was there");
                    }
                    assert!(shelf.segments.insert(listing.name));
                    shelf.most = shelf.most.max(shelf.segments.len());
                }
            }
        }
        assert!(starts.iter().all(|(number, _)| *number + 1 == index), "{starts:?}");
        let [first, last] = [starts.iter().min(), starts.iter().max()];
        assert!(first.is_none_or(|first| last.unwrap().1 - first.1 < 2048), "the same samples: {starts:?}");
        if index % 901 == 900 {
            let texts = variants.each_ref().map(|(_, window, ..)| window.playlist(false));
            assert!(texts.iter().all(|text| text.len() < 4096), "a playlist does not grow");
            let playlists = texts.map(|text| Playlist::read(&text));
            for playlist in &playlists {
                assert_eq!(playlist.segments.len(), 12);
                assert_eq!(playlist.media_sequence, playlists[0].media_sequence);
                let names = |playlist: &Playlist| -> Vec<String> {
                    playlist.segments.iter().map(|segment| segment.name.clone()).collect()
                };
                assert_eq!(names(playlist), names(&playlists[0]), "one name for the same samples");
                assert!((1..=2).contains(&playlist.tracks.len()), "{:?}", playlist.tracks);
            }
        }
    }
    for (_, window, shelf, ..) in &variants {
        assert_eq!((shelf.most, shelf.segments.len()), (24, 24), "two windows");
        let last = window.leaves().media_sequence;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(4 * last);
        let since = now.duration_since(noon()).unwrap();
        assert!(since < Duration::from_secs(72 * 3600), "the numbers do not overtake the date: {since:?}");
    }
}
