//! The air changes hands at random phases, judged by ear on continuous tones: no gap, no click, the levels as
//! faded, and what is told of it.
//!
//! A few times each, or as often as docs/TESTING.md says with `LONGWAVE_LONG=1`. `live_cut.rs` beside the API
//! has the cases that need a real process and a real line.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use longwave::{AfterLive, LeaveReason, LiveSettings, LiveState};
use longwave_testing::ear::Heard;
use longwave_testing::sound::{sine, wav};
use longwave_testing::studio::{MOUNT, Studio};
use longwave_testing::{PATIENCE, log_lines, long as is_long, ms, seconds};

use crate::djs::{Dj, pass};
use crate::live_inputs::{
    AMPLITUDE, LIVE, OTHER, PROGRAMME, RATE, STEREO, ended, kinds, only, settings, studio,
};

/// The pitch of an announcement.
const VOICE: f64 = 500.0;

/// No gap may be longer.
const LONGEST_GAP: f64 = 0.05;
/// The tones have corners of -58 dB at most. A click has as much as it is high.
const SHARPEST_DB: f64 = -50.0;
/// Two tones that cross-fade have the power of one all the time.
const STEADY_DB: f64 = 0.7;

/// How the levels are to be while the air changes hands.
#[derive(Clone, Copy, PartialEq)]
enum Levels {
    /// The power stays where it is.
    Steady,
    /// There are dips, which are no gaps.
    Dips,
}

/// A studio at a random phase, and where something happened that is to be judged.
struct Show {
    studio: Studio,
    /// What its DJs have in their names, so that their lines are found in the log.
    mark: String,
    /// Who is heard at a time, by their pitch.
    heard: Vec<(f64, f64)>,
    random: Rng,
}

impl Show {
    fn new(random: Rng, inputs: Vec<LiveSettings>) -> Show {
        static SHOWS: AtomicU32 = AtomicU32::new(0);
        log_lines::keep();
        let mark = format!("~{}~", SHOWS.fetch_add(1, Ordering::Relaxed));
        let mut show = Show { studio: studio(inputs), mark, heard: Vec::new(), random };
        show.any_phase(&mut []);
        show
    }

    /// Up to two tenths of a second go by, and nobody knows how much that is.
    fn any_phase(&mut self, djs: &mut [&mut Dj]) {
        let time = Duration::from_micros(self.random.u64(0..200_000));
        djs.iter_mut().for_each(|dj| dj.send(time));
        self.studio.run(time);
    }

    fn pass(&self, time: f64, djs: &mut [&mut Dj]) {
        pass(&self.studio, time, djs);
    }

    /// Only this tone is heard now.
    fn hears(&mut self, hz: f64) {
        self.heard.push((self.now(), hz));
    }

    fn now(&self) -> f64 {
        self.studio.position() as f64 / RATE
    }

    fn comes(&self, path: &str, user: &str, hz: f64) -> Dj {
        Dj::comes(&self.studio, path, &format!("{user}{}", self.mark), hz)
    }

    /// A DJ who is on the air, at a random phase.
    fn live(&mut self, path: &str, user: &str) -> Dj {
        let dj = self.comes(path, user, LIVE);
        self.on_air(path, dj)
    }

    /// The same, with a stream in Ogg.
    fn live_in_ogg(&mut self, path: &str, user: &str, codec: &str) -> Dj {
        let dj = Dj::comes_in_ogg(&self.studio, path, &format!("{user}{}", self.mark), LIVE, codec);
        self.on_air(path, dj)
    }

    fn on_air(&mut self, path: &str, mut dj: Dj) -> Dj {
        let buffer = self.buffer(path);
        self.pass(buffer + 1.7, &mut [&mut dj]);
        self.any_phase(&mut [&mut dj]);
        assert_eq!(self.state(path), LiveState::OnAir);
        self.hears(LIVE);
        dj
    }

    fn buffer(&self, path: &str) -> f64 {
        if path == "/long" { 5.0 } else { 1.0 }
    }

