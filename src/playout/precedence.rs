//! Precedence: which of the programme and the live inputs has the air, and how the air is handed over.
//!
//! The live input with the highest priority that has sound has the air; of equals, the one whose sound came
//! first. A live input has sound once its buffer is full, until its source leaves, its line breaks, or it has
//! been silent for too long. Without any, the air is the programme's.
//!
//! Two orders of an operator go before that. A live input that is muted has no sound, whatever comes of it.
//! And the air may be forced: to the programme, or to a live input as soon as that has sound.

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenth of a second passes in each step.
    const RATE: SampleRate = SampleRate::new(8_000).unwrap();
    const STEP: FrameCount = FrameCount(800);
    const LOUD: Option<f32> = Some(0.1);
    const QUIET: Option<f32> = Some(1e-7);

    fn terms(priority: u32) -> LiveTerms {
        let seconds = |seconds: u64| FrameCount(8_000 * seconds);
        LiveTerms {
            priority,
            fade_in: seconds(1),
            fade_out: seconds(2),
            buffer: seconds(5),
            dead_air_after: Some(seconds(10)),
            silence: 1e-6,
        }
    }

    /// So many tenths of a second in the buffer.
    fn source(tenths: u64, power: Option<f32>) -> Seen {
        Seen::Source { level: FrameCount(800 * tenths), arrived: true, usable: true, power }
    }

    fn stalled(tenths: u64) -> Seen {
        Seen::Source { level: FrameCount(800 * tenths), arrived: false, usable: false, power: LOUD }
    }

    const FULL: u64 = 50;

    fn full() -> Seen {
        source(FULL, LOUD)
    }

    /// Steps, and gives who has the air from then on with the length of the fade in tenths of a second.
    fn step<const N: usize>(rule: &mut Precedence, seen: [Seen; N]) -> Option<(Air, u64)> {
        rule.step(STEP, seen).map(|handover| {
            assert_eq!(handover.to, rule.air());
            (handover.to, handover.fade.0 / 800)
        })
    }

    fn rule<const N: usize>(priorities: [u32; N]) -> Precedence {
        Precedence::new(RATE, priorities.map(terms))
    }

    #[test]
    fn a_live_input_takes_over_when_its_buffer_is_full_and_gives_back_when_its_source_leaves() {
        let mut rule = rule([1]);
        assert_eq!(step(&mut rule, [Seen::Nobody]), None);
        assert_eq!(step(&mut rule, [source(0, None)]), None);
        assert_eq!(rule.phase(0), LivePhase::Filling);
        assert_eq!(step(&mut rule, [source(FULL - 1, None)]), None);
        assert_eq!(step(&mut rule, [source(FULL, None)]), Some((Air::Live(0), 10)));
        assert_eq!(step(&mut rule, [source(FULL / 4, LOUD)]), None);
        // What is buffered beyond the fade is dropped.
        let leaves = Seen::Leaves { level: FrameCount(800 * FULL) };
        assert_eq!(step(&mut rule, [leaves]), Some((Air::Programme, 20)));
        assert_eq!(rule.phase(0), LivePhase::Absent);
    }

    #[test]
    fn a_source_that_leaves_with_little_in_its_buffer_fades_over_what_is_left() {
        let mut rule = rule([1]);
        step(&mut rule, [full()]);
        let leaves = Seen::Leaves { level: FrameCount(800 * 3) };
        assert_eq!(step(&mut rule, [leaves]), Some((Air::Programme, 3)));
    }

    #[test]
    fn a_line_is_broken_when_nothing_comes_and_the_buffer_is_nearly_empty() {
        let mut rule = rule([1]);
        step(&mut rule, [full()]);
        for level in (6..FULL).rev() {
            assert_eq!(step(&mut rule, [stalled(level)]), None, "{level}");
        }
        // It fades over what is left.
        assert_eq!(step(&mut rule, [stalled(5)]), Some((Air::Programme, 5)));
        // It comes back with a full buffer only.
        for level in 5..FULL {
            assert_eq!(step(&mut rule, [source(level, None)]), None, "{level}");
        }
        assert_eq!(step(&mut rule, [full()]), Some((Air::Live(0), 10)));
    }

    #[test]
    fn a_low_buffer_alone_is_no_broken_line() {
        let mut rule = rule([1]);
        step(&mut rule, [full()]);
        for _ in 0..100 {
            assert_eq!(step(&mut rule, [source(1, LOUD)]), None);
            assert_eq!(step(&mut rule, [stalled(1)]), None);
        }
    }

    #[test]
    fn a_line_that_brings_rubbish_is_broken_and_one_that_brings_long_pages_is_not() {
        let mut rule = rule([1]);
        step(&mut rule, [full()]);
        let unusable = |tenths: u64| Seen::Source {
            level: FrameCount(800 * tenths),
            arrived: true,
            usable: false,
            power: LOUD,
        };
        for _ in 0..10 {
            (0..15).for_each(|_| assert_eq!(step(&mut rule, [unusable(1)]), None));
            assert_eq!(step(&mut rule, [source(1, LOUD)]), None);
        }
        let broken = (1..).find_map(|n| step(&mut rule, [unusable(1)]).map(|handed| (n, handed)));
        assert_eq!(broken, Some((20, (Air::Programme, 1))));
    }

    #[test]
    fn half_of_a_short_buffer_is_nearly_empty() {
        let mut rule = Precedence::new(RATE, [LiveTerms { buffer: FrameCount(800 * 4), ..terms(1) }]);
        assert_eq!(step(&mut rule, [source(4, None)]), Some((Air::Live(0), 10)));
        assert_eq!(step(&mut rule, [stalled(3)]), None);
        assert_eq!(step(&mut rule, [stalled(2)]), Some((Air::Programme, 2)));
    }

    #[test]
    fn the_highest_priority_has_the_air_and_of_equals_the_one_that_came_first() {
        let mut rule = rule([1, 5, 5]);
        assert_eq!(step(&mut rule, [full(), Seen::Nobody, Seen::Nobody]), Some((Air::Live(0), 10)));
        assert_eq!(step(&mut rule, [full(), Seen::Nobody, full()]), Some((Air::Live(2), 10)));
        assert_eq!(step(&mut rule, [full(), full(), full()]), None, "it came later");
        // When one leaves, the other takes over directly.
        let leaves = Seen::Leaves { level: FrameCount(800 * FULL) };
        assert_eq!(step(&mut rule, [full(), full(), leaves]), Some((Air::Live(1), 20)));
        assert_eq!(step(&mut rule, [full(), full(), full()]), None, "it has come again, so it came later");
        assert_eq!(step(&mut rule, [full(), stalled(0), full()]), None);
        let handed = (0..3).find_map(|_| step(&mut rule, [full(), stalled(0), full()]));
        assert_eq!(handed, Some((Air::Live(2), 0)));
        assert_eq!(step(&mut rule, [full(), full(), full()]), None, "its line was broken, so it came later");
        assert_eq!(step(&mut rule, [full(), leaves, leaves]), Some((Air::Live(0), 20)));
        assert_eq!(step(&mut rule, [leaves, Seen::Nobody, Seen::Nobody]), Some((Air::Programme, 20)));
    }

    #[test]
    fn a_silent_source_gives_back_and_a_second_of_sound_brings_it_back() {
        let mut rule = rule([1]);
        step(&mut rule, [full()]);
        let silent = |rule: &mut Precedence, steps| {
            (1..=steps).find_map(|n| step(rule, [source(FULL, QUIET)]).map(|(air, fade)| (n, air, fade)))
        };
        assert_eq!(silent(&mut rule, 99), None);
        assert_eq!(step(&mut rule, [full()]), None);
        assert_eq!(silent(&mut rule, 1000), Some((100, Air::Programme, 20)));
        assert_eq!(rule.phase(0), LivePhase::Silent);
        // Clicks are no sound, and words have pauses.
        for _ in 0..20 {
            assert_eq!(step(&mut rule, [full()]), None);
            assert_eq!(silent(&mut rule, 10), None);
        }
        let spoken = |rule: &mut Precedence| step(rule, [full()]).or(step(rule, [source(FULL, QUIET)]));
        for _ in 0..9 {
            assert_eq!(spoken(&mut rule), None);
        }
        assert_eq!(spoken(&mut rule), Some((Air::Live(0), 10)));
    }

    #[test]
    fn a_silence_is_never_too_long_if_the_terms_say_so() {
        let mut rule = Precedence::new(RATE, [LiveTerms { dead_air_after: None, ..terms(1) }]);
        step(&mut rule, [full()]);
        for _ in 0..10_000 {
            assert_eq!(step(&mut rule, [source(FULL, QUIET)]), None);
        }
    }

    #[test]
    fn a_forced_input_has_the_air_as_soon_as_it_has_sound_until_it_is_released() {
        let mut rule = rule([5, 1]);
        step(&mut rule, [full(), Seen::Nobody]);
        rule.force(Some(Air::Live(1)));
        assert_eq!(step(&mut rule, [full(), source(FULL - 1, None)]), None);
        assert_eq!(step(&mut rule, [full(), full()]), Some((Air::Live(1), 10)));
        let leaves = Seen::Leaves { level: FrameCount(800 * 3) };
        assert_eq!(step(&mut rule, [full(), leaves]), Some((Air::Live(0), 3)), "over what is left");
        assert_eq!(step(&mut rule, [full(), full()]), Some((Air::Live(1), 10)), "the order still holds");
        rule.force(None);
        assert_eq!(step(&mut rule, [full(), full()]), Some((Air::Live(0), 10)));
        rule.force(Some(Air::Programme));
        assert_eq!(step(&mut rule, [full(), full()]), Some((Air::Programme, 20)));
        assert_eq!(step(&mut rule, [full(), full()]), None);
        rule.force(None);
        assert_eq!(step(&mut rule, [full(), full()]), Some((Air::Live(0), 10)));
    }

    #[test]
    fn a_muted_input_is_off_the_air_at_once_whoever_comes_and_goes() {
        let mut rule = rule([5, 1]);
        step(&mut rule, [full(), Seen::Nobody]);
        rule.mute(0, true);
        assert_eq!(step(&mut rule, [full(), Seen::Nobody]), Some((Air::Programme, 3)), "by a short fade");
        assert_eq!(rule.phase(0), LivePhase::Sounding, "it goes on as if it were heard");
        rule.force(Some(Air::Live(0)));
        assert_eq!(step(&mut rule, [full(), Seen::Nobody]), None);
        assert_eq!(step(&mut rule, [Seen::Nobody, full()]), Some((Air::Live(1), 10)));
        assert_eq!(step(&mut rule, [full(), full()]), None, "another source is muted, too");
        rule.mute(0, false);
        assert_eq!(step(&mut rule, [full(), full()]), Some((Air::Live(0), 10)));
    }

    /// All there is to know of an input in the naive model.
    #[derive(Clone, Copy, Debug)]
    struct Naive {
        priority: u32,
        came: usize,
        sounds: bool,
        muted: bool,
    }

    /// Who has the air: looks at one input after the other.
    fn naive_air(inputs: &[Naive; 3], forced: Option<Air>) -> Air {
        let mut best: Option<usize> = None;
        for (index, input) in inputs.iter().enumerate() {
            if !input.sounds || input.muted {
                continue;
            }
            if forced == Some(Air::Live(index)) {
                return Air::Live(index);
            }
            let is_better = best.is_none_or(|best| {
                let best = inputs[best];
                input.priority > best.priority || input.priority == best.priority && input.came < best.came
            });
            if is_better {
                best = Some(index);
            }
        }
        if forced == Some(Air::Programme) { Air::Programme } else { best.map_or(Air::Programme, Air::Live) }
    }

    /// Every set of priorities, orders of coming, sounds, mutes and forces of three inputs, and every change
    /// of mutes and forces from there.
    #[test]
    fn orders_and_priorities_decide_as_in_a_naive_model() {
        const COMING: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        const FORCED: [Option<Air>; 5] =
            [None, Some(Air::Programme), Some(Air::Live(0)), Some(Air::Live(1)), Some(Air::Live(2))];
        let bit = |bits: u32, index: usize| bits >> index & 1 == 1;
        for (priorities, coming, sounding) in
            (0..8).flat_map(|p| COMING.iter().flat_map(move |c| (0..8).map(move |s| (p, c, s))))
        {
            let naive: [Naive; 3] = std::array::from_fn(|index| Naive {
                priority: 1 + u32::from(bit(priorities, index)),
                came: coming.iter().position(|who| *who == index).unwrap(),
                sounds: bit(sounding, index),
                muted: false,
            });
            let mut rule = rule(naive.map(|input| input.priority));
            let mut seen = [Seen::Nobody; 3];
            for who in coming.iter().filter(|who| naive[**who].sounds) {
                seen[*who] = full();
                step(&mut rule, seen);
            }
            for (muted, forced) in (0..8).flat_map(|m| FORCED.map(|f| (m, f))) {
                let before = rule.air();
                let naive: [Naive; 3] =
                    std::array::from_fn(|index| Naive { muted: bit(muted, index), ..naive[index] });
                (0..3).for_each(|index| rule.mute(index, bit(muted, index)));
                rule.force(forced);
                let to = naive_air(&naive, forced);
                let fade = match before {
                    Air::Live(index) if naive[index].muted => 3,
                    Air::Live(_) if to == Air::Programme => 20,
                    _ => 10,
                };
                let handed = (to != before).then_some((to, fade));
                assert_eq!(step(&mut rule, seen), handed, "{naive:?}, forced: {forced:?}");
            }
        }
    }

    #[test]
    fn the_time_without_anything_is_counted() {
        let mut rule = rule([1]);
        for _ in 0..7 {
            step(&mut rule, [stalled(0)]);
        }
        assert_eq!(rule.quiet(0), FrameCount(7 * 800));
        step(&mut rule, [source(0, None)]);
        assert_eq!(rule.quiet(0), FrameCount(0));
    }
}
