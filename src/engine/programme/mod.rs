//! The programme: which track sounds, which follows, and how the two meet. Lives on the mixer's
//! thread; the next track is picked, opened and decoded ahead by a `decode` thread.
//!
//! Within a block the programme goes from change to change: a change is a frame at which a track starts,
//! begins or ends, or a fade is over. Between two changes there is only mixing.

mod aired;
mod bus;
mod current;
mod hold;
mod joins;
mod next;
mod outgoing;
mod track;

use std::time::{Duration, Instant};

pub(crate) use self::aired::{Aired, News};
use self::bus::Bus;
use self::current::Current;
use self::next::NextTrack;
use self::outgoing::{Outgoing, broke_off};
use self::track::Track;
use super::picker::{Picker, Reach};
use super::voice::{CUT, Gate, Scratch, Then};
use crate::audio::PcmSpec;
use crate::event::Event;
use crate::playout::{
    Appointment, Crossfade, Curve, Due, Expected, Follower, GainRamp, GiveWay, Join, Meant, Pace,
};
use crate::units::{FrameCount, FramePos};

/// After so many stretches (blocks, mostly) without anything a decoder counts as stuck.
const STUCK_STRETCHES: u32 = 40;

/// How tracks meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transitions {
    pub crossfade: Crossfade,
    pub fade_in: Duration,
    pub fade_out: Duration,
}

impl Transitions {
    /// How long before its end a track begins to fade, at most.
    fn reach(&self) -> Reach {
        Reach { fade: self.crossfade.time().max(self.fade_out), decay: self.crossfade == Crossfade::Auto }
    }
}

/// What sounds, what fades, and what comes next.
pub(crate) struct Programme {
    spec: PcmSpec,
    transitions: Transitions,
    current: Current,
    /// The track that was announced when the current one started to rise over it, and where.
    before: Option<(Aired, FramePos)>,
    outgoing: Outgoing,
    next: NextTrack,
    /// Where the current track gives way, and by how long a crossfade.
    gives_way_at: Option<(FramePos, FrameCount)>,
    /// A slot is due, which does not begin before this frame. While the programme is held nothing gives way to
    /// it.
    slot_from: Option<FramePos>,
    /// The next track was chosen for a time that is to come, and does not begin before this frame.
    next_from: Option<FramePos>,
    /// Where the track that was due is to start.
    start_at: Option<(Due, FrameCount)>,
    bus: Bus,
    /// The next frame to be mixed.
    here: FramePos,
    mix: Vec<f32>,
    news: Vec<News>,
}

impl Programme {
    pub fn new(spec: PcmSpec, transitions: Transitions, picker: Picker) -> Programme {
        Programme {
            spec,
            transitions,
            current: Current::Awaited,
            before: None,
            outgoing: Outgoing::default(),
            next: NextTrack::new(picker, transitions.reach()),
            gives_way_at: None,
            slot_from: None,
            next_from: None,
            start_at: None,
            bus: Bus::new(),
            here: FramePos(0),
            mix: Vec::new(),
            news: Vec::new(),
        }
    }

    /// The shape of its audio.
    pub fn spec(&self) -> PcmSpec {
        self.spec
    }

    /// The track on the air: the one that is announced. While the next one rises, it is still the one before.
    pub fn on_air(&self) -> Option<Aired> {
        match self.current.track() {
            Some(track) if track.begins_in().is_some() => {
                self.before.as_ref().map(|(before, since)| before.after(FrameCount(self.here.0 - since.0)))
            }
            _ => self.turn(),
        }
    }

    /// The track whose turn it is: it is no longer up next, though it may still rise.
    pub fn turn(&self) -> Option<Aired> {
        self.current.track().map(Track::aired)
    }

    /// Whether what was due is on the air now. A track that gives way is not, even if it is the same entry.
    pub fn plays(&self, due: Due) -> bool {
        let is_due = |track: &Track| track.is(due.entry) && track.turn >= due.turn && track.skipped.is_none();
        self.current.track().is_some_and(is_due)
    }

    /// How many tracks have begun to sound.
    pub fn begun(&self) -> u64 {
        self.next.begun()
    }

    /// What there is to be heard of it.
    pub fn expected(&self) -> Expected {
        match &self.current {
            _ if self.is_held() => Expected::Held,
            Current::Track(track) if track.voice.starved() > STUCK_STRETCHES => Expected::Stuck,
            Current::Track(_) => Expected::Sound,
            Current::Awaited => Expected::Stuck,
            Current::Nothing => Expected::NothingUpNext,
        }
    }