    fn state(&self, path: &str) -> LiveState {
        let inputs = self.studio.pipeline.live_inputs();
        inputs.iter().find(|input| &*input.path == path).unwrap().state
    }

    #[track_caller]
    fn told(&self, told: &[&str]) {
        assert_eq!(kinds(&self.studio), told);
    }

    /// These lines tell of its DJs, and no others.
    #[track_caller]
    fn logged(&self, expected: &[String]) {
        let expected: Vec<&str> = expected.iter().flat_map(|lines| lines.lines()).collect();
        let lines = || -> Vec<String> {
            log_lines::with(&self.mark).iter().map(|line| line.replace(&self.mark, "")).collect()
        };
        let is = |line: &String, expected: &&str| match expected.split_once('*') {
            Some((begins, ends)) => line.starts_with(begins) && line.ends_with(ends),
            None => line == expected,
        };
        // They are written a moment later.
        let deadline = Instant::now() + PATIENCE;
        while lines().len() < expected.len() && Instant::now() < deadline {
            std::thread::sleep(ms(1));
        }
        let lines = lines();
        let fit =
            lines.len() == expected.len() && lines.iter().zip(&expected).all(|(line, own)| is(line, own));
        assert!(fit, "{lines:#?} are not {expected:#?}");
    }

    /// What anna sends at `/live` was mended: she was on the air throughout, and is.
    #[track_caller]
    fn goes_on(&mut self, anna: &mut Dj) {
        self.pass(1.0, &mut [anna]);
        self.hears(LIVE);
        let input = &self.studio.pipeline.live_inputs()[0];
        assert_eq!((input.state, input.gaps), (LiveState::OnAir, 0));
        self.told(&BEGAN);
        self.logged(&[comes(ANNA), on_air(ANNA)]);
    }

    #[track_caller]
    fn ended(&self, path: &str, reason: LeaveReason) {
        assert_eq!(ended(&self.studio), [(path.to_owned(), reason)]);
    }
}

const BEGAN: [&str; 2] = ["live-began", "live-title"];
const BEGAN_AND_ENDED: [&str; 3] = ["live-began", "live-title", "live-ended"];

/// A DJ at a path.
type At = (&'static str, &'static str);
const ANNA: At = ("/live", "anna");
const ANNA_LONG: At = ("/long", "anna");
const BEN_HIGH: At = ("/high", "ben");
const BEN_EQUAL: At = ("/equal", "ben");

// The lines of docs/LIVE.md. A star stands for anything.

fn comes((path, user): At) -> String {
    format!("{path}: the source {user} is connected, with *")
}

fn is_back((path, user): At) -> String {
    format!("{path}: the source {user} is back, with *")
}

fn on_air((path, user): At) -> String {
    format!("main: {path}: {user} is on the air\nmain: {path}: now playing The {user} show")
}

fn gone((path, user): At, why: &str) -> String {
    format!("{path}: the source {user} has gone after * s: {why}")
}

fn over((path, user): At, why: &str) -> String {
    format!("main: {path}: {user} was on the air for *s; {why}")
}

/// The worst of all times that a case was judged.
struct Worst {
    gap: f64,
    sharpest_db: f64,
    off_db: f64,
}

/// Plays a case several times: `short`, or `long` with `LONGWAVE_LONG=1`.
fn case(
    name: &str,
    (short, long): (u64, u64),
    levels: Levels,
    play: impl Fn(&mut Show),
    inputs: &[LiveSettings],
) {
    let times = if is_long() { long } else { short };
    let mut worst = Worst { gap: 0.0, sharpest_db: f64::NEG_INFINITY, off_db: 0.0 };
    for seed in 0..times {
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let mut show = Show::new(Rng::with_seed(seed), inputs.to_vec());
            play(&mut show);
            judge(show, levels, &mut worst);
        }));
        if let Err(panic) = judged {
            eprintln!("{name}: seed {seed}");
            resume_unwind(panic);
        }
    }
    let Worst { gap, sharpest_db, off_db } = worst;
    let gap = gap * 1e3;
    println!(
        "{name}: {times} times; longest gap {gap:.0} ms, sharpest {sharpest_db:.1} dB, {off_db:.2} dB off"
    );
}

