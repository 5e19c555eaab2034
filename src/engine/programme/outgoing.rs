//! The tracks that fade out.

use std::sync::Arc;

use super::super::voice::{CUT, Scratch, Voice};
use super::News;
use super::track::Track;
use crate::event::{Event, TrackInfo};
use crate::playout::{Curve, GainRamp, TrackKind};
use crate::ring::Ending;
use crate::units::{FrameCount, SampleRate};

/// The most tracks that fade out at once. With the current one, four sound. Each has a decoder and its
/// memory, and a fade may take minutes: a skip is pressed more often. One more cuts the quietest of them
/// short.
const MOST_FADING: usize = 3;

/// The tracks that fade out: [`MOST_FADING`], and those that end within [`CUT`].
#[derive(Default)]
pub(super) struct Outgoing {
    tracks: Vec<Fading>,
}

struct Fading {
    voice: Voice,
    info: Arc<TrackInfo>,
}

impl Outgoing {
    /// Lets a track sound until the fade that it has begun is over.
    pub fn add(&mut self, track: Track, rate: SampleRate) {
        self.tracks.push(Fading { voice: track.voice, info: track.info });
        self.cut_quietest(rate.frames_in(CUT));
    }

    /// If too many tracks fade out, cuts those short that are heard least.
    fn cut_quietest(&mut self, cut: FrameCount) {
        loop {
            let mut fading: Vec<&mut GainRamp> =
                self.tracks.iter_mut().map(|track| &mut track.voice.gain.fade).collect();
            fading.retain(|fade| fade.left() > cut);
            if fading.len() <= MOST_FADING {
                return;
            }
            let quietest = fading.into_iter().min_by(|one, other| one.gain().total_cmp(&other.gain()));
            quietest.expect("more than MOST_FADING fade").ramp_to(0.0, cut, Curve::Smooth);
        }
    }

    /// Lets all of them end within so many frames: what comes has its moment.
    pub fn end_within(&mut self, frames: FrameCount) {
        for track in &mut self.tracks {
            if track.voice.gain.fade.left() > frames {
                track.voice.gain.fade.ramp_to(0.0, frames, Curve::Smooth);
            }
        }
    }

    /// Whether a track still sounds over which nothing may sound, or over which a track of this kind may not.
    pub fn keeps_waiting(&self, next: TrackKind) -> bool {
        let alone = next.is_alone();
        self.tracks.iter().any(|track| alone || track.info.kind.is_alone())
    }

    /// The fades, each with the frames that are left of it.
    pub fn left(&self) -> impl Iterator<Item = FrameCount> {
        self.tracks.iter().map(|track| track.voice.gain.fade.left())
    }

    /// Adds the next frames of all of them to `out`.
    pub fn mix(&mut self, out: &mut [f32], scratch: &mut Scratch) {
        for track in &mut self.tracks {
            track.voice.mix(out, scratch);
        }
    }

    /// Lets go those of which nothing more is heard.
    pub fn let_go(&mut self, news: &mut Vec<News>) {
        self.tracks.retain_mut(|track| {
            let ended = track.voice.ending().is_some();
            if ended {
                news.extend(broke_off(&mut track.voice, &track.info));
            }
            !ended && track.voice.gain.fade.settled() != Some(0.0)
        });
    }

    /// Whether none fades out.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Lets all of them go at once.
    pub fn clear(&mut self) {
        self.tracks.clear();
    }
}

/// What is told of a track that has ended before its time.
pub(super) fn broke_off(voice: &mut Voice, info: &TrackInfo) -> Option<News> {
    let Some(Ending::Broken(reason)) = voice.ending() else { return None };
    let reason = format!("broke off: {reason}");
    Some(News::Event(Event::TrackFailed { file: info.file.clone(), reason }))
}
