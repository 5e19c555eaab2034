//! Precedence: which of the programme and the live inputs has the air, and how the air is handed over.
//!
//! The live input with the highest priority that has sound has the air; of equals, the one whose sound came
//! first. A live input has sound once its buffer is full, until its source leaves, its line breaks, or it has
//! been silent for too long. Without any, the air is the programme's.
//!
//! Two orders of an operator go before that. A live input that is muted has no sound, whatever comes of it.
//! And the air may be forced: to the programme, or to a live input as soon as that has sound.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::units::{FrameCount, SampleRate};

/// How a live input comes and goes.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveTerms {
    /// The higher goes before the lower.
    pub priority: u32,
    /// How long its take-over fades.
    pub fade_in: FrameCount,
    /// How long it fades when it gives back.
    pub fade_out: FrameCount,
    /// The level of its buffer at which it has sound.
    pub buffer: FrameCount,
    /// How long it may be silent; `None`: for ever.
    pub dead_air_after: Option<FrameCount>,
    /// The mean power that is still silence.
    pub silence: f32,
}

/// Which track the programme goes on with after a live session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterLive {
    /// The next one, unless the session was shorter than `grace`.
    #[default]
    Next,
    /// The one that was held.
    Resume,
}

/// Who has the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Air {
    /// The programme.
    Programme,
    /// The live input of this index.
    Live(usize),
}

/// The air changes hands: one fades out while the other fades in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Who has had it.
    pub from: Air,
    /// Who has it from now on.
    pub to: Air,
    /// How long both fade.
    pub fade: FrameCount,
}

/// What is seen of a live input after a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// No source is there.
    Nobody,
    /// A source is there.
    Source {
        /// What is in its buffer.
        level: FrameCount,
        /// Whether anything has arrived since the last look.
        arrived: bool,
        /// Whether sound has come of it.
        usable: bool,
        /// The mean power of what was taken out of its buffer; `None` if nothing was.
        power: Option<f32>,
    },
    /// Its source leaves. So much is left in its buffer.
    Leaves {
        /// What is in its buffer.
        level: FrameCount,
    },
}

/// How far a live input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LivePhase {
    /// No source is there.
    Absent,
    /// Its buffer fills. Nothing is taken out.
    Filling,
    /// It has sound.
    Sounding,
    /// It has been silent for too long. Once there was a second of sound, it has sound again.
    Silent,
}

/// A source that has sent nothing usable for so long is let go.
pub const USELESS_AFTER: Duration = Duration::from_secs(10);

/// So much sound ends a silence.
const SOUND_AGAIN: Duration = Duration::from_secs(1);

/// A line counts as broken when its buffer has fallen to this, or to half if that is less, and nothing
/// arrives.
const LAST: Duration = Duration::from_millis(500);

/// Whatever arrives, a line counts as broken then if there was no sound in it for so long. A page of Ogg may
/// take a second and more.
const LONGEST_PAGE: Duration = Duration::from_secs(2);

/// A mute is for what must not be heard any longer: it fades for no longer than this.
const MUTE_FADE: Duration = Duration::from_millis(300);

/// The rule for the live inputs of one pipeline. It is stepped with the sample clock.
#[derive(Clone, Debug)]
pub struct Precedence {
    rate: SampleRate,
    inputs: Vec<Input>,
    air: Air,
    /// Who has the air by an order.
    forced: Option<Air>,
    /// How many times an input has got sound.
    turns: u64,
}

#[derive(Clone, Debug)]
struct Input {
    terms: LiveTerms,
    /// An order keeps it off the air, whoever comes and goes.
    muted: bool,
    phase: LivePhase,
    /// When its sound came, among those of all inputs.
    turn: u64,
    /// For how long nothing has arrived.
    quiet: FrameCount,
    /// For how long what has arrived was of no use. A line that brings nothing is quiet, and not useless.
    useless: FrameCount,
    /// For how long there was no sound.
    silent: FrameCount,
    /// How much sound there was since a silence.
    heard: FrameCount,
}

impl Precedence {
    /// The rule for these inputs. The programme has the air.
    pub fn new(rate: SampleRate, inputs: impl IntoIterator<Item = LiveTerms>) -> Precedence {
        let inputs = inputs.into_iter().map(Input::new).collect();
        Precedence { rate, inputs, air: Air::Programme, forced: None, turns: 0 }
    }

    /// One more input, behind the others.
    pub fn add(&mut self, terms: LiveTerms) {
        self.inputs.push(Input::new(terms));
    }

    /// Changes the terms of an input. Its sound, if it has any, stays.
    pub fn set_terms(&mut self, input: usize, terms: LiveTerms) {
        self.inputs[input].terms = terms;
    }

    /// Who has the air.
    pub fn air(&self) -> Air {
        self.air
    }

    /// How far an input is.
    pub fn phase(&self, input: usize) -> LivePhase {
        self.inputs[input].phase
    }

    /// Who has the air by an order; `None`: nobody.
    pub fn forced(&self) -> Option<Air> {
        self.forced
    }

    /// Gives the air to the programme, or to an input as soon as it has sound; `None`: priorities decide.
    pub fn force(&mut self, to: Option<Air>) {
        self.forced = to;
    }

    /// Whether an input is muted.
    pub fn is_muted(&self, input: usize) -> bool {
        self.inputs[input].muted
    }

