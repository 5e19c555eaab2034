//! The tables at the start of each segment: PAT and PMT.

pub(super) const PAT_PID: u16 = 0;
pub(super) const PMT_PID: u16 = 0x1000;
pub(super) const AUDIO_PID: u16 = 0x101;
pub(super) const ID3_PID: u16 = 0x102;

const PROGRAM: u16 = 1;
/// Timed metadata in PES packets.
const METADATA: u8 = 0x15;
/// Says that the programme has timed ID3: a metadata pointer descriptor, with the programme's number.
const ID3_POINTER: [u8; 17] =
    [0x25, 0x0f, 0xff, 0xff, b'I', b'D', b'3', b' ', 0xff, b'I', b'D', b'3', b' ', 0x00, 0x1f, 0x00, 0x01];
/// Says that a stream is timed ID3: a metadata descriptor.
const ID3_STREAM: [u8; 15] =
    [0x26, 0x0d, 0xff, 0xff, b'I', b'D', b'3', b' ', 0xff, b'I', b'D', b'3', b' ', 0x00, 0x0f];

/// The PAT: where the PMT is.
pub(super) fn pat() -> Vec<u8> {
    let mut body = PROGRAM.to_be_bytes().to_vec();
    body.extend(pid(PMT_PID));
    section(0, 1, &body)
}

/// The PMT: the audio and its titles.
pub(super) fn pmt(audio_stream_type: u8) -> Vec<u8> {
    let mut body = pid(AUDIO_PID).to_vec(); // it has the PCR
    body.extend(length(ID3_POINTER.len()));
    body.extend(ID3_POINTER);
    body.push(audio_stream_type);
    body.extend(pid(AUDIO_PID));
    body.extend(length(0));
    body.push(METADATA);
    body.extend(pid(ID3_PID));
    body.extend(length(ID3_STREAM.len()));
    body.extend(ID3_STREAM);
    section(2, PROGRAM, &body)
}

/// A section with its header and its checksum. The only one of its table, version 0, in force.
fn section(table: u8, id: u16, body: &[u8]) -> Vec<u8> {
    let mut section = vec![table];
    // What follows the length: five bytes of header, and the checksum.
    let [high, low] = ((body.len() + 9) as u16).to_be_bytes();
    section.extend([0xb0 | high, low]);
    section.extend(id.to_be_bytes());
    section.extend([0xc1, 0, 0]);
    section.extend_from_slice(body);
    section.extend(crc32(&section).to_be_bytes());
    section
}

/// A PID behind three reserved bits.
const fn pid(number: u16) -> [u8; 2] {
    (0xe000 | number).to_be_bytes()
}

/// A length behind four reserved bits.
const fn length(bytes: usize) -> [u8; 2] {
    (0xf000 | bytes as u16).to_be_bytes()
}

/// CRC-32/MPEG-2: not reflected, and not inverted at the end.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            let carry = crc >> 31 != 0;
            crc << 1 ^ if carry { 0x04c1_1db7 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32_mpeg_2() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7, "the check value of the catalogue");
        for section in [pat(), pmt(0x0f)] {
            assert_eq!(crc32(&section), 0, "a section with its checksum");
        }
    }
}
