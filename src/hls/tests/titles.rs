//! Titles: timed ID3 in segments, ranges of dates in playlists.

use std::collections::HashSet;
use std::sync::Arc;

use super::listing::Playlist;
use super::playlists::noon;
use super::{Encoder, clock, segmenter, segments, title};
use crate::hls::{Run, Segment, ShownTitle, Window};
use crate::units::FramePos;
use longwave_testing::ts::{Demuxer, Tag};

#[test]
fn a_title_is_in_each_segment_and_where_it_changes() {
    let clock = clock(44_100, 4);
    let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1024));
    let (first, second) = (title("Jóga"), title("第二"));
    encoder.retitle(0, &first);
    let mut all = segments(&mut segmenter, &mut encoder, 1);
    // In the middle of a packet, some packets after the start of the second segment.
    let change = encoder.at.0 + 20 * 1024 + 500;
    while encoder.at.0 + 1024 <= change {
        assert!(segmenter.push(encoder.packet()).is_empty());
    }
    encoder.retitle(change, &second);
    all.extend(segments(&mut segmenter, &mut encoder, 2));
    let mut demuxer = Demuxer::default();
    let texts: Vec<Vec<(u64, String)>> = all
        .iter()
        .map(|segment| {
            let found = demuxer.read(segment.bytes.as_ref().unwrap());
            found.titles.into_iter().map(|(pts, tag)| (pts, tag[0].1.clone())).collect()
        })
        .collect();
    let starts: Vec<u64> = all.iter().map(|segment| clock.pts(segment.start)).collect();
    assert_eq!(texts[0], [(starts[0], "Jóga".into())]);
    assert_eq!(texts[1], [(starts[1], "Jóga".into()), (clock.pts(FramePos(change)), "第二".into())]);
    assert_eq!(texts[2], [(starts[2], "第二".into())]);
}

/// The tags of a segment whose first packets have these titles.
fn tags_of(titles: &[ShownTitle]) -> Vec<(u64, Tag)> {
    let (mut segmenter, mut encoder) = (segmenter(clock(44_100, 4)), Encoder::new(0, 1024));
    for title in titles {
        encoder.retitle(encoder.at.0, &Arc::new(title.clone()));
        segmenter.push(encoder.packet());
    }
    let segment = segmenter.finish().unwrap();
    Demuxer::default().read(&segment.bytes.unwrap()).titles
}

#[test]
fn texts_of_every_kind_come_back() {
    let long = "ü€😀".repeat(200);
    let cut: String = long.chars().take(500).collect();
    for (text, artist, album, tag) in [
        (
            "Jóga",
            Some("Björk"),
            Some("Homogenic"),
            vec![("TIT2", "Jóga"), ("TPE1", "Björk"), ("TALB", "Homogenic")],
        ),
        ("", None, None, vec![("TIT2", "")]),
        ("只有标题 😀", None, Some(""), vec![("TIT2", "只有标题 😀")]),
        ("a\0b\r\nc", Some("  "), None, vec![("TIT2", "a b c")]),
        (&long, Some(&long), Some(&long), vec![("TIT2", &cut), ("TPE1", &cut), ("TALB", &cut)]),
    ] {
        let tag: Tag = tag.iter().map(|(id, text)| (id.to_string(), text.to_string())).collect();
        assert_eq!(tags_of(&[ShownTitle::new(text, artist, album)])[0].1, tag);
    }
}

/// The first packet of a segment is the one in which a title begins.
#[test]
fn a_segment_begins_with_the_title_that_is_in_force_there() {
    let clock = clock(44_100, 4);
    let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1024));
    encoder.retitle(0, &title("One"));
    while clock.index_of(encoder.at) == 0 {
        assert!(segmenter.push(encoder.packet()).is_empty());
    }
    let (start, change) = (encoder.at, encoder.at.0 + 700);
    encoder.retitle(change, &title("Two"));
    let all = segments(&mut segmenter, &mut encoder, 2);
    let mut demuxer = Demuxer::default();
    demuxer.read(all[0].bytes.as_ref().unwrap());
    let found = demuxer.read(all[1].bytes.as_ref().unwrap()).titles;
    let due = [(clock.pts(start), "One"), (clock.pts(FramePos(change)), "Two")];
    let said: Vec<_> = found.iter().map(|(pts, tag)| (*pts, tag[0].1.as_str())).collect();
    assert_eq!(said, due);
    assert_eq!(all[1].titles.iter().map(|since| since.at.0).collect::<Vec<_>>(), [0, change]);
}

#[test]
fn the_same_title_again_is_another_track() {
    let one = ShownTitle::new("One", None, None);
    let tags = tags_of(&[one.clone(), one.clone()]);
    assert_eq!(tags.iter().map(|(pts, _)| *pts).collect::<Vec<_>>(), [900_000, 902_090]);
}

