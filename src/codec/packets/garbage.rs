//! Bytes of a stream that are neither packets nor tags.

/// So much of the first garbage after a packet tells what it is.
const HEAD: usize = 12;

/// What was left out of a stream.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    /// All of it, in bytes.
    pub total: u64,
    /// What came since the last packet, in bytes.
    pub run: u64,
    /// The beginning of the run.
    head: Vec<u8>,
}

impl Garbage {
    pub fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.run += bytes.len() as u64;
        let missing = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
    }

    /// A packet ends the run.
    pub fn end_run(&mut self) {
        self.run = 0;
        self.head.clear();
    }

    /// The format that the run begins like.
    pub fn looks_like(&self) -> Option<&'static str> {
        let head = self.head.as_slice();
        match head {
            [b'f', b'L', b'a', b'C', ..] => Some("FLAC"),
            [b'O', b'g', b'g', b'S', ..] => Some("Ogg"),
            [b'R', b'I', b'F', b'F', ..] => Some("WAV"),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("MP4"),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some("WebM"),
            [b'<', ..] => Some("a web page"),
            // The sync word of both; the layer is 0 in ADTS only.
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Some("AAC"),
            [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 => Some("MP3"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_run_tells_what_it_is() {
        let kinds = [
            (&b"fLaC\0\0\0\x22"[..], Some("FLAC")),
            (b"OggS\0\x02", Some("Ogg")),
            (b"RIFF\x24\0\0\0WAVE", Some("WAV")),
            (b"\0\0\0\x20ftypM4A ", Some("MP4")),
            (b"<!DOCTYPE html>", Some("a web page")),
            (b"\xff\xf1\x50\x80", Some("AAC")),
            (b"\xff\xfb\x90\x64", Some("MP3")),
            (b"\xff\xe1", None),
            (b"\x01\x02\x03\x04", None),
            (b"", None),
        ];
        for (bytes, kind) in kinds {
            let mut whole = Garbage::default();
            whole.add(bytes);
            let mut torn = Garbage::default();
            bytes.chunks(1).for_each(|byte| torn.add(byte));
            assert_eq!((whole.looks_like(), torn.looks_like()), (kind, kind), "{bytes:x?}");
        }
    }

    #[test]
    fn a_packet_ends_the_run_and_not_the_count() {
        let mut garbage = Garbage::default();
        garbage.add(b"fLaC and more than fits in the head");
        garbage.end_run();
        garbage.add(b"OggS");
        assert_eq!((garbage.total, garbage.run, garbage.looks_like()), (39, 4, Some("Ogg")));
    }
}
