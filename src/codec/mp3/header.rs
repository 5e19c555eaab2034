//! The four bytes that every MPEG audio packet begins with.

use crate::audio::Channels;

/// How many bytes [`parse`] looks at.
pub(crate) const HEADER_BYTES: usize = 4;

/// The longest packet: layer II, 160 kbit/s at 8 kHz, padded.
pub(crate) const MAX_PACKET_BYTES: usize = 2_881;

/// The version of the standard, which determines the sample rates and the length of a layer III packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// MPEG-1: 32, 44.1 and 48 kHz.
    One,
    /// MPEG-2 at low sampling frequencies: 16, 22.05 and 24 kHz.
    Two,
    /// An extension of MPEG-2: 8, 11.025 and 12 kHz.
    TwoPointFive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    One,
    Two,
    Three,
}

/// A parsed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub version: Version,
    pub layer: Layer,
    /// Kilobits per second.
    pub bitrate: u32,
    /// Frames per second.
    pub rate: u32,
    pub channels: Channels,
    /// Whether a checksum of two bytes follows the header.
    pub checksum: bool,
    /// The whole packet in bytes, header included.
    pub len: usize,
    /// Frames in the packet.
    pub frames: u32,
}

/// Parses a header. `None` if no packet begins here, and for free format, whose headers do not contain the
/// length.
pub(crate) fn parse(head: [u8; HEADER_BYTES]) -> Option<Header> {
    let [sync, kind, coding, mode] = head;
    if sync != 0xff || kind & 0xe0 != 0xe0 || mode & 3 == 2 {
        return None; // no sync word, or a reserved emphasis
    }
    let version = match kind >> 3 & 3 {
        0 => Version::TwoPointFive,
        2 => Version::Two,
        3 => Version::One,
        _ => return None,
    };
    let layer = match kind >> 1 & 3 {
        1 => Layer::Three,
        2 => Layer::Two,
        3 => Layer::One,
        _ => return None,
    };
    let bitrate = match coding >> 4 {
        0 | 15 => return None, // free format; reserved
        index => u32::from(bitrates(version, layer)[usize::from(index) - 1]),
    };
    let rate = *rates(version).get(usize::from(coding >> 2 & 3))?;
    let padding = usize::from(coding >> 1 & 1);
    let frames = match (layer, version) {
        (Layer::One, _) => 384,
        (Layer::Three, Version::Two | Version::TwoPointFive) => 576,
        _ => 1152,
    };
    // Layer I has slots of four bytes, the others of one byte.
    let slot = if layer == Layer::One { 4 } else { 1 };
    let slots = (frames / 8 * bitrate * 1000 / rate) as usize / slot + padding;
    Some(Header {
        version,
        layer,
        bitrate,
        rate,
        channels: if mode >> 6 == 3 { Channels::Mono } else { Channels::Stereo },
        checksum: kind & 1 == 0,
        len: slots * slot,
        frames,
    })
}

/// Whether an MP3 packet in free format begins here.
pub(crate) fn is_free_format([sync, kind, coding, mode]: [u8; HEADER_BYTES]) -> bool {
    let with_a_bitrate = parse([sync, kind, coding | 0x10, mode]);
    coding >> 4 == 0 && with_a_bitrate.is_some_and(|header| header.layer == Layer::Three)
}

/// The sample rates of a version, by index.
pub(crate) const fn rates(version: Version) -> &'static [u32; 3] {
    match version {
        Version::One => &[44_100, 48_000, 32_000],
        Version::Two => &[22_050, 24_000, 16_000],
        Version::TwoPointFive => &[11_025, 12_000, 8_000],
    }
}