    /// Keeps an input off the air, or lets it on again.
    pub fn mute(&mut self, input: usize, muted: bool) {
        self.inputs[input].muted = muted;
    }

    /// For how long nothing has arrived from its source.
    pub fn quiet(&self, input: usize) -> FrameCount {
        self.inputs[input].quiet
    }

    /// For how long what has arrived could not be played.
    pub fn useless(&self, input: usize) -> FrameCount {
        self.inputs[input].useless
    }

    /// Looks at the inputs after `passed` frames, one after the other. Tells when the air changes hands.
    pub fn step(&mut self, passed: FrameCount, seen: impl IntoIterator<Item = Seen>) -> Option<Handover> {
        let before = self.air;
        // How long the input that had the air can still fade, if it has no more sound.
        let mut left = None;
        for (index, (input, seen)) in self.inputs.iter_mut().zip(seen).enumerate() {
            let had_sound = input.has_sound();
            input.look(passed, seen, self.rate);
            if input.has_sound() && !had_sound {
                self.turns += 1;
                input.turn = self.turns;
            }
            if before == Air::Live(index) && !input.has_sound() {
                left = Some(input.fade_out(seen));
            }
        }
        let to = self.winner();
        self.air = to;
        (to != before).then(|| Handover { from: before, to, fade: left.unwrap_or(self.fade(before, to)) })
    }

    /// Who is to have the air.
    fn winner(&self) -> Air {
        let may_sound = |(_, input): &(usize, &Input)| input.has_sound() && !input.muted;
        let first = |(_, input): &(usize, &Input)| (input.terms.priority, std::cmp::Reverse(input.turn));
        let sounding = || self.inputs.iter().enumerate().filter(may_sound);
        match self.forced {
            Some(Air::Programme) => Air::Programme,
            Some(Air::Live(forced)) if sounding().any(|(index, _)| index == forced) => Air::Live(forced),
            _ => sounding().max_by_key(first).map_or(Air::Programme, |(index, _)| Air::Live(index)),
        }
    }

    /// How long a hand-over fades in which nobody's sound has ended.
    fn fade(&self, from: Air, to: Air) -> FrameCount {
        match (from, to) {
            (Air::Live(from), _) if self.inputs[from].muted => {
                self.inputs[from].terms.fade_out.min(self.rate.frames_in(MUTE_FADE))
            }
            (_, Air::Live(to)) => self.inputs[to].terms.fade_in,
            (Air::Live(from), Air::Programme) => self.inputs[from].terms.fade_out,
            (Air::Programme, Air::Programme) => FrameCount(0),
        }
    }
}

impl Input {
    fn new(terms: LiveTerms) -> Input {
        let none = FrameCount(0);
        let (quiet, useless, silent, heard) = (none, none, none, none);
        Input { terms, muted: false, phase: LivePhase::Absent, turn: 0, quiet, useless, silent, heard }
    }

    fn has_sound(&self) -> bool {
        self.phase == LivePhase::Sounding
    }

    fn look(&mut self, passed: FrameCount, seen: Seen, rate: SampleRate) {
        let Seen::Source { level, arrived, usable, power } = seen else {
            *self = Input { muted: self.muted, ..Input::new(self.terms.clone()) };
            return;
        };
        let count = |time: FrameCount, is_over| FrameCount(if is_over { 0 } else { time.0 + passed.0 });
        let begins = usable || self.useless == FrameCount(0);
        if usable {
            self.useless = FrameCount(0);
        } else if arrived {
            self.useless.0 += passed.0 + if begins { 0 } else { self.quiet.0 };
        }
        self.quiet = count(self.quiet, arrived);
        if self.phase == LivePhase::Absent {
            self.phase = LivePhase::Filling;
        }
        let last = FrameCount(rate.frames_in(LAST).0.min(self.terms.buffer.0 / 2));
        // Pieces that come late do not make a broken line.
        let is_over = self.quiet.0 >= last.0 / 2 || self.useless >= rate.frames_in(LONGEST_PAGE);
        if level <= last && is_over {
            self.phase = LivePhase::Filling;
        }
        if self.phase == LivePhase::Filling && level >= self.terms.buffer {
            (self.silent, self.heard) = (FrameCount(0), FrameCount(0));
            self.phase = LivePhase::Sounding;
        }
        if let Some(power) = power {
            self.listen(passed, power, rate);
        }
    }

    /// Takes in what was heard of it.
    fn listen(&mut self, passed: FrameCount, power: f32, rate: SampleRate) {
        let Some(after) = self.terms.dead_air_after else { return };
        let enough = rate.frames_in(SOUND_AGAIN);
        if power > self.terms.silence {
            self.silent = FrameCount(0);
            self.heard.0 += passed.0;
        } else {
            self.silent.0 += passed.0;
            // Words have pauses between them.
            if self.silent >= enough {
                self.heard = FrameCount(0);
            }
        }
        self.phase = match self.phase {
            LivePhase::Sounding if self.silent >= after => LivePhase::Silent,
            LivePhase::Silent if self.heard >= enough => LivePhase::Sounding,
            phase => phase,
        };
    }

    /// How long it fades, now that it has no more sound: no longer than there is anything to fade.
    fn fade_out(&self, seen: Seen) -> FrameCount {
        match seen {
            Seen::Nobody => FrameCount(0),
            Seen::Source { level, .. } | Seen::Leaves { level } => level.min(self.terms.fade_out),
        }
    }
}