    /// Whether there is nothing to play, or nothing that can be played.
    pub fn nothing_to_play(&self) -> bool {
        matches!(self.current, Current::Nothing)
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
    fn skip(&mut self, crossfade: Duration) {
        let crossfade = self.frames(crossfade.max(CUT));
        if let Some(track) = self.current.track_mut() {
            track.skipped = Some(crossfade);
        }
    }

    /// Goes on to whatever is next, at once, because nothing is heard. An entry whose opening does not end is
    /// given up.
    pub fn skip_silence(&mut self) {
        self.skip(Duration::ZERO);
        self.next.give_up_opening(self.transitions.reach());
    }

    /// Goes on to the fallback, because nothing is heard. It plays until what is up next changes, and at
    /// least one track of it. Without a fallback nothing happens.
    pub fn fall_back(&mut self) {
        if self.next.fall_back(self.transitions.reach()) {
            self.skip(Duration::ZERO);
        }
    }

    /// The track that was meant when this was ordered goes on at `to`, at once or as soon as it begins.
    pub fn seek(&mut self, to: FrameCount, meant: Meant) {
        let silent = self.bus.is_silent();
        let is_meant = match meant {
            Meant::Due(due) => self.plays(due),
            Meant::OnAir { turn } => self.current.track().is_some_and(|track| track.turn <= turn),
            Meant::Nothing => self.current.track().is_some_and(|track| track.fallback),
        };
        let Some(track) = self.current.track_mut().filter(|_| is_meant) else {
            if let Meant::Due(due) = meant {
                self.start_at = Some((due, to));
            }
            return;
        };
        if silent {
            track.voice.close(FrameCount(0), Curve::Smooth, Then::Seek(to));
            track.finish_seek();
        } else {
            track.voice.seek_softly(to);
        }
    }

    /// Goes on with the next track: at once if nothing is heard of the current one, else by a crossfade.
    pub fn skip_after_live(&mut self, crossfade: FrameCount) {
        match self.current.track_mut() {
            Some(_) if self.bus.is_silent() => drop(self.leave()),
            Some(track) => track.skipped = Some(crossfade),
            None => {}
        }
    }

    /// To be called when the list of what is up next may have changed, and now and then: gives up a next
    /// track that is no longer the next. The current track gives way if its turn is over.
    pub fn look_at_list(&mut self, at: FramePos, pace: &Pace) {
        self.next.look_at_list(at, self.transitions.reach());
        let not_before = self.next.ready().and_then(|next| next.not_before);
        self.next_from = not_before.map(|from| pace.position(from));
        let Some((turn, give_way)) = self.next.new_turn() else { return };
        self.slot_from = match give_way {
            GiveWay::At(Appointment { begins, follower: Follower::Slot { waits }, .. }) => {
                Some(if waits { pace.position(begins) } else { FramePos(0) })
            }
            _ => None,
        };
        let Some(track) = self.current.track_mut().filter(|track| track.turn < turn) else { return };
        track.turn = turn;
        self.gives_way_at = None;
        match give_way {
            GiveWay::At(appointment) => {
                let is_apart = track.info.kind.is_alone() || appointment.kind.is_alone();
                let begins = pace.position(appointment.begins);
                self.gives_way_at = Some(self.gives_way_for(begins, appointment.crossfade, is_apart));
            }
            GiveWay::Crossfade(crossfade) => self.skip(crossfade),
            GiveWay::FadeOut(fade) => self.stop(self.frames(fade.max(CUT))),
            GiveWay::GoesOn => {}
        }
    }

    /// Tells when the current track ends, once its decoder has found that: its file may have declared another
    /// time, and the next track may have been chosen for that. It is `now` where the last mix has ended.
    pub fn tell_end(&mut self, now: Instant) {
        let rate = self.spec.rate;
        if let Some(ends) = self.current.track_mut().and_then(|track| track.new_end(now, rate)) {
            self.next.ends_at(ends);
        }
    }

    /// Lets this time go by while an announcement is heard: nothing moves on, not even a crossfade. Whoever
    /// has the air meanwhile has it when the announcement is over.
    pub fn wait(&mut self, at: FramePos, frames: FrameCount, patience: Option<Duration>) {
        self.here = at;
        self.bus.gain.advance(frames);
        match self.bus.is_silent() {
            true => self.stand_still(patience),
            false => {
                // A track that was skipped, or stopped, has faded already.
                if self.current.track().is_none_or(|track| track.skipped.is_some()) {
                    self.outgoing.clear();
                    drop(self.leave());
                }
                self.next.receive(self.here, patience, self.transitions.reach());
            }
        }
        if let Some((_, since)) = &mut self.before {
            since.0 += frames.0;
        }
        self.here = at + frames;
    }

    /// Nothing is heard of it, because it is held.
    fn stand_still(&mut self, patience: Option<Duration>) {
        self.outgoing.clear();
        let has_come = self.slot_from.is_none() && self.gives_way_at.is_some_and(|(at, _)| at <= self.here);
        match self.current.track_mut() {
            Some(track) if track.skipped.is_some() || has_come => {
                self.gives_way_at = None;
                drop(self.leave());
            }
            // Nothing is left of the track before.
            Some(track) => track.begin(self.here, &mut self.news),
            None => {}
        }
        self.next.receive(self.here, patience, self.transitions.reach());
    }

    /// Adds its next frames to `out`, the first of which lies at `at`.
    pub fn mix(&mut self, at: FramePos, out: &mut [f32], pace: &Pace, scratch: &mut Scratch) {
        let channels = self.spec.channels.count();
        let mut mix = std::mem::take(&mut self.mix);
        mix.clear();
        mix.resize(out.len(), 0.0);
        let mut done = 0;
        while done < out.len() {
            self.here = at + FrameCount((done / channels) as u64);
            if self.bus.is_silent() {
                self.stand_still(scratch.patience());
                break;
            }
            self.change(self.here, pace, scratch.patience());
            let frames = self.until_change((out.len() - done) / channels);
            let mixed = self.mix_voices(&mut mix[done..done + frames * channels], scratch) * channels;
            let part = done..done + mixed;
            scratch.add_with_ramp(&mut out[part.clone()], &mix[part.clone()], &mut self.bus.gain);
            done = part.end;
        }
        self.here = at + FrameCount((out.len() / channels) as u64);
        self.mix = mix;
    }

    /// Does everything that is due at this very frame.
    fn change(&mut self, at: FramePos, pace: &Pace, patience: Option<Duration>) {
        self.outgoing.let_go(&mut self.news);
        self.next.receive(at, patience, self.transitions.reach());
        let is_kept = self.slot_from.is_none() || !self.is_held();
        if let Some((_, fade)) = self.gives_way_at.take_if(|(gives_way, _)| *gives_way <= at && is_kept) {
            if let Some(track) = self.current.track_mut() {
                track.skipped = Some(fade);
            }
            self.outgoing.end_within(fade);
        }
        if let Some(patience) = patience {
            self.wait_for_decoders(patience);
        }
        if let Some(track) = self.current.track_mut() {
            if track.begins_in() == Some(0) {
                track.begin(at, &mut self.news);
            }
            track.finish_seek();
        }
        let mut due = self.due_start();
        if self.current.track_mut().is_some_and(Track::has_ended) {
            self.end();
            // How it meets the next one is known only as long as it is there.
            due = due.filter(|join| join.overlap().0 == 0).or_else(|| self.due_start());
        }
        if let Some(join) = due {
            self.start(at, pace.instant(at), join);
        } else if let Some(fade) = self.due_stop() {
            self.stop(fade);
        } else {
            self.fade_before_end();
        }
        if matches!(self.current, Current::Awaited) && self.next.is_nothing() {
            self.current = Current::Nothing;
            self.news.push(News::Event(Event::NothingToPlay));
        }
    }

    /// Waits until the decoders are as far ahead as they may be. Where tracks meet depends on the ends that
    /// they have found: with a stepped clock it always comes out the same.
    fn wait_for_decoders(&self, patience: Duration) {
        if let Some(track) = self.current.track() {
            track.voice.wait_until_ahead(patience);
        }
        if let Some(next) = self.next.ready() {
            next.feed.wait_until_ahead(patience);
        }
    }

    /// The next track becomes the current one at this frame, whose instant is `due`; the old one fades under
    /// it.
    fn start(&mut self, at: FramePos, due: Instant, join: Join) {
        let fade = join.overlap();
        let Some((opened, began)) = self.next.take(due, self.transitions.reach()) else { return };
        (self.gives_way_at, self.slot_from, self.next_from) = (None, None, None);
        self.before = self.turn().map(|aired| (aired, at));
        let outgoing = self.give_way().and_then(|track| self.fade_out(track, fade, Curve::EqualPower));
        let rise = match join {
            Join::Crossfade(FrameCount(0)) => self.frames(self.transitions.fade_in),
            Join::Crossfade(fade) => fade,
            Join::Decay(fade) => fade.min(self.frames(CUT)),
            Join::Apart => FrameCount(0),
        };
        let mut track = Track::new(opened, self.spec.rate, rise, began);
        // The fallback only fills in: what was due still is.
        if let Some(began) = track.began()
            && let Some((_, to)) = self.start_at.take().filter(|(due, _)| *due == began)
        {
            track.voice.seek(to);
        }
        if let Some(outgoing) = outgoing {
            track.begin_over(&outgoing);
        }
        if track.begins_in() == Some(0) {
            track.begin(at, &mut self.news);
        }
        self.current = Current::Track(Box::new(track));
    }

    /// The current track stops, by a fade of this length. The next one follows as soon as it is there.
    fn stop(&mut self, fade: FrameCount) {
        if let Some(track) = self.leave() {
            self.fade_out(track, fade, Curve::Smooth);
        }
    }

    /// A track is on its way out. Its fade, if it has one.
    fn fade_out(&mut self, mut track: Box<Track>, fade: FrameCount, curve: Curve) -> Option<GainRamp> {
        if fade.0 == 0 {
            return None;
        }
        track.voice.close(fade, curve, Then::End);
        let ramp = track.voice.gain.fade.clone();
        self.outgoing.add(*track, self.spec.rate);
        Some(ramp)
    }

    /// The current track is no longer current, and none has begun in its place.
    fn leave(&mut self) -> Option<Box<Track>> {
        let track = self.give_way()?;
        self.next.ended();
        Some(track)
    }

    /// The current track is no longer current. What has been heard of it has begun, however short it was.
    fn give_way(&mut self) -> Option<Box<Track>> {
        let mut track = self.current.take()?;
        track.begin(self.here, &mut self.news);
        Some(track)
    }

    /// The current track has come to its end, good or bad.
    fn end(&mut self) {
        let Some(mut track) = self.leave() else { return };
        self.news.extend(broke_off(&mut track.voice, &track.info));
        if track.skipped.is_none() {
            self.hold_if_current_was_meant();
        }
    }

    /// Frames until something changes, `most` at most, and at least one.
    fn until_change(&self, most: usize) -> usize {
        let mut frames = most as u64;
        let mut change_in = |left: u64| {
            if left > 0 {
                frames = frames.min(left);
            }
        };
        if let Some((at, _)) = self.gives_way_at {
            change_in(at.0.saturating_sub(self.here.0));
        }
        if let Some(from) = self.slot_from {
            change_in(from.0.saturating_sub(self.here.0));
        }
        if let Some(track) = self.current.track() {
            change_in(track.begins_in().unwrap_or(0));
            if matches!(track.voice.gate(), Gate::Closing(_)) {
                change_in(track.voice.gain.fade.left().0);
            }
            if let Some(left) = track.voice.remaining() {
                change_in(left.0);
                change_in(left.0.saturating_sub(self.overlap(track).0));
                change_in(left.0.saturating_sub(self.frames(self.transitions.fade_out).0));
            }
        }
        for left in self.outgoing.left() {
            change_in(left.0);
        }
        change_in(self.bus.gain.left().0);
        frames as usize
    }

    /// Mixes all that sounds into `out`, and says how many frames of it: fewer where the current
    /// track ends sooner than was known, so that what follows joins right there.
    fn mix_voices(&mut self, out: &mut [f32], scratch: &mut Scratch) -> usize {
        let channels = self.spec.channels.count();
        let frames = match self.current.track_mut() {
            Some(track) => track.mix(out, out.len() / channels, scratch),
            None => out.len() / channels,
        };
        self.outgoing.mix(&mut out[..frames * channels], scratch);
        self.outgoing.let_go(&mut self.news);
        frames
    }

    fn frames(&self, time: Duration) -> FrameCount {
        self.spec.rate.frames_in(time)
    }
}