/// The bitrates in kbit/s, ascending; the first one has index 1.
pub(crate) const fn bitrates(version: Version, layer: Layer) -> &'static [u16; 14] {
    match (version, layer) {
        (Version::One, Layer::One) => &[32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        (Version::One, Layer::Two) => &[32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        (Version::One, Layer::Three) => &[32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        (_, Layer::One) => &[32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        (_, Layer::Two | Layer::Three) => &[8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    }
}

/// What the silent packet at the beginning of a file tells of it, from behind the word that names its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileInfo<'a> {
    /// `Xing` or `Info`: flags, then the fields that they name.
    Xing(&'a [u8]),
    /// `VBRI`: fields in fixed places.
    Vbri(&'a [u8]),
}

/// Reads the packet that contains a file's length. In a live stream the length would be wrong.
pub(crate) fn file_info<'a>(header: &Header, packet: &'a [u8]) -> Option<FileInfo<'a>> {
    if header.layer != Layer::Three {
        return None;
    }
    let side_info = match (header.version, header.channels) {
        (Version::One, Channels::Stereo) => 32,
        (Version::One, Channels::Mono) | (_, Channels::Stereo) => 17,
        (_, Channels::Mono) => 9,
    };
    let at = |offset: usize| packet.get(HEADER_BYTES + offset..)?.split_first_chunk::<4>();
    // LAME writes the tag as if there were no checksum, others behind it.
    let behind_checksum = if header.checksum { 2 } else { 0 };
    let xing = [0, behind_checksum].into_iter().find_map(|extra| match at(side_info + extra)? {
        (b"Xing" | b"Info", fields) => Some(FileInfo::Xing(fields)),
        _ => None,
    });
    xing.or_else(|| match at(32)? {
        (b"VBRI", fields) => Some(FileInfo::Vbri(fields)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_header_is_read() {
        // 128 kbit/s, 44.1 kHz, joint stereo, no checksum.
        let header = parse([0xff, 0xfb, 0x90, 0x64]).unwrap();
        assert_eq!((header.version, header.layer), (Version::One, Layer::Three));
        assert_eq!((header.bitrate, header.rate, header.channels), (128, 44_100, Channels::Stereo));
        assert_eq!((header.len, header.frames, header.checksum), (417, 1152, false));
        assert_eq!(parse([0xff, 0xfb, 0x92, 0x64]).unwrap().len, 418, "padded");
        // 64 kbit/s, 22.05 kHz, mono.
        let header = parse([0xff, 0xf3, 0x80, 0xc4]).unwrap();
        assert_eq!((header.bitrate, header.rate, header.channels), (64, 22_050, Channels::Mono));
        assert_eq!((header.len, header.frames), (208, 576));
        // Layer I: 384 kbit/s, 48 kHz. Layer II: 192 kbit/s, 48 kHz.
        assert_eq!(parse([0xff, 0xff, 0xc4, 0x04]).unwrap().len, 384);
        assert_eq!(parse([0xff, 0xfd, 0xa4, 0x04]).unwrap().len, 576);
    }

    #[test]
    fn every_header_keeps_its_bounds_and_its_bitrate() {
        let mut longest = 0;
        for bits in 0u32..=0xff_ffff {
            let [_, kind, coding, mode] = bits.to_be_bytes();
            // All that matters is in these bits; the rest (private, copyright, …) varies freely.
            if kind & 0xe0 != 0xe0 || mode & 0x3c != 0 {
                continue;
            }
            let Some(header) = parse([0xff, kind, coding, mode]) else { continue };
            longest = longest.max(header.len);
            assert!(header.len > HEADER_BYTES, "{header:?}");
            let ideal =
                f64::from(header.frames) / 8.0 * f64::from(header.bitrate) * 1e3 / f64::from(header.rate);
            assert!((header.len as f64 - ideal).abs() <= 4.0, "{header:?}");
        }
        assert_eq!(longest, MAX_PACKET_BYTES);
    }

    #[test]
    fn the_length_of_a_file_is_found_before_and_behind_the_checksum() {
        let packet = |checksum: bool, at: usize, word: &[u8]| {
            let mut packet = vec![0; 417];
            packet[..4].copy_from_slice(&[0xff, if checksum { 0xfa } else { 0xfb }, 0x90, 0x64]);
            packet[at..at + 4].copy_from_slice(word);
            packet[at + 4] = 7;
            packet
        };
        for (checksum, at, word) in [
            (false, 36, b"Xing"),
            (false, 36, b"Info"),
            (true, 36, b"Info"), // LAME
            (true, 38, b"Info"),
            (false, 36, b"VBRI"),
        ] {
            let packet = packet(checksum, at, word);
            let header = parse(*packet.first_chunk().unwrap()).unwrap();
            let fields = match file_info(&header, &packet) {
                Some(FileInfo::Xing(fields)) if word != b"VBRI" => fields,
                Some(FileInfo::Vbri(fields)) if word == b"VBRI" => fields,
                other => panic!("{other:?} at {at}"),
            };
            assert_eq!((fields[0], fields.len()), (7, 417 - at - 4));
        }
        let packet = packet(false, 38, b"Info");
        assert_eq!(file_info(&parse(*packet.first_chunk().unwrap()).unwrap(), &packet), None);
    }

    #[test]
    fn what_is_reserved_or_free_format_is_no_header() {
        for head in [
            [0xfe, 0xfb, 0x90, 0x64],
            [0xff, 0xdb, 0x90, 0x64],
            [0xff, 0xeb, 0x90, 0x64], // reserved version
            [0xff, 0xf9, 0x90, 0x64], // reserved layer: ADTS has it
            [0xff, 0xfb, 0x00, 0x64], // free format
            [0xff, 0xfb, 0xf0, 0x64], // no such bitrate
            [0xff, 0xfb, 0x9c, 0x64], // no such rate
            [0xff, 0xfb, 0x90, 0x66], // reserved emphasis
        ] {
            assert_eq!(parse(head), None, "{head:02x?}");
            assert_eq!(is_free_format(head), head == [0xff, 0xfb, 0x00, 0x64], "{head:02x?}");
        }
        for head in [[0xff, 0xfb, 0x90, 0x64], [0xff, 0xfd, 0x00, 0x64], [0; 4]] {
            assert!(!is_free_format(head), "{head:02x?}");
        }
    }
}
