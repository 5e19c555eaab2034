//! The music: five pieces of a minute and a half.

use super::sound::{bass, bell, blip, brush, hat, hz, keys, kick, pad, pluck};
use super::space::Stereo;
use super::studio::{Melody, Rooms, Set, Studio};

/// A piece and its title.
pub struct Piece {
    pub title: &'static str,
    pub compose: fn() -> Stereo,
}

/// In the order in which they are played.
pub const PIECES: [Piece; 5] = [
    Piece { title: "First Light", compose: first_light },
    Piece { title: "Harbour Strings", compose: harbour_strings },
    Piece { title: "Night Bus", compose: night_bus },
    Piece { title: "Glass Hours", compose: glass_hours },
    Piece { title: "The Long Wave Home", compose: long_wave_home },
];

/// A bass key and the keys above it.
type Chord = (i32, [i32; 4]);

const MAJOR_PENTATONIC: [i32; 5] = [0, 2, 4, 7, 9];
const MINOR_PENTATONIC: [i32; 5] = [0, 3, 5, 7, 10];

/// Morning: slow chords in F, and an electric piano that improvises.
fn first_light() -> Stereo {
    const HOME: [Chord; 4] = [
        (41, [57, 60, 64, 67]), // F major 9
        (40, [55, 60, 62, 67]), // C add 9 over E
        (38, [57, 60, 64, 65]), // D minor 9
        (33, [55, 60, 64, 67]), // A minor 7
    ];
    const AWAY: [Chord; 4] = [
        (34, [57, 60, 62, 65]), // B flat major 9
        (33, [57, 60, 65, 67]), // F add 9 over A
        (31, [58, 62, 65, 69]), // G minor 9
        (36, [58, 62, 65, 67]), // C 9 sus 4
    ];
    let bars: Vec<Chord> = [HOME, HOME, AWAY, HOME, AWAY].concat();
    let mut studio = Studio::new(58.0, bars.len() as f32 * 4.0 + 4.0, 5.0, 1);
    let mut melody = Melody::new(65, &MAJOR_PENTATONIC, 67, 86);
    for (bar, (low, chord)) in bars.iter().chain([&HOME[0]]).enumerate() {
        let start = bar as f32 * 4.0;
        pads(&mut studio, start - 0.6, 6.5, chord, 0.75, 0.11);
        let seconds = studio.seconds(4.2);
        let note = studio.once("bass", *low, |hz, _| bass(hz, seconds));
        studio.play(start, &note, Set { level: 0.26, place: 0.0, hall: 0.15, echo: 0.0 });
        if bar < 2 || bar == bars.len() {
            continue;
        }
        for (beat, often) in [(0.0, 0.9), (1.0, 0.35), (1.5, 0.5), (2.0, 0.5), (2.5, 0.35), (3.0, 0.6)] {
            if !studio.sometimes(often) {
                continue;
            }
            let key = if beat == 0.0 { melody.rest(chord) } else { melody.step(&mut studio.chance) };
            let note = studio.once("keys", key, |hz, _| keys(hz, 3.0, 0.7));
            studio.play_loosely(start + beat, &note, Set { level: 0.17, place: 0.15, hall: 0.5, echo: 0.4 });
        }
    }
    studio.finish(&Rooms {
        hall_seconds: 3.8,
        hall_treble_hz: 4_200.0,
        echo_beats: 0.75,
        echo_feedback: 0.45,
        fade_in: 1.5,
        fade_out: 5.0,
    })
}

