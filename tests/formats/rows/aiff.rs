//! AIFF, AIFC and CAF.

use crate::make::{Bench, FRAMES, bytes, find};
use crate::row::{Frames, Row};

const CAF: &str = "mutagen does not know CAF";

pub fn rows(bench: &Bench) -> Vec<Row> {
    let none = "none";
    let aiff = |options| bench.ffmpeg("aiff", options);
    let caf = |options| bench.ffmpeg("caf", options);
    let id3 = |bench: &Bench| {
        bench.ffmpeg("aiff", "-write_id3v2 1 -metadata title=From_ID3 -metadata artist=An_artist")
    };
    vec![
        Row::new("AIFF, 16 bits", none, aiff("")),
        Row::new("AIFF, 24 bits", none, aiff("-c:a pcm_s24be")),
        Row::new("AIFF, 8 bits", none, aiff("-c:a pcm_s8")),
        Row::new("AIFC, floats", none, aiff("-c:a pcm_f32be")),
        Row::new("AIFC, 16 bits little-endian", "`sowt`, as Macs write it", aiff("-c:a pcm_s16le")),
        Row::new("AIFC, A-law", none, aiff("-c:a pcm_alaw")),
        Row::new("AIFF, 16 bits", "an ID3 chunk", id3(bench)).title("From_ID3").artist("An_artist"),
        Row::new("AIFF, 16 bits", "FORM's size is too large", patched(bench, b"FORM", 4, u32::MAX)),
        Row::new("AIFF, 16 bits", "SSND's size is too large", patched(bench, b"SSND", 4, 0x7fff_ffff)),
        Row::new("CAF, 16 bits", none, caf("-c:a pcm_s16le")).why(CAF),
        Row::new("CAF, floats", none, caf("-c:a pcm_f32be")).why(CAF),
        Row::new("CAF, ALAC", none, caf("-c:a alac")).frames(Frames::Exactly(FRAMES as u64)).why(CAF),
        Row::new("CAF, 16 bits", "a data size of −1: still being written", {
            let mut file = bytes(&caf("-c:a pcm_s16le"));
            let at = find(&file, b"data") + 4;
            file[at..at + 8].fill(0xff);
            bench.file("caf", &file)
        })
        .why(CAF),
    ]
}

/// A size in an AIFF file is replaced.
fn patched(bench: &Bench, chunk: &[u8], offset: usize, size: u32) -> std::path::PathBuf {
    let mut file = bytes(&bench.ffmpeg("aiff", ""));
    let at = find(&file, chunk) + offset;
    file[at..at + 4].copy_from_slice(&size.to_be_bytes());
    bench.file("aiff", &file)
}
