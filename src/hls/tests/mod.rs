//! Segments and playlists of synthetic packets, judged by a demultiplexer and a reader of playlists that know
//! nothing of the code under test.

mod cuts;

mod listing;
mod long;
mod losses;
mod playlists;
#[cfg(all(feature = "mp3", feature = "aac"))]
mod real;
mod titles;

use std::sync::Arc;

use super::{HlsClock, HlsPacket, Profile, Segment, Segmenter, ShownTitle};
use crate::units::{FramePos, SampleRate};

fn clock(hz: u32, seconds: u32) -> HlsClock {
    HlsClock::new(SampleRate::new(hz).unwrap(), seconds).unwrap()
}

fn title(text: &str) -> Arc<ShownTitle> {
    Arc::new(ShownTitle::new(text, Some("Somebody"), None))
}

/// Synthetic packets of an encoder: they carry their number, and vary in length.
struct Encoder {
    at: FramePos,
    frames: u32,
    number: u64,
    title: Arc<ShownTitle>,
    title_at: FramePos,
}

impl Encoder {
    fn new(at: u64, frames: u32) -> Encoder {
        Encoder { at: FramePos(at), frames, number: 0, title: Arc::default(), title_at: FramePos(at) }
    }

    /// The next packets have this title, from this position on.
    fn retitle(&mut self, at: u64, title: &Arc<ShownTitle>) {
        (self.title, self.title_at) = (title.clone(), FramePos(at));
    }

    fn packet(&mut self) -> HlsPacket {
        let length = 9 + (self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize;
        let mut bytes = vec![self.number as u8; length];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        let packet = HlsPacket {
            at: self.at,
            frames: self.frames,
            bytes: bytes.into(),
            title: self.title.clone(),
            title_at: self.title_at,
        };
        self.number += 1;
        self.at = packet.end();
        packet
    }
}

fn segmenter(clock: HlsClock) -> Segmenter {
    Segmenter::new(clock, Profile::AacLc, 12)
}

/// Pushes packets until so many segments are finished.
fn segments(segmenter: &mut Segmenter, encoder: &mut Encoder, count: usize) -> Vec<Segment> {
    let mut finished = Vec::new();
    while finished.len() < count {
        finished.extend(segmenter.push(encoder.packet()));
    }
    finished
}