/// A guitar, and later a second one.
fn harbour_strings() -> Stereo {
    // Six strings each, from low to high.
    const G: [i32; 6] = [43, 50, 55, 59, 62, 67];
    const D_OVER_F_SHARP: [i32; 6] = [42, 50, 57, 62, 66, 69];
    const E_MINOR_7: [i32; 6] = [40, 50, 55, 59, 64, 67];
    const C_ADD_9: [i32; 6] = [48, 52, 55, 62, 64, 67];
    const B_MINOR_7: [i32; 6] = [47, 54, 57, 62, 66, 69];
    const A_MINOR_7: [i32; 6] = [45, 52, 55, 60, 64, 67];
    const D_SUS_4: [i32; 6] = [50, 57, 62, 67, 69, 74];
    const VERSE: [[i32; 6]; 4] = [G, D_OVER_F_SHARP, E_MINOR_7, C_ADD_9];
    const BRIDGE: [[i32; 6]; 4] = [B_MINOR_7, C_ADD_9, A_MINOR_7, D_SUS_4];
    // The string for each eighth note.
    const PICKING: [usize; 8] = [0, 3, 4, 2, 1, 5, 4, 3];

    let bars: Vec<[i32; 6]> = [VERSE, VERSE, VERSE, BRIDGE, VERSE, BRIDGE, VERSE].concat();
    let mut studio = Studio::new(88.0, bars.len() as f32 * 4.0 + 2.0, 5.0, 2);
    let mut melody = Melody::new(67, &MAJOR_PENTATONIC, 67, 83);
    for (bar, strings) in bars.iter().enumerate() {
        let start = bar as f32 * 4.0;
        for (eighth, string) in PICKING.iter().enumerate() {
            let strong = eighth % 4 == 0;
            let seconds = if *string < 2 { 3.2 } else { 2.4 };
            let note =
                pluck(hz(strings[*string]), seconds, if strong { 0.55 } else { 0.4 }, &mut studio.chance);
            let level = if strong { 0.70 } else { 0.44 } + if *string < 2 { 0.25 } else { 0.0 };
            let place = -0.25 + 0.05 * *string as f32;
            studio.play_loosely(
                start + eighth as f32 * 0.5,
                &note,
                Set { level, place, hall: 0.22, echo: 0.0 },
            );
        }
        let seconds = studio.seconds(3.5);
        let low = studio.once("bass", strings[0], |hz, _| bass(hz, seconds));
        studio.play(start, &low, Set { level: 0.07, place: -0.1, hall: 0.1, echo: 0.0 });
        if bar >= 12 {
            let chord = [strings[2], strings[3], strings[4], strings[5]];
            pads(&mut studio, start - 0.5, 5.5, &chord, 0.4, 0.045);
        }
        let rests = !(8..24).contains(&bar);
        for (beat, often) in [(0.0, 0.8), (1.0, 0.4), (1.5, 0.45), (2.0, 0.5), (3.0, 0.5), (3.5, 0.3)] {
            if rests || !studio.sometimes(often) {
                continue;
            }
            let key = if beat == 0.0 { melody.rest(strings) } else { melody.step(&mut studio.chance) };
            let note = pluck(hz(key), 2.2, 0.7, &mut studio.chance);
            studio.play_loosely(start + beat, &note, Set { level: 0.55, place: 0.4, hall: 0.4, echo: 0.25 });
        }
    }
    let end = pluck(hz(G[0]), 5.0, 0.4, &mut studio.chance);
    studio.play(bars.len() as f32 * 4.0, &end, Set { level: 0.6, place: -0.2, hall: 0.4, echo: 0.0 });
    let end = pluck(hz(G[5]), 5.0, 0.4, &mut studio.chance);
    studio.play(bars.len() as f32 * 4.0 + 0.1, &end, Set { level: 0.5, place: 0.1, hall: 0.4, echo: 0.0 });
    studio.finish(&Rooms {
        hall_seconds: 1.9,
        hall_treble_hz: 5_500.0,
        echo_beats: 1.5,
        echo_feedback: 0.3,
        fade_in: 0.02,
        fade_out: 4.0,
    })
}

