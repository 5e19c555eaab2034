//! MPEG-TS: units cut into packets of 188 bytes.

/// The length of a TS packet.
pub(super) const TS_PACKET: usize = 188;
const HEADER: usize = 4;
/// What a TS packet has for an adaptation field and the payload.
const ROOM: usize = TS_PACKET - HEADER;
const SYNC: u8 = 0x47;
/// In an adaptation field: a decoder may begin here.
const RANDOM_ACCESS: u8 = 0x40;
/// In an adaptation field: a PCR follows.
const HAS_PCR: u8 = 0x10;
/// The length of an adaptation field with a PCR.
const PCR_FIELD: usize = 8;

/// One stream of TS packets. Its continuity counter runs on from segment to segment.
#[derive(Debug)]
pub(super) struct Pid {
    number: u16,
    counter: u8,
}

/// How many bytes a unit of this length takes at most.
pub(super) const fn most_bytes(unit: usize) -> usize {
    (2 * PCR_FIELD + unit).div_ceil(ROOM) * TS_PACKET
}

/// What the TS packets of a unit say beside the payload.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnitClock {
    /// The PCR of its first TS packet and of the one in its middle, in 1/90,000 s.
    pub pcrs: Option<[u64; 2]>,
    /// Whether a decoder may begin with it.
    pub is_random_access: bool,
}

impl Pid {
    pub const fn new(number: u16) -> Pid {
        Pid { number, counter: 0 }
    }

    /// Appends a unit. The last TS packet is filled up by its adaptation field.
    pub fn write_unit(&mut self, out: &mut Vec<u8>, clock: UnitClock, unit: &[u8]) {
        let middle = most_bytes(unit.len()) / TS_PACKET / 2;
        let (mut rest, mut number) = (unit, 0);
        while !rest.is_empty() {
            let mut field = match clock.pcrs {
                Some([first, _]) if number == 0 => adaptation_field(Some(first), clock.is_random_access),
                Some([_, second]) if number == middle => adaptation_field(Some(second), false),
                None if number == 0 => adaptation_field(None, clock.is_random_access),
                _ => Vec::new(),
            };
            let (payload, after) = rest.split_at(rest.len().min(ROOM - field.len()));
            fill(&mut field, ROOM - payload.len());
            self.write_header(out, number == 0, !field.is_empty());
            out.extend_from_slice(&field);
            out.extend_from_slice(payload);
            (rest, number) = (after, number + 1);
        }
    }

    /// Appends a section of a table, which fits into one TS packet. Behind a section there are only bytes of
    /// 0xff.
    pub fn write_section(&mut self, out: &mut Vec<u8>, section: &[u8]) {
        const POINTER: u8 = 0;
        assert!(section.len() < ROOM, "a section fits into a packet");
        self.write_header(out, true, false);
        out.push(POINTER);
        out.extend_from_slice(section);
        out.resize(out.len() + ROOM - 1 - section.len(), 0xff);
    }

    fn write_header(&mut self, out: &mut Vec<u8>, starts_unit: bool, has_field: bool) {
        let [high, low] = self.number.to_be_bytes();
        let kind = if has_field { 0x30 } else { 0x10 };
        out.extend_from_slice(&[SYNC, u8::from(starts_unit) << 6 | high, low, kind | self.counter]);
        self.counter = (self.counter + 1) % 16;
    }
}

/// An adaptation field, with its length byte. Empty if there is nothing to say.
fn adaptation_field(pcr: Option<u64>, is_random_access: bool) -> Vec<u8> {
    let access = if is_random_access { RANDOM_ACCESS } else { 0 };
    match pcr {
        Some(base) => {
            // 33 bits of base, six reserved ones, nine bits of extension, which is zero.
            let pcr = base << 15 | 0x3f << 9;
            let mut field = vec![PCR_FIELD as u8 - 1, access | HAS_PCR];
            field.extend_from_slice(&pcr.to_be_bytes()[2..]);
            field
        }
        None if is_random_access => vec![1, access],
        None => Vec::new(),
    }
}

/// Makes an adaptation field exactly so long. It is that long already, or has room for stuffing.
fn fill(field: &mut Vec<u8>, length: usize) {
    if field.len() == length {
        return;
    }
    // One byte is a field without content; two and more begin with a length and flags.
    if field.is_empty() && length == 1 {
        field.push(0);
        return;
    }
    if field.is_empty() {
        field.extend_from_slice(&[0, 0]);
    }
    field.resize(length, 0xff);
    field[0] = (length - 1) as u8;
}
