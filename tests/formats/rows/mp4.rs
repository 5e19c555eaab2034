//! M4A and MP4.

use std::path::PathBuf;
use std::process::Command;

use longwave_testing::tools::run;

use crate::make::{Bench, FRAMES, SURROUND, bytes, find, frames_at};
use crate::row::{Frames, Row};

const AROUND: u64 = 4_000;
/// What ffmpeg makes of an edit list.
const PADDING: &str = "ffmpeg plays the padding at the end";

const WRONG_TIMES: &str = "ffmpeg ends where the wrong times say";

pub fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows = codecs(bench);
    rows.extend(boxes(bench));
    rows.extend(edits(bench));
    rows.extend(tags(bench));
    rows
}

fn aac(bench: &Bench, options: &str) -> PathBuf {
    bench.ffmpeg("m4a", &format!("-c:a aac -b:a 192k {options}"))
}

fn around() -> Frames {
    Frames::Within(FRAMES as u64, FRAMES as u64 + AROUND)
}

/// The edit list has milliseconds. They count where the other times are wrong.
fn ends_in_ms() -> Frames {
    Frames::Within(FRAMES as u64 - 45, FRAMES as u64 + AROUND)
}

fn codecs(bench: &Bench) -> Vec<Row> {
    let at = |rate: u32| bench.ffmpeg_of(&bench.wav_at(rate), "m4a", "-c:a aac -b:a 192k");
    vec![
        Row::new("M4A, AAC-LC", "none", aac(bench, "")).why(PADDING),
        Row::new("M4A, AAC-LC", "mono", aac(bench, "-af pan=mono|c0=c0")).why(PADDING),
        Row::new("M4A, AAC-LC", "5.1", aac(bench, "-af pan=5.1|FL=FL|FR=FR -b:a 600k"))
            .level(SURROUND)
            .why("ffmpeg plays the padding at the end, and a mix that is louder than stereo"),
        Row::new("M4A, AAC-LC", "48 kHz", at(48_000))
            .rate(48_000)
            .frames(Frames::Exactly(frames_at(48_000) as u64))
            .why("the edit list has whole milliseconds, and ffmpeg ends there; Longwave plays the sound to its end"),
        Row::new("M4A, ALAC", "none", bench.ffmpeg("m4a", "-c:a alac")),
        Row::new("M4A, ALAC", "24 bits", bench.ffmpeg("m4a", "-c:a alac -sample_fmt s32p")),
        Row::new("MP4, FLAC", "none", bench.ffmpeg("mp4", "-c:a flac -strict -2")),
        Row::new(
            "MP4, Opus",
            "none",
            bench.ffmpeg_of(&bench.wav_at(48_000), "mp4", "-c:a libopus -b:a 128k"),
        )
        .rate(48_000)
        .frames(Frames::Within(frames_at(48_000) as u64, frames_at(48_000) as u64 + AROUND))
        .why(PADDING),
        Row::new("MP4, MP3", "none", bench.ffmpeg("mp4", "-c:a libmp3lame -b:a 192k"))
            .frames(around())
            .why(PADDING),
        Row::new("MOV, 16 bits", "none", bench.ffmpeg("mov", "-c:a pcm_s16le")),
        Row::new("MOV, 24 bits", "the greatest byte first", bench.ffmpeg("mov", "-c:a pcm_s24be")),
        Row::new("MOV, float of 64 bits", "the greatest byte first", bench.ffmpeg("mov", "-c:a pcm_f64be")),
        Row::new("MP4 with a video", "the sound is played", {
            let path = bench.path("mp4");
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args("-v error -nostdin -f lavfi -i color=s=64x64:d=8 -i".split(' ')).arg(bench.wav());
            run(ffmpeg.args("-c:v mpeg4 -c:a aac -b:a 192k".split(' ')).arg(&path), &[""]);
            path
        })
        .why(PADDING),
    ]
}

