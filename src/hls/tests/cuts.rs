//! Where segments are cut, and what becomes of packets that do not follow each other.

use super::{Encoder, clock, segmenter, segments};
use crate::hls::{Profile, Segmenter};
use crate::units::{FrameCount, FramePos};
use longwave_testing::ts::Demuxer;

/// The audio of a segment is all packets from its boundary to the next, byte for byte.
#[test]
fn segments_carry_every_packet_once_at_its_time() {
    for (hz, frames, profile, stream_type) in [
        (44_100, 1024, Profile::AacLc, 0x0f),
        (48_000, 2048, Profile::AacHe, 0x0f),
        (44_100, 2048, Profile::AacHeV2, 0x0f),
        (44_100, 1152, Profile::Mp3, 0x03),
        (32_000, 1152, Profile::Mp3, 0x03),
        (22_050, 576, Profile::Mp3, 0x04),
    ] {
        let clock = clock(hz, 4);
        let mut segmenter = Segmenter::new(clock, profile, 12);
        let mut encoder = Encoder::new(0, frames);
        let mut demuxer = Demuxer::default();
        let mut twin = Encoder::new(0, frames);
        let (mut end, mut pcr) = (FramePos(0), 891_000);
        for (number, segment) in segments(&mut segmenter, &mut encoder, 20).into_iter().enumerate() {
            assert_eq!((segment.index, segment.start), (number as u64, end));
            let from_boundary = segment.start - clock.boundary(segment.index);
            assert!(
                from_boundary < FrameCount(u64::from(frames)),
                "at the first packet from its boundary on"
            );
            let found = demuxer.read(&segment.bytes.unwrap());
            assert_eq!(found.stream_type, stream_type);
            for unit in &found.audio {
                assert_eq!(unit.pts, clock.pts(twin.at));
                for next in &unit.pcrs {
                    assert!(*next - pcr <= 9_001, "a PCR at least every 100 ms: {pcr}, {next}");
                    pcr = *next;
                }
                let (start, mut rest) = (twin.at, &unit.bytes[..]);
                while !rest.is_empty() {
                    let packet = twin.packet();
                    rest = rest.strip_prefix(&packet.bytes[..]).expect("whole packets in their order");
                }
                let sounds = clock.micros_between(start, twin.at);
                assert!(sounds <= 200_000, "{sounds} µs in one unit");
            }
            assert_eq!(twin.at, segment.end);
            end = segment.end;
        }
    }
}

#[test]
fn what_comes_before_the_first_boundary_is_left_out() {
    let clock = clock(44_100, 4);
    for (at, first) in [(0, 0), (1, 1), (176_400 - 1024, 1), (176_400, 1), (176_401, 2)] {
        let mut encoder = Encoder::new(at, 1024);
        let segment = &segments(&mut segmenter(clock), &mut encoder, 1)[0];
        assert_eq!(segment.index, first, "from {at}");
        assert!(segment.start - clock.boundary(first) < FrameCount(1024));
    }
}

#[test]
fn a_stop_gives_what_has_sounded() {
    let mut segmenter = segmenter(clock(44_100, 4));
    assert!(segmenter.finish().is_none());
    let mut segmenter = super::segmenter(clock(44_100, 4));
    let mut encoder = Encoder::new(0, 1024);
    for _ in 0..3 {
        segmenter.push(encoder.packet());
    }
    let last = segmenter.finish().unwrap();
    assert_eq!((last.index, last.start, last.end), (0, FramePos(0), FramePos(3072)));
    assert_eq!(Demuxer::default().read(&last.bytes.unwrap()).audio.len(), 1);
    assert!(segmenter.push(encoder.packet()).is_empty() && segmenter.finish().is_none());
}

/// The times of a stream that begins before the wrap go on behind it, and so do the cuts.
#[test]
fn segments_go_on_where_the_pts_wraps() {
    for (hz, frames) in [(44_100, 1024), (48_000, 2048), (22_050, 576)] {
        let clock = clock(hz, 4);
        let wrap = ((1u64 << 33) - 900_000) / 90_000;
        let mut encoder = Encoder::new(clock.boundary(wrap / 4 - 2).0, frames);
        let (mut demuxer, mut ticks, mut at) = (Demuxer::default(), Vec::new(), encoder.at);
        let all = segments(&mut segmenter(clock), &mut encoder, 5);
        for segment in &all {
            for unit in demuxer.read(segment.bytes.as_ref().unwrap()).audio {
                ticks.push(unit.pts);
            }
            assert_eq!((segment.start, segment.titles.len()), (at, 1));
            at = segment.end;
        }
        let wraps: Vec<usize> = (1..ticks.len()).filter(|at| ticks[*at] < ticks[at - 1]).collect();
        assert_eq!(wraps.len(), 1, "it wraps once");
        assert!(ticks.windows(2).all(|pair| (pair[1].wrapping_sub(pair[0]) & ((1 << 33) - 1)) <= 18_001));
    }
}
