//! One live input: its source's line, the session that the line belongs to, and lines that fade out.

use std::sync::Arc;

use super::super::voice::{CUT, Scratch};
use super::LiveNews;
use super::buffer::Buffer;
use crate::audio::{BLOCK_FRAMES, PcmSpec};
use crate::error::LeaveReason;
use crate::event::{Event, LiveSourceInfo};
use crate::metadata::Title;
use crate::playout::{AfterLive, Curve, GainRamp, LivePhase, LiveTerms, Seen, USELESS_AFTER, measure};
use crate::ring::{LiveFeed, LiveLine};
use crate::units::{FrameCount, FramePos, SampleRate};

/// The most lines of an input that fade out at once. One more cuts the oldest short.
const MOST_LEAVING: usize = 2;

/// What a mixer must know of a live input.
#[derive(Clone, Debug)]
pub(crate) struct LiveSetup {
    pub path: Arc<str>,
    pub terms: LiveTerms,
    pub grace: FrameCount,
    pub after_live: AfterLive,
}

/// A source that comes to an input.
pub(crate) struct Arrival {
    pub feed: LiveFeed,
    pub source: Arc<LiveSourceInfo>,
}
pub(super) struct Input {
    pub setup: LiveSetup,
    access: Access,
    spec: PcmSpec,
    pub line: Option<Line>,
    /// A line that takes the place of the other one.
    next: Option<Line>,
    leaving: Vec<Line>,
    pub session: Option<Session>,
    pcm: Vec<f32>,
}

/// Whether sources may come to an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Open,
    /// It is not declared any more.
    Closed,
}

/// The way from a source to the mix.
pub(super) struct Line {
    pub buffer: Buffer,
    gain: GainRamp,
    /// How many bytes had arrived at the last look, and how many frames had come of them.
    seen: (u64, FrameCount),
    /// The mean power of the last block.
    power: Option<f32>,
    filling: bool,
}

/// A user's time at an input, across several lines.
pub(super) struct Session {
    pub source: Arc<LiveSourceInfo>,
    /// The line that it has now, and how many bytes came by those before.
    line: Arc<LiveLine>,
    earlier_bytes: u64,
    pub title: Arc<Title>,
    /// How long it has lasted.
    age: FrameCount,
    /// How long it has been on the air.
    pub aired: FrameCount,
    /// Whether it has been announced.
    pub began: bool,
    /// The title that was told last.
    told: Option<Arc<Title>>,
    /// Why its source has left, and how long ago.
    pub gone: Option<(LeaveReason, FrameCount)>,
}

impl Input {
    pub fn new(setup: LiveSetup, spec: PcmSpec) -> Input {
        let pcm = vec![0.0; BLOCK_FRAMES * spec.channels.count()];
        let (line, next, leaving, session) = Default::default();
        Input { setup, access: Access::Open, spec, line, next, leaving, session, pcm }
    }

    /// Whether it is declared.
    pub fn is_open(&self) -> bool {
        self.access == Access::Open
    }

    /// It is declared, with these settings.
    pub fn open(&mut self, setup: LiveSetup) {
        (self.setup, self.access) = (setup, Access::Open);
    }

    /// It is not declared any more: who is there has to go.
    pub fn close(&mut self, why: LeaveReason) {
        self.access = Access::Closed;
        self.end_lines(why);
    }

    /// A source has come. Within `grace` its user goes on with the same session. Returns another one's
    /// session that ends with it, and why.
    pub fn arrive(&mut self, arrival: Arrival) -> Option<(Session, LeaveReason)> {
        let Arrival { feed, source } = arrival;
        let shared = feed.line().clone();
        let line = Line {
            buffer: Buffer::new(self.spec, feed, self.setup.terms.buffer),
            gain: GainRamp::constant(0.0),
            seen: (0, FrameCount(0)),
            power: None,
            filling: true,
        };
        if let Some(old) = &self.line {
            old.buffer.line().end(LeaveReason::Replaced);
        }
        self.next = Some(line);
        let is_same = |session: &mut Session| session.source.is_same_user(&source);
        if let Some(mut session) = self.session.take_if(is_same) {
            session.gone = None;
            session.source = source;
            session.earlier_bytes = session.bytes();
            session.line = shared;
            self.session = Some(session);
            return None;
        }
        let old = self.session.replace(Session::new(source, shared))?;
        // It may have left by itself just now, before the mixer has looked.
        let ended = old.line.ended().unwrap_or(LeaveReason::Replaced);
        let reason = old.gone.map_or(ended, |(reason, _)| reason);
        Some((old, reason))
    }

