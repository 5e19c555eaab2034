//! Packets that are lost, overlap, or come too many: by example, and at random beside a naive model.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::listing::Playlist;
use super::playlists::noon;
use super::{Encoder, clock, segmenter, segments, title};
use crate::hls::{HlsPacket, Profile, Run, Segment, Segmenter, Window};
use crate::units::FramePos;
use longwave_testing::ts::Demuxer;

/// Four seconds at 8 kHz; packets of 1,000 frames make it easy to count: 32 in a segment.
const RATE: u32 = 8_000;
const SEGMENT: u64 = 32_000;

fn push(segmenter: &mut Segmenter, encoder: &mut Encoder, count: usize) -> Vec<Segment> {
    (0..count).flat_map(|_| segmenter.push(encoder.packet())).collect()
}

#[test]
fn lost_packets_leave_a_gap_in_the_times() {
    let clock = clock(RATE, 4);
    let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1000));
    push(&mut segmenter, &mut encoder, 5);
    encoder.at = FramePos(8_000);
    let all = push(&mut segmenter, &mut encoder, 30);
    let found = Demuxer::default().read(all[0].bytes.as_ref().unwrap());
    // A packet is 125 ms: one in a unit.
    let starts: Vec<u64> = found.audio.iter().map(|unit| unit.pts).collect();
    let due: Vec<u64> = (0..5).chain(8..32).map(|number| clock.pts(FramePos(number * 1000))).collect();
    assert_eq!(starts, due);
    assert_eq!((all[0].start, all[0].end), (FramePos(0), FramePos(SEGMENT)));
}

#[test]
fn segments_without_packets_are_holes() {
    let clock = clock(RATE, 4);
    let run = Run::begin(&clock, FramePos(0), noon(), None);
    let (mut segmenter, mut window) = (segmenter(clock), Window::new(clock, run, 12));
    let mut encoder = Encoder::new(0, 1000);
    push(&mut segmenter, &mut encoder, 20);
    // 400 frames after the boundary of segment 3, so the hole before it lasts until there.
    encoder.at = FramePos(3 * SEGMENT + 400);
    let all = push(&mut segmenter, &mut encoder, 33);
    let bounds: Vec<_> = all.iter().map(|segment| (segment.index, segment.start.0, segment.end.0)).collect();
    assert_eq!(
        bounds,
        [
            (0, 0, SEGMENT),
            (1, SEGMENT, 2 * SEGMENT),
            (2, 2 * SEGMENT, 3 * SEGMENT + 400),
            (3, 3 * SEGMENT + 400, 4 * SEGMENT + 400),
        ]
    );
    assert_eq!(
        all.iter().map(|segment| segment.bytes.is_some()).collect::<Vec<_>>(),
        [true, false, false, true]
    );
    all.into_iter().for_each(|segment| drop(window.push(segment).unwrap()));
    let playlist = Playlist::read(&window.playlist(false));
    assert_eq!(
        playlist.segments.iter().map(|segment| segment.is_gap).collect::<Vec<_>>(),
        [false, true, true, false]
    );
}

/// Where most of a segment was lost, the one before it must not be longer than the target duration.
#[test]
fn a_segment_that_begins_late_starts_at_its_boundary() {
    let clock = clock(RATE, 4);
    for (late, start) in [(4_000 - 1, SEGMENT + 3_999), (4_000, SEGMENT), (30_000, SEGMENT)] {
        let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1000));
        push(&mut segmenter, &mut encoder, 32);
        encoder.at = FramePos(SEGMENT + late);
        let mut demuxer = Demuxer::default();
        let all = segments(&mut segmenter, &mut encoder, 2);
        assert_eq!((all[0].end, all[1].start), (FramePos(start), FramePos(start)), "{late} frames late");
        demuxer.read(all[0].bytes.as_ref().unwrap());
        let found = demuxer.read(all[1].bytes.as_ref().unwrap());
        assert_eq!(found.audio[0].pts, clock.pts(FramePos(SEGMENT + late)), "the audio is where it was");
    }
}

#[test]
fn a_jump_over_the_whole_window_has_no_holes_and_no_discontinuity() {
    let clock = clock(RATE, 4);
    for (jump, holes) in [(12, 11), (13, 0)] {
        let run = Run::begin(&clock, FramePos(0), noon(), None);
        let (mut segmenter, mut window) = (segmenter(clock), Window::new(clock, run, 12));
        let mut encoder = Encoder::new(0, 1000);
        let mut all = push(&mut segmenter, &mut encoder, 3 * 32);
        encoder.at = FramePos((2 + jump) * SEGMENT);
        all.extend(push(&mut segmenter, &mut encoder, 33));
        assert_eq!(all.iter().filter(|segment| segment.bytes.is_none()).count(), holes);
        let mut playlists = Vec::new();
        for segment in all {
            window.push(segment).unwrap();
            playlists.push(Playlist::read(&window.playlist(false)));
        }
        let last = playlists.last().unwrap();
        assert_eq!(last.segments.len(), if holes == 0 { 1 } else { 12 }, "only segments in a row are listed");
        assert_eq!(
            last.media_sequence + last.segments.len() as u64 - 1,
            playlists[0].media_sequence + 2 + jump
        );
        assert!(last.segments.iter().all(|segment| !segment.is_discontinuous));
    }
}

