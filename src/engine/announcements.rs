//! Announcements: files that sound above everything else. What is beneath (the programme, live inputs, decks)
//! fades out, and comes back after them. Lives on the mixer's thread.
//!
//! While nothing is heard of it, the programme waits where it is; live inputs and decks go on unheard.
//! Several announcements sound one after another, and only then comes back what is beneath.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::voice::{CUT, Gate, Mixed, Scratch, Then, Voice};
use crate::audio::{BLOCK_FRAMES, PcmSpec};
use crate::event::{AnnouncementEnd, Event};
use crate::ids::AnnouncementId;
use crate::playout::{Curve, Gain, GainRamp, add};
use crate::ring::Ending;
use crate::units::{FrameCount, FramePos};

/// How long what is beneath fades, out and in.
const FADE: Duration = Duration::from_millis(300);

/// So long before its fade is over an announcement begins, and so long before an announcement's end what is
/// beneath fades in: there is no gap between them.
const OVERLAP: Duration = Duration::from_millis(50);

/// How long after it is ordered an announcement begins, if nothing else is announced.
pub(crate) const ANNOUNCED_AFTER: Duration = FADE.saturating_sub(OVERLAP);

/// An announcement of which nothing comes for so long is given up: its disk does not answer.
const STUCK_AFTER: Duration = Duration::from_secs(2);

/// What an announcement tells of itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnnouncementState {
    /// Which announcement.
    pub id: AnnouncementId,
    /// Its file.
    pub file: PathBuf,
    /// Whether it sounds. If not, it waits until those before it are over, or until the rest has faded.
    pub sounding: bool,
    /// Frames played, at the pipeline's rate.
    pub position: FrameCount,
    /// How long it sounds in all, where that is known.
    pub duration: Option<FrameCount>,
}

/// An announcement that is to sound.
pub(crate) struct Announcement {
    id: AnnouncementId,
    file: Arc<PathBuf>,
    duration: Option<FrameCount>,
    voice: Voice,
}

/// What an application asks of announcements.
pub(crate) enum AnnouncementOrder {
    Announce(Box<Announcement>),
    Stop(AnnouncementId),
    StopAll,
}

/// All announcements of a pipeline.
pub(crate) struct Announcements {
    spec: PcmSpec,
    phase: Phase,
    /// Those that come next.
    queue: VecDeque<Announcement>,
    /// The gain of all that is beneath.
    beneath: GainRamp,
    /// The block that was mixed last: what is announced, the gains of what is beneath, and its parts.
    pcm: Vec<f32>,
    gains: Vec<f32>,
    parts: Vec<Part>,
    news: Vec<Event>,
}

enum Phase {
    /// Nothing is announced. What is beneath sounds, or comes back.
    Idle,
    /// What is beneath fades. The next announcement begins after so many frames.
    Lowering(FrameCount),
    Sounding(Box<Sounding>),
}

struct Sounding {
    announcement: Announcement,
    /// Why it ends, if it fades out.
    why: AnnouncementEnd,
}

/// A part of a block in which the programme goes on, or waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub frames: usize,
    pub programme_waits: bool,
}

impl Announcement {
    pub fn new(
        id: AnnouncementId,
        file: PathBuf,
        duration: Option<FrameCount>,
        voice: Voice,
    ) -> Announcement {
        Announcement { id, file: Arc::new(file), duration, voice }
    }

    fn state(&self, sounding: bool) -> AnnouncementState {
        let position = self.voice.position();
        let left = || Some(FrameCount(position.0 + self.voice.remaining()?.0));
        let (id, file) = (self.id, PathBuf::clone(&self.file));
        AnnouncementState { id, file, sounding, position, duration: self.duration.or_else(left) }
    }
}

impl Announcements {
    pub fn new(spec: PcmSpec) -> Announcements {
        Announcements {
            spec,
            phase: Phase::Idle,
            queue: VecDeque::new(),
            beneath: GainRamp::constant(1.0),
            pcm: vec![0.0; BLOCK_FRAMES * spec.channels.count()],
            gains: vec![0.0; BLOCK_FRAMES],
            parts: Vec::new(),
            news: Vec::new(),
        }
    }

    pub fn obey(&mut self, order: AnnouncementOrder) {
        match order {
            AnnouncementOrder::Announce(announcement) => self.queue.push_back(*announcement),
            AnnouncementOrder::Stop(id) => self.stop(Some(id)),
            AnnouncementOrder::StopAll => self.stop(None),
        }
    }

