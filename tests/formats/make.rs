//! Makes the files: one sound, the tools that people use, and a knife.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use longwave_testing::tools::run;
use tempfile::TempDir;

pub const RATE: u32 = 44_100;
/// No round number of anything: 8.0 s and a bit, so that a fade of 3 s has its place.
pub const FRAMES: usize = 352_823;
pub const LEFT_HZ: f64 = 1_000.0;
const RIGHT_HZ: f64 = 1_500.0;
const AMPLITUDE: f64 = 0.5;
/// The amplitude as a level.
pub const LEVEL_DB: f64 = -6.02;
/// The level in a mix of six channels, of which only two sound.
pub const SURROUND: f64 = -9.03;
/// The same of eight.
pub const SURROUND_7_1: f64 = -10.0;
/// Why ffmpeg plays it louder.
pub const LOUD: &str = "ffmpeg makes a mix of many channels that is louder than stereo";

/// A folder for the files of one part of the table.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
    count: Cell<u32>,
    /// The usual sound, by rate: it takes longer to make than to encode.
    wavs: RefCell<HashMap<u32, PathBuf>>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), count: Cell::new(0), wavs: RefCell::default() }
    }

    /// A name that no other file has.
    pub fn path(&self, extension: &str) -> PathBuf {
        self.count.set(self.count.get() + 1);
        self.folder.path().join(format!("{:03}.{extension}", self.count.get()))
    }

    /// A file of these bytes.
    pub fn file(&self, extension: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(extension);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The usual sound as a WAV file of 16 bits.
    pub fn wav(&self) -> PathBuf {
        self.wav_at(RATE)
    }

    /// The usual sound at another rate.
    pub fn wav_at(&self, rate: u32) -> PathBuf {
        let make = || self.file("wav", &wav(rate, frames_at(rate)));
        self.wavs.borrow_mut().entry(rate).or_insert_with(make).clone()
    }

    /// Has ffmpeg write the usual sound with these options.
    pub fn ffmpeg(&self, extension: &str, options: &str) -> PathBuf {
        self.ffmpeg_of(&self.wav(), extension, options)
    }

    /// Has ffmpeg write a file of another one.
    pub fn ffmpeg_of(&self, from: &Path, extension: &str, options: &str) -> PathBuf {
        let path = self.path(extension);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(from);
        ffmpeg.args(options.split_ascii_whitespace()).arg(&path);
        // Its own encoders tell of what they do not mind.
        run(&mut ffmpeg, &["Queue input is backward in time", "Non-monotonous DTS", "deprecated"]);
        path
    }

    /// Has a tool write the usual sound: its options, the WAV file, the file to be written.
    pub fn tool(&self, tool: &str, options: &str, extension: &str) -> PathBuf {
        let path = self.path(extension);
        let mut command = Command::new(tool);
        command.args(options.split_ascii_whitespace());
        match tool {
            "flac" | "oggenc" => command.arg("-o").arg(&path).arg(self.wav()),
            _ => command.arg(self.wav()).arg(&path),
        };
        run(&mut command, &[""]);
        path
    }
}

/// The bytes of a file.
pub fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// The usual sound's frames at another rate.
pub fn frames_at(rate: u32) -> usize {
    (FRAMES as u64 * u64::from(rate) / u64::from(RATE)) as usize
}

/// The usual sound, interleaved: a tone on each side.
pub fn samples(rate: u32, frames: usize) -> Vec<i16> {
    let step = TAU / f64::from(rate);
    let value = |frame: usize, hz: f64| ((step * hz * frame as f64).sin() * AMPLITUDE * 32_767.0) as i16;
    (0..frames).flat_map(|frame| [value(frame, LEFT_HZ), value(frame, RIGHT_HZ)]).collect()
}

/// The usual sound as a WAV file of 16 bits.
pub fn wav(rate: u32, frames: usize) -> Vec<u8> {
    let data: Vec<u8> = samples(rate, frames).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    riff(&[(b"fmt ", &fmt(1, 2, rate, 16)), (b"data", &data)])
}

/// The chunk `fmt ` of a WAV file.
pub fn fmt(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let mut fmt = [tag, channels].map(u16::to_le_bytes).concat();
    fmt.extend([rate, rate * u32::from(block)].map(u32::to_le_bytes).concat());
    fmt.extend([block, bits].map(u16::to_le_bytes).concat());
    fmt
}

/// A RIFF file of these chunks.
pub fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let body = chunks.iter().map(|(name, bytes)| chunk(name, bytes)).collect::<Vec<_>>().concat();
    let size = (body.len() as u32 + 4).to_le_bytes();
    [b"RIFF", &size[..], b"WAVE", &body].concat()
}

/// A chunk with its size, padded to an even one.
pub fn chunk(name: &[u8; 4], bytes: &[u8]) -> Vec<u8> {
    let padding: &[u8] = if bytes.len().is_multiple_of(2) { &[] } else { &[0] };
    [name, &(bytes.len() as u32).to_le_bytes()[..], bytes, padding].concat()
}

/// The place of `what` in `bytes`.
pub fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("it is there")
}
