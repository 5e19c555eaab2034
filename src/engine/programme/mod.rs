//! The programme: which track sounds, which follows, and how the two meet. Lives on the mixer's
//! thread; the next track is picked, opened and decoded ahead by a `decode` thread.
//!
//! Within a block the programme goes from turn to turn: a turn is a frame at which something
//! changes (a track starts, begins, ends). Between two turns there is only mixing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{RecvTimeoutError, TryRecvError};

use super::decode::Ending;
use super::picker::{Among, Pick, Picked, Picker, Picking};
use super::voice::{Mixed, Scratch, Voice};
use crate::audio::PcmSpec;
use crate::event::{Event, TrackInfo};
use crate::playout::{Curve, Expected, GainRamp, crossing, overlap};
use crate::units::{FrameCount, FramePos};

/// A fade so short that it is heard as a cut, but without a click.
pub(crate) const CUT: Duration = Duration::from_millis(10);

/// How long nothing is tried when everything up next has failed.
const RETRY_FIRST: Duration = Duration::from_secs(2);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// After so many stretches (blocks, mostly) without anything a decoder counts as stuck.
const STUCK_STRETCHES: u32 = 40;

/// How tracks meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transitions {
    pub crossfade: Duration,
    pub fade_in: Duration,
    pub fade_out: Duration,
}

/// What the programme has to tell, in order.
#[derive(Debug)]
pub(crate) enum News {
    /// The track begins at this sample: its title holds from here.
    Begins(Arc<TrackInfo>, FramePos),
    Event(Event),
}

/// What sounds, what fades, and what comes next.
pub(crate) struct Programme {
    spec: PcmSpec,
    transitions: Transitions,
    picker: Picker,
    current: Option<Track>,
    outgoing: Vec<Voice>,
    next: Next,
    /// The current track is to give way as soon as the next is there, with a crossfade of this length.
    cut: Option<FrameCount>,
    /// The gain of the programme as a whole: what hold and resume move.
    bus: GainRamp,
    holding: bool,
    /// Whether it has been said that there is nothing to play.
    silent: bool,
    /// The version of the list that was of no use, as long as the fallback stands in for it.
    fallen_back: Option<u64>,
    retry: Duration,
    /// The next frame to be mixed.
    here: FramePos,
    mix: Vec<f32>,
    news: Vec<News>,
}

/// A track on the air.
struct Track {
    info: Arc<TrackInfo>,
    voice: Voice,
    /// Frames until its gain passes that of the one before. `None`: it has begun.
    begins_in: Option<u64>,
    /// What is to be told of its playlist when it begins.
    playlist: Option<(String, usize)>,
    fading_out: bool,
    /// Where it goes on as soon as it has faded: a seek must not click.
    seeks_to: Option<FrameCount>,
    fallback: bool,
    /// The version of the list of which it was the next.
    version: u64,
}

impl Track {
    /// Whether all of it has been heard.
    fn has_ended(&self) -> bool {
        self.voice.ending().is_some()
    }
}

enum Next {
    /// Nothing is up next, as of this version of the list; it may be tried again.
    Nothing { version: u64, retry_at: Option<FramePos> },
    /// A decode thread is at it.
    Picking(Picking),
    /// Opened and decoded ahead.
    Ready(Box<Picked>),
}

impl Programme {
    pub fn new(spec: PcmSpec, transitions: Transitions, picker: Picker) -> Programme {
        let next = Next::Picking(picker.pick(Among::List, transitions.crossfade));
        Programme {
            spec,
            transitions,
            picker,
            current: None,
            outgoing: Vec::new(),
            next,
            cut: None,
            bus: GainRamp::constant(1.0),
            holding: false,
            silent: false,
            fallen_back: None,
            retry: RETRY_FIRST,
            here: FramePos(0),
            mix: Vec::new(),
            news: Vec::new(),
        }
    }

    /// The track on the air, and how far it has been played.
    pub fn current(&self) -> Option<(&Arc<TrackInfo>, FrameCount)> {
        self.current.as_ref().map(|track| (&track.info, track.voice.position()))
    }