fn judge(show: Show, levels: Levels, worst: &mut Worst) {
    let Show { studio, heard: expected, .. } = show;
    // What was not mixed before a stop is not heard.
    let heard = Heard::new(&studio.stop(), STEREO);
    expected.iter().for_each(|(at, hz)| {
        only(&heard, *at, *hz);
    });
    let from = 0.1;
    let to = expected.last().unwrap().0;
    let range = heard.at(from)..heard.at(to);
    for channel in 0..2 {
        let sharpest = heard.sharpest_db(channel, range.clone());
        assert!(sharpest < SHARPEST_DB, "something clicks: {sharpest} dB");
        let (gap, at) = longest_gap(&heard.channels[channel][range.clone()]);
        assert!(gap < LONGEST_GAP, "a gap of {gap} s at {} s", from + at);
        worst.sharpest_db = worst.sharpest_db.max(sharpest);
        worst.gap = worst.gap.max(gap);
        if levels == Levels::Steady {
            let own = 20.0 * (AMPLITUDE / 2_f64.sqrt()).log10();
            for place in range.clone().step_by(2205).take_while(|place| place + 4410 <= range.end) {
                let off = heard.rms_db(channel, place..place + 4410) - own;
                assert!(off.abs() < STEADY_DB, "{off} dB at {} s", place as f64 / RATE);
                worst.off_db = worst.off_db.max(off.abs());
            }
        }
    }
}

/// The longest stretch in which 5 ms have less than -30 dB, and where it begins.
fn longest_gap(samples: &[f32]) -> (f64, f64) {
    const WINDOW: usize = 220;
    const STEP: usize = 44;
    let mut longest = (0.0, 0.0);
    let mut begin = None;
    for at in (0..samples.len().saturating_sub(WINDOW)).step_by(STEP) {
        let power: f32 = samples[at..at + WINDOW].iter().map(|sample| sample * sample).sum();
        let is_quiet = power / (WINDOW as f32) < 1e-3;
        match (is_quiet, begin) {
            (true, None) => begin = Some(at),
            (false, Some(since)) => {
                begin = None;
                let gap = (at - STEP + WINDOW - since) as f64 / RATE;
                if gap > longest.0 {
                    longest = (gap, since as f64 / RATE);
                }
            }
            _ => {}
        }
    }
    longest
}

fn live() -> LiveSettings {
    LiveSettings { grace: seconds(1.0), after_live: AfterLive::Resume, ..settings("/live") }
}

/// A buffer of five seconds, as the default is.
fn long() -> LiveSettings {
    LiveSettings { path: "/long".into(), buffer: seconds(5.0), ..live() }
}

/// How often each case but the first is played.
const FEW: (u64, u64) = (2, 10);

#[test]
fn programme_live_programme() {
    let play = |show: &mut Show| {
        let dj = show.live("/live", "anna");
        dj.leaves();
        show.studio.run(seconds(1.5));
        show.hears(PROGRAMME);
        show.studio.run(seconds(0.5));
        show.told(&BEGAN_AND_ENDED);
        show.ended("/live", LeaveReason::Left);
        show.logged(&[comes(ANNA), on_air(ANNA), gone(ANNA, "left"), over(ANNA, "left")]);
    };
    case("programme, live, programme", (6, 100), Levels::Steady, play, &[live()]);
}

#[test]
fn a_source_that_dies() {
    let play = |show: &mut Show| {
        let dj = show.live("/live", "anna");
        dj.dies(ErrorKind::ConnectionReset);
        show.studio.run(seconds(1.5));
        show.hears(PROGRAMME);
        show.studio.run(seconds(0.5));
        show.told(&BEGAN_AND_ENDED);
        show.ended("/live", LeaveReason::Broken);
        show.logged(&[comes(ANNA), on_air(ANNA), gone(ANNA, "broken"), over(ANNA, "broken")]);
    };
    case("its connection is reset", FEW, Levels::Steady, play, &[live()]);
}

