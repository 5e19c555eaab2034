//! PES packets: units with a PTS.

/// The length of the header.
pub(super) const HEADER: usize = 14;
/// Bytes from the length field to the payload.
const BEHIND_LENGTH: usize = 8;
/// The largest payload: the length field has 16 bits.
pub(super) const MAX_PAYLOAD: usize = u16::MAX as usize - BEHIND_LENGTH;

/// What a PES packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamId {
    Audio = 0xc0,
    /// Private stream 1: timed ID3.
    Id3 = 0xbd,
}

/// Appends a PES packet. Its payload begins with a whole packet or tag (data alignment), and is at most
/// [`MAX_PAYLOAD`] long. `pts` has 33 bits.
pub(super) fn write(out: &mut Vec<u8>, stream: StreamId, pts: u64, payload: &[u8]) {
    assert!(payload.len() <= MAX_PAYLOAD, "a PES packet knows its length");
    let [high, low] = ((payload.len() + BEHIND_LENGTH) as u16).to_be_bytes();
    // '10' and the alignment; PTS only; five bytes of it.
    out.extend_from_slice(&[0, 0, 1, stream as u8, high, low, 0x84, 0x80, 5]);
    // The PTS in parts of 3, 15 and 15 bits, each followed by a marker bit.
    let part = |shift: u32| ((pts >> shift) as u16) << 1 | 1;
    out.push(0x20 | (part(30) & 0x0f) as u8);
    out.extend_from_slice(&part(15).to_be_bytes());
    out.extend_from_slice(&part(0).to_be_bytes());
    out.extend_from_slice(payload);
}
