//! Takes MPEG-TS apart, by ISO 13818-1, and checks every field that a segment of ours has.

use std::collections::HashMap;

/// Continuity counters, from segment to segment.
#[derive(Debug, Default)]
pub struct Demuxer {
    counters: HashMap<u16, u8>,
}

/// What was in a segment.
#[derive(Debug, Default)]
pub struct Demuxed {
    pub stream_type: u8,
    pub audio: Vec<Unit>,
    pub titles: Vec<(u64, Tag)>,
}

/// A PES packet of audio.
#[derive(Debug)]
pub struct Unit {
    pub pts: u64,
    /// The PCRs of its TS packets.
    pub pcrs: Vec<u64>,
    pub bytes: Vec<u8>,
}

/// The text frames of an ID3 tag, in their order.
pub type Tag = Vec<(String, String)>;

impl Demuxed {
    /// All audio of the segment.
    pub fn elementary(&self) -> Vec<u8> {
        self.audio.iter().flat_map(|unit| unit.bytes.iter().copied()).collect()
    }
}

/// A unit while its TS packets come.
struct Partial {
    pcrs: Vec<u64>,
    is_random_access: bool,
    bytes: Vec<u8>,
}

impl Demuxer {
    /// Takes a segment apart, and panics at the first fault.
    pub fn read(&mut self, segment: &[u8]) -> Demuxed {
        assert_eq!(segment.len() % 188, 0, "whole TS packets");
        let mut found = Demuxed::default();
        let mut open: HashMap<u16, Partial> = HashMap::new();
        for (number, packet) in segment.chunks(188).enumerate() {
            assert_eq!(packet[0], 0x47, "sync byte of packet {number}");
            let starts = packet[1] & 0x40 != 0;
            assert_eq!(packet[1] & 0xa0, 0, "no transport error, no priority");
            let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
            assert_eq!(packet[3] & 0xd0, 0x10, "not scrambled, with a payload");
            let counter = packet[3] & 0x0f;
            if let Some(last) = self.counters.insert(pid, counter) {
                assert_eq!(counter, (last + 1) % 16, "continuity of PID {pid:#x} in packet {number}");
            }
            let field = read_field(packet);
            let payload = &packet[4 + field.length..];
            assert!(!payload.is_empty());
            match (number, pid) {
                (0, 0) => read_pat(payload),
                (1, 0x1000) => found.stream_type = read_pmt(payload),
                (2.., 0x101 | 0x102) if starts => {
                    if let Some(unit) = open.remove(&pid) {
                        found.take(pid, unit);
                    }
                    let (pcrs, is_random_access) = (field.pcr.into_iter().collect(), field.is_random_access);
                    open.insert(pid, Partial { pcrs, is_random_access, bytes: payload.to_vec() });
                }
                (2.., 0x101 | 0x102) => {
                    assert!(!field.is_random_access, "only at a unit's start");
                    let unit = open.get_mut(&pid).expect("a unit has begun");
                    unit.pcrs.extend(field.pcr);
                    unit.bytes.extend_from_slice(payload);
                }
                _ => panic!("PID {pid:#x} in packet {number}"),
            }
        }
        for pid in [0x102, 0x101] {
            let unit = open.remove(&pid).unwrap_or_else(|| panic!("a segment has PID {pid:#x}"));
            found.take(pid, unit);
        }
        found
    }
}

impl Demuxed {
    fn take(&mut self, pid: u16, unit: Partial) {
        let bytes = &unit.bytes;
        assert_eq!(bytes[..3], [0, 0, 1], "a start code");
        let length = usize::from(bytes[4]) << 8 | usize::from(bytes[5]);
        assert_eq!(length, bytes.len() - 6, "the length of a PES packet is set and right");
        assert_eq!(bytes[6..9], [0x84, 0x80, 5], "alignment, a PTS only");
        assert_eq!(bytes[9] >> 4, 2);
        assert!([9, 11, 13].iter().all(|at| bytes[*at] & 1 == 1), "marker bits");
        let bits = |byte: usize, keep: u32| u64::from(bytes[byte] >> (8 - keep));
        let pts =
            (bits(9, 7) & 7) << 30 | bits(10, 8) << 22 | bits(11, 7) << 15 | bits(12, 8) << 7 | bits(13, 7);
        let payload = bytes[14..].to_vec();
        if pid == 0x102 {
            assert_eq!((bytes[3], &unit.pcrs[..], unit.is_random_access), (0xbd, &[][..], false));
            self.titles.push((pts, read_tag(&payload)));
        } else {
            assert_eq!(bytes[3], 0xc0);
            let pcr = unit.pcrs.first().expect("each audio unit has a PCR");
            assert_eq!((pcr + 9_000) % (1 << 33), pts, "the PCR is 100 ms before the PTS");
            assert_eq!(unit.is_random_access, self.audio.is_empty(), "the first unit is where one may begin");
            self.audio.push(Unit { pts, pcrs: unit.pcrs, bytes: payload });
        }
    }
}

