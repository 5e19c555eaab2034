//! A voice that an application drives by hand: a deck, a jingle, PCM that it pushes. Lives on the
//! mixer's thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::voice::{CUT, Gate, Mixed, Scratch, Then, Voice};
use crate::audio::PcmSpec;
use crate::event::{Event, TrackInfo};
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
    track: Option<Arc<TrackInfo>>,
    /// Whether it has sounded, which is told once.
    begun: bool,
    duration: Option<FrameCount>,
    voice: Voice,
    ramp: Option<Ramp>,
    spec: PcmSpec,
}

/// A volume ramp under way.
struct Ramp {
    then_stop: bool,
}

impl Deck {
    pub fn new(
        id: VoiceId,
        track: Option<Arc<TrackInfo>>,
        duration: Option<FrameCount>,
        voice: Voice,
        volume: f32,
        spec: PcmSpec,
    ) -> Deck {
        let mut deck = Deck { id, track, begun: false, duration, voice, ramp: None, spec };
        deck.voice.gain.volume = GainRamp::constant(volume.max(0.0));
        deck
    }

    /// Makes it wait for its resume.
    pub fn start_paused(&mut self) {
        self.voice.start_closed();
    }

    pub fn id(&self) -> VoiceId {
        self.id
    }

    pub fn state(&self) -> VoiceState {
        VoiceState {
            id: self.id,
            file: self.track.as_ref().map(|track| track.file.clone()),
            paused: matches!(self.voice.gate(), Gate::Closed | Gate::Closing(Then::Pause { .. })),
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
        self.voice.gate() == Gate::Open && self.voice.gain.volume.gain() > 0.0
    }

    pub fn command(&mut self, command: DeckCommand) {
        match (command, self.voice.gate()) {
            (DeckCommand::Volume { to, over, curve, then_stop }, _) => {
                let frames = self.spec.rate.frames_in(over.max(CUT));
                self.voice.gain.volume.ramp_to(to, frames, curve);
                self.ramp = Some(Ramp { then_stop });
            }
            // A paused deck makes no sound that could click, and has nothing to fade.
            (DeckCommand::Stop { .. }, Gate::Closed) => self.close(Duration::ZERO, Then::End),
            (DeckCommand::Seek(to), Gate::Closed) => self.voice.seek(to),
            (DeckCommand::Pause, Gate::Closed) => {}
            (DeckCommand::Stop { fade }, _) => self.close(fade.max(CUT), Then::End),
            // A deck that is being stopped stays so.
            (_, Gate::Closing(Then::End)) => {}
            // A pause and a seek do not undo each other, whichever comes first.
            (DeckCommand::Pause, Gate::Closing(Then::Seek(to))) => {
                self.voice.close_for(Then::Pause { at: Some(to) });
            }
            (DeckCommand::Seek(to), Gate::Closing(Then::Pause { .. })) => {
                self.voice.close_for(Then::Pause { at: Some(to) });
            }
            (DeckCommand::Resume, Gate::Closing(Then::Pause { at: Some(to) })) => {
                self.voice.close_for(Then::Seek(to));
            }
            // The deck sounds again after the seek anyway.
            (DeckCommand::Resume, Gate::Closing(Then::Seek(_))) => {}
            (DeckCommand::Pause, Gate::Closing(Then::Pause { .. })) => {}
            (DeckCommand::Pause, _) => self.close(CUT, Then::Pause { at: None }),
            (DeckCommand::Resume, _) => self.voice.open(),
            (DeckCommand::Seek(to), _) => self.voice.seek_softly(to),
        }
    }

    fn close(&mut self, fade: Duration, then: Then) {
        self.voice.close(self.spec.rate.frames_in(fade), Curve::Smooth, then);
    }

    /// Adds its next frames to `out`. True as long as it lives.
    pub fn mix(&mut self, out: &mut [f32], scratch: &mut Scratch, tell: &mut impl FnMut(Event)) -> bool {
        let channels = self.spec.channels.count();
        let mut done = 0;
        while done < out.len() {
            let frames = self.until_change((out.len() - done) / channels);
            let part = &mut out[done..done + frames * channels];
            if self.voice.gate() == Gate::Closed {
                // It waits; its volume does not.
                self.voice.gain.volume.advance(FrameCount(frames as u64));
            } else {
                if !std::mem::replace(&mut self.begun, true) {
                    tell(Event::VoiceBegan { voice: self.id, track: self.track.clone() });
                }
                if let Mixed::Ended(_) = self.voice.mix(part, scratch)
                    && !self.goes_on_elsewhere()
                {
                    tell(Event::VoiceEnded { voice: self.id, stopped: false });
                    return false;
                }
            }
            done += frames * channels;
            if !self.change(tell) {
                tell(Event::VoiceEnded { voice: self.id, stopped: true });
                return false;
            }
        }
        true
    }

    /// The file has ended. A seek that was under way is done now, since there is nothing left to fade.
    fn goes_on_elsewhere(&mut self) -> bool {
        let seeks = matches!(self.voice.gate(), Gate::Closing(Then::Seek(_) | Then::Pause { at: Some(_) }));
        seeks && self.voice.finish_closing_early().is_some()
    }

    /// Does what is due at this frame. False when it is the deck's end.
    fn change(&mut self, tell: &mut impl FnMut(Event)) -> bool {
        if self.voice.finish_closing() == Some(Then::End) {
            return false;
        }
        if let Some(volume) = self.voice.gain.volume.settled()
            && let Some(ramp) = self.ramp.take()
        {
            tell(Event::RampDone { voice: self.id, volume });
            return !ramp.then_stop;
        }
        true
    }

    /// Frames until one of its fades ends, `most` at most.
    fn until_change(&self, most: usize) -> usize {
        let ramps = [&self.voice.gain.fade, &self.voice.gain.volume];
        let ends = ramps.into_iter().map(|ramp| ramp.left().0).filter(|left| *left > 0);
        ends.fold(most as u64, u64::min) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::audio::{BLOCK_FRAMES, Channels};
    use crate::ring::{Ending, by_hand, feed};
    use crate::units::SampleRate;

    const SPEC: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };

    /// A second of sound after these commands, which come at once: what is heard at its end, and how the deck
    /// ended.
    fn after(commands: impl IntoIterator<Item = DeckCommand>) -> (f32, Option<bool>) {
        let (feed, mut filler) = by_hand(SPEC, Duration::from_secs(10));
        assert_eq!(filler.push(&[0.5; 40_000], Some(Instant::now())), Some(40_000));
        let voice = Voice::new(feed, 1.0, SPEC.rate);
        let mut deck = Deck::new(VoiceId(1), None, None, voice, 1.0, SPEC);
        let mut scratch = Scratch::new(SPEC.channels, None);
        commands.into_iter().for_each(|command| deck.command(command));
        let (mut heard, mut stopped) = (0.0, None);
        for _ in 0..8 {
            let mut block = [0.0; BLOCK_FRAMES];
            let lives = deck.mix(&mut block, &mut scratch, &mut |event| match event {
                Event::VoiceBegan { .. } => {}
                Event::VoiceEnded { stopped: by_command, .. } => stopped = Some(by_command),
                other => panic!("{other:?}"),
            });
            heard = block[BLOCK_FRAMES - 1];
            if !lives {
                break;
            }
        }
        (heard, stopped)
    }

    #[test]
    fn whatever_is_asked_of_a_deck_that_is_being_stopped_it_stops() {
        let stop = DeckCommand::Stop { fade: Duration::from_millis(300) };
        for later in [DeckCommand::Pause, DeckCommand::Resume, DeckCommand::Seek(FrameCount(0)), stop] {
            assert_eq!(after([stop, later]), (0.0, Some(true)), "{later:?}");
        }
        assert_eq!(after([DeckCommand::Pause, stop]), (0.0, Some(true)));
    }

    #[test]
    fn a_pause_lasts_until_the_resume_and_a_seek_does_not_end_it() {
        let (pause, seek) = (DeckCommand::Pause, DeckCommand::Seek(FrameCount(100)));
        assert_eq!(after([pause]), (0.0, None));
        let resume = DeckCommand::Resume;
        for resumed in [[pause, seek, resume], [seek, pause, resume], [seek, resume, seek]] {
            assert_eq!(after(resumed), (0.5, None), "{resumed:?}");
        }
        for paused in [[pause, seek], [seek, pause]] {
            assert_eq!(after(paused), (0.0, None), "{paused:?}");
        }
        assert_eq!(after([pause, DeckCommand::Resume]), (0.5, None));
        assert_eq!(after([seek]), (0.5, None));
    }
    #[test]
    fn a_seek_takes_effect_whatever_is_asked_with_it() {
        let (pause, resume) = (DeckCommand::Pause, DeckCommand::Resume);
        let seek = DeckCommand::Seek(FrameCount(7_000));
        let cases = [
            (vec![seek], false),
            (vec![pause, seek], true),
            (vec![seek, pause], true),
            (vec![seek, resume], false),
            (vec![pause, seek, resume], false),
            (vec![seek, pause, resume], false),
        ];
        // A file that goes on, and one that ends before the fade does.
        for ((commands, paused), frames) in cases.iter().flat_map(|case| [(case, 20_000), (case, 20)]) {
            let (feed, mut writer) = feed(SPEC.channels, FrameCount(0), 4);
            writer.write(vec![0.5; frames], Some(Ending::Complete));
            let voice = Voice::new(feed, 1.0, SPEC.rate);
            let mut deck = Deck::new(VoiceId(1), None, None, voice, 1.0, SPEC);
            commands.iter().for_each(|command| deck.command(*command));
            let mut block = [0.0; BLOCK_FRAMES];
            assert!(deck.mix(&mut block, &mut Scratch::new(SPEC.channels, None), &mut |_| ()));
            let state = deck.state();
            assert_eq!(
                (state.position, state.paused),
                (FrameCount(7_000), *paused),
                "{commands:?}, {frames} frames"
            );
        }
    }
}
