//! What it costs to listen to a track, beside bare decoding of the same file:
//! `cargo bench --bench listening`.
//!
//! A minute of noise and tones, as FLAC and MP3, is decoded and listened to in rounds that take turns. The
//! result is how many times faster than real time one core is.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use longwave::{PcmSpec, decode, listen};
use longwave_testing::sound::{noise, sine, wav};
use longwave_testing::tools::converted;

const ROUNDS: usize = 7;
const SECONDS: usize = 60;

fn main() {
    // `cargo test --benches` only checks that the bench compiles and starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let frames = SECONDS * 44_100;
    let tone = sine(PcmSpec::CD, 440.0, 0.3, frames);
    let pcm: Vec<f32> = noise(PcmSpec::CD, 1, 0.2, frames).iter().zip(tone).map(|(a, b)| a + b).collect();
    let original = wav(&dir.path().join("track.wav"), PcmSpec::CD, &pcm);
    println!("{:<6} {:>16} {:>16} {:>8}", "", "decoded", "listened to", "ratio");
    for extension in ["wav", "flac", "mp3"] {
        let file = match extension {
            "wav" => original.clone(),
            _ => converted(&original, &dir.path().join("track").with_extension(extension), &[], None),
        };
        let mut times = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            times[0] = times[0].min(time(|| decoded(&file)));
            times[1] = times[1].min(time(|| {
                listen(&file, |_| ControlFlow::Continue(())).expect("it can be decoded");
            }));
        }
        let [decoding, listening] = times.map(|time| SECONDS as f64 / time.as_secs_f64());
        let ratio = decoding / listening;
        println!("{extension:<6} {decoding:>9.0} × real {listening:>9.0} × real {ratio:>8.2}");
    }
}

fn decoded(file: &Path) {
    let mut read = decode(file, PcmSpec::CD).expect("it can be opened");
    let mut pcm = Vec::new();
    while read(&mut pcm).expect("it can be decoded") {
        pcm.clear();
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}