struct Field {
    /// Its bytes, the length byte included.
    length: usize,
    pcr: Option<u64>,
    is_random_access: bool,
}

fn read_field(packet: &[u8]) -> Field {
    if packet[3] & 0x20 == 0 {
        return Field { length: 0, pcr: None, is_random_access: false };
    }
    let length = 1 + usize::from(packet[4]);
    assert!(length < 184, "the field leaves room for a payload");
    let mut field = Field { length, pcr: None, is_random_access: false };
    let Some((flags, mut rest)) = packet[5..4 + length].split_first() else { return field };
    assert_eq!(flags & !0x50, 0, "random access and PCR are the only flags");
    field.is_random_access = flags & 0x40 != 0;
    if flags & 0x10 != 0 {
        let (pcr, after) = rest.split_at(6);
        let high = pcr[..4].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        assert_eq!((pcr[4] & 0x7f, pcr[5]), (0x7e, 0), "reserved bits, and an extension of zero");
        field.pcr = Some(high << 1 | u64::from(pcr[4] >> 7));
        rest = after;
    }
    assert!(rest.iter().all(|byte| *byte == 0xff), "stuffing");
    field
}

/// The content of a section, after checking its frame: from behind the header to before the checksum.
fn read_section(payload: &[u8], table: u8, id: u16) -> &[u8] {
    assert_eq!(payload[..2], [0, table], "no pointer, and the table");
    let length = usize::from(payload[2] & 0x0f) << 8 | usize::from(payload[3]);
    assert_eq!(payload[2] & 0xf0, 0xb0);
    let section = &payload[1..4 + length];
    assert_eq!(u16::from(section[3]) << 8 | u16::from(section[4]), id);
    assert_eq!(section[5..8], [0xc1, 0, 0], "version 0, in force, the only section");
    assert_eq!(divide(section), 0, "the checksum");
    assert!(payload[4 + length..].iter().all(|byte| *byte == 0xff), "stuffing behind a section");
    &section[8..section.len() - 4]
}

/// The remainder of a message, whose first 32 bits are inverted, by the polynomial of CRC-32. It is zero if
/// the message ends with its checksum.
fn divide(message: &[u8]) -> u32 {
    const POLYNOMIAL: u64 = 0x1_04c1_1db7;
    let mut remainder = 0u64;
    for (number, byte) in message.iter().enumerate() {
        let byte = if number < 4 { !byte } else { *byte };
        for bit in (0..8).rev() {
            remainder = remainder << 1 | u64::from(byte >> bit & 1);
            if remainder >> 32 != 0 {
                remainder ^= POLYNOMIAL;
            }
        }
    }
    remainder as u32
}

fn read_pat(payload: &[u8]) {
    assert_eq!(read_section(payload, 0, 1), [0, 1, 0xf0, 0x00], "program 1 is at PID 0x1000");
}

/// Checks a PMT, and returns the type of the audio.
fn read_pmt(payload: &[u8]) -> u8 {
    let body = read_section(payload, 2, 1);
    assert_eq!(body[..4], [0xe1, 0x01, 0xf0, 17], "the PCR is with the audio");
    assert_eq!(body[4..21], *b"\x25\x0f\xff\xffID3 \xffID3 \x00\x1f\x00\x01");
    let (audio, id3) = body[21..].split_at(5);
    assert_eq!(audio[1..], [0xe1, 0x01, 0xf0, 0]);
    assert_eq!(id3[..5], [0x15, 0xe1, 0x02, 0xf0, 15]);
    assert_eq!(id3[5..], *b"\x26\x0d\xff\xffID3 \xffID3 \x00\x0f");
    audio[0]
}

fn read_tag(bytes: &[u8]) -> Tag {
    let number = |bytes: &[u8]| {
        assert!(bytes.iter().all(|byte| *byte < 0x80), "seven bits a byte");
        bytes.iter().fold(0, |sum, byte| sum << 7 | usize::from(*byte))
    };
    assert_eq!(&bytes[..6], b"ID3\x04\x00\x00");
    let mut rest = &bytes[10..];
    assert_eq!(rest.len(), number(&bytes[6..10]), "the tag is all of its PES packet");
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (frame, after) = rest.split_at(10 + number(&rest[4..8]));
        assert_eq!(frame[8..11], [0, 0, 3], "no flags; UTF-8");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        frames.push((text(&frame[..4]), text(&frame[11..])));
        rest = after;
    }
    frames
}
