//! Who has the air, by one rule after the other, and compared with a naive model.

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
