//! Ogg: Vorbis, Opus, FLAC.

use std::path::PathBuf;

use crate::make::{Bench, FRAMES, LOUD, SURROUND, SURROUND_7_1, bytes, frames_at};
use crate::row::{Frames, Row};

/// A few frames: what ends a Vorbis stream is not always told to the frame.
const AROUND: u64 = 2_000;
const OPUS: u32 = 48_000;
const MEET: &str = "ffmpeg plays half a packet more where they meet";

pub fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows = vorbis(bench);
    rows.extend(opus(bench));
    rows.extend(flac(bench));
    rows
}

fn vorbis(bench: &Bench) -> Vec<Row> {
    let oggenc = |options: &str| bench.tool("oggenc", &format!("-Q {options}"), "ogg");
    let ffmpeg = |options: &str| bench.ffmpeg("ogg", &format!("-c:a libvorbis {options}"));
    let chained =
        |first: PathBuf, second: PathBuf| bench.file("ogg", &[bytes(&first), bytes(&second)].concat());
    let twice = Frames::Within(2 * FRAMES as u64, 2 * FRAMES as u64 + AROUND);
    let at = |rate: u32| bench.ffmpeg_of(&bench.wav_at(rate), "ogg", "-c:a libvorbis -q:a 4");
    vec![
        Row::new("Ogg, Vorbis, oggenc", "none", oggenc("-q 5")),
        Row::new("Ogg, Vorbis, oggenc", "−1", oggenc("-q -1")),
        Row::new("Ogg, Vorbis, oggenc", "title and artist", oggenc("-t Jóga -a Björk"))
            .title("Jóga")
            .artist("Björk"),
        Row::new("Ogg, Vorbis, ffmpeg", "none", ffmpeg("-q:a 5")),
        Row::new("Ogg, Vorbis, ffmpeg", "mono", ffmpeg("-af pan=mono|c0=c0")),
        Row::new("Ogg, Vorbis, ffmpeg", "5.1", ffmpeg("-af pan=5.1|FL=FL|FR=FR -q:a 6"))
            .level(SURROUND)
            .why(LOUD),
        Row::new("Ogg, Vorbis, ffmpeg", "7.1", ffmpeg("-af pan=7.1|FL=FL|FR=FR -q:a 6"))
            .level(SURROUND_7_1)
            .why(LOUD),
        Row::new("Ogg, Vorbis, ffmpeg", "22.05 kHz", at(22_050))
            .rate(22_050)
            .frames(Frames::Exactly(frames_at(22_050) as u64)),
        Row::new("Ogg, Vorbis, chained", "the same twice", chained(oggenc("-q 5"), oggenc("-q 5")))
            .frames(twice)
            .why(MEET),
        Row::new("Ogg, Vorbis, chained", "44.1 kHz, then 48 kHz", chained(oggenc("-q 5"), at(48_000)))
            .frames(twice)
            .why(MEET),
        Row::new("Ogg, Vorbis, chained", "stereo, then mono", {
            chained(oggenc("-q 5"), ffmpeg("-af pan=mono|c0=c0"))
        })
        .frames(twice)
        .why("the same, and ffmpeg puts mono on both sides at −3 dB"),
        Row::new("Ogg, Vorbis, oggenc", "ends within a page", {
            let file = bytes(&oggenc("-q 5"));
            bench.file("ogg", &file[..file.len() - 500])
        })
        .frames(Frames::Within(FRAMES as u64 - 60_000, FRAMES as u64)),
    ]
}

fn opus(bench: &Bench) -> Vec<Row> {
    let opusenc = |options: &str| {
        let path = bench.path("opus");
        let mut command = std::process::Command::new("opusenc");
        command.args(options.split_ascii_whitespace()).arg("--quiet").arg(bench.wav_at(OPUS)).arg(&path);
        longwave_testing::tools::run(&mut command, &[]);
        path
    };
    let ffmpeg = |options: &str| {
        bench.ffmpeg_of(&bench.wav_at(OPUS), "opus", &format!("-c:a libopus -b:a 128k {options}"))
    };
    let whole = Frames::Exactly(frames_at(OPUS) as u64);
    let chained =
        |first: PathBuf, second: PathBuf| bench.file("opus", &[bytes(&first), bytes(&second)].concat());
    let twice = Frames::Within(2 * frames_at(OPUS) as u64, 2 * frames_at(OPUS) as u64 + AROUND);
    vec![
        Row::new("Ogg, Opus, opusenc", "none", opusenc("--bitrate 128")).frames(whole),
        Row::new("Ogg, Opus, opusenc", "title and artist", opusenc("--title Jóga --artist Björk"))
            .frames(whole)
            .title("Jóga")
            .artist("Björk"),
        Row::new("Ogg, Opus, opusenc", "packets of 60 ms", opusenc("--framesize 60")).frames(whole),
        Row::new("Ogg, Opus, opusenc", "packets of 2.5 ms", opusenc("--framesize 2.5 --bitrate 256"))
            .frames(whole),
        Row::new("Ogg, Opus, opusenc", "R128_TRACK_GAIN", opusenc("--comment R128_TRACK_GAIN=-1280"))
            .frames(whole)
            .gain(0.0),
        Row::new("Ogg, Opus, ffmpeg", "none", ffmpeg("")).frames(whole),
        Row::new("Ogg, Opus, ffmpeg", "mono", ffmpeg("-af pan=mono|c0=c0")).frames(whole),
        Row::new("Ogg, Opus, ffmpeg", "5.1", ffmpeg("-af pan=5.1|FL=FL|FR=FR -b:a 400k"))
            .frames(whole)
            .level(SURROUND)
            .why(LOUD),
        Row::new("Ogg, Opus, ffmpeg", "7.1", ffmpeg("-af pan=7.1|FL=FL|FR=FR -b:a 500k"))
            .frames(whole)
            .level(SURROUND_7_1)
            .why(LOUD),
        Row::new("Ogg, Opus, ffmpeg", "mapping family 255", ffmpeg("-mapping_family 255")).frames(whole),
        Row::new("Ogg, Opus, chained", "the same twice", chained(opusenc(""), opusenc(""))).frames(twice),
        Row::new(
            "Ogg, Opus, chained",
            "stereo, then mono",
            chained(opusenc(""), ffmpeg("-af pan=mono|c0=c0")),
        )
        .frames(twice),
    ]
    .into_iter()
    .map(|row| row.rate(OPUS))
    .collect()
}

fn flac(bench: &Bench) -> Vec<Row> {
    let one = || bench.ffmpeg("oga", "-c:a flac");
    vec![
        Row::new("Ogg, FLAC, flac", "none", bench.tool("flac", "-s --ogg", "oga")),
        Row::new("Ogg, FLAC, ffmpeg", "none", one()),
        Row::new(
            "Ogg, FLAC, chained",
            "the same twice",
            bench.file("oga", &[bytes(&one()), bytes(&one())].concat()),
        )
        .frames(Frames::Exactly(2 * FRAMES as u64)),
    ]
}