/// Boxes in another order, and boxes that lie.
fn boxes(bench: &Bench) -> Vec<Row> {
    let patched = |name: &[u8], offset: usize, value: u32| {
        let mut file = bytes(&aac(bench, ""));
        let at = find(&file, name) + offset;
        file[at..at + 4].copy_from_slice(&value.to_be_bytes());
        bench.file("m4a", &file)
    };
    vec![
        Row::new("M4A, AAC-LC", "the index in front", aac(bench, "-movflags +faststart")).why(PADDING),
        Row::new(
            "M4A, AAC-LC",
            "fragments",
            aac(bench, "-movflags +frag_keyframe+empty_moov -frag_duration 1000000"),
        )
        .refused("in fragments"),
        Row::new(
            "M4A, AAC-LC",
            "fragments, as DASH has them",
            aac(bench, "-movflags +dash -frag_duration 2000000"),
        )
        .refused("in fragments"),
        Row::new("M4A, AAC-LC", "no edit list", aac(bench, "-use_editlist 0")).frames(around()).why(PADDING),
        Row::new("M4A, AAC-LC", "mvhd's duration is a second", patched(b"mvhd", 4 + 16, 1_000)).why(PADDING),
        Row::new("M4A, AAC-LC", "mdhd's duration is an hour", patched(b"mdhd", 4 + 16, 44_100 * 3_600))
            .why(PADDING),
        Row::new("M4A, AAC-LC", "mdhd's time scale is 0", patched(b"mdhd", 16, 0)).why(WRONG_TIMES),
        Row::new("M4A, AAC-LC", "mdhd's time scale is 1,000", patched(b"mdhd", 16, 1_000)).why(WRONG_TIMES),
        Row::new("M4A, AAC-LC", "stts's ticks are ten times too many", patched(b"stts", 16, 10_240))
            .frames(ends_in_ms())
            .why(WRONG_TIMES),
        Row::new("M4A, AAC-LC", "stts has half of the packets", patched(b"stts", 12, 173))
            .frames(ends_in_ms())
            .why(PADDING),
        Row::new("M4A, ALAC", "the index in front, and the last 5,000 bytes missing", {
            let mut file = bytes(&bench.ffmpeg("m4a", "-c:a alac -movflags +faststart"));
            file.truncate(file.len() - 5_000);
            bench.file("m4a", &file)
        })
        .frames(Frames::Within(FRAMES as u64 - 8 * 4_096, FRAMES as u64))
        .breaks_off(),
        Row::new("MOV, 16 bits", "no ftyp, as before 2005", {
            let mut file = bytes(&bench.ffmpeg("mov", "-c:a pcm_s16be"));
            file[4..8].copy_from_slice(b"wide");
            bench.file("mov", &file)
        })
        .why("mutagen refuses the file"),
    ]
}

/// Edit lists that are wrong, and those of editing programs: duration in ms, first frame.
fn edits(bench: &Bench) -> Vec<Row> {
    const DELAY: i32 = 1_024;
    const ALL: u32 = 8_001;
    const SILENT: &str = "Longwave plays all of it, ffmpeg nothing";
    let row = |oddity, edits: &[(u32, i32)]| {
        let mut file = bytes(&aac(bench, ""));
        let at = find(&file, b"elst") + 8;
        let list = edits.iter().flat_map(|&(length, from)| {
            [length.to_be_bytes(), from.to_be_bytes(), 0x0001_0000_u32.to_be_bytes()].concat()
        });
        file.splice(at + 4..at + 16, list);
        file[at..at + 4].copy_from_slice(&(edits.len() as u32).to_be_bytes());
        for around in [b"moov", b"trak", b"edts", b"elst"] {
            let at = find(&file, around) - 4;
            let size = u32::from_be_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]);
            let size = size + 12 * edits.len() as u32 - 12;
            file[at..at + 4].copy_from_slice(&size.to_be_bytes());
        }
        Row::new("M4A, AAC-LC", oddity, bench.file("m4a", &file)).why(PADDING)
    };
    vec![
        row("an edit longer than the sound", &[(10 * ALL, DELAY)]),
        row("an edit of no length", &[(0, DELAY)]).why(SILENT),
        row("an edit of the first four seconds", &[(4_000, DELAY)])
            .frames(Frames::Exactly(4 * 44_100))
            .why("ffmpeg plays the last packet to its end"),
        row("an edit that begins before the sound", &[(ALL, -5)])
            .frames(around())
            .why("Longwave plays all of it; ffmpeg ends where the edit ends"),
        row("an edit that begins behind the sound", &[(ALL, 44_100 * 60)]).frames(around()).why(SILENT),
        row("silence in front", &[(1_000, -1), (ALL, DELAY)]),
        row("nothing but silence", &[(1_000, -1)]).frames(around()).why(SILENT),
        row("two edits, one behind the other", &[(4_000, DELAY), (4_001, DELAY + 4 * 44_100)]),
        row("two edits that leave out a second", &[(3_000, DELAY), (4_001, DELAY + 4 * 44_100)])
            .why("Longwave plays all of it; ffmpeg leaves that second out, and plays the padding at the end"),
        row("two edits in the wrong order", &[(4_001, DELAY + 4 * 44_100), (4_000, DELAY)])
            .why("Longwave plays all of it in order; ffmpeg the second half first, and the padding"),
    ]
}

fn tags(bench: &Bench) -> Vec<Row> {
    let said = || aac(bench, "-metadata title=A_title -metadata artist=An_artist");
    let sized = |name: &[u8], size: u32| {
        let mut file = bytes(&said());
        let at = find(&file, name) - 4;
        file[at..at + 4].copy_from_slice(&size.to_be_bytes());
        bench.file("m4a", &file)
    };
    vec![
        Row::new("M4A, AAC-LC", "title and artist", said()).title("A_title").artist("An_artist").why(PADDING),
        Row::new("M4A, AAC-LC", "an atom behind the title that nobody knows", {
            let mut file = bytes(&said());
            let at = find(&file, b"\xa9too");
            file[at..at + 4].copy_from_slice(b"\xa9xyz");
            bench.file("m4a", &file)
        })
        .title("A_title")
        .artist("An_artist")
        .why(PADDING),
        Row::new("M4A, AAC-LC", "an atom whose size lies", sized(b"\xa9too", 0x00ff_ffff))
            .title("A_title")
            .artist("An_artist")
            .why("mutagen refuses the file"),
    ]
}