    /// Whether there is nothing to do: what is beneath sounds as it is.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle) && self.queue.is_empty() && self.beneath.settled() == Some(1.0)
    }

    /// Whether one of them sounds.
    pub fn has_air(&self) -> bool {
        matches!(self.phase, Phase::Sounding(_))
    }

    /// What there is to tell since the last call.
    pub fn news(&mut self) -> std::vec::Drain<'_, Event> {
        self.news.drain(..)
    }

    /// The state of each, in their order.
    pub fn states(&self) -> Vec<AnnouncementState> {
        let now = match &self.phase {
            Phase::Sounding(now) => Some(now.announcement.state(true)),
            Phase::Idle | Phase::Lowering(_) => None,
        };
        now.into_iter().chain(self.queue.iter().map(|next| next.state(false))).collect()
    }

    /// The one that sounds is silent for too long: it makes room.
    pub fn end_silence(&mut self) {
        self.close(AnnouncementEnd::Silent);
    }

    /// The pipeline stops: all of them are over.
    pub fn finish(&mut self) {
        self.stop_waiting(None);
        if let Phase::Sounding(now) = std::mem::replace(&mut self.phase, Phase::Idle) {
            self.tell_end(&now.announcement, AnnouncementEnd::Stopped, None);
        }
    }

    /// Stops the one with this id, or all.
    fn stop(&mut self, id: Option<AnnouncementId>) {
        self.stop_waiting(id);
        if let Phase::Sounding(now) = &self.phase
            && id.is_none_or(|id| id == now.announcement.id)
        {
            self.close(AnnouncementEnd::Stopped);
        }
    }

    /// Stops those that have not begun.
    fn stop_waiting(&mut self, id: Option<AnnouncementId>) {
        let is_meant = |waiting: &Announcement| id.is_none_or(|id| id == waiting.id);
        let (stopped, waiting) = std::mem::take(&mut self.queue).into_iter().partition(is_meant);
        self.queue = waiting;
        let stopped: VecDeque<Announcement> = stopped;
        stopped.iter().for_each(|stopped| self.tell_end(stopped, AnnouncementEnd::Stopped, None));
    }

    /// The one that sounds fades out, while what is beneath fades in.
    fn close(&mut self, why: AnnouncementEnd) {
        let fade = self.frames(FADE);
        let Phase::Sounding(now) = &mut self.phase else { return };
        if now.announcement.voice.gate() == Gate::Open {
            now.announcement.voice.close(fade, Curve::EqualPower, Then::End);
            now.why = why;
            if self.queue.is_empty() {
                self.raise();
            }
        }
    }

    /// Mixes the next block of announcements. What is beneath has to be mixed after that, part by part.
    pub fn mix(&mut self, at: FramePos, scratch: &mut Scratch) {
        let channels = self.spec.channels.count();
        self.pcm.fill(0.0);
        self.parts.clear();
        let mut done = 0;
        while done < BLOCK_FRAMES {
            self.change(at + FrameCount(done as u64), scratch.patience());
            let mut frames = self.until_change(BLOCK_FRAMES - done);
            let mut has_ended = false;
            match &mut self.phase {
                Phase::Idle => {}
                Phase::Lowering(left) => left.0 -= left.0.min(frames as u64),
                Phase::Sounding(now) => {
                    let out = &mut self.pcm[done * channels..(done + frames) * channels];
                    if let Mixed::Ended(last) = now.announcement.voice.mix(out, scratch) {
                        (frames, has_ended) = (last, true);
                    }
                }
            }
            let programme_waits = self.beneath.settled() == Some(0.0);
            self.beneath.fill(&mut self.gains[done..done + frames]);
            if frames > 0 {
                self.parts.push(Part { frames, programme_waits });
            }
            done += frames;
            if has_ended {
                self.end(at + FrameCount(done as u64), None);
            }
        }
    }

    /// The parts of the block that was mixed last.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Puts that block over what is beneath.
    pub fn cover(&self, beneath: &mut [f32]) {
        let channels = self.spec.channels;
        for (frame, gain) in beneath.chunks_mut(channels.count()).zip(&self.gains) {
            frame.iter_mut().for_each(|sample| *sample *= gain);
        }
        add(beneath, &self.pcm, Gain::Constant(1.0), channels);
    }

    /// Does everything that is due at this very frame.
    fn change(&mut self, at: FramePos, patience: Option<Duration>) {
        let stuck = self.frames(STUCK_AFTER).0.div_ceil(BLOCK_FRAMES as u64);
        if let Phase::Sounding(now) = &mut self.phase {
            let voice = &mut now.announcement.voice;
            if let Some(patience) = patience {
                voice.wait_until_ahead(patience);
            }
            if voice.finish_closing() == Some(Then::End) {
                self.end(at, None);
            } else if u64::from(voice.starved()) > stuck {
                self.end(at, Some("its disk does not answer".into()));
            }
        }
        match &self.phase {
            Phase::Idle if !self.queue.is_empty() => self.lower(),
            Phase::Lowering(_) if self.queue.is_empty() => {
                self.phase = Phase::Idle;
                self.raise();
            }
            Phase::Lowering(FrameCount(0)) => self.begin(at),
            Phase::Idle | Phase::Lowering(_) | Phase::Sounding(_) => {}
        }
        self.prepare_end();
    }

    /// Towards the end of the last announcement, what is beneath fades in.
    fn prepare_end(&mut self) {
        let (cut, overlap) = (self.frames(CUT), self.frames(OVERLAP));
        let Phase::Sounding(now) = &mut self.phase else { return };
        let voice = &mut now.announcement.voice;
        let Some(left) = voice.remaining() else { return };
        // Whatever its file ends with, it does not click.
        let fade = &mut voice.gain.fade;
        let fades_in_time = fade.target() == 0.0 && fade.left() <= left;
        if left <= cut && !fades_in_time {
            fade.ramp_to(0.0, left, Curve::Smooth);
        }
        if left <= overlap && self.queue.is_empty() {
            self.raise();
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
        change_in(self.beneath.left().0);
        match &self.phase {
            Phase::Idle => {}
            Phase::Lowering(left) => change_in(left.0),
            Phase::Sounding(now) => {
                let voice = &now.announcement.voice;
                change_in(voice.gain.fade.left().0);
                if let Some(left) = voice.remaining() {
                    change_in(left.0);
                    change_in(left.0.saturating_sub(self.frames(OVERLAP).0));
                    change_in(left.0.saturating_sub(self.frames(CUT).0));
                }
            }
        }
        frames as usize
    }

    /// What is beneath fades. If it has only begun to come back, there is less to fade, and no time for a
    /// gap.
    fn lower(&mut self) {
        let fade = self.frames(FADE.mul_f32(self.beneath.gain()).max(CUT));
        self.beneath.ramp_to(0.0, fade, Curve::EqualPower);
        self.phase = Phase::Lowering(FrameCount(fade.0.saturating_sub(self.frames(OVERLAP).0)));
    }

    fn raise(&mut self) {
        if self.beneath.target() != 1.0 {
            let fade = self.frames(FADE);
            self.beneath.ramp_to(1.0, fade, Curve::EqualPower);
        }
    }

    fn begin(&mut self, at: FramePos) {
        let Some(mut announcement) = self.queue.pop_front() else { return };
        // Whatever its file begins with, it does not click.
        announcement.voice.start_closed();
        announcement.voice.open();
        let (id, file) = (announcement.id, announcement.file.clone());
        self.news.push(Event::AnnouncementBegan { announcement: id, file: PathBuf::clone(&file), at });
        let why = AnnouncementEnd::Complete;
        self.phase = Phase::Sounding(Box::new(Sounding { announcement, why }));
    }

    /// The one that sounds is over. The next one follows at once, or what is beneath comes back.
    fn end(&mut self, at: FramePos, fault: Option<String>) {
        let Phase::Sounding(mut now) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        let broken = match now.announcement.voice.ending() {
            Some(Ending::Broken(reason)) => Some(reason.clone()),
            _ => None,
        };
        let fault = fault.or(broken);
        let why = if fault.is_some() { AnnouncementEnd::Broken } else { now.why };
        self.tell_end(&now.announcement, why, fault);
        match self.queue.is_empty() {
            true => self.raise(),
            false if self.beneath.target() == 0.0 => self.begin(at),
            false => self.lower(),
        }
    }

    fn tell_end(&mut self, announcement: &Announcement, reason: AnnouncementEnd, fault: Option<String>) {
        let (id, file) = (announcement.id, PathBuf::clone(&announcement.file));
        self.news.push(Event::AnnouncementEnded { announcement: id, file, reason, fault });
    }

    fn frames(&self, time: Duration) -> FrameCount {
        self.spec.rate.frames_in(time)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::audio::Channels;
    use crate::ring::{by_hand, feed};
    use crate::units::SampleRate;

    const SPEC: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };

    fn file(id: u64, voice: Voice) -> AnnouncementOrder {
        AnnouncementOrder::Announce(Box::new(Announcement::new(AnnouncementId(id), "a".into(), None, voice)))
    }

    /// An announcement of so many frames at a constant level.
    fn constant(id: u64, frames: usize) -> AnnouncementOrder {
        let (feed, mut writer) = feed(SPEC.channels, FrameCount(0), 4);
        writer.write(vec![0.5; frames], Some(Ending::Complete));
        file(id, Voice::new(feed, 1.0, SPEC.rate))
    }

    /// Mixes a block over a constant, and checks what must hold of each.
    fn block(announcements: &mut Announcements, at: u64) -> Vec<f32> {
        let at = FramePos(at * BLOCK_FRAMES as u64);
        announcements.mix(at, &mut Scratch::new(SPEC.channels, None));
        let (mut first, mut beneath) = (0, vec![0.25; BLOCK_FRAMES]);
        for Part { frames, programme_waits } in announcements.parts() {
            let gains = &announcements.gains[first..first + frames];
            assert!(!programme_waits || gains.iter().all(|gain| *gain == 0.0), "it waits, and is heard");
            first += frames;
        }
        assert_eq!(first, BLOCK_FRAMES);
        announcements.cover(&mut beneath);
        beneath
    }

    fn told(announcements: &mut Announcements) -> Vec<(u64, Option<AnnouncementEnd>)> {
        let told = |event| match event {
            Event::AnnouncementBegan { announcement, .. } => (announcement.0, None),
            Event::AnnouncementEnded { announcement, reason, .. } => (announcement.0, Some(reason)),
            other => panic!("{other:?}"),
        };
        announcements.news().map(told).collect()
    }

    #[test]
    fn whatever_is_ordered_and_stopped_all_of_them_end_in_order_and_nothing_clicks() {
        for seed in 0..300 {
            let random = &mut fastrand::Rng::with_seed(seed);
            let mut announcements = Announcements::new(SPEC);
            let (mut heard, mut all, mut ordered) = (vec![0.25], Vec::new(), 0);
            for at in 0..60 {
                if random.u8(0..6) == 0 && at < 30 {
                    ordered += 1;
                    let length = [1, 50, 300, 1024, 5_000, 20_000][random.usize(0..6)];
                    announcements.obey(constant(ordered, length));
                }
                match random.u8(0..30) {
                    0 => announcements.obey(AnnouncementOrder::StopAll),
                    1 => announcements.obey(AnnouncementOrder::Stop(AnnouncementId(random.u64(0..=ordered)))),
                    2 => announcements.end_silence(),
                    _ => {}
                }
                if at == 59 {
                    announcements.obey(AnnouncementOrder::StopAll);
                }
                heard.extend(block(&mut announcements, at));
                all.extend(told(&mut announcements));
            }
            for at in 60..70 {
                heard.extend(block(&mut announcements, at));
            }
            all.extend(told(&mut announcements));
            assert!(announcements.is_idle(), "seed {seed}");
            assert_eq!(heard.last(), Some(&0.25), "seed {seed}");
            let began: Vec<u64> =
                all.iter().filter(|(_, end)| end.is_none()).map(|(announcement, _)| *announcement).collect();
            assert!(began.is_sorted(), "seed {seed}: {all:?}");
            for id in 1..=ordered {
                let events: Vec<_> = all.iter().filter(|(of, _)| *of == id).map(|(_, end)| end).collect();
                let ends = events.iter().filter(|end| end.is_some()).count();
                assert!(ends == 1 && events.last().unwrap().is_some(), "seed {seed}: {id} of {all:?}");
            }
            // A cut of 10 ms has 80 frames at this rate. Two may overlap, beneath a fade.
            let steepest = heard.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
            assert!(steepest < 0.03, "seed {seed}: {steepest}");
        }
    }

    #[test]
    fn one_of_which_nothing_comes_any_more_is_over_after_two_seconds() {
        let (feed, mut filler) = by_hand(SPEC, Duration::from_secs(10));
        assert_eq!(filler.push(&[0.5; 4_000], Some(Instant::now())), Some(4_000));
        let mut announcements = Announcements::new(SPEC);
        announcements.obey(file(1, Voice::new(feed, 1.0, SPEC.rate)));
        let ended = (0..100).find(|at| {
            block(&mut announcements, *at);
            let told = told(&mut announcements);
            told.contains(&(1, Some(AnnouncementEnd::Broken)))
        });
        // 250 ms until it begins, half a second of it, and two seconds.
        let seconds = ended.expect("it ends") as f64 * BLOCK_FRAMES as f64 / 8_000.0;
        assert!((2.6..3.1).contains(&seconds), "{seconds} s");
        (100..104).for_each(|at| drop(block(&mut announcements, at)));
        assert!(announcements.is_idle());
    }
}
