//! MP3 and ADTS packet heads, and this tool's own numbered packets.
//!
//! A numbered packet is a valid MP3 packet that decodes to silence. Its number is in bytes that a decoder
//! ignores. A server passes these packets on unchanged, so a listener notices a packet that is missing or
//! repeated. Heads alone cannot show that.

/// The first bytes of a packet that are enough to read any head.
pub const HEAD_BYTES: usize = 6;
/// The first bytes of a packet that are enough to read its number, too.
pub const NUMBERED_HEAD_BYTES: usize = NUMBER_AT + 8;

/// The mark follows the head (4 bytes) and the side information of a silent stereo packet (32 bytes).
const MARK_AT: usize = 36;
const MARK: [u8; 4] = *b"LwNo";
const NUMBER_AT: usize = MARK_AT + MARK.len();

/// The contents of a packet's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHead {
    /// The length of the whole packet.
    pub bytes: usize,
    /// The duration in frames.
    pub frames: u32,
    pub sample_rate: u32,
    /// The bits that are the same in all packets of a stream: codec, version, sample rate, mono or not.
    signature: u32,
}

impl PacketHead {
    /// Reads a head. Returns `None` if the bytes are not one.
    pub fn parse(head: &[u8; HEAD_BYTES]) -> Option<PacketHead> {
        if head[0] != 0xff || head[1] & 0xe0 != 0xe0 {
            return None;
        }
        // The layer bits: 01 is Layer III, and ADTS has 00.
        match head[1] & 0x06 {
            0x02 => PacketHead::parse_mp3(head),
            0x00 if head[1] & 0xf0 == 0xf0 => PacketHead::parse_adts(head),
            _ => None,
        }
    }

    /// Whether `next` can follow in the same stream.
    pub fn goes_on_with(&self, next: &PacketHead) -> bool {
        self.signature == next.signature
    }

    fn parse_mp3(head: &[u8; HEAD_BYTES]) -> Option<PacketHead> {
        const RATES: [u32; 3] = [44_100, 48_000, 32_000];
        const KBITS_1: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const KBITS_2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

        let rate = *RATES.get(usize::from(head[2] >> 2 & 3))?;
        let (sample_rate, kbits, frames) = match head[1] >> 3 & 3 {
            3 => (rate, KBITS_1, 1152),
            2 => (rate / 2, KBITS_2, 576),
            0 => (rate / 4, KBITS_2, 576),
            _ => return None,
        };
        // Index 0 is "free format", and its head does not tell the length. Index 15 and emphasis 2 are
        // forbidden.
        let kbit = *kbits.get(usize::from(head[2] >> 4))?;
        if kbit == 0 || head[3] & 3 == 2 {
            return None;
        }
        let padding = u32::from(head[2] >> 1 & 1);
        let bytes = frames / 8 * kbit * 1000 / sample_rate + padding;
        let mono = u32::from(head[3] >> 6 == 3);
        let signature = u32::from(head[1] & 0xfe) << 16 | u32::from(head[2] & 0x0c) << 8 | mono;
        Some(PacketHead { bytes: bytes as usize, frames, sample_rate, signature })
    }

    fn parse_adts(head: &[u8; HEAD_BYTES]) -> Option<PacketHead> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
            7_350,
        ];

        let sample_rate = *RATES.get(usize::from(head[2] >> 2 & 15))?;
        let bytes = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5]) >> 5;
        let own_head = if head[1] & 1 == 1 { 7 } else { 9 };
        if bytes <= own_head {
            return None;
        }
        // The number of raw blocks is in the seventh byte, which is not read here. Encoders for streams write
        // one block.
        let signature =
            u32::from(head[1] & 0xfe) << 16 | u32::from(head[2] & 0xfd) << 8 | u32::from(head[3] & 0xc0);
        Some(PacketHead { bytes, frames: 1024, sample_rate, signature })
    }
}

/// The number of a numbered packet; `None` for other packets.
pub fn number_of(head: &[u8; NUMBERED_HEAD_BYTES]) -> Option<u64> {
    let (before, number) = head.split_last_chunk::<8>()?;
    before.ends_with(&MARK).then(|| u64::from_be_bytes(*number))
}

