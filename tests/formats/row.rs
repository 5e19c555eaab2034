//! One row of the table: a file, what is right for it, and what the judges say.

use std::path::{Path, PathBuf};

use crate::judges::{self, End, Said, Sound, Tone, Verdict};
use crate::make;
use crate::rows::joins;

/// A file that somebody has, and what is right for it.
#[derive(Debug)]
pub struct Row {
    pub path: PathBuf,
    /// The container, the codec, and who wrote it.
    what: &'static str,
    oddity: &'static str,
    right: Right,
    tags: Said,
    /// Why the judges differ.
    why: &'static str,
}

/// What is right for a file.
#[derive(Debug)]
enum Right {
    Plays(Expected),
    /// The sentence has these words.
    Refused(&'static str),
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    rate: u32,
    frames: Frames,
    /// The tone on the left, in each half.
    tones: [Tone; 2],
    end: End,
}

/// How long a file is, in frames of its own rate.
#[derive(Clone, Copy, Debug)]
pub enum Frames {
    /// The format tells it to the frame.
    Exactly(u64),
    /// The format does not tell what its encoder added in front and behind: up to so many frames.
    Within(u64, u64),
}

impl Row {
    /// A file of the usual sound: see `make`.
    pub fn new(what: &'static str, oddity: &'static str, path: PathBuf) -> Row {
        let expected = Expected {
            rate: make::RATE,
            frames: Frames::Exactly(make::FRAMES as u64),
            tones: [Tone { hz: make::LEFT_HZ, level: make::LEVEL_DB }; 2],
            end: End::Whole,
        };
        Row { path, what, oddity, right: Right::Plays(expected), tags: Said::default(), why: "" }
    }

    pub fn frames(self, frames: Frames) -> Row {
        self.expecting(|expected| expected.frames = frames)
    }

    pub fn rate(self, rate: u32) -> Row {
        self.expecting(|expected| expected.rate = rate)
    }

    pub fn level(self, level: f64) -> Row {
        self.expecting(|expected| expected.tones = expected.tones.map(|tone| Tone { level, ..tone }))
    }

    /// The level of the second half.
    pub fn then(self, level: f64) -> Row {
        self.expecting(|expected| expected.tones[1].level = level)
    }

    /// Something is missing at its end, and that is said.
    pub fn breaks_off(self) -> Row {
        self.expecting(|expected| expected.end = End::BrokenOff)
    }

    pub fn title(mut self, title: &str) -> Row {
        self.tags.title = Some(title.into());
        self
    }

    pub fn artist(mut self, artist: &str) -> Row {
        self.tags.artist = Some(artist.into());
        self
    }

    pub fn gain(mut self, gain: f32) -> Row {
        self.tags.gain = Some(gain);
        self
    }

    pub fn refused(mut self, words: &'static str) -> Row {
        self.right = Right::Refused(words);
        self
    }

    /// Explains what ffmpeg or mutagen say otherwise.
    pub fn why(mut self, why: &'static str) -> Row {
        self.why = why;
        self
    }

    /// Checks what Longwave makes of the file, asks the others, and returns the row's line, or what is wrong.
    pub fn judge(&self, mutagen: &Verdict<Said>) -> Verdict<String> {
        let cells = match &self.right {
            Right::Refused(words) => refused(&self.path, words),
            Right::Plays(expected) => self.played(*expected, mutagen),
        };
        let named = |wrong| format!("{}, {}: {wrong}", self.what, self.oddity);
        let [ours, theirs, tagged] = cells.map_err(named)?;
        let all_agree = [&theirs, &tagged].iter().all(|cell| ["same", ""].contains(&cell.as_str()));
        let cells = format!("{ours} | {theirs} | {tagged} | {}", self.why);
        match all_agree == self.why.is_empty() {
            true => Ok(format!("{} | {} | {cells}", self.what, self.oddity)),
            false => Err(named(format!("why? {cells}"))),
        }
    }

    fn played(&self, expected: Expected, mutagen: &Verdict<Said>) -> Verdict<[String; 3]> {
        let (sound, said) = judges::longwave(&self.path, expected.rate)?;
        expected.check(sound)?;
        if !said.agrees(&self.tags) {
            return Err(format!("{said}, not {}", self.tags));
        }
        joins::check(&self.path, expected.rate, sound.frames)?;
        let theirs = match judges::ffmpeg(&self.path, expected.rate) {
            Ok((other, text)) => difference(sound, other, &said, &text),
            Err(_) => "cannot play it".into(),
        };
        let tagged = match mutagen {
            Ok(theirs) if theirs.agrees(&said) => "same".into(),
            Ok(theirs) => theirs.to_string(),
            Err(_) => "cannot read it".into(),
        };
        Ok([format!("{sound}{}", said.after_a_sound()), theirs, tagged])
    }

    fn expecting(mut self, change: impl FnOnce(&mut Expected)) -> Row {
        match &mut self.right {
            Right::Plays(expected) => change(expected),
            Right::Refused(_) => panic!("{}: a file that is refused has no sound", self.oddity),
        }
        self
    }
}

fn refused(path: &Path, words: &str) -> Verdict<[String; 3]> {
    match judges::longwave(path, make::RATE) {
        Ok((sound, _)) => Err(format!("{sound}")),
        Err(refusal) if !refusal.contains(words) => Err(refusal),
        Err(refusal) => {
            let sentence = refusal.split(": ").skip(1).collect::<Vec<_>>().join(": ");
            Ok([format!("refused: {sentence}"), String::new(), String::new()])
        }
    }
}

/// What ffmpeg says otherwise.
fn difference(ours: Sound, theirs: Sound, said: &Said, text: &Said) -> String {
    let sound = if theirs.agrees(ours) { String::new() } else { theirs.to_string() };
    let tags = if text.agrees_as_text(said) { String::new() } else { text.to_string() };
    match [sound, tags].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>() {
        parts if parts.is_empty() => "same".into(),
        parts => parts.join("; "),
    }
}

impl Expected {
    fn check(self, sound: Sound) -> Verdict<()> {
        let in_time = match self.frames {
            Frames::Exactly(frames) => sound.frames == frames,
            Frames::Within(least, most) => (least..=most).contains(&sound.frames),
        };
        let in_tune = sound.halves.iter().zip(self.tones).all(|(half, tone)| half.agrees(tone));
        if in_time && in_tune && sound.end == self.end {
            Ok(())
        } else {
            Err(format!("{sound}, not {self:?}"))
        }
    }
}
