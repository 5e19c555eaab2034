//! What is no audio, or none that can be played: a sentence says what it is, and what to do.

use crate::make::Bench;
use crate::row::Row;

pub fn rows(bench: &Bench) -> Vec<Row> {
    let dsf = [b"DSD ", &28_u64.to_le_bytes()[..], &[0; 16]].concat();
    vec![
        Row::new("Windows Media", "none", bench.ffmpeg("wma", "-c:a wmav2")).refused("ffmpeg"),
        Row::new("RealAudio", "none", bench.ffmpeg_of(&bench.wav_at(48_000), "rm", "-c:a ac3"))
            .refused("ffmpeg"),
        Row::new("TrueAudio", "none", bench.ffmpeg("tta", "")).refused("ffmpeg"),
        Row::new("WavPack", "none", bench.ffmpeg("wv", "")).refused("ffmpeg"),
        Row::new("AC-3", "none", bench.ffmpeg_of(&bench.wav_at(48_000), "ac3", "")).refused("ffmpeg"),
        Row::new("Matroska, Opus", "none", bench.ffmpeg_of(&bench.wav_at(48_000), "mka", "-c:a libopus"))
            .refused("ffmpeg"),
        Row::new("DSD", "none", bench.file("dsf", &dsf)).refused("ffmpeg"),
        Row::new(
            "Monkey's Audio",
            "none",
            bench.file("ape", b"MAC \x96\x0f\0\0................................"),
        )
        .refused("ffmpeg"),
        Row::new("Musepack", "none", bench.file("mpc", b"MPCKSH................................"))
            .refused("ffmpeg"),
        Row::new("MP3, LAME", "free format", bench.tool("lame", "--quiet --freeformat -b 400", "mp3"))
            .refused("lame --decode"),
        Row::new(
            "MIDI",
            "none",
            bench.file("mid", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0"),
        )
        .refused("MIDI"),
        Row::new(
            "A web page",
            "called .mp3",
            bench.file("mp3", b"<!DOCTYPE html><html><body>Not found</body></html>"),
        )
        .refused(""),
        Row::new("Nothing", "an empty file", bench.file("mp3", b"")).refused("empty"),
        Row::new("A playlist", "called .mp3", bench.file("mp3", b"#EXTM3U\nhttp://example.org/\n"))
            .refused(""),
    ]
}
