//! Senders whose clocks are wrong, through the whole chain on a stepped clock: the level of the buffer, the
//! pitch, and what is heard of drops and gaps.
//!
//! With `LONGWAVE_LONG=1` each is heard for ten minutes.

use std::time::Duration;

use longwave::LiveSettings;
use longwave_testing::ear::Heard;
use longwave_testing::{long, ms, seconds};

use crate::djs::Dj;
use crate::live_inputs::{LIVE, RATE, heard, settings, smooth, studio};

/// The time between two looks.
const STEP: f64 = 0.05;

/// What was seen of a sender from when it was on the air, and where that was.
struct Course {
    from: f64,
    to: f64,
    /// How far the buffer was from its target at most, in milliseconds, and at last.
    worst_ms: f64,
    last_ms: f64,
    drift_ppm: f64,
    drops: u64,
    gaps: u64,
}

/// Listens to a sender whose clock runs faster by so much, with this buffer, for so many seconds or for ten
/// minutes. In the first second, it sends so much of a second more.
fn follow(ppm: f64, buffer: Duration, more_at_first: f64, short: f64) -> (Heard, Course) {
    let length = if long() { 600.0 } else { short };
    let target = buffer.as_secs_f64();
    let studio = studio(vec![LiveSettings { buffer, ..settings("/live") }]);
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    let mut pass = |time: f64, more: f64, look: &mut dyn FnMut()| {
        for _ in 0..(time / STEP).round() as usize {
            dj.send(seconds(STEP * (1.0 + more + ppm / 1e6)));
            studio.run(seconds(STEP));
            look();
        }
    };
    pass(3.0, 0.0, &mut || ());
    let from = studio.position() as f64 / RATE;
    pass(1.0, more_at_first, &mut || ());
    let (mut worst, mut last) = (0.0_f64, None);
    pass(length, 0.0, &mut || {
        let live = studio.pipeline.live().expect("it is on the air");
        let off = (live.buffered.as_secs_f64() - target) * 1e3;
        worst = worst.max(off.abs());
        last = Some((live, off));
    });
    let (live, last_ms) = last.expect("it was on the air");
    let to = studio.position() as f64 / RATE;
    let course = Course {
        from,
        to,
        worst_ms: worst,
        last_ms,
        drift_ppm: live.drift_ppm,
        drops: live.drops,
        gaps: live.gaps,
    };
    println!(
        "{ppm:+} ppm: {worst:.0} ms off at most, {last_ms:.0} ms at last; drift {:.0} ppm, {} drops, {} gaps",
        course.drift_ppm, course.drops, course.gaps
    );
    (heard(studio), course)
}

/// In each second, the pitch as far as it is from the tone's.
fn pitches(heard: &Heard, course: &Course) -> Vec<f64> {
    let seconds = (course.from.ceil() as usize..course.to as usize).step_by(if long() { 5 } else { 1 });
    let off = |second: usize| {
        let from = heard.at(second as f64);
        heard.pitch(0, from..from + heard.hz as usize) / LIVE - 1.0
    };
    seconds.map(off).collect()
}

#[test]
fn a_sender_whose_clock_drifts_is_heard_at_its_pitch_and_nothing_is_dropped() {
    // In a few seconds, a hundred millionths are nothing that the others do not hold, too.
    let clocks: &[f64] = if long() { &[-2_000.0, -100.0, 100.0, 2_000.0] } else { &[-2_000.0, 2_000.0] };
    for ppm in clocks.iter().copied() {
        let (heard, course) = follow(ppm, seconds(1.0), 0.0, 14.0);
        assert!(course.worst_ms < 200.0, "{ppm}: {} ms off", course.worst_ms);
        assert_eq!((course.drops, course.gaps), (0, 0), "{ppm}");
        if long() {
            assert!((course.drift_ppm - ppm).abs() < 50.0, "{ppm}: {}", course.drift_ppm);
            assert!(course.last_ms.abs() < 100.0, "{ppm}: {} ms off", course.last_ms);
        }
        let worst = pitches(&heard, &course).into_iter().fold(0.0_f64, |worst, off| worst.max(off.abs()));
        println!("{ppm:+} ppm: the pitch is {:.2} % off at most", worst * 100.0);
        assert!(worst < 0.005, "{ppm}: the pitch is {worst} off");
        smooth(&heard, course.from, course.to);
    }
}

/// Two percent are more than can be made up for. What is heard of it are drops, or gaps, without clicks.
#[test]
fn a_sender_two_percent_off_is_heard_without_clicks_and_its_drops_and_gaps_are_counted() {
    for ppm in [-20_000.0, 20_000.0] {
        // A buffer that is nearly empty, or nearly too full, is that soon.
        let more_at_first = if ppm < 0.0 { -0.2 } else { 0.4 };
        let (heard, course) = follow(ppm, ms(400), more_at_first, 14.0);
        // 1.5 % are left: half a second in half a minute, and less of the small buffer in less time.
        let most = ((course.to - course.from) / 5.0) as u64;
        let (some, none) = if ppm > 0.0 { (course.drops, course.gaps) } else { (course.gaps, course.drops) };
        assert!((1..=most).contains(&some), "{ppm}: {some}, {most} at most");
        assert_eq!(none, 0, "{ppm}");
        let range = heard.at(course.from)..heard.at(course.to);
        let sharpest = heard.sharpest_db(0, range);
        assert!(sharpest < -38.0, "{ppm}: something clicks: {sharpest} dB");
    }
}