/// The new encoder begins within what the old one had coded: as much as overlaps is left out.
#[test]
fn the_packets_of_a_replaced_encoder_do_not_overlap() {
    let clock = clock(44_100, 4);
    let (mut segmenter, mut old) = (segmenter(clock), Encoder::new(0, 1024));
    let mut all = push(&mut segmenter, &mut old, 300);
    let mut new = Encoder::new(old.at.0 - 3_000, 2048);
    all.extend(segments(&mut segmenter, &mut new, 2));
    assert_eq!(segmenter.left_out(), 2, "2,048 frames and 952 more overlap");
    let mut demuxer = Demuxer::default();
    let audio: Vec<(u64, usize)> = all
        .iter()
        .flat_map(|segment| demuxer.read(segment.bytes.as_ref().unwrap()).audio)
        .map(|unit| (unit.pts, unit.bytes.len()))
        .collect();
    assert!(audio.iter().any(|(pts, _)| *pts == clock.pts(FramePos(300 * 1024 - 3_000 + 2 * 2048))));
}

#[test]
fn a_runaway_encoder_fills_a_segment_and_no_more() {
    let clock = clock(48_000, 10);
    let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1024));
    let mut all = Vec::new();
    while all.len() < 2 {
        let packet = HlsPacket { bytes: vec![1; 8_191].into(), ..encoder.packet() };
        encoder.retitle(encoder.at.0, &title(&"ü".repeat(500)));
        all.extend(segmenter.push(packet));
    }
    let mut demuxer = Demuxer::default();
    for segment in all {
        let bytes = segment.bytes.unwrap();
        assert!(bytes.len() > 2_000_000 && bytes.len() < (2 << 20) + 10_000, "{}", bytes.len());
        demuxer.read(&bytes);
    }
    assert!(segmenter.left_out() > 400, "{}", segmenter.left_out());
}

#[test]
fn a_packet_of_no_length_or_too_much_is_left_out() {
    let clock = clock(44_100, 4);
    let (mut segmenter, mut encoder) = (segmenter(clock), Encoder::new(0, 1024));
    for wrong in [
        HlsPacket { frames: 0, ..encoder.packet() },
        HlsPacket { bytes: [].into(), ..encoder.packet() },
        HlsPacket { bytes: vec![0; 65_528].into(), ..encoder.packet() },
    ] {
        assert!(segmenter.push(wrong).is_empty());
    }
    assert_eq!(segmenter.left_out(), 3);
    assert!(segmenter.finish().is_none(), "nothing has begun");
    let mut segmenter = super::segmenter(clock);
    segmenter.push(HlsPacket { bytes: vec![0; 65_527].into(), ..Encoder::new(0, 1024).packet() });
    let segment = segmenter.finish().unwrap();
    assert_eq!(Demuxer::default().read(&segment.bytes.unwrap()).audio[0].bytes.len(), 65_527);
}

/// What happens between an encoder and the segmenter.
#[derive(Clone, Debug)]
enum Happening {
    Packets(usize),
    /// So many frames are lost.
    Gap(u64),
    /// An encoder begins so many frames earlier, with packets of another length.
    Back(u64, u32),
    /// A title begins so many frames after the start of the next packet.
    Title(u32),
    /// A packet that cannot be placed.
    Broken,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        6 => (1usize..120).prop_map(Happening::Packets),
        1 => (1u64..2_000).prop_map(Happening::Gap),
        1 => (1u64..3 * SEGMENT).prop_map(Happening::Gap),
        1 => (1u64..30 * SEGMENT).prop_map(Happening::Gap),
        1 => (1u64..5_000, prop_oneof![Just(576u32), Just(1024), Just(1152), Just(2048), Just(5000)])
            .prop_map(|(back, frames)| Happening::Back(back, frames)),
        3 => (0u32..1024).prop_map(Happening::Title),
        1 => Just(Happening::Broken),
    ];
    prop::collection::vec(one, 1..60)
}

/// What a naive segmenter takes of the packets: for each segment its packets in a row.
#[derive(Default)]
struct Model {
    segments: BTreeMap<u64, Vec<HlsPacket>>,
    first: Option<u64>,
    end: u64,
}

