//! Streams for tests: built packet by packet, of noise, which is the worst that a reader can meet. Noise
//! holds sync words, too.

use std::sync::LazyLock;

use fastrand::Rng;

use crate::codec::packets::ogg;

/// A stream, and the packets that a reader should find in it.
pub(super) struct Stream {
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
    pub rate: u32,
    pub packets: Vec<Vec<u8>>,
    /// The duration of each.
    pub frames: Vec<u32>,
}

impl Stream {
    fn new(content_type: &'static str, rate: u32) -> Stream {
        Stream { content_type, bytes: Vec::new(), rate, packets: Vec::new(), frames: Vec::new() }
    }

    fn packet(&mut self, bytes: Vec<u8>, frames: u32) {
        self.bytes.extend_from_slice(&bytes);
        self.packets.push(bytes);
        self.frames.push(frames);
    }

    /// The packets from one on, one after the other.
    pub(super) fn from(&self, packet: usize) -> Vec<u8> {
        self.packets[packet..].concat()
    }
}

/// One of each kind, the last three of them Ogg.
pub(super) fn all() -> &'static [Stream; 6] {
    static ALL: LazyLock<[Stream; 6]> = LazyLock::new(|| [mp3(), layer2(), adts(), vorbis(), opus(), flac()]);
    &ALL
}

pub(super) fn noise(random: &mut Rng, len: usize) -> Vec<u8> {
    let mut noise = vec![0; len];
    random.fill(&mut noise);
    noise
}

fn with_noise(random: &mut Rng, head: &[u8], len: usize) -> Vec<u8> {
    [head, &noise(random, len - head.len())].concat()
}

/// 128 kbit/s, 44.1 kHz, as LAME writes a file: ID3v2 and an Info packet before it, ID3v1 behind.
fn mp3() -> Stream {
    let (mut stream, mut random) = (Stream::new("audio/mpeg", 44_100), Rng::with_seed(1));
    stream.bytes.extend(b"ID3\x03\0\0\0\0\x02\x2c"); // 300 bytes
    stream.bytes.extend(noise(&mut random, 300));
    let mut info = vec![0; 417];
    info[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
    info[36..40].copy_from_slice(b"Info");
    stream.bytes.extend(info);
    for _ in 0..40 {
        let padding = random.usize(0..=1);
        let head = [0xff, 0xfb, 0x90 | (padding as u8) << 1, 0x64];
        stream.packet(with_noise(&mut random, &head, 417 + padding), 1152);
    }
    stream.bytes.extend(b"TAG");
    stream.bytes.extend([b' '; 125]);
    stream
}

/// Layer II, 192 kbit/s, 48 kHz.
fn layer2() -> Stream {
    let (mut stream, mut random) = (Stream::new("audio/mpeg", 48_000), Rng::with_seed(2));
    for _ in 0..30 {
        stream.packet(with_noise(&mut random, &[0xff, 0xfd, 0xa4, 0x04], 576), 1152);
    }
    stream
}

/// AAC-LC, 44.1 kHz, of all lengths.
fn adts() -> Stream {
    let (mut stream, mut random) = (Stream::new("audio/aac", 44_100), Rng::with_seed(3));
    for count in 0..40 {
        let len = if count == 20 { 8191 } else { random.usize(10..1500) };
        let [high, low] = (len as u16).to_be_bytes();
        let length = [0x80 | high >> 3, high << 5 | low >> 3, low << 5 | 0x1f];
        let head = [&[0xff, 0xf1, 0x50][..], &length, &[0xfc]].concat();
        stream.packet(with_noise(&mut random, &head, len), 1024);
    }
    stream
}

fn vorbis() -> Stream {
    let mut first = b"\x01vorbis\0\0\0\0\x02".to_vec();
    first.extend(44_100u32.to_le_bytes());
    first.resize(30, 0);
    // Vorbis' comment and its long setup, which begins on the comment's page and ends on another.
    ogg_stream("audio/ogg", 44_100, 11, &first, &[&[5, 255, 255], &[255, 10]])
}

fn opus() -> Stream {
    let mut first = b"OpusHead\x01\x02\x38\x01".to_vec();
    first.extend(44_100u32.to_le_bytes());
    first.extend([0; 3]);
    ogg_stream("audio/ogg; codecs=opus", 48_000, 12, &first, &[&[200]])
}

fn flac() -> Stream {
    let mut first = b"\x7fFLAC\x01\0\0\x02fLaC\0\0\0\x22".to_vec();
    first.extend([0; 10]);
    first.extend([44_100u32 << 4 | 1 << 1, 0].map(u32::to_be_bytes).concat()[1..5].iter()); // and two channels
    first.resize(51, 0);
    ogg_stream("Application/OGG", 44_100, 13, &first, &[&[40], &[255, 255, 255, 7]])
}

/// Pages of noise behind the first page of a stream and its header pages, these given by the sizes of their
/// segments.
fn ogg_stream(content_type: &'static str, rate: u32, serial: u32, first: &[u8], headers: &[&[u8]]) -> Stream {
    let (mut stream, mut random) = (Stream::new(content_type, rate), Rng::with_seed(u64::from(serial)));
    stream.packet(page(2, Some(0), serial, &[first.len() as u8], first), 0);
    for segments in headers {
        let body = noise(&mut random, segments.iter().copied().map(usize::from).sum());
        stream.packet(page(0, Some(0), serial, segments, &body), 0);
    }
    let mut granule = 0;
    for count in 0..12 {
        let segments = match count {
            5 => vec![255; 255], // the longest page, on which no packet ends
            _ => (0..random.usize(1..30)).map(|_| random.u8(..)).collect(),
        };
        let frames = if count == 5 { 0 } else { random.u32(1..50_000) };
        granule += u64::from(frames);
        let body = noise(&mut random, segments.iter().copied().map(usize::from).sum());
        stream.packet(page(0, (count != 5).then_some(granule), serial, &segments, &body), frames);
    }
    stream
}

pub(super) fn page(flags: u8, granule: Option<u64>, serial: u32, segments: &[u8], body: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.unwrap_or(u64::MAX).to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend([0; 8]); // a number, which nobody reads, and the checksum
    page.push(segments.len() as u8);
    page.extend(segments);
    page.extend(body);
    ogg::sign(&mut page);
    page
}