#[test]
fn its_session_is_ended() {
    let play = |show: &mut Show| {
        let dj = show.live("/live", "anna");
        dj.session.end();
        show.studio.run(seconds(1.5));
        show.hears(PROGRAMME);
        show.told(&BEGAN_AND_ENDED);
        show.ended("/live", LeaveReason::Kicked);
        show.logged(&[comes(ANNA), on_air(ANNA), gone(ANNA, "kicked"), over(ANNA, "kicked")]);
    };
    case("its session is ended", FEW, Levels::Steady, play, &[live()]);
}

#[test]
fn a_stall_of_one_second_is_not_heard() {
    let play = |show: &mut Show| {
        let mut dj = show.live("/long", "anna");
        dj.owes(seconds(1.0));
        show.studio.run(seconds(1.0));
        show.hears(LIVE);
        // What has waited comes at once.
        show.pass(3.0, &mut [&mut dj]);
        show.hears(LIVE);
        let input = &show.studio.pipeline.live_inputs()[0];
        assert_eq!((input.state, input.drops, input.gaps), (LiveState::OnAir, 0, 0));
        show.told(&BEGAN);
        show.logged(&[comes(ANNA_LONG), on_air(ANNA_LONG)]);
    };
    case("it stalls for 1 s", FEW, Levels::Steady, play, &[long()]);
}

#[test]
fn a_stall_of_five_seconds_brings_the_programme_and_is_the_same_session() {
    let play = |show: &mut Show| {
        let mut dj = show.live("/long", "anna");
        show.studio.run(seconds(5.0));
        assert_eq!(show.state("/long"), LiveState::Interrupted);
        show.pass(0.5, &mut [&mut dj]);
        show.hears(PROGRAMME);
        show.pass(6.5, &mut [&mut dj]);
        show.hears(LIVE);
        assert_eq!(show.state("/long"), LiveState::OnAir);
        show.told(&BEGAN);
        show.logged(&[comes(ANNA_LONG), on_air(ANNA_LONG)]);
    };
    case("it stalls for 5 s", FEW, Levels::Steady, play, &[long()]);
}

#[test]
fn a_stall_of_thirty_seconds_ends_the_connection_and_then_the_session() {
    let play = |show: &mut Show| {
        let dj = show.live("/long", "anna");
        show.studio.run(seconds(9.5));
        show.hears(PROGRAMME);
        assert_eq!((dj.session.ended(), show.state("/long")), (None, LiveState::Interrupted));
        // Ten seconds after the last byte the connection is closed.
        show.studio.run(seconds(0.7));
        longwave_testing::until("it is closed", || dj.session.ended().is_some());
        assert_eq!(dj.session.ended(), Some(LeaveReason::Silent));
        show.studio.run(seconds(1.5));
        show.ended("/long", LeaveReason::Silent);
        show.studio.run(seconds(2.0));
        show.hears(PROGRAMME);
        show.told(&BEGAN_AND_ENDED);
        // She is back after thirty seconds in all: another session.
        let mut again = show.comes("/long", "anna", LIVE);
        show.pass(7.0, &mut [&mut again]);
        show.hears(LIVE);
        assert_eq!(kinds(&show.studio)[3..], BEGAN);
        let first =
            [comes(ANNA_LONG), on_air(ANNA_LONG), gone(ANNA_LONG, "silent"), over(ANNA_LONG, "silent")];
        show.logged(&[&first[..], &[comes(ANNA_LONG), on_air(ANNA_LONG)]].concat());
    };
    let input = LiveSettings { source_timeout: seconds(10.0), ..long() };
    case("it stalls for 30 s", FEW, Levels::Steady, play, &[input]);
}

