//! A station on the air beside a scan of many files: its mixer is never late. `LONGWAVE_LONG=1` makes 100,000
//! files.
#![cfg(feature = "mp3")]

use std::time::{Duration, Instant};

use longwave::{Event, PcmSpec, ScanState};
use longwave_testing::long;
use longwave_testing::sound::{sine, wav};

use crate::music::Shelf;
use crate::station::station;

#[test]
fn a_mixer_is_never_late_beside_a_scan() {
    let count = if long() { 100_000 } else { 500 };
    let shelf = Shelf::new();
    let tone = shelf.home.path().join("tone.wav");
    wav(&tone, PcmSpec::CD, &sine(PcmSpec::CD, 440.0, 0.2, 44_100 * 10));
    for n in 0..count {
        shelf.add(&format!("{}/{n}.mp3", n / 100), &format!("Artist {}", n % 2_000), &format!("Title {n}"));
    }
    let station = station(&shelf, "playlist = \"tone.wav\"\nloop = true");
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    let events = pipeline.events(1_024).unwrap();
    // A scan that takes longer is broken.
    let (begun, patience) = (Instant::now(), Duration::from_secs(if long() { 1_200 } else { 150 }));
    let result = loop {
        match library.state().unwrap().scan {
            ScanState::Ended { result, .. } => break result,
            _ => assert!(begun.elapsed() < patience, "the scan does not end"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let late = std::iter::from_fn(|| events.try_recv());
    let late: Vec<Event> = late.filter(|event| matches!(event, Event::MixerBehind { .. })).collect();
    println!("{} files in {:.1?}; the mixer was behind {} times", result.added, begun.elapsed(), late.len());
    assert_eq!(result.added, count as u64);
    assert_eq!(pipeline.audio_left_out(), Duration::ZERO);
    // A machine that runs many tests at once may be late by itself.
    assert!(late.is_empty() || !long(), "{late:?}");
}
