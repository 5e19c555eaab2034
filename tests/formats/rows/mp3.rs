//! MP3 and MP2: encoders, headers, and streams that change.

use std::path::PathBuf;

use crate::make::{Bench, FRAMES, RATE, bytes, find, frames_at};
use crate::row::{Frames, Row};

/// What an encoder adds where nothing tells of it.
const AROUND: u64 = 4_000;
const JOIN: &str = "ffmpeg plays the padding where they meet";

pub fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows = encoders(bench);
    rows.extend(counts(bench));
    rows.extend(joined(bench));
    rows.extend(torn(bench));
    rows
}

fn lame(bench: &Bench, options: &str) -> PathBuf {
    bench.tool("lame", &format!("--quiet --noreplaygain {options}"), "mp3")
}

fn mono(bench: &Bench) -> PathBuf {
    bench.ffmpeg("mp3", "-af pan=mono|c0=c0 -b:a 96k")
}

fn around() -> Frames {
    Frames::Within(FRAMES as u64, FRAMES as u64 + AROUND)
}

fn encoders(bench: &Bench) -> Vec<Row> {
    let lame_at = |rate: u32, options| bench.ffmpeg_of(&bench.wav_at(rate), "mp3", options);
    let frames = |rate| Frames::Exactly(frames_at(rate) as u64);
    vec![
        Row::new("MP3, LAME", "constant 128 kbit/s", lame(bench, "-b 128")),
        Row::new("MP3, LAME", "constant 320 kbit/s", lame(bench, "-b 320")),
        Row::new("MP3, LAME", "variable, -V 0", lame(bench, "-V 0")),
        Row::new("MP3, LAME", "variable, -V 6", lame(bench, "-V 6")),
        Row::new("MP3, LAME", "average 160 kbit/s", lame(bench, "--abr 160")),
        Row::new("MP3, ffmpeg", "mono", mono(bench)),
        Row::new("MP3, LAME", "with checksums", lame(bench, "-p -b 128")),
        Row::new("MP3, LAME", "its own gain", bench.tool("lame", "--quiet -b 128", "mp3")).gain(-7.8),
        Row::new("MP3, ffmpeg", "none", bench.ffmpeg("mp3", "-b:a 192k")),
        Row::new("MP3, ffmpeg", "48 kHz", lame_at(48_000, "-b:a 192k")).rate(48_000).frames(frames(48_000)),
        Row::new("MP3, ffmpeg", "32 kHz", lame_at(32_000, "-b:a 128k")).rate(32_000).frames(frames(32_000)),
        Row::new("MP3, ffmpeg", "MPEG 2, 22.05 kHz", lame_at(22_050, "-b:a 64k"))
            .rate(22_050)
            .frames(frames(22_050)),
        Row::new("MP3, ffmpeg", "MPEG 2.5, 8 kHz", lame_at(8_000, "-b:a 32k"))
            .rate(8_000)
            .frames(frames(8_000)),
        Row::new("MP3, ffmpeg", "no Xing header", bench.ffmpeg("mp3", "-b:a 192k -write_xing 0"))
            .frames(around()),
        Row::new("MP2, ffmpeg", "none", bench.ffmpeg("mp2", "-b:a 256k")).frames(around()),
        Row::new("MP2, ffmpeg", "48 kHz", bench.ffmpeg_of(&bench.wav_at(48_000), "mp2", "-b:a 256k"))
            .rate(48_000)
            .frames(Frames::Within(frames_at(48_000) as u64, frames_at(48_000) as u64 + AROUND)),
    ]
}

/// Counts in the first packet that are not right. A lie under LAME's checksum is a lie all the same.
fn counts(bench: &Bench) -> Vec<Row> {
    let lying = |offset: usize, lie: &[u8], checksum: bool| {
        let mut file = bytes(&lame(bench, "-V 2"));
        let at = find(&file, b"Xing") + offset;
        file[at..at + lie.len()].copy_from_slice(lie);
        if checksum {
            let begin = find(&file, &[0xff, 0xfb]);
            let sum = crc16(&file[begin..begin + 190]).to_be_bytes();
            file[begin + 190..begin + 192].copy_from_slice(&sum);
        }
        bench.file("mp3", &file)
    };
    let count = |count: u32, checksum| lying(8, &count.to_be_bytes(), checksum);
    vec![
        Row::new("MP3, LAME", "Xing counts 10 packets", count(10, true))
            .frames(around())
            .why("ffmpeg cuts the end as the first packet says"),
        Row::new("MP3, LAME", "Xing counts 100,000 packets", count(100_000, true)).frames(around()),
        Row::new("MP3, LAME", "Xing counts none", count(0, true)).frames(around()),
        Row::new("MP3, LAME", "Xing counts 10, and the checksum is wrong", count(10, false))
            .frames(around())
            .why("ffmpeg does not look at the checksum"),
        Row::new("MP3, LAME", "Xing tells too few bytes", lying(12, &1_000_u32.to_be_bytes(), true))
            .frames(around()),
        Row::new("MP3, LAME", "a Xing table of nonsense", lying(16, &[0xff; 100], true)),
    ]
}

