//! Titles as timed ID3.

use super::demux::Demuxer;
use super::{Encoder, clock, segmenter, segments, title};
use crate::units::FramePos;

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
