//! AAC as a stream: ADTS.

use std::path::PathBuf;

use crate::make::{Bench, FRAMES, LOUD, SURROUND, bytes, frames_at};
use crate::row::{Frames, Row};

/// What an encoder adds, which ADTS has no place to tell.
const AROUND: u64 = 6_000;

pub fn rows(bench: &Bench) -> Vec<Row> {
    let around = |frames: usize| Frames::Within(frames as u64, frames as u64 + AROUND);
    let aac = |options: &str| bench.ffmpeg("aac", &format!("-c:a aac -b:a 192k {options}"));
    let at = |rate: u32| bench.ffmpeg_of(&bench.wav_at(rate), "aac", "-c:a aac -b:a 192k");
    let two = |first: PathBuf, second: PathBuf| bench.file("aac", &[bytes(&first), bytes(&second)].concat());
    let twice = || around(2 * FRAMES);
    let less = Frames::Within(FRAMES as u64 - 3_000, FRAMES as u64 + AROUND);
    vec![
        Row::new("ADTS, AAC-LC", "none", aac("")).frames(around(FRAMES)),
        Row::new("ADTS, AAC-LC", "mono", aac("-af pan=mono|c0=c0")).frames(around(FRAMES)),
        Row::new("ADTS, AAC-LC", "5.1", aac("-af pan=5.1|FL=FL|FR=FR -b:a 600k"))
            .frames(around(FRAMES))
            .level(SURROUND)
            .why(LOUD),
        Row::new("ADTS, AAC-LC", "48 kHz", at(48_000)).rate(48_000).frames(around(frames_at(48_000))),
        Row::new("ADTS, AAC-LC", "24 kHz", at(24_000)).rate(24_000).frames(around(frames_at(24_000))),
        Row::new("ADTS, AAC-LC", "8 kHz", at(8_000)).rate(8_000).frames(around(frames_at(8_000))),
        Row::new("ADTS, AAC-LC", "ID3v2 in front, as HLS has it", {
            let tag = super::id3::tag(4, &[super::id3::text(b"TIT2", "A title")]);
            bench.file("aac", &[tag, bytes(&aac(""))].concat())
        })
        .frames(around(FRAMES))
        .title("A title")
        .why("mutagen reads no ID3 in ADTS"),
        Row::new("ADTS, AAC-LC", "begins within a packet", bench.file("aac", &bytes(&aac(""))[100..]))
            .frames(less),
        Row::new("ADTS, AAC-LC", "ends within a packet", {
            let file = bytes(&aac(""));
            bench.file("aac", &file[..file.len() - 100])
        })
        .frames(less),
        Row::new("ADTS, joined", "the same twice", two(aac(""), aac(""))).frames(twice()),
        Row::new("ADTS, joined", "44.1 kHz, then 48 kHz", two(aac(""), at(48_000)))
            .frames(twice())
            .why("a frame of rounding"),
        Row::new("ADTS, joined", "stereo, then mono", two(aac(""), aac("-af pan=mono|c0=c0")))
            .frames(twice())
            .why("ffmpeg puts mono on both sides at −3 dB"),
        Row::new("ADTS, joined", "mono, then stereo", two(aac("-af pan=mono|c0=c0"), aac("")))
            .frames(twice())
            .why("ffmpeg puts mono on both sides at −3 dB"),
        Row::new("ADTS, joined", "stereo, then 5.1", two(aac(""), aac("-af pan=5.1|FL=FL|FR=FR -b:a 600k")))
            .frames(twice())
            .then(SURROUND)
            .why(LOUD),
    ]
}
