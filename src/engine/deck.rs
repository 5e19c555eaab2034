//! A voice that an application drives by hand: a deck, a jingle, PCM that it pushes. Lives on the
//! mixer's thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::programme::CUT;
use super::voice::{Mixed, Scratch, Voice};
use crate::audio::PcmSpec;
use crate::event::Event;
use crate::ids::VoiceId;
use crate::playout::{Curve, GainRamp};
use crate::units::FrameCount;

/// What an application asks of a deck.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DeckCommand {
    Pause,
    Resume,
    Seek(FrameCount),
    Stop { fade: Duration },
    Volume { to: f32, over: Duration, curve: Curve, then_stop: bool },
}

/// What a deck tells of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceState {
    /// Which voice.
    pub id: VoiceId,
    /// Its file; an application's own PCM has none.
    pub file: Option<PathBuf>,
    /// Whether it is paused.
    pub paused: bool,
    /// Its volume now, 1.0 being unchanged.
    pub volume: f32,
    /// Frames played, at the pipeline's rate.
    pub position: FrameCount,
    /// How long it sounds in all, where that is known.
    pub duration: Option<FrameCount>,
}

pub(crate) struct Deck {
    id: VoiceId,
    file: Option<Arc<PathBuf>>,
    duration: Option<FrameCount>,
    voice: Voice,
    gate: Gate,
    ramp: Option<Ramp>,
    spec: PcmSpec,
}

/// A volume ramp under way.
struct Ramp {
    then_stop: bool,
}

/// Whether the deck sounds. It never opens or closes with a click.
enum Gate {
    Open,
    Closing(Then),
    Paused,
}

/// What happens once the gate has closed.
#[derive(Clone, Copy)]
enum Then {
    Pause,
    Seek(FrameCount),
    Stop,
}

impl Deck {
    pub fn new(
        id: VoiceId,
        file: Option<PathBuf>,
        duration: Option<FrameCount>,
        voice: Voice,
        volume: f32,
        spec: PcmSpec,
    ) -> Deck {
        let mut deck =
            Deck { id, file: file.map(Arc::new), duration, voice, gate: Gate::Open, ramp: None, spec };
        deck.voice.gain.volume = GainRamp::constant(volume.max(0.0));
        deck
    }

    /// Makes it wait for its resume.
    pub fn start_paused(&mut self) {
        self.gate = Gate::Paused;
        self.voice.gain.fade = GainRamp::constant(0.0);
    }

    pub fn id(&self) -> VoiceId {
        self.id
    }

    pub fn state(&self) -> VoiceState {
        VoiceState {
            id: self.id,
            file: self.file.as_deref().cloned(),
            paused: matches!(self.gate, Gate::Paused | Gate::Closing(Then::Pause)),
            volume: self.voice.gain.volume.gain(),
            position: self.voice.position(),
            duration: self.duration.or_else(|| {
                let left = self.voice.remaining()?;
                Some(FrameCount(self.voice.position().0 + left.0))
            }),
        }
    }

    /// Whether it should be heard.
    pub fn sounding(&self) -> bool {
        matches!(self.gate, Gate::Open) && self.voice.gain.volume.gain() > 0.0
    }

    pub fn command(&mut self, command: DeckCommand) {
        match command {
            DeckCommand::Pause => self.close(Then::Pause, CUT),
            DeckCommand::Resume => self.open(),
            DeckCommand::Stop { fade } => self.close(Then::Stop, fade.max(CUT)),
            DeckCommand::Seek(to) => match self.gate {
                // A paused deck makes no sound that could click.
                Gate::Paused => self.voice.seek(to),
                Gate::Closing(Then::Stop | Then::Pause) => {}
                Gate::Open | Gate::Closing(Then::Seek(_)) => self.close(Then::Seek(to), CUT),
            },
            DeckCommand::Volume { to, over, curve, then_stop } => {
                let frames = self.spec.rate.frames_in(over.max(CUT));
                self.voice.gain.volume.turn_to(to, frames, curve);
                self.ramp = Some(Ramp { then_stop });
            }
        }
    }

    /// Adds its next frames to `out`. True as long as it lives.
    pub fn mix(&mut self, out: &mut [f32], scratch: &mut Scratch, tell: &mut impl FnMut(Event)) -> bool {
        let channels = self.spec.channels.count();
        let mut done = 0;
        while done < out.len() {
            let frames = self.until_turn((out.len() - done) / channels);
            let part = &mut out[done..done + frames * channels];
            if matches!(self.gate, Gate::Paused) {
                // It waits; its volume does not.
                self.voice.gain.volume.advance(FrameCount(frames as u64));
            } else if let Mixed::Ended(_) = self.voice.mix(part, scratch) {
                tell(Event::VoiceEnded { voice: self.id, stopped: false });
                return false;
            }
            done += frames * channels;
            if !self.turn(tell) {
                tell(Event::VoiceEnded { voice: self.id, stopped: true });
                return false;
            }
        }
        true
    }

    /// What is due at this frame. False when it is the deck's end.
    fn turn(&mut self, tell: &mut impl FnMut(Event)) -> bool {
        if let Gate::Closing(then) = self.gate
            && self.voice.gain.fade.left() == FrameCount(0)
        {
            match then {
                Then::Stop => return false,
                Then::Pause => self.gate = Gate::Paused,
                Then::Seek(to) => {
                    self.voice.seek(to);
                    self.open();
                }
            }
        }
        if let Some(volume) = self.voice.gain.volume.settled()
            && let Some(ramp) = self.ramp.take()
        {
            tell(Event::RampDone { voice: self.id, volume });
            return !ramp.then_stop;
        }
        true
    }

    fn until_turn(&self, most: usize) -> usize {
        let ramps = [&self.voice.gain.fade, &self.voice.gain.volume];
        let turns = ramps.into_iter().map(|ramp| ramp.left().0).filter(|left| *left > 0);
        turns.fold(most as u64, u64::min) as usize
    }

    fn open(&mut self) {
        if !matches!(self.gate, Gate::Closing(Then::Stop)) {
            self.gate = Gate::Open;
            self.voice.fade(1.0, self.spec.rate.frames_in(CUT), Curve::Smooth);
        }
    }

    fn close(&mut self, then: Then, fade: Duration) {
        match (&self.gate, then) {
            // A paused deck that is stopped has nothing to fade: it ends at its next turn.
            (Gate::Paused, Then::Stop) => {
                self.voice.gain.fade = GainRamp::constant(0.0);
                self.gate = Gate::Closing(then);
            }
            (Gate::Paused, _) | (Gate::Closing(Then::Stop), Then::Pause | Then::Seek(_)) => {}
            _ => {
                self.voice.fade(0.0, self.spec.rate.frames_in(fade), Curve::Smooth);
                self.gate = Gate::Closing(then);
            }
        }
    }
}
