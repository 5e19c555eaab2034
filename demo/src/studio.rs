//! Builds a piece: a tempo, a mix, a hall and an echo, and random numbers from a fixed seed.

use std::collections::HashMap;
use std::rc::Rc;

use fastrand::Rng;

use super::sound::{hz, samples};
use super::space::{Stereo, add_echo, add_hall, finish};

/// How a sound is placed in the mix.
#[derive(Clone, Copy)]
pub struct Set {
    pub level: f32,
    /// From -1, left, to 1, right.
    pub place: f32,
    /// The amount sent to the hall.
    pub hall: f32,
    /// The amount sent to the echo.
    pub echo: f32,
}

/// The effects of a piece, and its fades.
pub struct Rooms {
    pub hall_seconds: f32,
    pub hall_treble_hz: f32,
    pub echo_beats: f32,
    pub echo_feedback: f32,
    pub fade_in: f32,
    pub fade_out: f32,
}

pub struct Studio {
    pub chance: Rng,
    beat: f32,
    mix: Stereo,
    hall: Stereo,
    echo: Stereo,
    /// Sounds that were computed before, by name and key.
    made: HashMap<(&'static str, i32), Rc<[f32]>>,
}

impl Studio {
    /// A studio for a piece with this many beats, and `tail` seconds for the decay.
    pub fn new(beats_a_minute: f32, beats: f32, tail: f32, seed: u64) -> Studio {
        let beat = 60.0 / beats_a_minute;
        let silence = Stereo::silence(samples(beats * beat + tail));
        Studio {
            chance: Rng::with_seed(seed),
            beat,
            mix: silence.clone(),
            hall: silence.clone(),
            echo: silence,
            made: HashMap::new(),
        }
    }

    /// The length of a number of beats in seconds.
    pub fn seconds(&self, beats: f32) -> f32 {
        beats * self.beat
    }

    /// Returns the sound for a name and a key, and computes it only once.
    pub fn once(
        &mut self,
        name: &'static str,
        key: i32,
        make: impl FnOnce(f32, &mut Rng) -> Vec<f32>,
    ) -> Rc<[f32]> {
        let chance = &mut self.chance;
        self.made.entry((name, key)).or_insert_with(|| make(hz(key), chance).into()).clone()
    }

    /// Adds a sound on a beat, counted from 0.
    pub fn play(&mut self, beat: f32, sound: &[f32], set: Set) {
        let start = samples(beat.max(0.0) * self.beat);
        for (bus, level) in [(&mut self.mix, 1.0), (&mut self.hall, set.hall), (&mut self.echo, set.echo)] {
            if level > 0.0 {
                bus.add(start, sound, set.level * level, set.place);
            }
        }
    }

    /// Adds a sound with small random changes in time and volume, as if played by hand.
    pub fn play_loosely(&mut self, beat: f32, sound: &[f32], set: Set) {
        let late = (self.chance.f32() - 0.4) * 0.018 / self.beat;
        let level = set.level * (0.85 + 0.3 * self.chance.f32());
        self.play(beat + late, sound, Set { level, ..set });
    }

    /// True with this probability (0 to 1).
    pub fn sometimes(&mut self, often: f32) -> bool {
        self.chance.f32() < often
    }

    /// Mixes the piece.
    pub fn finish(mut self, rooms: &Rooms) -> Stereo {
        let echo_seconds = self.seconds(rooms.echo_beats);
        // The echo is sent to the hall as well.
        let mut echoes = Stereo::silence(self.mix.left.len());
        add_echo(&mut echoes, &self.echo, echo_seconds, rooms.echo_feedback);
        self.mix.mix(&echoes, 1.0);
        self.hall.mix(&echoes, 0.3);
        add_hall(&mut self.mix, &self.hall, rooms.hall_seconds, rooms.hall_treble_hz);
        finish(&mut self.mix, rooms.fade_in, rooms.fade_out);
        self.mix
    }
}

/// A random melody: small steps on a scale, which rests on notes of the chord.
pub struct Melody {
    /// The keys that it may play, ascending.
    scale: Vec<i32>,
    at: usize,
}

impl Melody {
    /// A melody on the scale with these steps (in semitones above `root`), between two keys.
    pub fn new(root: i32, steps: &[i32], lowest: i32, highest: i32) -> Melody {
        let scale: Vec<i32> =
            (lowest..=highest).filter(|key| steps.contains(&(key - root).rem_euclid(12))).collect();
        Melody { at: scale.len() / 2, scale }
    }

    /// Goes on by a step or two, more likely towards the middle of the range.
    pub fn step(&mut self, chance: &mut Rng) -> i32 {
        let middle = self.scale.len() / 2;
        let back = if self.at > middle { -1 } else { 1 };
        let step = *chance.choice(&[-2, -1, -1, 1, 1, 2, back, back]).expect("there is a choice");
        self.at = self.at.saturating_add_signed(step as isize).min(self.scale.len() - 1);
        self.scale[self.at]
    }

    /// Goes to the nearest key of the chord, in any octave.
    pub fn rest(&mut self, chord: &[i32]) -> i32 {
        let in_chord = |key: &i32| chord.iter().any(|other| (other - key).rem_euclid(12) == 0);
        let nearest = (0..self.scale.len())
            .filter(|&index| in_chord(&self.scale[index]))
            .min_by_key(|&index| index.abs_diff(self.at));
        self.at = nearest.unwrap_or(self.at);
        self.scale[self.at]
    }
}