/// Appends numbered packet `number` of a stereo stream at 44,100 Hz.
///
/// `kbit` is one of MPEG-1 Layer III's bitrates, and at least 64, because a smaller packet has no room for
/// the number.
pub fn push_numbered(out: &mut Vec<u8>, kbit: u32, number: u64) {
    let index = match kbit {
        64 => 5,
        80 => 6,
        96 => 7,
        112 => 8,
        128 => 9,
        160 => 10,
        192 => 11,
        224 => 12,
        256 => 13,
        320 => 14,
        _ => panic!("checked where the bitrate is parsed"),
    };
    // A packet is padded when the exact length has gained a whole byte, so the bitrate is exact.
    let exact_bytes = |packets: u64| packets * 144 * 1000 * u64::from(kbit) / 44_100;
    let bytes = (exact_bytes(number + 1) - exact_bytes(number)) as usize;
    let padded = bytes > (144 * 1000 * kbit / 44_100) as usize;

    let start = out.len();
    // All-zero side information declares no main data, so a decoder ignores all bytes after it.
    out.extend_from_slice(&[0xff, 0xfb, index << 4 | u8::from(padded) << 1, 0x00]);
    out.resize(start + MARK_AT, 0);
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&number.to_be_bytes());
    out.resize(start + bytes, 0);
}

/// The bitrates that [`push_numbered`] accepts.
pub const NUMBERED_KBITS: [u32; 10] = [64, 80, 96, 112, 128, 160, 192, 224, 256, 320];

#[cfg(test)]
mod tests {
    use super::{HEAD_BYTES, NUMBERED_HEAD_BYTES, NUMBERED_KBITS, PacketHead, number_of, push_numbered};

    fn head(bytes: [u8; HEAD_BYTES]) -> Option<PacketHead> {
        PacketHead::parse(&bytes)
    }

    #[test]
    fn reads_mp3_heads_of_all_three_versions() {
        let v1 = head([0xff, 0xfb, 0x90, 0x00, 0, 0]).unwrap();
        assert_eq!((v1.bytes, v1.frames, v1.sample_rate), (417, 1152, 44_100));
        let padded = head([0xff, 0xfb, 0x92, 0x00, 0, 0]).unwrap();
        assert_eq!(padded.bytes, 418);
        assert!(v1.goes_on_with(&padded));
        // 64 kbit/s at 22,050 Hz.
        let v2 = head([0xff, 0xf3, 0x80, 0x00, 0, 0]).unwrap();
        assert_eq!((v2.bytes, v2.frames, v2.sample_rate), (208, 576, 22_050));
        let v25 = head([0xff, 0xe3, 0x40, 0xc0, 0, 0]).unwrap();
        assert_eq!((v25.bytes, v25.frames, v25.sample_rate), (208, 576, 11_025));
        assert!(!v1.goes_on_with(&v2));
    }

    #[test]
    fn reads_an_adts_head() {
        // AAC-LC, 44,100 Hz, stereo, no CRC, 371 bytes.
        let lc = head([0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f]).unwrap();
        assert_eq!((lc.bytes, lc.frames, lc.sample_rate), (371, 1024, 44_100));
    }

    #[test]
    fn refuses_what_is_no_head() {
        assert_eq!(head([0xff, 0xfb, 0xf0, 0x00, 0, 0]), None, "bitrate 15");
        assert_eq!(head([0xff, 0xfb, 0x00, 0x00, 0, 0]), None, "free format");
        assert_eq!(head([0xff, 0xfb, 0x9c, 0x00, 0, 0]), None, "sample rate 3");
        assert_eq!(head([0xff, 0xfb, 0x90, 0x02, 0, 0]), None, "emphasis 2");
        assert_eq!(head([0xff, 0xeb, 0x90, 0x00, 0, 0]), None, "version 1");
        assert_eq!(head([0xff, 0xf1, 0x50, 0x80, 0x00, 0x1f]), None, "an ADTS packet shorter than its head");
        assert_eq!(head([0x49, 0x44, 0x33, 4, 0, 0]), None, "an ID3 tag");
    }

    #[test]
    fn numbered_packets_say_their_length_and_number() {
        for kbit in NUMBERED_KBITS {
            let mut stream = Vec::new();
            for number in 0..1000 {
                let start = stream.len();
                push_numbered(&mut stream, kbit, number);
                let packet = &stream[start..];
                let head = PacketHead::parse(packet.first_chunk().unwrap()).unwrap();
                assert_eq!(head.bytes, packet.len(), "{kbit} kbit/s, packet {number}");
                assert_eq!(number_of(packet.first_chunk::<NUMBERED_HEAD_BYTES>().unwrap()), Some(number));
            }
            let seconds = 1000.0 * 1152.0 / 44_100.0;
            let rate = stream.len() as f64 * 8.0 / seconds;
            assert!((rate - f64::from(kbit) * 1000.0).abs() < 1.0, "{rate} bit/s for {kbit} kbit/s");
        }
    }
}