/// The last bus home: brushes, an electric piano, and a vibraphone at the window.
fn night_bus() -> Stereo {
    const BARS: [Chord; 8] = [
        (38, [53, 57, 60, 64]), // D minor 9
        (31, [53, 57, 59, 64]), // G 13
        (36, [52, 55, 59, 62]), // C major 9
        (33, [55, 59, 60, 64]), // A minor 9
        (41, [52, 57, 60, 67]), // F major 9
        (40, [50, 55, 59, 62]), // E minor 7
        (38, [53, 57, 60, 64]), // D minor 9
        (31, [53, 57, 60, 64]), // G 9 sus 4
    ];
    const LENGTH: usize = 28;
    // Off-beat eighth notes come late.
    const SWING: f32 = 0.62;
    let mut studio = Studio::new(76.0, LENGTH as f32 * 4.0 + 4.0, 4.0, 3);
    let mut melody = Melody::new(69, &MINOR_PENTATONIC, 67, 84);
    let (kick, drum) = (kick(), brush(&mut studio.chance));
    let hats = [0.05, 0.09].map(|seconds| hat(seconds, &mut studio.chance));
    for bar in 0..=LENGTH {
        let start = bar as f32 * 4.0;
        let (low, chord) = if bar == LENGTH { BARS[2] } else { BARS[bar % BARS.len()] };
        for (name, beat, seconds, level) in [("long", 0.0, 3.2, 0.20), ("short", 1.0 + SWING, 2.2, 0.14)] {
            for (index, key) in chord.iter().enumerate() {
                let note = studio.once(name, *key, |hz, _| keys(hz, seconds, 0.55));
                let place = -0.45 + 0.25 * index as f32;
                studio.play_loosely(start + beat, &note, Set { level, place, hall: 0.25, echo: 0.0 });
            }
        }
        let walk: &[(f32, i32)] =
            if bar % 2 == 0 { &[(0.0, 0), (2.0, 7)] } else { &[(0.0, 0), (2.0, 12), (3.0 + SWING, 10)] };
        for (beat, above) in walk {
            let seconds = studio.seconds(1.6);
            let note = studio.once("bass", low + above, |hz, _| bass(hz, seconds));
            studio.play_loosely(start + beat, &note, Set { level: 0.26, place: 0.0, hall: 0.05, echo: 0.0 });
        }
        if (4..26).contains(&bar) {
            for beat in [0.0, 2.0 + SWING] {
                studio.play(start + beat, &kick, Set { level: 0.55, place: 0.0, hall: 0.03, echo: 0.0 });
            }
            for beat in [1.0, 3.0] {
                studio.play_loosely(
                    start + beat,
                    &drum,
                    Set { level: 0.34, place: 0.1, hall: 0.25, echo: 0.0 },
                );
            }
            for beat in 0..4 {
                let beat = beat as f32;
                let set = Set { level: 0.22, place: -0.35, hall: 0.08, echo: 0.0 };
                studio.play_loosely(start + beat, &hats[0], set);
                studio.play_loosely(start + beat + SWING, &hats[1], Set { level: 0.14, ..set });
            }
        }
        let talks = (8..LENGTH).contains(&bar) && bar % 4 != 3;
        for (beat, often) in
            [(0.0, 0.7), (SWING, 0.3), (1.0, 0.45), (1.0 + SWING, 0.4), (2.0, 0.5), (3.0, 0.3)]
        {
            if !talks || !studio.sometimes(often) {
                continue;
            }
            let key = if beat == 0.0 { melody.rest(&chord) } else { melody.step(&mut studio.chance) };
            let note = studio.once("bell", key, |hz, _| bell(hz, 2.2, 0.25));
            studio.play_loosely(start + beat, &note, Set { level: 0.18, place: 0.4, hall: 0.35, echo: 0.3 });
        }
    }
    studio.finish(&Rooms {
        hall_seconds: 1.6,
        hall_treble_hz: 4_500.0,
        echo_beats: 1.0,
        echo_feedback: 0.35,
        fade_in: 0.3,
        fade_out: 4.0,
    })
}