#[test]
fn garbage_in_the_middle() {
    let play = |show: &mut Show| {
        let mut dj = show.live("/live", "anna");
        for _ in 0..4 {
            let count = show.random.usize(1..5_000);
            let garbage: Vec<u8> = (0..count).map(|_| show.random.u8(..)).collect();
            match show.random.bool() {
                // Beside the packets, or instead of some.
                true => dj.sends(&garbage),
                false => dj.loses(&garbage),
            }
            show.pass(0.7, &mut [&mut dj]);
            show.any_phase(&mut [&mut dj]);
        }
        show.goes_on(&mut dj);
        assert!(dj.session.state().live.unwrap().skipped_bytes > 0);
    };
    case("garbage in the middle", FEW, Levels::Dips, play, &[live()]);
}

/// Pages that never come, and pages that are damaged on the way. They are fewer than the buffer holds: what
/// is lost of it comes back slowly.
fn pages_are_lost(codec: &'static str) {
    let play = |show: &mut Show| {
        let mut dj = show.live_in_ogg("/live", "anna", codec);
        for damaged in [false, true, false] {
            dj.loses_packets(1, damaged);
            show.pass(0.7, &mut [&mut dj]);
            show.any_phase(&mut [&mut dj]);
        }
        show.goes_on(&mut dj);
        assert!(dj.session.state().live.unwrap().skipped_bytes > 0);
    };
    case(&format!("pages of {codec} are lost"), (1, 10), Levels::Dips, play, &[live()]);
}

#[test]
fn pages_of_flac_are_lost() {
    pages_are_lost("flac");
}

#[test]
fn pages_of_vorbis_are_lost() {
    pages_are_lost("libvorbis");
}

#[test]
fn pages_of_opus_are_lost() {
    pages_are_lost("libopus");
}

#[test]
fn packets_of_mp3_are_lost() {
    let play = |show: &mut Show| {
        let mut dj = show.live("/live", "anna");
        for _ in 0..3 {
            let count = show.random.usize(1..5);
            dj.loses_packets(count, false);
            // Where a socket loses bytes, it does not cut between packets.
            dj.sends(&[0xFF; 3]);
            show.pass(0.7, &mut [&mut dj]);
            show.any_phase(&mut [&mut dj]);
        }
        show.goes_on(&mut dj);
    };
    case("packets of MP3 are lost", FEW, Levels::Dips, play, &[live()]);
}

#[test]
fn another_rate_and_other_channels_in_the_middle() {
    let play = |show: &mut Show| {
        let mut dj = show.live("/live", "anna");
        for (rate, channels) in [(48_000, 1), (22_050, 2), (44_100, 2)] {
            dj.changes(rate, channels);
            show.pass(1.0, &mut [&mut dj]);
            show.any_phase(&mut [&mut dj]);
            show.pass(0.6, &mut [&mut dj]);
            let format = dj.session.state().live.unwrap().format.unwrap();
            assert_eq!((format.rate, format.channels), (rate, channels));
            show.hears(LIVE);
        }
        show.goes_on(&mut dj);
    };
    case("another rate and other channels", FEW, Levels::Dips, play, &[live()]);
}

#[test]
fn a_source_of_higher_priority_on_top() {
    let play = |show: &mut Show| {
        let mut anna = show.live("/live", "anna");
        let mut ben = show.comes("/high", "ben", OTHER);
        show.pass(2.8, &mut [&mut anna, &mut ben]);
        show.any_phase(&mut [&mut anna, &mut ben]);
        show.hears(OTHER);
        ben.leaves();
        show.pass(1.5, &mut [&mut anna]);
        show.hears(LIVE);
        show.pass(1.0, &mut [&mut anna]);
        show.ended("/high", LeaveReason::Left);
        show.told(&["live-began", "live-title", "live-began", "live-title", "live-ended"]);
        let high = [comes(BEN_HIGH), on_air(BEN_HIGH), gone(BEN_HIGH, "left"), over(BEN_HIGH, "left")];
        show.logged(&[&[comes(ANNA), on_air(ANNA)], &high[..]].concat());
    };
    let high = LiveSettings { path: "/high".into(), priority: 5, ..live() };
    case("higher priority on top", FEW, Levels::Steady, play, &[live(), high]);
}