    /// What the rule sees of it.
    pub fn look(&mut self) -> Seen {
        let Some(line) = &mut self.line else { return Seen::Nobody };
        let shared = line.buffer.line();
        let (level, now) = (shared.level(), (shared.received(), shared.written()));
        if shared.ended().is_some() {
            return Seen::Leaves { level };
        }
        let before = std::mem::replace(&mut line.seen, now);
        Seen::Source { level, arrived: now.0 > before.0, usable: now.1 > before.1, power: line.power.take() }
    }

    /// Goes on by a block. `on_air`: it had the air.
    pub fn go_on(&mut self, phase: LivePhase, useless: FrameCount, on_air: bool, passed: FrameCount) {
        if let Some(session) = &mut self.session {
            session.age.0 += passed.0;
            session.aired.0 += if on_air { passed.0 } else { 0 };
            if let Some((_, since)) = &mut session.gone {
                since.0 += passed.0;
            }
        }
        let Some(line) = &mut self.line else { return };
        if useless >= self.spec.rate.frames_in(USELESS_AFTER) {
            line.buffer.line().end(LeaveReason::Useless);
        }
        if std::mem::replace(&mut line.filling, phase == LivePhase::Filling) && !line.filling {
            line.buffer.begin_anew();
        }
        if let Some(reason) = line.buffer.line().ended()
            && self.next.is_none()
            && let Some(session) = &mut self.session
        {
            session.gone.get_or_insert((reason, FrameCount(0)));
        }
    }

    /// The session, if it is over: its source has left, for this reason, and is not waited for any more.
    pub fn take_ended(&mut self) -> Option<(Session, LeaveReason)> {
        let (reason, since) = self.session.as_ref()?.gone?;
        let grace = self.setup.grace;
        let over = |session: &mut Session| reason.is_final() || !session.began || since >= grace;
        Some((self.session.take_if(over)?, reason))
    }

    /// Tells for how long nothing has arrived.
    pub fn set_quiet(&self, quiet: FrameCount) {
        self.line.iter().for_each(|line| line.buffer.line().set_quiet(quiet));
    }

    /// How long its line can fade if nothing comes any more: no block of the fade may lack anything.
    pub fn left(&self) -> FrameCount {
        let level = self.line.as_ref().map_or(0, |line| line.buffer.line().level().0);
        FrameCount(level.saturating_sub(self.spec.rate.frames_in(CUT).0 + BLOCK_FRAMES as u64))
    }

    /// Fades its line from where it is.
    pub fn fade_to(&mut self, gain: f32, fade: FrameCount) {
        if let Some(line) = &mut self.line
            && line.gain.target() != gain
        {
            line.gain.ramp_to(gain, fade, Curve::EqualPower);
        }
    }

    /// A line that has ended makes room. If it fades out, it sounds until it has.
    pub fn let_go(&mut self, fades: bool) {
        let has_ended = |line: &mut Line| line.buffer.line().ended().is_some();
        if let Some(mut line) = self.line.take_if(has_ended) {
            let cut = self.spec.rate.frames_in(CUT);
            if !fades && line.gain.target() != 0.0 {
                line.gain.ramp_to(0.0, cut, Curve::Smooth);
            }
            if self.leaving.len() >= MOST_LEAVING {
                self.leaving[0].gain.ramp_to(0.0, cut, Curve::Smooth);
            }
            self.leaving.push(line);
        }
        if self.line.is_none() {
            self.line = self.next.take();
        }
    }

