//! Finds tags (ID3, APE) between packets, so that they are skipped. `file/tags/` reads them.

/// With as many bytes, it is always clear whether there is a tag.
pub(crate) const ENOUGH_BYTES: usize = 32;

/// The largest plausible tag, with cover art.
const MAX_TAG_BYTES: u64 = 16 << 20;

/// The beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A tag of this many bytes.
    Tag(u64),
    /// Perhaps a tag: this many bytes are needed to decide.
    Unclear(usize),
    /// Not a tag.
    Other,
}

/// Looks for ID3v2, ID3v1 or an APE tag at the beginning of `bytes`, which must have at least four bytes.
pub(crate) fn look(bytes: &[u8]) -> Look {
    if bytes.starts_with(b"ID3") {
        id3v2(bytes)
    } else if bytes.starts_with(b"TAG") {
        Look::Tag(128)
    } else {
        ape(bytes)
    }
}

fn id3v2(bytes: &[u8]) -> Look {
    let Some([_, _, _, major, minor, flags, size @ ..]) = bytes.first_chunk::<10>() else {
        return Look::Unclear(10);
    };
    if !(2..=4).contains(major) || *minor == 0xff || size.iter().any(|seven| *seven >= 0x80) {
        return Look::Other;
    }
    let size = size.iter().fold(0, |size, seven| size << 7 | u64::from(*seven));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    tag(10 + size + footer)
}

fn ape(bytes: &[u8]) -> Look {
    if !bytes.starts_with(b"APET") {
        return Look::Other;
    }
    let Some(head) = bytes.first_chunk::<ENOUGH_BYTES>() else { return Look::Unclear(ENOUGH_BYTES) };
    let number =
        |at: usize| u64::from(u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    if !head.starts_with(b"APETAGEX") || ![1000, 2000].contains(&number(8)) {
        return Look::Other;
    }
    // A header has the size of what follows it, a footer the size of what precedes it.
    let is_header = number(20) & 1 << 29 != 0;
    tag(32 + if is_header { number(12) } else { 0 })
}

fn tag(len: u64) -> Look {
    if len <= MAX_TAG_BYTES { Look::Tag(len) } else { Look::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_their_length() {
        assert_eq!(look(b"ID3\x04\0\0\0\0\x02\x01rest"), Look::Tag(10 + 257));
        assert_eq!(look(b"ID3\x04\0\x10\0\0\x02\x01"), Look::Tag(10 + 257 + 10), "with a footer");
        assert_eq!(look(b"TAG\0"), Look::Tag(128));
        let ape = |flags: u32| {
            let mut tag = b"APETAGEX".to_vec();
            for number in [2000, 100, 3, flags, 0, 0] {
                tag.extend(u32::to_le_bytes(number));
            }
            tag
        };
        assert_eq!(look(&ape(1 << 31 | 1 << 29)), Look::Tag(132));
        assert_eq!(look(&ape(1 << 31)), Look::Tag(32), "a footer");
    }

    #[test]
    fn what_is_cut_short_is_unclear() {
        assert_eq!(look(b"ID3\x04"), Look::Unclear(10));
        assert_eq!(look(b"APETAG"), Look::Unclear(32));
    }

    #[test]
    fn what_cannot_be_a_tag_is_none() {
        for bytes in [
            &b"ID3\x05\0\0\0\0\x02\x01"[..], // no such version
            b"ID3\x04\0\0\0\x80\x02\x01",    // not seven bits
            b"ID3\x04\0\0\x7f\0\0\0",        // 256 MB
            b"\xff\xfb\x90\x64",
            b"APETizers are served in the lobby",
        ] {
            assert_eq!(look(bytes), Look::Other, "{bytes:?}");
        }
    }
}