#[test]
fn two_of_the_same_priority() {
    let play = |show: &mut Show| {
        let mut anna = show.live("/live", "anna");
        let mut ben = show.comes("/equal", "ben", OTHER);
        show.pass(2.5, &mut [&mut anna, &mut ben]);
        show.any_phase(&mut [&mut anna, &mut ben]);
        show.hears(LIVE);
        show.told(&BEGAN);
        anna.leaves();
        show.pass(1.5, &mut [&mut ben]);
        show.hears(OTHER);
        show.pass(1.0, &mut [&mut ben]);
        show.ended("/live", LeaveReason::Left);
        show.told(&["live-began", "live-title", "live-began", "live-title", "live-ended"]);
        let first = [comes(ANNA), on_air(ANNA), comes(BEN_EQUAL), gone(ANNA, "left")];
        show.logged(&[&first[..], &[on_air(BEN_EQUAL), over(ANNA, "left")]].concat());
    };
    let equal = LiveSettings { path: "/equal".into(), ..live() };
    case("the same priority", FEW, Levels::Steady, play, &[live(), equal]);
}

#[test]
fn two_djs_hand_over_by_an_order() {
    let play = |show: &mut Show| {
        let mut anna = show.live("/live", "anna");
        let mut ben = show.comes("/equal", "ben", OTHER);
        show.pass(2.0, &mut [&mut anna, &mut ben]);
        show.any_phase(&mut [&mut anna, &mut ben]);
        show.studio.pipeline.force_live("/equal").unwrap();
        show.pass(1.6, &mut [&mut anna, &mut ben]);
        show.hears(OTHER);
        show.told(&["live-began", "live-title", "live-began", "live-title"]);
        // She goes home, and is not heard any more.
        anna.leaves();
        show.pass(1.5, &mut [&mut ben]);
        show.hears(OTHER);
        show.ended("/live", LeaveReason::Left);
        let first = [comes(ANNA), on_air(ANNA), comes(BEN_EQUAL), on_air(BEN_EQUAL)];
        show.logged(&[&first[..], &[gone(ANNA, "left"), over(ANNA, "left")]].concat());
    };
    let equal = LiveSettings { path: "/equal".into(), ..live() };
    case("two DJs, force", FEW, Levels::Steady, play, &[live(), equal]);
}

#[test]
fn the_dj_is_back_within_grace() {
    let play = |show: &mut Show| {
        show.live("/live", "anna").leaves();
        show.studio.run(seconds(1.6));
        show.any_phase(&mut []);
        show.hears(PROGRAMME);
        show.live("/live", "anna");
        show.told(&BEGAN);
        show.logged(&[comes(ANNA), on_air(ANNA), gone(ANNA, "left"), is_back(ANNA)]);
    };
    let input = LiveSettings { grace: seconds(10.0), ..live() };
    case("back within grace", FEW, Levels::Steady, play, &[input]);
}

#[test]
fn the_dj_is_back_after_grace() {
    let play = |show: &mut Show| {
        show.live("/live", "anna").leaves();
        show.studio.run(seconds(2.5));
        show.any_phase(&mut []);
        show.hears(PROGRAMME);
        assert_eq!(show.studio.now(), "1", "the next track");
        show.live("/live", "anna");
        show.told(&["live-began", "live-title", "live-ended", "live-began", "live-title"]);
        let first = [comes(ANNA), on_air(ANNA), gone(ANNA, "left"), over(ANNA, "left")];
        show.logged(&[&first[..], &[comes(ANNA), on_air(ANNA)]].concat());
    };
    let input = LiveSettings { after_live: AfterLive::Next, ..live() };
    case("back after grace", FEW, Levels::Steady, play, &[input]);
}

#[test]
fn the_dj_is_back_while_the_cut_line_still_stands() {
    let play = |show: &mut Show| {
        let cut = show.live("/live", "anna");
        let after = 2.1 + show.random.f64() * 0.8;
        show.studio.run(Duration::from_secs_f64(after));
        show.hears(PROGRAMME);
        show.live("/live", "anna");
        assert_eq!(cut.session.ended(), Some(LeaveReason::Replaced));
        show.told(&BEGAN);
        show.logged(&[comes(ANNA), on_air(ANNA), gone(ANNA, "replaced"), is_back(ANNA)]);
    };
    let input = LiveSettings { grace: seconds(10.0), ..live() };
    case("back while the cut line stands", FEW, Levels::Steady, play, &[input]);
}

