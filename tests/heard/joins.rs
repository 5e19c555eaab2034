//! Generated tracks, one after the other, with `crossfade = "auto"`: whatever they end and begin with,
//! nothing clicks, nothing is missing, and nothing sounds over a show or a spot.
//!
//! `LONGWAVE_JOINS=DIR` keeps ten of the joins as WAV files, to be looked at and listened to.

use std::time::Duration;

use fastrand::Rng;
use longwave::{Crossfade, Entry, Place, TrackKind};
use longwave_testing::long;
use longwave_testing::sound::wav;
use longwave_testing::studio::{SMALL, Studio};

use super::tracks::{BODIES, Track, body, decay, fade_in, fade_out, told};

const HZ: usize = 8_000;
/// The pairs of one programme.
const PAIRS: usize = 60;
/// All of them in the long form.
const ALL_PAIRS: usize = 1_000;

const TARGET: f32 = -20.0;
/// The limiter's look-ahead.
const DELAY: usize = HZ * 4 / 1000;
/// A cut fades for so long.
const CUT: usize = HZ / 100;

#[test]
fn whatever_meets_nothing_clicks_and_nothing_is_missing() {
    let programmes = if long() { ALL_PAIRS.div_ceil(PAIRS) } else { 1 };
    for programme in 0..programmes {
        let seed = longwave_testing::seed();
        println!("programme {programme}: seed {seed}");
        play(&mut Rng::with_seed(seed));
    }
}

fn play(random: &mut Rng) {
    let folder = tempfile::tempdir().unwrap();
    let tracks: Vec<Track> = (0..=PAIRS)
        .map(|n| {
            let (kind, what, pcm) = track(random);
            Track::new(folder.path().join(format!("{n}.wav")), SMALL, kind, what, &pcm)
        })
        .collect();
    let studio = Studio::with(|settings| {
        settings.crossfade = Crossfade::Auto;
        settings.loudness_lufs = Some(TARGET);
        settings.heard_tracks = Some(told(&tracks));
        settings.dead_air.after = None;
    });
    let entries = tracks.iter().map(|track| Entry { kind: track.kind, ..Entry::new(&track.path) });
    studio.pipeline.queue_files(entries, Place::End).unwrap();
    let all: usize = tracks.iter().map(|track| track.pcm.len()).sum();
    studio.run(Duration::from_secs_f64(all as f64 / HZ as f64 + 1.0));
    let begins: Vec<usize> = studio.began_at().into_iter().map(|at| at as usize).collect();
    let pcm = studio.stop();
    let pcm = &pcm[DELAY..];
    assert_eq!(begins.len(), tracks.len());
    let placed: Vec<Placed> =
        tracks.iter().zip(&begins).map(|(track, begin)| Placed::new(track, *begin)).collect();
    for (n, pair) in placed.windows(2).enumerate() {
        let [one, next] = pair else { unreachable!() };
        let what = format!("pair {n}: {} | {}", one.track.what, next.track.what);
        keep(n, one, next, pcm);
        meets_where_it_decays(one, next, &what);
        has_no_hole(one, next, pcm, &what);
        has_no_click(&placed, one, next, pcm, &what);
        for alone in [one, next].into_iter().filter(|placed| placed.track.kind.is_alone()) {
            is_alone(alone, pcm, &what);
        }
    }
}

/// A track, of any kind, with any beginning and end.
fn track(random: &mut Rng) -> (TrackKind, String, Vec<f32>) {
    let what = BODIES[random.usize(..BODIES.len())];
    let seconds = if random.u8(..5) == 0 { 0.6 + random.f64() } else { 2.0 + 12.0 * random.f64() };
    let mut pcm = body(what, HZ as u32, seconds, random);
    let level = 10_f32.powf(-(random.f32() * 24.0) / 20.0);
    pcm.iter_mut().for_each(|sample| *sample *= level);
    let frames = |seconds: f64| (seconds * HZ as f64) as usize;
    // What begins or ends at once does so within some milliseconds, like any instrument.
    fade_in(&mut pcm, frames(0.008));
    fade_out(&mut pcm, frames(0.008));
    let begins = match random.u8(..4) {
        0 => {
            fade_in(&mut pcm, frames((0.3 + 2.0 * random.f64()).min(seconds / 2.0)));
            "rises"
        }
        _ => "at once",
    };
    let ends = match random.u8(..4) {
        0 => {
            fade_out(&mut pcm, frames((1.0 + 7.0 * random.f64()).min(seconds * 0.7)));
            "faded"
        }
        1 => {
            decay(&mut pcm, frames((1.0 + 4.0 * random.f64()).min(seconds * 0.7)));
            "decays"
        }
        _ => "cold",
    };
    let mut silence = || if random.bool() { vec![0.0; frames(3.0 * random.f64())] } else { Vec::new() };
    let (before, behind) = (silence(), silence());
    let lasts = pcm.len() as f64 / HZ as f64;
    let pcm = [before, pcm, behind].concat();
    let kind = match random.u8(..10) {
        0 => TrackKind::Show,
        1 => TrackKind::Spot,
        2 => TrackKind::Jingle,
        _ => TrackKind::Music,
    };
    (kind, format!("{kind:?} of {what:?}, {lasts:.1} s, begins {begins}, ends {ends}"), pcm)
}

/// A track where it was heard.
struct Placed<'a> {
    track: &'a Track,
    /// Where its first frame that is played lies on the clock.
    begin: usize,
    /// The part of it that is played.
    pcm: Vec<f32>,
    /// Where the next one should start, from its beginning.
    start_next: usize,
}

