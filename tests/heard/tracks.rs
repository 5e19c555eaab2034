//! Tracks to be heard: what they are made of, how they begin and how they end. All of them are smooth, so
//! that what clicks is not theirs.

use std::collections::HashMap;
use std::f64::consts::{PI, TAU};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;
use longwave::{Heard, HeardTracks, PcmSpec, TrackHeard, TrackKind, TrackListener};
use longwave_testing::sound::wav;

/// A made track.
#[derive(Clone, Debug)]
pub struct Track {
    pub path: PathBuf,
    pub kind: TrackKind,
    pub what: String,
    pub pcm: Vec<f32>,
    pub heard: Heard,
}

impl Track {
    /// Writes mono as a file in this shape, and listens to it.
    pub fn new(path: PathBuf, spec: PcmSpec, kind: TrackKind, what: String, mono: &[f32]) -> Track {
        let pcm: Vec<f32> = mono.iter().flat_map(|sample| vec![*sample; spec.channels.count()]).collect();
        wav(&path, spec, &pcm);
        let mut listener = TrackListener::new(spec);
        listener.push(&pcm);
        Track { path, kind, what, pcm, heard: listener.finish().heard }
    }
}

/// Tells a pipeline what was heard of these tracks.
pub fn told(tracks: &[Track]) -> HeardTracks {
    let known: HashMap<PathBuf, Heard> =
        tracks.iter().map(|track| (track.path.clone(), track.heard)).collect();
    let known = Arc::new(known);
    HeardTracks::new(move |path: &Path| {
        known.get(path).map(|heard| TrackHeard { measured: *heard, ..TrackHeard::default() })
    })
}

/// What a track is made of.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    Noise,
    Tones,
    /// Syllables with pauses.
    Speech,
    /// Chords with a beat.
    Music,
}

pub const BODIES: [Body; 4] = [Body::Noise, Body::Tones, Body::Speech, Body::Music];

/// So many seconds of it at this rate, within ±1 or a little more; nothing above `rate / 20` Hz in it.
pub fn body(body: Body, rate: u32, seconds: f64, random: &mut Rng) -> Vec<f32> {
    let frames = (seconds * f64::from(rate)) as usize;
    let time = |frame: usize| frame as f64 / f64::from(rate);
    let base = f64::from(rate) / 80.0 * (0.6 + 0.4 * random.f64());
    let chord = move |t: f64| {
        [1.0, 1.25, 1.5, 2.0]
            .iter()
            .enumerate()
            .map(|(n, of)| (TAU * base * of * t + n as f64).sin())
            .sum::<f64>()
            / 4.0
    };
    match body {
        Body::Noise => smooth_noise(rate, frames, random),
        Body::Tones => (0..frames).map(|frame| chord(time(frame)) as f32).collect(),
        Body::Speech => {
            let mut pcm = vec![0.0; frames];
            let mut at = 0;
            while at < frames {
                let syllable = ((0.12 + 0.3 * random.f64()) * f64::from(rate)) as usize;
                let length = syllable.min(frames - at);
                let loud = 0.4 + 0.6 * random.f64();
                for n in 0..length {
                    let swell = (PI * n as f64 / length as f64).sin().powi(2);
                    pcm[at + n] = (loud * swell * chord(time(at + n))) as f32;
                }
                at += length + ((0.03 + 0.2 * random.f64()) * f64::from(rate)) as usize;
            }
            pcm
        }
        Body::Music => {
            let noise = smooth_noise(rate, frames, random);
            let beat = 0.3 + 0.3 * random.f64();
            let sample = |(frame, noise): (usize, &f32)| {
                let phase = time(frame) / beat % 1.0;
                let stroke = (-6.0 * phase).exp() * (phase * 40.0).min(1.0) * (1.0 - phase);
                (0.6 * chord(time(frame)) + 0.5 * f64::from(*noise) * stroke) as f32
            };
            noise.iter().enumerate().map(sample).collect()
        }
    }
}

/// Noise without high tones.
fn smooth_noise(rate: u32, frames: usize, random: &mut Rng) -> Vec<f32> {
    let partials: Vec<(f64, f64)> =
        (0..40).map(|_| (f64::from(rate) * (0.005 + 0.04 * random.f64()), TAU * random.f64())).collect();
    let sample = |frame: usize| {
        let t = frame as f64 / f64::from(rate);
        partials.iter().map(|(hz, phase)| (TAU * hz * t + phase).sin()).sum::<f64>() / 16.0
    };
    (0..frames).map(|frame| sample(frame) as f32).collect()
}

/// Rises within these first frames.
pub fn fade_in(pcm: &mut [f32], frames: usize) {
    for (n, sample) in pcm.iter_mut().take(frames).enumerate() {
        *sample *= (0.5 - 0.5 * (PI * n as f64 / frames as f64).cos()) as f32;
    }
}

/// Falls within these last frames.
pub fn fade_out(pcm: &mut [f32], frames: usize) {
    pcm.reverse();
    fade_in(pcm, frames);
    pcm.reverse();
}

/// Decays over these last frames, by 60 dB.
pub fn decay(pcm: &mut [f32], frames: usize) {
    let begin = pcm.len().saturating_sub(frames);
    for (n, sample) in pcm[begin..].iter_mut().enumerate() {
        *sample *= 10_f32.powf(-3.0 * n as f32 / frames as f32);
    }
}