/// Bells in a very large hall.
fn glass_hours() -> Stereo {
    // Everything is over one low E flat, in the Lydian mode.
    const LOW: i32 = 39;
    const CHORDS: [[i32; 4]; 4] = [
        [58, 62, 65, 67], // major 9
        [57, 60, 65, 69], // F over E flat
        [55, 58, 62, 70], // G minor over E flat
        [57, 62, 65, 72], // D minor over E flat
    ];
    const LYDIAN: [i32; 7] = [0, 2, 4, 6, 7, 9, 11];
    const BARS: usize = 17;
    let mut studio = Studio::new(46.0, BARS as f32 * 4.0, 8.0, 4);
    let mut high = Melody::new(LOW, &LYDIAN, 75, 94);
    let mut middle = Melody::new(LOW, &LYDIAN, 60, 77);
    for bar in 0..BARS {
        let start = bar as f32 * 4.0;
        let chord = CHORDS[bar / 2 % CHORDS.len()];
        if bar % 2 == 0 {
            pads(&mut studio, start - 1.0, 10.0, &[LOW, LOW + 7, chord[0], chord[1]], 0.35, 0.075);
        }
        for (beat, often) in [(0.0, 1.0), (1.0, 0.3), (2.0, 0.7), (3.0, 0.3)] {
            if studio.sometimes(often) {
                let key = if beat == 0.0 { middle.rest(&chord) } else { middle.step(&mut studio.chance) };
                let note = studio.once("bell", key, |hz, _| bell(hz, 6.0, 0.8));
                studio.play_loosely(
                    start + beat,
                    &note,
                    Set { level: 0.16, place: -0.15, hall: 0.55, echo: 0.0 },
                );
            }
        }
        for (beat, often) in [(0.5, 0.4), (1.5, 0.5), (2.25, 0.3), (2.5, 0.5), (3.5, 0.45)] {
            if (2..BARS - 1).contains(&bar) && studio.sometimes(often) {
                let key = if beat == 1.5 { high.rest(&chord) } else { high.step(&mut studio.chance) };
                let note = studio.once("high bell", key, |hz, _| bell(hz, 4.0, 0.5));
                studio.play_loosely(
                    start + beat,
                    &note,
                    Set { level: 0.10, place: 0.35, hall: 0.7, echo: 0.5 },
                );
            }
        }
    }
    studio.finish(&Rooms {
        hall_seconds: 6.5,
        hall_treble_hz: 5_000.0,
        echo_beats: 0.75,
        echo_feedback: 0.5,
        fade_in: 1.0,
        fade_out: 7.0,
    })
}

