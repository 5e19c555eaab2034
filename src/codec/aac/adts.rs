//! The seven bytes that every ADTS packet begins with.

/// How many bytes [`parse`] looks at.
pub(crate) const HEADER_BYTES: usize = 7;

/// The longest packet: the header has 13 bits for the length.
pub(crate) const MAX_PACKET_BYTES: usize = 8_191;

/// Frames in a raw data block.
pub(crate) const BLOCK_FRAMES: u32 = 1024;

/// The sample rates, by their sampling frequency index.
pub(crate) const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// A parsed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// MPEG-4's object type: 2 is AAC-LC, which HE-AAC claims to be as well.
    pub object_type: u8,
    /// Frames per second of the core. HE-AAC doubles it, but that is signalled only inside the packet, not in
    /// the header.
    pub rate: u32,
    /// The channel configuration of the core: 1 is mono (also HE-AAC v2), 2 is stereo, 0 is defined inside
    /// the packet.
    pub channel_config: u8,
    /// The header in bytes, with its checksum if there is one.
    pub head_len: usize,
    /// The whole packet in bytes, header included.
    pub len: usize,
    /// Frames in the packet at `rate`: 1,024 for each of its one to four blocks.
    pub frames: u32,
}

/// Parses a header. `None` if no packet begins here.
pub(crate) fn parse(head: [u8; HEADER_BYTES]) -> Option<Header> {
    let [sync, kind, coding, mode, middle, low, blocks] = head;
    // Twelve bits of sync, then the MPEG version (either is accepted), then layer zero.
    if sync != 0xff || kind & 0xf6 != 0xf0 {
        return None;
    }
    let head_len = HEADER_BYTES + if kind & 1 == 0 { 2 } else { 0 };
    let len = usize::from(mode & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
    if len <= head_len {
        return None;
    }
    Some(Header {
        object_type: (coding >> 6) + 1,
        rate: *RATES.get(usize::from(coding >> 2 & 15))?,
        channel_config: (coding & 1) << 2 | mode >> 6,
        head_len,
        len,
        frames: (u32::from(blocks & 3) + 1) * BLOCK_FRAMES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_header_is_read() {
        // MPEG-4 AAC-LC, 44.1 kHz, stereo, no checksum, 371 bytes.
        let header = parse([0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc]).unwrap();
        assert_eq!((header.object_type, header.rate, header.len), (2, 44_100, 371));
        assert_eq!((header.frames, header.channel_config, header.head_len), (1024, 2, 7));
        // MPEG-2, with a checksum, 22.05 kHz, mono, two blocks.
        let header = parse([0xff, 0xf8, 0x5c, 0x40, 0x2e, 0x7f, 0xfd]).unwrap();
        assert_eq!((header.rate, header.frames, header.channel_config), (22_050, 2048, 1));
        assert_eq!(header.head_len, 9);
        // 5.1: the configuration lies across two bytes.
        assert_eq!(parse([0xff, 0xf1, 0x51, 0x80, 0x2e, 0x7f, 0xfc]).unwrap().channel_config, 6);
    }

    #[test]
    fn what_cannot_be_a_packet_is_no_header() {
        for head in [
            [0xff, 0xe1, 0x50, 0x80, 0x2e, 0x7f, 0xfc], // no sync
            [0xff, 0xfb, 0x50, 0x80, 0x2e, 0x7f, 0xfc], // layer III: MP3
            [0xff, 0xf1, 0x74, 0x80, 0x2e, 0x7f, 0xfc], // no such rate
            [0xff, 0xf1, 0x50, 0x80, 0x00, 0xff, 0xfc], // 7 bytes: the header alone
            [0xff, 0xf0, 0x50, 0x80, 0x01, 0x3f, 0xfc], // 9 bytes: the header and a checksum
        ] {
            assert_eq!(parse(head), None, "{head:02x?}");
        }
        let longest = parse([0xff, 0xf1, 0x50, 0x83, 0xff, 0xff, 0xfc]).unwrap();
        assert_eq!(longest.len, MAX_PACKET_BYTES);
    }
}