impl Model {
    fn push(&mut self, packet: &HlsPacket) {
        let index = packet.at.0 / SEGMENT;
        if packet.frames == 0 {
            return;
        }
        if self.segments.is_empty()
            && !packet.at.0.is_multiple_of(SEGMENT)
            && self.first.is_none_or(|first| index < first)
        {
            self.first.get_or_insert(index + 1);
            return;
        }
        if packet.at.0 >= self.end {
            self.end = packet.end().0;
            self.segments.entry(index).or_default().push(packet.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_happens_segments_and_playlists_keep_their_laws(
        start in 0u64..3 * SEGMENT, restarted in any::<bool>(), happenings in happenings()
    ) {
        let clock = clock(RATE, 4);
        let last = restarted.then_some(crate::hls::LastRun { media_sequence: 9, discontinuity_sequence: 4 });
        let run = Run::begin(&clock, FramePos(start), noon(), last);
        let mut window = Window::new(clock, run, 3);
        let mut segmenter = Segmenter::new(clock, Profile::Mp3, 3);
        let (mut encoder, mut model, mut all) = (Encoder::new(start, 1024), Model::default(), Vec::new());
        for (number, happening) in happenings.into_iter().enumerate() {
            match happening {
                Happening::Packets(count) => for _ in 0..count {
                    let packet = encoder.packet();
                    model.push(&packet);
                    all.extend(segmenter.push(packet));
                },
                Happening::Gap(frames) => encoder.at.0 += frames,
                Happening::Back(frames, length) => {
                    encoder.at.0 = encoder.at.0.saturating_sub(frames);
                    encoder.frames = length;
                }
                Happening::Title(after) => {
                    let at = encoder.at.0 + u64::from(after) % u64::from(encoder.frames);
                    encoder.retitle(at, &title(&format!("Title {number}")));
                }
                Happening::Broken => {
                    let packet = HlsPacket { frames: 0, ..encoder.packet() };
                    all.extend(segmenter.push(packet));
                }
            }
        }
        all.extend(segmenter.finish());
        agree_with_the_model(&all, &model);
        keep_the_laws_of_playlists(&mut window, all);
    }
}

fn agree_with_the_model(all: &[Segment], model: &Model) {
    let clock = clock(RATE, 4);
    let mut demuxer = Demuxer::default();
    let with_audio: Vec<&Segment> = all.iter().filter(|segment| segment.bytes.is_some()).collect();
    assert_eq!(with_audio.len(), model.segments.len());
    for (segment, (index, packets)) in with_audio.iter().zip(&model.segments) {
        assert_eq!(segment.index, *index);
        let found = demuxer.read(segment.bytes.as_ref().unwrap());
        let stream: Vec<u8> = packets.iter().flat_map(|packet| packet.bytes.iter().copied()).collect();
        assert!(found.elementary() == stream, "segment {index} has its packets and no others");
        let mut rest = &packets[..];
        for unit in &found.audio {
            assert_eq!(unit.pts, clock.pts(rest[0].at));
            let (mut bytes, mut end) = (0, rest[0].at);
            while bytes < unit.bytes.len() {
                assert_eq!(rest[0].at, end, "the packets of a unit follow each other");
                (bytes, end) = (bytes + rest[0].bytes.len(), rest[0].end());
                rest = &rest[1..];
            }
        }
        let last = found.titles.last().unwrap();
        assert_eq!(last.1[0].1, packets.last().unwrap().title.title());
        assert_eq!(found.titles[0].0, clock.pts(packets[0].at));
        let ids: Vec<u64> = found.titles.iter().map(|(pts, _)| *pts).collect();
        assert!(ids.is_sorted(), "titles in their order: {ids:?}");
        assert_eq!(found.titles.len(), segment.titles.len());
        assert!(segment.start <= packets[0].at && segment.start >= clock.boundary(*index));
    }
    for pair in all.windows(2) {
        if pair[1].index == pair[0].index + 1 {
            assert_eq!(pair[0].end, pair[1].start, "no time between segments");
        } else {
            assert!(pair[1].index > pair[0].index + 3);
        }
    }
}

fn keep_the_laws_of_playlists(window: &mut Window, all: Vec<Segment>) {
    let (mut shelf, mut before) = (HashMap::new(), Playlist::default());
    let mut numbers: HashMap<String, u64> = HashMap::new();
    for segment in all {
        let listing = window.push(segment).unwrap();
        assert!(shelf.insert(listing.name, listing.bytes).is_none(), "a name is used once");
        for name in listing.gone {
            assert!(shelf.remove(&name).is_some(), "{name} was on the shelf");
        }
        assert!(shelf.len() <= 6, "{} segments", shelf.len());
        let playlist = Playlist::read(&window.playlist(false));
        assert!(playlist.segments.len() <= 3 && playlist.media_sequence >= before.media_sequence);
        let mut discontinuity = playlist.discontinuity_sequence;
        for (number, listed) in (playlist.media_sequence..).zip(&playlist.segments) {
            assert!(listed.name.ends_with(&format!("-{number}.ts")), "{} is number {number}", listed.name);
            assert_eq!(shelf[&listed.name].is_none(), listed.is_gap);
            discontinuity += u64::from(listed.is_discontinuous);
            // RFC 8216, 6.2.2: what was listed stays as it was.
            assert_eq!(*numbers.entry(listed.name.clone()).or_insert(discontinuity), discontinuity);
            if let Some(same) = before.segments.iter().find(|same| same.name == listed.name) {
                assert_eq!(same, listed);
            }
        }
        for track in &playlist.tracks {
            let id = track.split(',').next().unwrap();
            let same = before.tracks.iter().find(|before| before.starts_with(&format!("{id},")));
            assert!(same.is_none_or(|same| same == track), "the attributes of a track never change: {track}");
        }
        before = playlist;
    }
}
