//! The live inputs of a pipeline: sources that take over the air from the programme, and give it back. Lives
//! on the mixer's thread; the sound comes from a thread of each source.
//!
//! Before each block the rule ([`Precedence`]) looks at all inputs. When the air changes hands, one fades out
//! while the other fades in, and in the middle the title changes. A source that has left may come back within
//! `grace`: then it is the same session.

mod buffer;
mod input;
mod state;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::input::{Arrival, LiveSetup};
use self::input::{Input, Session};
use self::state::Ruled;
pub use self::state::{ForcedAir, LiveInputState, LiveState};
use super::programme::Programme;
use super::voice::{CUT, Scratch};
use crate::audio::{BLOCK_FRAMES, PcmSpec};
use crate::error::LeaveReason;
use crate::event::Event;
use crate::metadata::Title;
use crate::playout::{AfterLive, Air, Handover, LivePhase, Precedence};
use crate::units::{FrameCount, FramePos};

/// What the live inputs have to tell, in order.
pub(crate) enum LiveNews {
    /// From this sample on, outputs carry this title; `None`: the programme's.
    Title {
        at: FramePos,
        title: Option<Arc<Title>>,
    },
    Event(Event),
}

/// What an operator orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LiveOrder {
    /// The programme has the air, or a live input as soon as it has sound.
    Force(ForcedAir),
    /// Priorities decide again.
    Release,
    /// The input with this path is kept off the air, or is not any more.
    Mute { path: String, muted: bool },
}

/// All live inputs of a pipeline.
pub(crate) struct LiveInputs {
    spec: PcmSpec,
    skip: FrameCount,
    inputs: Vec<Input>,
    rule: Precedence,
    /// Who is announced, and from where on another one is.
    announced: Air,
    crossing: Option<FramePos>,
    /// How many tracks had begun when the programme lost the air; `None` once an order has brought it back.
    begun: Option<u64>,
    news: Vec<LiveNews>,
}

impl LiveInputs {
    /// Inputs at which nobody is. `skip`: how long the programme cross-fades where it goes on with the next
    /// track.
    pub fn new(spec: PcmSpec, setups: Vec<LiveSetup>, skip: Duration) -> LiveInputs {
        let rule = Precedence::new(spec.rate, setups.iter().map(|setup| setup.terms.clone()));
        let inputs = setups.into_iter().map(|setup| Input::new(setup, spec)).collect();
        LiveInputs {
            spec,
            skip: spec.rate.frames_in(skip.max(CUT)),
            inputs,
            rule,
            announced: Air::Programme,
            crossing: None,
            begun: None,
            news: Vec::new(),
        }
    }

    /// A source has come.
    pub fn arrive(&mut self, arrival: Arrival) {
        let Some(index) = self.index_of(&arrival.source.path) else {
            // It was closed while the source came.
            let reason = LeaveReason::MountRemoved;
            arrival.feed.line().end(reason);
            let session = Session::new(arrival.source, arrival.feed.line().clone());
            return self.news.extend(session.farewell(reason, self.spec.rate));
        };
        if let Some((session, reason)) = self.inputs[index].arrive(arrival) {
            self.end_session(index, session, reason);
        }
    }

    /// Tells that a session is over. If the air was forced to it, priorities decide again: the order was for
    /// this session, and not for whoever comes tomorrow.
    fn end_session(&mut self, index: usize, session: Session, reason: LeaveReason) {
        if session.began {
            self.release(index);
        }
        self.news.extend(session.farewell(reason, self.spec.rate));
    }

    /// Obeys an order on who has the air.
    pub fn obey(&mut self, order: LiveOrder) {
        match order {
            LiveOrder::Force(ForcedAir::Programme) => self.rule.force(Some(Air::Programme)),
            LiveOrder::Force(ForcedAir::Live(path)) => {
                if let Some(index) = self.index_of(&path) {
                    self.rule.force(Some(Air::Live(index)));
                }
            }
            LiveOrder::Release => self.rule.force(None),
            LiveOrder::Mute { path, muted } => {
                if let Some(index) = self.index_of(&path) {
                    self.rule.mute(index, muted);
                }
            }
        }
    }

    /// Takes other settings: inputs change, come, and go. One that goes keeps its place, in which what it has
    /// on the air fades out, and which it has again if it comes back.
    pub fn declare(&mut self, setups: Vec<LiveSetup>) {
        for index in 0..self.inputs.len() {
            if !setups.iter().any(|setup| setup.path == self.inputs[index].setup.path) {
                self.inputs[index].close(LeaveReason::MountRemoved);
                self.rule.mute(index, false);
                self.release(index);
            }
        }
        for setup in setups {
            match self.inputs.iter().position(|input| input.setup.path == setup.path) {
                Some(index) => {
                    self.rule.set_terms(index, setup.terms.clone());
                    self.inputs[index].open(setup);
                }
                None => {
                    self.rule.add(setup.terms.clone());
                    self.inputs.push(Input::new(setup, self.spec));
                }
            }
        }
    }

    /// The place of an input that is open.
    fn index_of(&self, path: &str) -> Option<usize> {
        self.inputs.iter().position(|input| input.is_open() && *input.setup.path == *path)
    }

    /// Priorities decide again, if the air was forced to this input.
    fn release(&mut self, index: usize) {
        if self.rule.forced() == Some(Air::Live(index)) {
            self.rule.force(None);
        }
    }

    /// Who has the air by an order.
    pub fn forced(&self) -> Option<ForcedAir> {
        self.rule.forced().map(|air| match air {
            Air::Programme => ForcedAir::Programme,
            Air::Live(index) => ForcedAir::Live(self.inputs[index].setup.path.to_string()),
        })
    }