/// The buffer of the old line is longer than it takes to be back: one line gives way to the other while it is
/// on the air.
#[test]
fn the_dj_is_back_before_the_buffer_of_the_cut_line_has_run_out() {
    let play = |show: &mut Show| {
        let cut = show.live("/long", "anna");
        let after = 2.1 + show.random.f64() * 0.8;
        show.studio.run(Duration::from_secs_f64(after));
        show.hears(LIVE);
        let mut again = show.comes("/long", "anna", LIVE);
        show.pass(1.6, &mut [&mut again]);
        show.hears(PROGRAMME);
        show.pass(5.2, &mut [&mut again]);
        show.hears(LIVE);
        assert_eq!(cut.session.ended(), Some(LeaveReason::Replaced));
        show.told(&BEGAN);
        show.logged(&[comes(ANNA_LONG), on_air(ANNA_LONG), gone(ANNA_LONG, "replaced"), is_back(ANNA_LONG)]);
    };
    let input = LiveSettings { grace: seconds(10.0), ..long() };
    case("back before the buffer has run out", FEW, Levels::Steady, play, &[input]);
}

#[test]
fn an_announcement_over_all_of_it() {
    let play = |show: &mut Show| {
        let studio = &show.studio;
        let sound = sine(STEREO, VOICE, AMPLITUDE, (4.0 * RATE) as usize);
        let file = wav(&studio.path("fire.wav"), STEREO, &sound);
        let mut anna = show.comes("/live", "anna", LIVE);
        pass(studio, 0.8, &mut [&mut anna]);
        show.any_phase(&mut [&mut anna]);
        show.studio.pipeline.announce(&file).unwrap();
        // She comes on the air beneath it, and leaves before or after its end.
        let stays = show.random.u64(20..60) as f64 / 10.0;
        show.pass(stays, &mut [&mut anna]);
        anna.leaves();
        show.studio.run(Duration::from_secs_f64(8.5 - stays));
        show.hears(PROGRAMME);
        show.told(&BEGAN_AND_ENDED);
        let told = |kind: &str| show.studio.told(|event| event.kind().as_str() == kind);
        assert_eq!((told("announcement-began"), told("announcement-ended")), (1, 1));
        show.logged(&[comes(ANNA), on_air(ANNA), gone(ANNA, "left"), over(ANNA, "left")]);
        let own = log_lines::with(&file.display().to_string());
        let name = file.display();
        assert_eq!(own, [format!("main: announcing {name}"), format!("main: announcement {name}: complete")]);
    };
    case("an announcement over all of it", FEW, Levels::Dips, play, &[live()]);
}

#[test]
fn the_station_is_stopped_meanwhile() {
    let play = |show: &mut Show| {
        let mut anna = show.comes("/live", "anna", LIVE);
        // In the middle of a fade, or behind it.
        let until = show.random.f64() * 1.5;
        show.pass(1.1, &mut [&mut anna]);
        show.pass(until, &mut [&mut anna]);
        show.any_phase(&mut [&mut anna]);
        show.pass(1.6, &mut [&mut anna]);
        show.hears(LIVE);
        assert_eq!(show.studio.pipeline.stop().abandoned, Vec::<String>::new());
        assert_eq!(anna.session.ended(), Some(LeaveReason::StationStopped));
        show.ended("/live", LeaveReason::StationStopped);
        show.told(&BEGAN_AND_ENDED);
        show.logged(&[
            comes(ANNA),
            on_air(ANNA),
            gone(ANNA, "station-stopped"),
            over(ANNA, "station-stopped"),
        ]);
        assert!(show.studio.server.mount_info(MOUNT).is_none());
    };
    case("the station is stopped", FEW, Levels::Steady, play, &[LiveSettings { fade_in: ms(800), ..live() }]);
}
