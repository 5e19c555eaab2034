//! FLAC as it is found, and as it may be written.

mod lies;
mod seeks;
mod written;

use std::path::{Path, PathBuf};

use super::fixture::{Folder, Pcm, run, stereo};
use crate::codec::file::{AudioFile, Status};
use crate::units::FrameCount;

const FRAMES: usize = 60_000;

/// Where the packets begin in a file without blocks but STREAMINFO.
const HEAD: usize = 4 + 4 + 34;

fn write(folder: &Folder, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What the program `flac` makes of this, with these options. It has STREAMINFO as its only block.
fn flac(folder: &Folder, pcm: &Pcm, options: &str) -> Vec<u8> {
    let (wav, path) = (folder.wav("source.wav", pcm), folder.path("made.flac"));
    let files = ["-s", "-f", "--no-padding", "--no-seektable", "-o", path.to_str().unwrap()];
    run("flac", "flac", options.split_ascii_whitespace().chain(files).chain([wav.to_str().unwrap()]));
    let file = std::fs::read(path).unwrap();
    let mut at = HEAD;
    let mut is_last = file[4] & 0x80 != 0;
    while !is_last {
        is_last = file[at] & 0x80 != 0;
        at += 4 + u32::from_be_bytes([0, file[at + 1], file[at + 2], file[at + 3]]) as usize;
    }
    [b"fLaC\x80", &file[5..HEAD], &file[at..]].concat()
}

/// After a seek anywhere, the rest is what is there when the file is read from its beginning.
fn check_seeks(path: &Path, whole: &[f32], off_at_most: f32) {
    let mut file = AudioFile::open(path, stereo(44_100)).unwrap();
    let frames = whole.len() / 2;
    let mut random = fastrand::Rng::with_seed(7);
    for number in 0..20 {
        let to = random.usize(..frames + 1_000);
        file.seek(FrameCount(to as u64)).unwrap();
        let wanted = &whole[to.min(frames) * 2..];
        let mut rest = Vec::new();
        let is_to_the_end = number % 5 == 0;
        while file.read(&mut rest).unwrap() == Status::More && (is_to_the_end || rest.len() < 20_000) {}
        let name = path.display();
        let short = (wanted.len() as i64 - rest.len() as i64).max(0);
        let slack = if off_at_most > 0.0 { 4 } else { 0 };
        assert!(rest.len() <= wanted.len() + slack, "{name} to {to}: {} samples", rest.len());
        assert!(
            short <= slack as i64 || !is_to_the_end && rest.len() >= 20_000,
            "{name} to {to}: {short} short"
        );
        let off = rest.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= off_at_most, "{name}: off by {off} after a seek to {to}");
    }
}

/// What a head can say.
fn info(blocks: [u16; 2], bytes: [u32; 2], shape: (u64, u64, u64), frames: u64) -> Vec<u8> {
    let (rate, channels, bits) = shape;
    let numbers = rate << 44 | channels.saturating_sub(1) << 41 | bits.saturating_sub(1) << 36 | frames;
    let bytes = bytes.map(u32::to_be_bytes);
    let parts = [blocks.map(u16::to_be_bytes).as_flattened(), &bytes[0][1..], &bytes[1][1..]].concat();
    [&parts[..], &numbers.to_be_bytes(), &[0; 16]].concat()
}
