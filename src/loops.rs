//! The inner loops of the ring and the server, each as something to run again and again. For
//! benches, which see nothing of what is inside.

use std::sync::Arc;

use crate::audio::PcmSpec;
use crate::codec::SteeredReshape;
use crate::codec::live::{LiveDecoder, Sent};
use crate::http::Request;
use crate::icy::{Pieces, Weave, icy_block};
use crate::metadata::Title;
use crate::packet::{Packet, TitledPacket};
use crate::ring::{Backlog, Doorbell, handoff as ring_handoff};
use crate::units::{FrameCount, SampleRate, StreamPos};

/// A packet of 128 kbit/s MP3.
const PACKET: [u8; 418] = [0x5A; 418];
const PACKET_FRAMES: u32 = 1152;
/// What is due to a listener who is served once a second.
const A_SECOND: u64 = 16_000;

/// Half a minute of 128 kbit/s, full.
fn backlog() -> Backlog {
    let mut backlog = Backlog::new(512 * 1024);
    backlog.set_title(0, icy_block(&Title::new("Artist - Title")), None);
    let mut append = append_to(&mut backlog);
    (0..2_000).for_each(|_| append());
    drop(append);
    backlog
}

fn append_to(backlog: &mut Backlog) -> impl FnMut() + '_ {
    let time = SampleRate::new(44_100)
        .map_or_else(Default::default, |rate| rate.duration_of(FrameCount(u64::from(PACKET_FRAMES))));
    move || backlog.append(&PACKET, time)
}

/// A packet goes into a full backlog, and the oldest makes room for it.
pub fn append() -> impl FnMut() {
    let mut backlog = backlog();
    move || append_to(&mut backlog)()
}

/// A second behind the head: what is due from there, and what time it is there.
pub fn slice() -> impl FnMut() -> (usize, std::time::Duration) {
    let backlog = backlog();
    let cursor = StreamPos(backlog.head().0 - A_SECOND);
    move || {
        let [first, second] = backlog.since(cursor);
        (first.len() + second.len(), backlog.time_at(cursor))
    }
}

/// One service of a listener that has titles: a second of audio is gathered with the block that
/// falls due in it, and all of it is taken. Returns how much of that was audio.
pub fn weave() -> impl FnMut() -> usize {
    let backlog = backlog();
    let cursor = StreamPos(backlog.head().0 - A_SECOND);
    let mut weave = Weave::new(crate::icy::DEFAULT_METAINT);
    move || {
        let title_at = |offset: u64| Some(backlog.title_at(cursor + offset));
        let mut pieces = Pieces::new();
        weave.gather(&backlog.since(cursor), title_at, &mut pieces);
        let bytes = pieces.bytes();
        weave.advance(bytes, title_at)
    }
}

/// The head of a player's request is read, and whether it wants titles.
pub fn parse() -> impl FnMut() -> bool {
    const HEAD: &[u8] =
        b"GET /stream.mp3 HTTP/1.1\r\nHost: radio.example:8000\r\nUser-Agent: Lavf/61.7.100\r\n\
        Accept: */*\r\nRange: bytes=0-\r\nConnection: close\r\nIcy-MetaData: 1\r\n\r\n";
    || Request::parse(HEAD).is_ok_and(|request| request.path().is_some() && request.wants_metadata())
}

/// A packet goes into a handoff, the bell is rung for it, and it comes out at the other end.
pub fn handoff() -> impl FnMut() -> bool {
    let doorbell = Arc::new(Doorbell::new(|| ()));
    let (mut writer, reader) = ring_handoff(512, Arc::clone(&doorbell));
    let packet = Packet { bytes: PACKET.into(), frames: PACKET_FRAMES };
    let packet = TitledPacket { packet, title: Arc::default(), header: None };
    let mut packet = Some(packet);
    move || {
        if let Some(packet) = packet.take() {
            writer.push(packet);
        }
        doorbell.answer();
        packet = reader.pop();
        packet.is_some()
    }
}

/// What must be done with the bytes of a live MP3 source: they are decoded, and resampled by a steered ratio.
/// Returns how many samples came of them.
pub fn live_calls() -> impl FnMut(&[u8]) -> usize {
    let mut decoder = LiveDecoder::new("audio/mpeg");
    let (mut reshape, mut pcm) = (None, Vec::new());
    move |bytes| {
        pcm.clear();
        decoder.push(bytes, &mut |sent| {
            if let Sent::Pcm(shape, samples) = sent {
                let reshape = reshape.get_or_insert_with(|| SteeredReshape::new(shape, PcmSpec::CD));
                reshape.push(samples, 0.0001, &mut pcm);
            }
        });
        pcm.len()
    }
}