impl<'a> Placed<'a> {
    fn new(track: &'a Track, begin: usize) -> Placed<'a> {
        let frame = |time: Option<Duration>| time.map(|time| SMALL.rate.frames_in(time).0 as usize);
        let heard = &track.heard;
        let cut =
            if track.kind.is_music() { (frame(heard.cue_in), frame(heard.cue_out)) } else { (None, None) };
        let (from, to) = (cut.0.unwrap_or(0), cut.1.unwrap_or(track.pcm.len()));
        let gain = heard.gain_db(TARGET).map_or(1.0, |db| 10_f32.powf(db / 20.0));
        let pcm: Vec<f32> = track.pcm[from..to].iter().map(|sample| sample * gain).collect();
        let start_next = frame(heard.start_next).filter(|_| track.kind.is_music()).unwrap_or(to) - from;
        Placed { track, begin, pcm, start_next }
    }

    fn end(&self) -> usize {
        self.begin + self.pcm.len()
    }

    /// The level, in decibels, below which it is silent.
    fn silent_db(&self) -> f32 {
        let gain = self.track.heard.gain_db(TARGET).unwrap_or(0.0);
        self.track.heard.loudness_lufs.map_or(-90.0, |lufs| lufs + gain - 48.0)
    }
}

/// The next one starts where the rule says, or later, where one of them is short.
fn meets_where_it_decays(one: &Placed, next: &Placed, what: &str) {
    let overlap = one.end().saturating_sub(next.begin);
    let decay = one.pcm.len() - one.start_next;
    let most = decay.min(one.pcm.len() / 2).min(next.pcm.len() / 2);
    let wanted = if one.track.kind.is_alone() || next.track.kind.is_alone() { 0 } else { most };
    // A track is announced where it is louder than the one before, within the cut's fade.
    assert!(wanted.abs_diff(overlap) <= CUT, "{what}: they overlap for {overlap} frames, not for {wanted}");
    assert!(next.begin <= one.end(), "{what}: there is nothing for {} frames", next.begin - one.end());
}

/// Where they meet, it is never silent for more than 100 ms. Where they overlap, pauses before the next one
/// begins are the first one's own, and later ones are always the next one's.
fn has_no_hole(one: &Placed, next: &Placed, pcm: &[f32], what: &str) {
    const WINDOW: usize = HZ / 200;
    let silent = 10_f32.powf(one.silent_db().min(next.silent_db()) / 20.0);
    // What is not cut may be silent itself: only music is.
    if !one.track.kind.is_music() || !next.track.kind.is_music() {
        return;
    }
    let is_silent = |at: usize| {
        let window = &pcm[at..(at + WINDOW).min(pcm.len())];
        let power = window.iter().map(|sample| sample * sample).sum::<f32>() / WINDOW as f32;
        power.sqrt() < silent
    };
    let mut begin = next.begin;
    while one.end() < next.begin + HZ / 10 && begin >= WINDOW && is_silent(begin - WINDOW) {
        begin -= WINDOW;
    }
    let mut end = next.begin;
    while end + WINDOW < pcm.len() && is_silent(end) {
        end += WINDOW;
    }
    let hole = (end - begin) * 1000 / HZ;
    assert!(hole <= 100, "{what}: silent for {hole} ms at frame {}", next.begin);
}

/// Nowhere near the place where they meet is a corner that is sharper than those of the tracks that sound
/// there. A short one's neighbours are among them.
fn has_no_click(all: &[Placed], one: &Placed, next: &Placed, pcm: &[f32], what: &str) {
    let around = next.begin.saturating_sub(HZ / 2)..(one.end() + HZ / 2).min(pcm.len());
    let sounding = all.iter().filter(|placed| placed.begin < around.end && placed.end() > around.start);
    let own: f32 = sounding.map(|placed| sharpest(&placed.pcm)).sum();
    let heard = sharpest(&pcm[around]);
    // A fade of ten milliseconds has corners of its own, a hundred times smaller than a click.
    let allowed = 1.2 * own + 0.002;
    assert!(heard <= allowed, "{what}: a corner of {heard:.4}, and {own:.4} in the tracks");
}

/// The highest third difference of neighbouring samples.
fn sharpest(pcm: &[f32]) -> f32 {
    let corner = |w: &[f32]| (w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0]).abs();
    pcm.windows(4).map(corner).fold(0.0, f32::max)
}

/// All of it is heard as it is, and nothing else meanwhile.
fn is_alone(placed: &Placed, pcm: &[f32], what: &str) {
    let heard = &pcm[placed.begin..placed.end()];
    let off = heard.iter().zip(&placed.pcm).map(|(heard, own)| (heard - own).abs()).fold(0.0, f32::max);
    assert!(off < 1e-4, "{what}: something differs from the track by {off}");
}

/// Keeps some of the joins, for who wants to look at them.
fn keep(n: usize, one: &Placed, next: &Placed, pcm: &[f32]) {
    let Some(folder) = std::env::var_os("LONGWAVE_JOINS").filter(|_| n < 10) else { return };
    let range = next.begin.saturating_sub(6 * HZ)..(one.end() + 4 * HZ).min(pcm.len());
    wav(&std::path::Path::new(&folder).join(format!("{n}.wav")), SMALL, &pcm[range]);
    println!("{n}: {} | {}", one.track.what, next.track.what);
}
