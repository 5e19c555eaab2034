//! Listens to a track: from its PCM to what is known of how it sounds. No thread of its own: whoever calls it
//! gives it one that has time.

mod file;
mod waveform;

use ebur128::{Channel, EbuR128, Mode};

pub use self::file::listen;
pub use self::waveform::Waveform;
use crate::audio::{Channels, PcmSpec};
use crate::playout::{CuePoints, Heard, SLICE, cue_points, measure};
use crate::units::FrameCount;

/// All that is found out of a track by listening to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listened {
    /// Levels and cue points, all but what the track is too short or too silent for.
    pub heard: Heard,
    /// A picture of it.
    pub waveform: Waveform,
}

/// Listens to PCM as it is decoded. Used by one thread at a time.
pub struct TrackListener {
    spec: PcmSpec,
    meter: EbuR128,
    /// The slice that is being filled.
    slice: Vec<f32>,
    /// The frames of a whole slice.
    slice_frames: usize,
    /// The loudness of each slice, in LUFS.
    levels: Vec<f32>,
    /// The highest sample of each slice.
    peaks: Vec<f32>,
    frames: u64,
}

impl TrackListener {
    /// Listens to PCM of this shape: any rate, mono or stereo.
    pub fn new(spec: PcmSpec) -> TrackListener {
        let modes = Mode::I | Mode::LRA | Mode::TRUE_PEAK;
        let mut meter = EbuR128::new(spec.channels.count() as u32, spec.rate.hz(), modes)
            .expect("ebur128 takes every rate that a pipeline takes");
        if spec.channels == Channels::Mono {
            meter.set_channel(0, Channel::DualMono).expect("mono has one channel");
        }
        let slice_frames = spec.rate.frames_in(SLICE).0 as usize;
        TrackListener {
            spec,
            meter,
            slice: Vec::with_capacity(slice_frames * spec.channels.count()),
            slice_frames,
            levels: Vec::new(),
            peaks: Vec::new(),
            frames: 0,
        }
    }

    /// Listens to the next frames, interleaved, however many. What is not a finite number is silence.
    pub fn push(&mut self, mut pcm: &[f32]) {
        let whole = self.slice_frames * self.spec.channels.count();
        self.frames += (pcm.len() / self.spec.channels.count()) as u64;
        while !pcm.is_empty() {
            let (part, rest) = pcm.split_at((whole - self.slice.len()).min(pcm.len()));
            self.slice.extend(part.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }));
            pcm = rest;
            if self.slice.len() == whole {
                self.take_slice();
            }
        }
    }

    /// What was heard.
    pub fn finish(mut self) -> Listened {
        let duration = self.spec.rate.duration_of(FrameCount(self.frames));
        if !self.slice.is_empty() {
            self.slice.resize(self.slice_frames * self.spec.channels.count(), 0.0);
            self.take_slice();
        }
        let finite = |value: Result<f64, ebur128::Error>| value.ok().filter(|value| value.is_finite());
        let loudness = finite(self.meter.loudness_global()).map(|lufs| lufs as f32);
        let points = loudness.and_then(|loudness| cue_points(&self.levels, loudness));
        // A slice may go beyond the end.
        let cue =
            |point: fn(CuePoints) -> std::time::Duration| points.map(|points| point(points).min(duration));
        let peak = (0..self.spec.channels.count() as u32)
            .filter_map(|channel| finite(self.meter.true_peak(channel)))
            .fold(0.0, f64::max);
        Listened {
            heard: Heard {
                loudness_lufs: loudness,
                range_lu: loudness.and(finite(self.meter.loudness_range())).map(|range| range as f32),
                true_peak_dbtp: (peak > 0.0).then(|| (20.0 * peak.log10()) as f32),
                cue_in: cue(|points| points.cue_in),
                cue_out: cue(|points| points.cue_out),
                start_next: cue(|points| points.start_next),
                duration: Some(duration),
            },
            waveform: Waveform::of(&self.peaks),
        }
    }

    fn take_slice(&mut self) {
        self.meter.add_frames_f32(&self.slice).expect("whole frames, and a meter that has its modes");
        let level = self.meter.loudness_window(SLICE.as_millis() as u32).unwrap_or(f64::NEG_INFINITY);
        self.levels.push(level as f32);
        let [left, right] = measure(&self.slice, self.spec.channels).peak;
        self.peaks.push(left.max(right));
        self.slice.clear();
    }
}

impl std::fmt::Debug for TrackListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackListener")
            .field("spec", &self.spec)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