#[test]
fn a_title_that_comes_late_begins_where_the_audio_is() {
    let clock = clock(44_100, 4);
    let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1024));
    encoder.retitle(0, &title("One"));
    (0..5).for_each(|_| drop(segmenter.push(encoder.packet())));
    encoder.retitle(1000, &title("Two"));
    segmenter.push(encoder.packet());
    let segment = segmenter.finish().unwrap();
    assert_eq!(segment.titles[1].at, FramePos(5 * 1024));
    let found = Demuxer::default().read(segment.bytes.as_ref().unwrap());
    assert_eq!(found.titles[1].0, clock.pts(FramePos(5 * 1024)));
}

/// An encoder that goes back has packets before the beginning of the title that it was told.
#[test]
fn a_title_begins_no_later_than_the_packet_that_has_it_ends() {
    let clock = clock(44_100, 4);
    let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1024));
    encoder.retitle(0, &title("One"));
    segmenter.push(encoder.packet());
    encoder.retitle(9_000, &title("Two"));
    segmenter.push(encoder.packet());
    encoder.retitle(2 * 1024 + 700, &title("Three"));
    segmenter.push(encoder.packet());
    let segment = segmenter.finish().unwrap();
    assert_eq!(
        segment.titles.iter().map(|since| since.at.0).collect::<Vec<_>>(),
        [0, 2 * 1024, 2 * 1024 + 700]
    );
    let found = Demuxer::default().read(segment.bytes.as_ref().unwrap());
    let due = segment.titles.iter().map(|since| clock.pts(since.at));
    assert!(found.titles.iter().map(|(pts, _)| *pts).eq(due));
}

/// The values of DATERANGE, which are quoted strings and cannot be escaped.
#[test]
fn a_track_is_a_range_of_dates_with_clean_values() {
    let clock = clock(44_100, 4);
    let run = Run::begin(&clock, FramePos(0), noon(), None);
    let (mut segmenter, mut window) = (segmenter(clock), Window::new(clock, run, 2));
    let mut encoder = Encoder::new(0, 1024);
    let tracks = |window: &Window| Playlist::read(&window.playlist(false)).tracks;
    let list = |window: &mut Window, segments: Vec<Segment>| {
        segments.into_iter().for_each(|segment| drop(window.push(segment)));
    };
    // Nothing is known at first; later there is no title for a while.
    list(&mut window, segments(&mut segmenter, &mut encoder, 1));
    assert!(tracks(&window).is_empty());
    let odd = Arc::new(ShownTitle::new("a\"b\u{7f}\r\nc,X-D=\"e\"", Some("\"\""), None));
    encoder.retitle(encoder.at.0 + 441, &odd);
    let begins = encoder.at.0 + 441;
    list(&mut window, segments(&mut segmenter, &mut encoder, 1));
    let millis = begins * 1000 / 44_100;
    let due = format!(
        "ID=\"t{}\",CLASS=\"longwave.track\",START-DATE=\"2026-12-01T12:00:0{}.{:03}Z\",\
         X-ARTIST=\"''\",X-TITLE=\"a'b c,X-D='e'\"",
        1_796_126_400_000 + millis,
        millis / 1000,
        millis % 1000
    );
    assert_eq!(tracks(&window), std::slice::from_ref(&due));
    encoder.retitle(encoder.at.0, &Arc::default());
    list(&mut window, segments(&mut segmenter, &mut encoder, 2));
    assert_eq!(tracks(&window), [due]);
    list(&mut window, segments(&mut segmenter, &mut encoder, 1));
    assert!(tracks(&window).is_empty(), "the track does not overlap the list any more");
}

/// Somebody sets titles as fast as packets come.
#[test]
fn a_playlist_names_a_limited_number_of_tracks_each_once() {
    let clock = clock(44_100, 4);
    let run = Run::begin(&clock, FramePos(0), noon(), None);
    let (mut segmenter, mut window) = (segmenter(clock), Window::new(clock, run, 12));
    let mut encoder = Encoder::new(0, 1024);
    for number in 0..3_000 {
        // All in the first millisecond of their packets, or of a packet before.
        encoder.retitle(encoder.at.0 - 1024 * (number % 2).min(encoder.number), &title(&format!("{number}")));
        for segment in segmenter.push(encoder.packet()) {
            window.push(segment);
        }
    }
    let tracks = Playlist::read(&window.playlist(false)).tracks;
    assert_eq!(tracks.len(), 100);
    let ids: HashSet<&str> = tracks.iter().map(|track| track.split(',').next().unwrap()).collect();
    assert_eq!(ids.len(), 100);
}