    /// How many tracks have begun to sound.
    pub fn begun(&self) -> u64 {
        self.picker.begun.load(Ordering::Relaxed)
    }

    /// How much of the current track is to come, as well as it is known.
    pub fn remaining(&self) -> Option<FrameCount> {
        let track = self.current.as_ref()?;
        track.voice.remaining().or_else(|| {
            let duration = track.info.duration?;
            Some(FrameCount(duration.0.saturating_sub(track.voice.position().0)))
        })
    }

    /// What there is to be heard of it.
    pub fn expected(&self) -> Expected {
        match &self.current {
            _ if self.holding => Expected::Held,
            Some(track) if track.voice.starved() > STUCK_STRETCHES => Expected::Stuck,
            Some(_) => Expected::Sound,
            None if self.silent => Expected::NothingUpNext,
            // A decoder is at work on the next track.
            None => Expected::Stuck,
        }
    }

    /// Whether it is held.
    pub fn held(&self) -> bool {
        self.holding
    }

    /// Whether there is nothing to play, or nothing that can be played.
    pub fn nothing_to_play(&self) -> bool {
        self.silent
    }

    /// How tracks meet from now on.
    pub fn set_transitions(&mut self, transitions: Transitions) {
        self.transitions = transitions;
    }

    /// What there is to tell since the last call.
    pub fn news(&mut self) -> std::vec::Drain<'_, News> {
        self.news.drain(..)
    }

    /// The current track gives way to the next, by a crossfade of this length.
    pub fn skip(&mut self, crossfade: Duration) {
        self.cut = Some(self.frames(crossfade.max(CUT)));
    }

    /// The current track gives way to what has been up next since `version` of the list. The one before may
    /// have come to its end since then: what followed is not skipped.
    pub fn skip_to(&mut self, version: u64, crossfade: Duration) {
        if !self.current.as_ref().is_some_and(|track| !track.fallback && track.version >= version) {
            self.skip(crossfade);
        }
    }

    /// What should be played gives nothing to hear: whatever is next takes its place at once, and if
    /// it is the next that does not come, the one after it.
    pub fn skip_stuck(&mut self) {
        self.skip(Duration::ZERO);
        if let Next::Picking(picking) = &self.next
            && let Some((id, file)) = picking.opening()
        {
            self.picker.give_up(id, file);
            self.pick();
        }
    }

    /// The current track stops, by a fade of this length; the next follows unless it is held.
    pub fn stop_current(&mut self, fade: Duration) {
        let fade = self.frames(fade.max(CUT));
        self.retire(fade, Curve::Smooth);
    }

    /// The current track goes on at `to`.
    pub fn seek(&mut self, to: FrameCount) {
        let silent = self.is_silenced();
        if let Some(track) = &mut self.current {
            let fade = if silent { FrameCount(0) } else { self.spec.rate.frames_in(CUT) };
            track.seeks_to = Some(to);
            track.voice.fade(0.0, fade, Curve::Smooth);
            if silent {
                self.arrive();
            }
        }
    }

    /// A seek that has faded goes on where it was to go.
    fn arrive(&mut self) {
        if let Some(track) = &mut self.current
            && let Some(to) = track.seeks_to
            && (track.voice.gain.fade.left() == FrameCount(0) || track.has_ended())
        {
            track.seeks_to = None;
            track.fading_out = false;
            track.voice.seek(to);
            track.voice.fade(1.0, self.spec.rate.frames_in(CUT), Curve::Smooth);
        }
    }

    /// Whether it is held, and has faded.
    fn is_silenced(&self) -> bool {
        self.holding && self.bus.settled() == Some(0.0)
    }

    /// What should be played gives nothing to hear: the fallback takes its place, if there is one,
    /// until what is up next changes, and at least for one track.
    pub fn fall_back(&mut self) -> bool {
        if !self.picker.has_fallback() {
            return false;
        }
        self.fallen_back = Some(self.picker.version());
        self.next = Next::Picking(self.picker.pick(Among::Fallback, self.transitions.crossfade));
        self.cut = Some(self.frames(CUT));
        true
    }

    /// Whether the fallback is on the air.
    pub fn fell_back(&self) -> bool {
        self.current.as_ref().is_some_and(|track| track.fallback)
    }

    /// Fades out and waits where it is.
    pub fn hold(&mut self, fade: Duration) {
        self.holding = true;
        self.bus.turn_to(0.0, self.frames(fade.max(CUT)), Curve::Smooth);
    }

    /// Goes on where it waits, and fades in.
    pub fn resume(&mut self, fade: Duration) {
        self.holding = false;
        self.bus.turn_to(1.0, self.frames(fade.max(CUT)), Curve::Smooth);
    }

    /// To be called when the list of what is up next may have changed, and now and then: gives up
    /// a next track that is no longer the next.
    pub fn look_at_list(&mut self, at: FramePos) {
        let version = self.picker.version();
        let stale = match &self.next {
            Next::Ready(picked) => {
                picked.version != version && (picked.fallback || !self.picker.is_next(picked.id))
            }
            Next::Nothing { version: seen, retry_at } => {
                *seen != version || retry_at.is_some_and(|retry_at| retry_at <= at)
            }
            // What is no longer next is not waited for: it may be on a disk that never answers.
            Next::Picking(picking) => {
                picking.version != version
                    && picking.opening().is_some_and(|(id, _)| !self.picker.is_next(id))
            }
        };
        if stale {
            self.pick();
            return;
        }
        match &mut self.next {
            Next::Ready(picked) => picked.version = version,
            Next::Picking(picking) => picking.version = version,
            Next::Nothing { .. } => {}
        }
    }

    /// Adds its next frames to `out`, the first of which lies at `at`.
    pub fn mix(&mut self, at: FramePos, out: &mut [f32], scratch: &mut Scratch) {
        let channels = self.spec.channels.count();
        let mut mix = std::mem::take(&mut self.mix);
        mix.clear();
        mix.resize(out.len(), 0.0);
        let mut done = 0;
        while done < out.len() {
            if self.is_silenced() {
                self.outgoing.clear();
                if self.cut.take().is_some() {
                    self.leave();
                }
                break;
            }
            self.here = at + FrameCount((done / channels) as u64);
            self.turn(self.here, scratch.patience());
            let frames = self.until_turn((out.len() - done) / channels);
            let mixed = self.mix_voices(&mut mix[done..done + frames * channels], scratch) * channels;
            let part = done..done + mixed;
            scratch.add_with_ramp(&mut out[part.clone()], &mix[part.clone()], &mut self.bus);
            done = part.end;
        }
        self.here = at + FrameCount((out.len() / channels) as u64);
        self.mix = mix;
    }

    /// Everything that is due at this very frame.
    fn turn(&mut self, at: FramePos, patience: Option<Duration>) {
        self.outgoing.retain(|voice| voice.gain.fade.settled() != Some(0.0));
        self.receive_pick(at, patience);
        if self.current.as_ref().is_some_and(|track| track.begins_in == Some(0)) {
            self.begin(at);
        }
        self.arrive();
        if self.current.as_ref().is_some_and(Track::has_ended) {
            self.end();
        }
        if let Some(fade) = self.due_start() {
            self.start(at, fade);
        } else {
            self.fade_out_if_last();
        }
        if self.current.is_none()
            && matches!(self.next, Next::Nothing { .. })
            && !std::mem::replace(&mut self.silent, true)
        {
            self.news.push(News::Event(Event::NothingToPlay));
        }
    }

    /// Whether the next track is to start at this frame, and with how long a crossfade.
    fn due_start(&mut self) -> Option<FrameCount> {
        let Next::Ready(next) = &self.next else {
            // Nothing follows: a skip lets the current track fade.
            if let (Next::Nothing { .. }, Some(fade)) = (&self.next, self.cut) {
                self.cut = None;
                self.retire(fade, Curve::Smooth);
            }
            return None;
        };
        let Some(track) = &self.current else { return Some(FrameCount(0)) };
        let remaining = track.voice.remaining();
        if let Some(cut) = self.cut {
            let cut = overlap(cut, None, next.info.duration);
            return Some(FrameCount(cut.0.min(remaining.map_or(u64::MAX, |left| left.0))));
        }
        if track.seeks_to.is_some() {
            return None;
        }
        if track.fallback && !next.fallback && self.fallen_back != Some(next.version) {
            // What the fallback stood in for is there again.
            return Some(self.frames(self.transitions.crossfade.max(CUT)));
        }
        let overlap = self.overlap(track, next.info.duration);
        match (remaining, track.info.duration) {
            (Some(left), _) if left <= overlap => Some(left),
            (Some(_), _) => None,
            // The decoder has not seen the end yet: what the file declares is all there is to go by.
            (None, Some(duration)) if overlap.0 > 0 && track.voice.position().0 + overlap.0 >= duration.0 => {
                Some(overlap)
            }
            (None, _) => None,
        }
    }

    fn overlap(&self, track: &Track, next: Option<FrameCount>) -> FrameCount {
        overlap(self.frames(self.transitions.crossfade), track.info.duration, next)
    }

    /// The next track becomes the current one; the old one fades under it.
    fn start(&mut self, at: FramePos, fade: FrameCount) {
        let Next::Ready(picked) =
            std::mem::replace(&mut self.next, Next::Nothing { version: 0, retry_at: None })
        else {
            return;
        };
        self.cut = None;
        self.silent = false;
        self.retry = RETRY_FIRST;
        let playlist = self.picker.begin(&picked);
        if !picked.fallback {
            self.fallen_back = None;
        }
        let mut voice = Voice::new(picked.feed, picked.level);
        let old_fade = self.retire(fade, Curve::EqualPower);
        let rise = if fade.0 > 0 { fade } else { self.frames(self.transitions.fade_in) };
        let mut begins_in = 0;
        if rise.0 > 0 {
            voice.gain.fade = GainRamp::new(0.0, 1.0, rise, Curve::EqualPower);
        }
        if let Some(old_fade) = old_fade {
            begins_in = crossing(&old_fade, &voice.gain.fade).0;
        }
        self.current = Some(Track {
            info: picked.info,
            voice,
            begins_in: Some(begins_in),
            playlist,
            fading_out: false,
            seeks_to: None,
            fallback: picked.fallback,
            version: picked.version,
        });
        self.pick();
        if begins_in == 0 {
            self.begin(at);
        }
    }

    /// The current track begins: it is heard, named and told of.
    fn begin(&mut self, at: FramePos) {
        let Some(track) = &mut self.current else { return };
        track.begins_in = None;
        self.news.push(News::Begins(track.info.clone(), at));
        if let Some((name, length)) = track.playlist.take() {
            self.news.push(News::Event(Event::PlaylistChange { name, length }));
        }
    }

    /// The current track, if there is one, is on its way out. Its fade, if it has one.
    fn retire(&mut self, fade: FrameCount, curve: Curve) -> Option<GainRamp> {
        let mut track = self.leave()?;
        if fade.0 == 0 {
            return None;
        }
        track.voice.fade(0.0, fade, curve);
        let ramp = track.voice.gain.fade.clone();
        self.outgoing.push(track.voice);
        Some(ramp)
    }

    /// The current track is no longer current. What has been heard of it has begun, however short it was.
    fn leave(&mut self) -> Option<Track> {
        if self.current.as_ref()?.begins_in.is_some() {
            self.begin(self.here);
        }
        self.current.take()
    }

    /// The current track has come to its end, good or bad.
    fn end(&mut self) {
        let Some(track) = self.leave() else { return };
        if let Some(Ending::Broken(reason)) = track.voice.ending() {
            let file = track.info.file.clone();
            self.news.push(News::Event(Event::TrackFailed { file, reason: format!("broke off: {reason}") }));
        }
    }

    /// Where tracks do not overlap, `fade_out` lets them fade before their end.
    fn fade_out_if_last(&mut self) {
        let fade_out = self.frames(self.transitions.fade_out);
        let alone = self.transitions.crossfade.is_zero() || matches!(self.next, Next::Nothing { .. });
        let left = self.remaining();
        if let (Some(track), Some(left)) = (&mut self.current, left)
            && alone
            && track.seeks_to.is_none()
            && left <= fade_out
            && left.0 > 0
            && !std::mem::replace(&mut track.fading_out, true)
        {
            track.voice.fade(0.0, left, Curve::Smooth);
        }
    }

    /// Frames until something changes, `most` at most, and at least one.
    fn until_turn(&self, most: usize) -> usize {
        let mut frames = most as u64;
        let mut turn_in = |left: u64| {
            if left > 0 {
                frames = frames.min(left);
            }
        };
        if let Some(track) = &self.current {
            turn_in(track.begins_in.unwrap_or(0));
            if track.seeks_to.is_some() {
                turn_in(track.voice.gain.fade.left().0);
            }
            if let Some(left) = self.remaining() {
                let next = match &self.next {
                    Next::Ready(next) => next.info.duration,
                    _ => None,
                };
                turn_in(left.0);
                turn_in(left.0.saturating_sub(self.overlap(track, next).0));
                turn_in(left.0.saturating_sub(self.frames(self.transitions.fade_out).0));
            }
        }
        for voice in &self.outgoing {
            turn_in(voice.gain.fade.left().0);
        }
        turn_in(self.bus.left().0);
        frames as usize
    }

    /// Mixes all that sounds into `out`, and says how many frames of it: fewer where the current
    /// track ends sooner than was known, so that what follows joins right there.
    fn mix_voices(&mut self, out: &mut [f32], scratch: &mut Scratch) -> usize {
        let channels = self.spec.channels.count();
        let mut frames = out.len() / channels;
        if let Some(track) = &mut self.current {
            if let Mixed::Ended(short) = track.voice.mix(out, scratch) {
                frames = short;
            }
            if let Some(begins_in) = &mut track.begins_in {
                *begins_in = begins_in.saturating_sub(frames as u64);
            }
        }
        self.outgoing.retain_mut(|voice| voice.mix(&mut out[..frames * channels], scratch) == Mixed::On);
        frames
    }

    fn pick(&mut self) {
        let among = if self.fallen_back.is_some() { Among::ListThenFallback } else { Among::List };
        self.next = Next::Picking(self.picker.pick(among, self.transitions.crossfade));
    }

    fn receive_pick(&mut self, at: FramePos, patience: Option<Duration>) {
        // Again and again, for the list may have changed since the pick was made.
        while let Next::Picking(picking) = &self.next {
            let pick = match patience {
                None => picking.answer.try_recv().map_err(|error| error == TryRecvError::Empty),
                Some(patience) => {
                    let answer = picking.answer.recv_timeout(patience);
                    answer.map_err(|error| error == RecvTimeoutError::Timeout)
                }
            };
            self.next = match pick {
                Ok(Pick::Track(picked)) => Next::Ready(picked),
                Ok(Pick::Nothing { version }) => Next::Nothing { version, retry_at: None },
                Ok(Pick::AllFailed { version }) => self.later(version, at),
                Err(true) => return,
                // There was no thread to be had: as if all had failed.
                Err(false) => self.later(self.picker.version(), at),
            };
            self.look_at_list(at);
        }
    }

    fn later(&mut self, version: u64, at: FramePos) -> Next {
        let retry_at = Some(at + self.frames(self.retry));
        self.retry = (self.retry * 2).min(RETRY_MOST);
        Next::Nothing { version, retry_at }
    }

    fn frames(&self, time: Duration) -> FrameCount {
        self.spec.rate.frames_in(time)
    }
}