/// A figure in sixteenth notes, whose filter opens and closes.
fn long_wave_home() -> Stereo {
    const BARS: [Chord; 8] = [
        (33, [57, 60, 64, 69]), // A minor
        (29, [57, 60, 65, 69]), // F
        (36, [55, 60, 64, 67]), // C
        (31, [55, 59, 62, 67]), // G
        (33, [57, 60, 64, 71]), // A minor 9
        (29, [57, 60, 64, 69]), // F major 7
        (36, [55, 60, 64, 71]), // C major 7
        (28, [55, 59, 62, 67]), // E minor 7
    ];
    const FIGURE: [usize; 16] = [0, 1, 2, 3, 1, 2, 3, 2, 0, 2, 3, 1, 2, 3, 2, 1];
    const LENGTH: usize = 36;
    let mut studio = Studio::new(102.0, LENGTH as f32 * 4.0 + 4.0, 4.0, 5);
    let mut melody = Melody::new(69, &MINOR_PENTATONIC, 69, 88);
    let kick = kick();
    let hat = hat(0.06, &mut studio.chance);
    for bar in 0..=LENGTH {
        let start = bar as f32 * 4.0;
        let (low, chord) = if bar == LENGTH { BARS[0] } else { BARS[bar % BARS.len()] };
        pads(&mut studio, start - 0.4, 5.6, &chord, 0.6, 0.06);
        // The filter is open in the middle of the piece and closed at both ends.
        let open = 1.0 - (bar as f32 / LENGTH as f32 * 2.0 - 1.0).abs();
        for (sixteenth, &voice) in FIGURE.iter().enumerate().take(if bar == LENGTH { 1 } else { 16 }) {
            let octave = if sixteenth % 8 == 7 { 12 } else { 0 };
            let note = blip(hz(chord[voice] + octave), 0.34, 600.0 + 5_500.0 * open);
            let level = if sixteenth % 4 == 0 { 0.19 } else { 0.14 };
            let place = if sixteenth % 2 == 0 { -0.35 } else { 0.35 };
            studio.play(start + sixteenth as f32 * 0.25, &note, Set { level, place, hall: 0.2, echo: 0.3 });
        }
        let drums = (4..34).contains(&bar) && bar != 19;
        for beat in 0..4 {
            let beat = beat as f32;
            if (2..LENGTH).contains(&bar) {
                let seconds = studio.seconds(0.45);
                let note = studio.once("bass", low + 12, |hz, _| bass(hz, seconds));
                studio.play(
                    start + beat + 0.5,
                    &note,
                    Set { level: 0.24, place: 0.0, hall: 0.04, echo: 0.0 },
                );
            }
            if drums {
                studio.play(start + beat, &kick, Set { level: 0.5, place: 0.0, hall: 0.02, echo: 0.0 });
                studio.play(start + beat + 0.5, &hat, Set { level: 0.20, place: 0.2, hall: 0.06, echo: 0.0 });
            }
        }
        let sings = (12..32).contains(&bar);
        for (beat, often) in [(0.0, 0.7), (1.5, 0.5), (2.0, 0.3), (2.5, 0.4), (3.0, 0.4)] {
            if !sings || !studio.sometimes(often) {
                continue;
            }
            let key = if beat == 0.0 { melody.rest(&chord) } else { melody.step(&mut studio.chance) };
            let note = studio.once("keys", key, |hz, _| keys(hz, 2.0, 1.0));
            studio.play_loosely(start + beat, &note, Set { level: 0.13, place: 0.0, hall: 0.5, echo: 0.5 });
        }
    }
    let end = bass(hz(33), studio.seconds(4.0));
    studio.play(LENGTH as f32 * 4.0, &end, Set { level: 0.3, place: 0.0, hall: 0.1, echo: 0.0 });
    studio.finish(&Rooms {
        hall_seconds: 2.6,
        hall_treble_hz: 4_500.0,
        echo_beats: 0.75,
        echo_feedback: 0.5,
        fade_in: 0.5,
        fade_out: 5.0,
    })
}

/// A chord of pads, each note at its own place between left and right.
fn pads(studio: &mut Studio, beat: f32, beats: f32, chord: &[i32; 4], brightness: f32, level: f32) {
    let seconds = studio.seconds(beats);
    for (index, key) in chord.iter().enumerate() {
        for (name, side) in [("left pad", -1.0), ("right pad", 1.0)] {
            let note = studio.once(name, *key, |hz, chance| pad(hz, seconds, brightness, chance));
            let place = side * (0.9 - 0.2 * index as f32);
            studio.play(beat, &note, Set { level: level * 0.8, place, hall: 0.45, echo: 0.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::loudness;
    use super::*;

    #[test]
    fn every_piece_is_as_loud_as_the_others_and_ends_in_silence() {
        for piece in PIECES {
            let sound = (piece.compose)();
            let peak = |samples: &[f32]| samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            for channel in [&sound.left, &sound.right] {
                assert!(peak(channel) < 0.9, "{} peaks at {}", piece.title, peak(channel));
                let end = &channel[channel.len() - 4_410..];
                assert!(peak(end) < 0.002, "{} ends at {}", piece.title, peak(end));
                assert!(channel.iter().all(|sample| sample.is_finite()));
            }
            let lufs = loudness(&sound);
            assert!((lufs + 17.0).abs() < 0.5, "{} is at {lufs} LUFS", piece.title);
        }
    }
}