    /// Whether one of them has the air.
    pub fn has_air(&self) -> bool {
        self.rule.air() != Air::Programme
    }

    /// What there is to tell since the last call.
    pub fn news(&mut self) -> std::vec::Drain<'_, LiveNews> {
        self.news.drain(..)
    }

    /// The state of each.
    pub fn states(&self) -> Vec<LiveInputState> {
        let rate = self.spec.rate;
        let state = |(index, input): (usize, &Input)| {
            let ruled = Ruled {
                phase: self.rule.phase(index),
                on_air: self.rule.air() == Air::Live(index),
                muted: self.rule.is_muted(index),
                forced: self.rule.forced() == Some(Air::Live(index)),
            };
            state::of(input, ruled, rate)
        };
        self.inputs.iter().enumerate().filter(|(_, input)| input.is_open()).map(state).collect()
    }

    /// Decides who has the air in the block at `at`, and lets the programme go or brings it back.
    pub fn hand_over(&mut self, at: FramePos, programme: &mut Programme) {
        if self.inputs.is_empty() {
            return;
        }
        let passed = FrameCount(BLOCK_FRAMES as u64);
        let before = self.rule.air();
        let handover = self.rule.step(passed, self.inputs.iter_mut().map(Input::look));
        for (index, input) in self.inputs.iter_mut().enumerate() {
            let on_air = before == Air::Live(index);
            input.set_quiet(self.rule.quiet(index));
            input.go_on(self.rule.phase(index), self.rule.useless(index), on_air, passed);
        }
        // Before the programme fades in: it may go on with another track.
        self.end_sessions(programme);
        if let Some(handover) = handover {
            self.fade(handover, at, programme);
        }
        self.let_go_of_lines(handover);
        self.announce(at);
    }

    /// The programme and the inputs fade.
    fn fade(&mut self, handover: Handover, at: FramePos, programme: &mut Programme) {
        let left = match handover.from {
            Air::Live(index) if !self.flows(index) => self.inputs[index].left(),
            _ => handover.fade,
        };
        let fade = handover.fade.min(left).max(self.spec.rate.frames_in(CUT));
        for (index, input) in self.inputs.iter_mut().enumerate() {
            let gain = if handover.to == Air::Live(index) { 1.0 } else { 0.0 };
            input.fade_to(gain, fade);
        }
        match (handover.from, handover.to) {
            (from, Air::Programme) => {
                programme.resume_after_live(fade);
                // An order has brought it back, for as long as the operator wants: it does not go on to
                // another track when the source leaves, which nobody hears.
                let sounds = |index| self.rule.phase(index) == LivePhase::Sounding;
                if matches!(from, Air::Live(index) if sounds(index)) {
                    self.begun = None;
                }
            }
            (Air::Programme, _) => {
                self.begun = Some(programme.begun());
                programme.hold_for_live(fade);
            }
            _ => {}
        }
        self.crossing = Some(at + FrameCount(fade.0 / 2));
    }

    /// Whether anything comes from the source of an input.
    fn flows(&self, index: usize) -> bool {
        matches!(self.rule.phase(index), LivePhase::Sounding | LivePhase::Silent)
    }

    /// Sources that have left sound until their fade is over.
    fn let_go_of_lines(&mut self, handover: Option<Handover>) {
        for (index, input) in self.inputs.iter_mut().enumerate() {
            let fades = handover.is_some_and(|handover| handover.from == Air::Live(index));
            input.let_go(fades);
        }
    }

    /// Ends the sessions whose source does not come back.
    fn end_sessions(&mut self, programme: &mut Programme) {
        for index in 0..self.inputs.len() {
            let input = &mut self.inputs[index];
            let Some((session, reason)) = input.take_ended() else { continue };
            let lasted = session.began && session.aired >= input.setup.grace;
            // The programme may have gone on by itself meanwhile.
            let goes_on = self.rule.air() == Air::Programme && Some(programme.begun()) == self.begun;
            if lasted && goes_on && input.setup.after_live == AfterLive::Next {
                programme.skip_after_live(self.skip);
            }
            self.end_session(index, session, reason);
        }
    }

    /// Tells who is heard from the middle of a fade on, and their titles.
    fn announce(&mut self, at: FramePos) {
        let block = FrameCount(BLOCK_FRAMES as u64);
        if let Some(crossing) = self.crossing.take_if(|crossing| *crossing < at + block) {
            let crossing = crossing.max(at);
            self.announced = self.rule.air();
            match self.announced {
                Air::Programme => self.news.push(LiveNews::Title { at: crossing, title: None }),
                Air::Live(index) => self.inputs[index].announce(crossing, &mut self.news),
            }
        }
        for (index, input) in self.inputs.iter_mut().enumerate() {
            let changed = input.look_at_title();
            if changed && self.announced == Air::Live(index) {
                input.tell_title(at, &mut self.news);
            }
        }
    }

    /// Adds their next frames to `out`, which is a block.
    pub fn mix(&mut self, out: &mut [f32], scratch: &mut Scratch) {
        for (index, input) in self.inputs.iter_mut().enumerate() {
            input.mix(self.rule.phase(index), out, scratch);
        }
    }

    /// The pipeline stops: all sessions are over.
    pub fn stop(&mut self) {
        for input in &mut self.inputs {
            if let Some(session) = input.stop(LeaveReason::StationStopped) {
                self.news.extend(session.farewell(LeaveReason::StationStopped, self.spec.rate));
            }
        }
    }
}