/// The checksum that LAME puts behind its tag: CRC-16, as in ARC.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 })
    })
}

/// Several files in one: podcasts with spots, recordings that were joined.
fn joined(bench: &Bench) -> Vec<Row> {
    let two = |first: PathBuf, second: PathBuf| bench.file("mp3", &[bytes(&first), bytes(&second)].concat());
    let twice = Frames::Within(2 * FRAMES as u64 - 3_000, 2 * FRAMES as u64 + 2 * AROUND);
    vec![
        Row::new("MP3, joined", "two of LAME's, constant", two(lame(bench, "-b 128"), lame(bench, "-b 128")))
            .frames(twice)
            .why(JOIN),
        Row::new("MP3, joined", "two of LAME's, variable", two(lame(bench, "-V 2"), lame(bench, "-V 4")))
            .frames(twice)
            .why(JOIN),
        Row::new("MP3, joined", "other bitrates", two(lame(bench, "-b 320"), lame(bench, "-b 64")))
            .frames(twice)
            .why(JOIN),
        Row::new("MP3, joined", "stereo, then mono", two(lame(bench, "-b 128"), mono(bench)))
            .frames(twice)
            .why("the same, and ffmpeg puts mono on both sides at −3 dB"),
        Row::new("MP3, joined", "ID3v2 in the middle", {
            let tag = super::id3::tag(3, &[super::id3::text(b"TIT2", "Of the second")]);
            bench.file("mp3", &[bytes(&lame(bench, "-b 128")), tag, bytes(&lame(bench, "-b 128"))].concat())
        })
        .frames(twice)
        .why(JOIN),
        Row::new("MP3, joined", "ID3v2 in the middle, with music for a picture", {
            let other = bytes(&bench.ffmpeg("mp3", "-af atempo=2 -b:a 128k"));
            let picture = (*b"APIC", [&[0; 4][..], &other].concat());
            let tag = super::id3::tag(3, &[picture]);
            bench.file("mp3", &[bytes(&lame(bench, "-b 128")), tag, bytes(&lame(bench, "-b 128"))].concat())
        })
        .frames(twice)
        .why("ffmpeg plays the picture"),
        Row::new("MP3, joined", "ID3v1 in the middle", {
            let v1 = super::id3::v1("Of the first", "x");
            bench.file("mp3", &[bytes(&lame(bench, "-b 128")), v1, bytes(&lame(bench, "-b 128"))].concat())
        })
        .frames(twice)
        .why(JOIN),
        Row::new("MP3, joined", "44.1 kHz, then 48 kHz", {
            two(lame(bench, "-b 128"), bench.ffmpeg_of(&bench.wav_at(48_000), "mp3", "-b:a 128k"))
        })
        .frames(twice)
        .why(JOIN),
    ]
}

/// Begun or ended in the middle of a packet, or with something else in between.
fn torn(bench: &Bench) -> Vec<Row> {
    let file = || bytes(&bench.ffmpeg("mp3", "-b:a 192k -write_xing 0"));
    let less = |frames: u64| Frames::Within(FRAMES as u64 - frames, FRAMES as u64 + AROUND);
    vec![
        Row::new("MP3, torn", "begins within a packet", bench.file("mp3", &file()[300..]))
            .frames(less(3_000)),
        Row::new("MP3, torn", "ends within a packet", {
            let file = file();
            bench.file("mp3", &file[..file.len() - 300])
        })
        .frames(less(3_000))
        .why("ffmpeg plays the torn packet"),
        Row::new(
            "MP3, torn",
            "50,000 zeros in front",
            bench.file("mp3", &[vec![0; 50_000], file()].concat()),
        )
        .frames(less(0)),
        Row::new("MP3, torn", "10,000 zeros behind", bench.file("mp3", &[file(), vec![0; 10_000]].concat()))
            .frames(less(0)),
        Row::new("MP3, torn", "5,000 bytes of a text within", {
            let mut file = file();
            let middle = file.len() / 2;
            file.splice(middle..middle, b"not music ".repeat(500));
            bench.file("mp3", &file)
        })
        .frames(less(4_000))
        .why("each goes on with another packet"),
        Row::new("MP3, torn", "its name says WAV", bench.file("wav", &file())).frames(less(0)),
    ]
    .into_iter()
    .map(|row| row.rate(RATE))
    .collect()
}
