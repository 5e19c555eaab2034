use std::ops::ControlFlow;
use std::time::Duration;

use longwave_testing::sound::{self, Shape, noise, sine};

use super::*;
use crate::error::Error;
use crate::units::SampleRate;

fn spec(hz: u32, channels: Channels) -> PcmSpec {
    PcmSpec { rate: SampleRate::new(hz).unwrap(), channels }
}

fn shape(spec: PcmSpec) -> Shape {
    Shape { hz: spec.rate.hz(), channels: spec.channels.count() }
}

fn heard(spec: PcmSpec, pcm: &[f32]) -> Heard {
    let mut listener = TrackListener::new(spec);
    listener.push(pcm);
    listener.finish().heard
}

/// A tone of 1 kHz at so many decibels below full scale has as many LUFS on two loudspeakers.
#[test]
fn a_tone_is_as_loud_as_ebu_says_at_every_rate_and_in_mono_too() {
    for hz in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000] {
        for channels in [Channels::Mono, Channels::Stereo] {
            let spec = spec(hz, channels);
            let tone = sine(shape(spec), 997.0, 10_f64.powf(-23.0 / 20.0), hz as usize * 5);
            let heard = heard(spec, &tone);
            let loudness = heard.loudness_lufs.unwrap();
            assert!((loudness + 23.0).abs() < 0.1, "{loudness} LUFS at {hz} Hz {channels:?}");
            assert!((heard.true_peak_dbtp.unwrap() + 23.0).abs() < 0.3, "{heard:?}");
            assert!(heard.range_lu.unwrap() < 0.1, "{heard:?}");
            assert_eq!(heard.duration, Some(Duration::from_secs(5)));
            assert_eq!((heard.cue_in, heard.cue_out), (Some(Duration::ZERO), heard.duration));
            assert_eq!(heard.start_next, heard.cue_out);
        }
    }
}

/// Between its samples, this tone is 3 dB higher.
#[test]
fn peaks_between_samples_count() {
    let spec = spec(48_000, Channels::Mono);
    let tone: Vec<f32> = (0..48_000).map(|n| 0.5 * [1.0, 1.0, -1.0, -1.0][n % 4]).collect();
    let peak = heard(spec, &tone).true_peak_dbtp.unwrap();
    assert!((peak + 3.0).abs() < 0.3, "{peak} dBTP");
}

#[test]
fn how_the_frames_are_cut_changes_nothing() {
    let seed = longwave_testing::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let spec = spec(44_100, Channels::Stereo);
    let pcm = noise(shape(spec), 3, 0.3, 150_001);
    let mut listener = TrackListener::new(spec);
    listener.push(&pcm);
    let whole = listener.finish();
    let (mut listener, mut rest) = (TrackListener::new(spec), &pcm[..]);
    while !rest.is_empty() {
        let frames = random.usize(1..5000).min(rest.len() / 2);
        listener.push(rest.split_off(..frames * 2).unwrap());
    }
    assert_eq!(listener.finish(), whole);
}

#[test]
fn silence_before_and_behind_is_found() {
    let spec = spec(44_100, Channels::Stereo);
    let silence = |seconds: f64| vec![0.0; (seconds * 44_100.0) as usize * 2];
    let pcm = [silence(1.5), noise(shape(spec), 1, 0.2, 10 * 44_100), silence(3.0)].concat();
    let heard = heard(spec, &pcm);
    let cue_in = heard.cue_in.unwrap().as_secs_f64();
    let cue_out = heard.cue_out.unwrap().as_secs_f64();
    assert!((1.46..=1.5).contains(&cue_in) && (11.5..=11.54).contains(&cue_out), "{heard:?}");
    assert_eq!(heard.start_next, heard.cue_out);
}

#[test]
fn what_is_silent_or_short_has_no_loudness_and_no_cue_points() {
    let spec = spec(44_100, Channels::Stereo);
    for pcm in [vec![], vec![0.0; 200_000], vec![f32::NAN; 200_000], vec![0.5; 2], vec![0.5; 20_000]] {
        let mut listener = TrackListener::new(spec);
        listener.push(&pcm);
        let Listened { heard, waveform } = listener.finish();
        let nothing =
            Heard { true_peak_dbtp: heard.true_peak_dbtp, duration: heard.duration, ..Heard::default() };
        assert_eq!(heard, nothing);
        assert_eq!(heard.duration, Some(spec.rate.duration_of(FrameCount(pcm.len() as u64 / 2))));
        assert_eq!(waveform.peaks().len(), Waveform::PEAKS);
    }
}

#[test]
fn a_file_is_heard_to_its_end_or_as_long_as_somebody_wants() {
    let dir = tempfile::tempdir().unwrap();
    for channels in [1, 2, 6] {
        let shape = Shape { hz: 32_000, channels };
        let file = sound::wav(&dir.path().join("Jóga.wav"), shape, &noise(shape, 5, 0.25, 32_000 * 4));
        let mut times = Vec::new();
        let listened = listen(&file, |time| {
            times.push(time.as_secs());
            ControlFlow::Continue(())
        });
        let listened = listened.unwrap().unwrap();
        assert_eq!(times, [1, 2, 3]);
        assert_eq!(listened.heard.duration, Some(Duration::from_secs(4)), "{channels} channels");
        assert!(listened.heard.loudness_lufs.is_some());
        assert_eq!(listen(&file, |_| ControlFlow::Break(())).unwrap(), None);
    }
    let bad = dir.path().join("bad.wav");
    std::fs::write(&bad, "not audio").unwrap();
    for path in [bad, dir.path().join("none.wav")] {
        let refused = listen(&path, |_| ControlFlow::Continue(()));
        assert!(matches!(refused, Err(Error::File { path: of, .. }) if of == path));
    }
}
