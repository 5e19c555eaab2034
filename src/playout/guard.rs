//! The dead-air guard: it notices silence where something should sound, and says what to do about it.

use std::time::Duration;

use crate::units::{FrameCount, SampleRate};

/// When silence is dead air. The default guards.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadAir {
    /// How long silence may last; `None`: the guard is off.
    pub after: Option<Duration>,
    /// What counts as silence, in decibels below full scale (of the mean power).
    pub below_db: f32,
    /// Whether silence is dead air while the programme is held.
    pub while_held: bool,
}

impl Default for DeadAir {
    fn default() -> DeadAir {
        DeadAir { after: Some(Duration::from_secs(20)), below_db: -60.0, while_held: false }
    }
}

/// What the guard sees of a stretch of the mix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// How long it was.
    pub frames: FrameCount,
    /// Its mean power: the mean of the squared samples, 0.5 for a full-scale sine.
    pub power: f32,
    /// What should have been heard.
    pub expected: Expected,
}

/// What should have been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A track or a voice.
    Sound,
    /// A track, but its decoder gives nothing.
    Stuck,
    /// Nothing: nothing that can be played is up next.
    NothingUpNext,
    /// Nothing: the programme is held.
    Held,
    /// A live input. [`Precedence`](super::Precedence) says how long it may be silent.
    Live,
    /// An announcement.
    Announcement,
}

/// What the mixer is to do. The guard says each once in one dead air.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Dead air begins, for this reason: tell it, and skip to the next track if there is one.
    Begin(&'static str),
    /// Dead air lasts: play the fallback.
    FallBack,
    /// Dead air is over. It lasted so long.
    End(Duration),
}

/// Watches one mix.
#[derive(Clone, Debug)]
pub struct Guard {
    rate: SampleRate,
    settings: DeadAir,
    silent: FrameCount,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Sound, or a silence that is still short.
    Sound,
    /// Dead air was told, and a skip was tried.
    Dead,
    /// The fallback was asked for.
    FallenBack,
}

impl Guard {
    /// A guard for a mix at this rate.
    pub fn new(rate: SampleRate, settings: DeadAir) -> Guard {
        Guard { rate, settings, silent: FrameCount(0), phase: Phase::Sound }
    }

    /// Whether there is dead air now.
    pub fn is_dead(&self) -> bool {
        self.phase != Phase::Sound
    }

    /// Takes in the next stretch of the mix.
    pub fn watch(&mut self, stretch: Stretch) -> Option<Act> {
        let after = self.rate.frames_in(self.settings.after?);
        let loud = 10_f32.powf(self.settings.below_db / 10.0);
        let excused = match stretch.expected {
            Expected::Live => true,
            Expected::Held => !self.settings.while_held,
            Expected::Sound | Expected::Stuck | Expected::NothingUpNext | Expected::Announcement => false,
        };
        if stretch.power > loud || excused {
            let lasted = self.rate.duration_of(std::mem::take(&mut self.silent));
            let before = std::mem::replace(&mut self.phase, Phase::Sound);
            return (before != Phase::Sound).then_some(Act::End(lasted));
        }
        self.silent.0 += stretch.frames.0;
        match self.phase {
            Phase::Sound if self.silent >= after => {
                self.phase = Phase::Dead;
                Some(Act::Begin(match stretch.expected {
                    Expected::Sound | Expected::Live => "the mix is silent",
                    Expected::Stuck => "the decoder makes no progress",
                    Expected::NothingUpNext => "nothing that can be played is up next",
                    Expected::Held => "the programme is held",
                    Expected::Announcement => "the announcement is silent",
                }))
            }
            // A skip gets as long as the silence before it. Without a next track there is no skip to wait
            // for.
            Phase::Dead if stretch.expected == Expected::NothingUpNext || self.silent.0 >= 2 * after.0 => {
                self.phase = Phase::FallenBack;
                Some(Act::FallBack)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::CD;

    /// Ten seconds of guard; the acts, with the second in which they came.
    fn acts(seconds: impl IntoIterator<Item = (f32, Expected)>) -> Vec<(usize, Act)> {
        let settings = DeadAir { after: Some(Duration::from_secs(10)), ..DeadAir::default() };
        let mut guard = Guard::new(RATE, settings);
        let stretch =
            |(power, expected)| Stretch { frames: RATE.frames_in(Duration::from_secs(1)), power, expected };
        let watched = seconds.into_iter().enumerate();
        watched.filter_map(|(second, seen)| Some((second, guard.watch(stretch(seen))?))).collect()
    }

    fn for_seconds(seconds: usize, power: f32, expected: Expected) -> Vec<(f32, Expected)> {
        vec![(power, expected); seconds]
    }

    #[test]
    fn a_short_silence_is_music() {
        let quiet = for_seconds(9, 0.0, Expected::Sound);
        let loud = for_seconds(1, 0.01, Expected::Sound);
        assert_eq!(acts([&quiet[..], &loud, &quiet].concat()), []);
    }

    #[test]
    fn a_long_silence_is_told_then_skipped_then_filled() {
        let silence = for_seconds(25, 0.0, Expected::Sound);
        let sound = for_seconds(5, 0.1, Expected::Sound);
        let acts = acts([&sound[..], &silence, &sound].concat());
        let expected = [
            (14, Act::Begin("the mix is silent")),
            (24, Act::FallBack),
            (30, Act::End(Duration::from_secs(25))),
        ];
        assert_eq!(acts, expected);
    }

    #[test]
    fn the_fallback_comes_at_once_if_nothing_is_up_next() {
        let acts = acts(for_seconds(100, 0.0, Expected::NothingUpNext));
        assert_eq!(acts.iter().map(|act| act.0).collect::<Vec<_>>(), [9, 10]);
    }

    #[test]
    fn a_hold_is_no_dead_air_unless_the_settings_say_so() {
        let held = for_seconds(100, 0.0, Expected::Held);
        assert_eq!(acts(held.clone()), []);
        let settings = DeadAir { while_held: true, ..DeadAir::default() };
        let mut guard = Guard::new(RATE, settings);
        let minute = RATE.frames_in(Duration::from_secs(60));
        let stretch = Stretch { frames: minute, power: 0.0, expected: Expected::Held };
        assert_eq!(guard.watch(stretch), Some(Act::Begin("the programme is held")));
        assert!(guard.is_dead());
    }

    #[test]
    fn a_silent_live_input_is_not_for_the_guard() {
        assert_eq!(acts(for_seconds(100, 0.0, Expected::Live)), []);
    }

    #[test]
    fn a_silent_announcement_is_dead_air_although_the_programme_is_held() {
        let acts = acts(for_seconds(15, 0.0, Expected::Announcement));
        assert_eq!(acts, [(9, Act::Begin("the announcement is silent"))]);
    }

    #[test]
    fn noise_below_the_threshold_is_silence() {
        let dither = acts(for_seconds(10, 1e-9, Expected::Sound));
        assert_eq!(dither.len(), 1);
        assert_eq!(acts(for_seconds(100, 1e-5, Expected::Sound)), []);
    }
}