    /// Takes in a title whose place has come; whether there was one.
    pub fn look_at_title(&mut self) -> bool {
        let title = self.line.as_mut().and_then(|line| line.buffer.feed().title());
        let (Some(title), Some(session)) = (title, &mut self.session) else { return false };
        session.title = match title.text.is_empty() {
            true => Arc::new(Title::new(session.source.default_title())),
            false => title,
        };
        true
    }

    /// It is heard from here on.
    pub fn announce(&mut self, at: FramePos, news: &mut Vec<LiveNews>) {
        let Some(session) = &mut self.session else { return };
        if !std::mem::replace(&mut session.began, true) {
            news.push(LiveNews::Event(Event::LiveBegan { source: session.source.clone(), at }));
        }
        self.tell_title(at, news);
    }

    /// Its title holds from here on.
    pub fn tell_title(&mut self, at: FramePos, news: &mut Vec<LiveNews>) {
        let Some(session) = &mut self.session else { return };
        news.push(LiveNews::Title { at, title: Some(session.title.clone()) });
        if session.told.as_ref() != Some(&session.title) {
            session.told = Some(session.title.clone());
            let (source, title) = (session.source.clone(), session.title.text.clone());
            news.push(LiveNews::Event(Event::LiveTitle { source, title, at }));
        }
    }

    /// Adds the next frames of its lines to `out`.
    pub fn mix(&mut self, phase: LivePhase, out: &mut [f32], scratch: &mut Scratch) {
        let pcm = &mut self.pcm[..out.len()];
        if let Some(line) = &mut self.line {
            // Sound that nobody hears passes all the same: what is heard later is live. A line that is broken
            // has the rest of its fade.
            let flows = matches!(phase, LivePhase::Sounding | LivePhase::Silent);
            if flows || line.gain.settled() != Some(0.0) {
                line.mix(pcm, out, scratch);
                let [left, right] = measure(pcm, self.spec.channels).mean_square;
                line.power = Some(left.max(right));
            }
        }
        self.leaving.retain_mut(|line| {
            line.mix(pcm, out, scratch);
            line.gain.settled() != Some(0.0)
        });
    }

    /// Ends its line and its session.
    pub fn stop(&mut self, why: LeaveReason) -> Option<Session> {
        self.end_lines(why);
        self.session.take()
    }

    fn end_lines(&self, why: LeaveReason) {
        let lines = self.line.iter().chain(&self.next);
        lines.for_each(|line| line.buffer.line().end(why));
    }
}

impl Session {
    pub fn new(source: Arc<LiveSourceInfo>, line: Arc<LiveLine>) -> Session {
        let title = Arc::new(Title::new(source.default_title()));
        let none = FrameCount(0);
        let (age, aired) = (none, none);
        Session { source, line, earlier_bytes: 0, title, age, aired, began: false, told: None, gone: None }
    }

    /// How many bytes have come in all.
    fn bytes(&self) -> u64 {
        self.earlier_bytes + self.line.received()
    }

    /// What is to be told when it is over.
    pub fn farewell(self, reason: LeaveReason, rate: SampleRate) -> Vec<LiveNews> {
        let LiveSourceInfo { id, path, user, .. } = (*self.source).clone();
        let (user, bytes, duration) = (user.unwrap_or_default(), self.bytes(), rate.duration_of(self.age));
        let left = Event::SourceLeft { id, path, user, duration, bytes, reason };
        let lasted = rate.duration_of(self.aired);
        let ended = self.began.then_some(Event::LiveEnded { source: self.source, reason, lasted });
        ended.into_iter().chain([left]).map(LiveNews::Event).collect()
    }
}

impl Line {
    /// Takes a block into `pcm`, and adds it to `out` with its gain.
    fn mix(&mut self, pcm: &mut [f32], out: &mut [f32], scratch: &mut Scratch) {
        self.buffer.take(pcm);
        scratch.add_with_ramp(out, pcm, &mut self.gain);
    }
}
