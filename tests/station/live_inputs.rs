//! Live inputs, judged by ear: how a source takes over the air and gives it back, in each of the ways in
//! which sources come and go.

use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::Duration;

use longwave::{
    AfterLive, Channels, Entry, Event, LeaveReason, ListOptions, LiveSettings, LiveState, PcmSpec, Place,
    SampleRate, SourceInfo, SourceStream,
};
use longwave_testing::ear::Heard;
use longwave_testing::sound::{sine, sines, wav};
use longwave_testing::studio::{MOUNT, Studio};
use longwave_testing::tools::run;
use longwave_testing::{ms, seconds};

use crate::djs::{Dj, Pipe, pass};

pub const STEREO: PcmSpec = PcmSpec { rate: SampleRate::CD, channels: Channels::Stereo };
pub const RATE: f64 = 44_100.0;

/// The pitch of the programme, and of the sources.
pub const PROGRAMME: f64 = 300.0;
pub const LIVE: f64 = 700.0;
pub const OTHER: f64 = 1_100.0;
pub const AMPLITUDE: f64 = 0.3;

pub fn settings(path: &str) -> LiveSettings {
    LiveSettings { buffer: seconds(1.0), ..LiveSettings::at(path) }
}

/// A studio whose programme is a tone, and that has these live inputs.
pub fn studio(inputs: Vec<LiveSettings>) -> Studio {
    let studio = Studio::with(|settings| {
        settings.spec = STEREO;
        settings.live = inputs;
    });
    let tracks: Vec<Entry> = (0..3).map(|n| Entry::new(track(&studio, &format!("{n}.wav")))).collect();
    studio.pipeline.queue_files(tracks, Place::End).unwrap();
    studio.run(seconds(0.5));
    studio
}

fn track(studio: &Studio, name: &str) -> PathBuf {
    let path = studio.path(name);
    wav(&path, STEREO, &sine(STEREO, PROGRAMME, AMPLITUDE, 44_100 * 16))
}

pub fn heard(studio: Studio) -> Heard {
    Heard::new(&studio.stop(), STEREO)
}

/// The level of each tone, in dB of its own, in the tenth of a second that ends at this time.
pub fn levels(heard: &Heard, end: f64, tones: &[f64]) -> Vec<i32> {
    let range = heard.at(end - 0.1)..heard.at(end);
    let own = 20.0 * AMPLITUDE.log10();
    tones.iter().map(|hz| (heard.level_db(0, range.clone(), *hz) - own).round() as i32).collect()
}

/// Only this tone is heard in the tenth of a second that ends at this time, at its level.
#[track_caller]
pub fn only(heard: &Heard, end: f64, hz: f64) {
    for (tone, level) in [PROGRAMME, LIVE, OTHER].iter().zip(levels(heard, end, &[PROGRAMME, LIVE, OTHER])) {
        match *tone == hz {
            true => assert_eq!(level, 0, "{tone} Hz at {end} s"),
            false => assert!(level < -50, "{tone} Hz at {end} s: {level} dB"),
        }
    }
}

/// From here to there nothing clicks, and it is never silent for 50 ms.
#[track_caller]
pub fn smooth(heard: &Heard, from: f64, to: f64) {
    let range = heard.at(from)..heard.at(to);
    for channel in 0..2 {
        // A tone of 1,100 Hz has corners of -45 dB. A click has as much as it is high.
        let sharpest = heard.sharpest_db(channel, range.clone());
        assert!(sharpest < -38.0, "something clicks between {from} and {to} s: {sharpest} dB");
        for place in range.clone().step_by(1102).take_while(|place| place + 2205 <= range.end) {
            let level = heard.rms_db(channel, place..place + 2205);
            assert!(level > -30.0, "a gap at {} s: {level} dB", place as f64 / RATE);
        }
    }
}

pub fn kinds(studio: &Studio) -> Vec<&'static str> {
    let events = studio.events();
    events.iter().map(|event| event.kind().as_str()).filter(|kind| kind.starts_with("live")).collect()
}

pub fn ended(studio: &Studio) -> Vec<(String, LeaveReason)> {
    let ended = |event: &Event| match event {
        Event::LiveEnded { source, reason, .. } => Some((source.path.clone(), *reason)),
        _ => None,
    };
    studio.events().iter().filter_map(ended).collect()
}

#[test]
fn a_source_takes_over_the_air_and_gives_it_back_without_a_gap_or_a_click() {
    let random = &mut fastrand::Rng::with_seed(8);
    for _ in 0..6 {
        let studio = studio(vec![settings("/live")]);
        studio.run(Duration::from_micros(random.u64(0..200_000)));
        let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
        assert_eq!(studio.pipeline.live(), None);
        pass(&studio, 0.9, &mut [&mut dj]);
        assert_eq!(studio.pipeline.live_inputs()[0].state, LiveState::Buffering);
        pass(&studio, 2.0, &mut [&mut dj]);
        let live = studio.pipeline.live().expect("it is on the air");
        assert_eq!((live.title.as_deref(), live.drops, live.gaps), (Some("The anna show"), 0, 0));
        assert_eq!(studio.now(), "0", "the programme's track waits");
        pass(&studio, 2.0, &mut [&mut dj]);
        let full = studio.position() as f64 / RATE;
        dj.leaves();
        let left = studio.position() as f64 / RATE;
        studio.run(seconds(2.0));
        assert_eq!(studio.pipeline.live_inputs()[0].state, LiveState::Interrupted);
        let back = studio.position() as f64 / RATE;
        let heard = heard(studio);
        only(&heard, 0.5, PROGRAMME);
        only(&heard, full, LIVE);
        only(&heard, left + 1.6, PROGRAMME);
        smooth(&heard, 0.1, back);
    }
}

#[test]
fn titles_and_events_tell_of_a_session_where_it_is_heard() {
    let studio = studio(vec![LiveSettings { grace: seconds(3.0), ..settings("/live") }]);
    studio.until_announced(MOUNT, "0");
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut dj]);
    assert_eq!(kinds(&studio), ["live-began", "live-title"]);
    studio.until_announced(MOUNT, "The anna show");
    dj.session.set_title("Jóga\nlive");
    pass(&studio, 0.8, &mut [&mut dj]);
    assert_eq!(studio.announced(MOUNT), "The anna show", "it is still in the buffer");
    pass(&studio, 0.6, &mut [&mut dj]);
    studio.until_announced(MOUNT, "Jóga live");
    let history: Vec<_> =
        studio.pipeline.history().iter().map(|row| (row.track.title.clone(), row.live.is_some())).collect();
    assert_eq!(history, [("0".into(), false), ("The anna show".into(), true), ("Jóga live".into(), true)]);
    assert_eq!(studio.pipeline.history()[2].live.as_ref().unwrap().user.as_deref(), Some("anna"));
    dj.leaves();
    studio.run_until("the session is over", || !ended(&studio).is_empty());
    assert_eq!(ended(&studio), [("/live".into(), LeaveReason::Left)]);
    // It lasted longer than `grace`, so the next track follows.
    studio.run(seconds(1.0));
    assert_eq!(studio.now(), "1");
    studio.until_announced(MOUNT, "1");
    assert_eq!(kinds(&studio), ["live-began", "live-title", "live-title", "live-ended"]);
    studio.stop();
}

#[test]
fn the_track_that_was_held_goes_on_after_a_short_session_or_if_the_settings_say_so() {
    let long = seconds(600.0);
    for (after_live, grace) in [(AfterLive::Resume, seconds(1.0)), (AfterLive::Next, long)] {
        let studio = studio(vec![LiveSettings { after_live, grace, ..settings("/live") }]);
        let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
        pass(&studio, 4.0, &mut [&mut dj]);
        let played = studio.pipeline.current_track().unwrap().played;
        assert!(played < seconds(3.0), "it is held: {played:?}");
        dj.leaves();
        studio.run_until("the programme is back", || studio.pipeline.live().is_none());
        studio.run(seconds(3.0));
        assert_eq!(studio.now(), "0");
        assert!(studio.pipeline.current_track().unwrap().played < seconds(6.0));
        studio.stop();
    }
}

#[test]
fn a_line_that_breaks_fades_over_what_is_left_and_the_same_user_goes_on_with_the_session() {
    let studio = studio(vec![settings("/live")]);
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 4.0, &mut [&mut dj]);
    // Nothing comes any more, and nobody says why.
    studio.run(seconds(2.5));
    let state = &studio.pipeline.live_inputs()[0];
    assert_eq!((state.state, state.gaps), (LiveState::Interrupted, 0));
    let broken = studio.position() as f64 / RATE;
    // A new connection, while the old one still stands.
    let mut again = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut again]);
    assert_eq!(studio.pipeline.live().unwrap().source.unwrap().user.as_deref(), Some("anna"));
    assert_eq!(dj.session.ended(), Some(LeaveReason::Replaced));
    let back = studio.position() as f64 / RATE;
    assert_eq!(kinds(&studio), ["live-began", "live-title"], "it is the same session");
    again.session.end();
    studio.run(seconds(1.5));
    assert_eq!(ended(&studio), [("/live".into(), LeaveReason::Kicked)]);
    let end = studio.position() as f64 / RATE;
    let heard = heard(studio);
    only(&heard, broken, PROGRAMME);
    only(&heard, back, LIVE);
    smooth(&heard, 0.1, end);
}

#[test]
fn another_user_has_to_wait_and_is_another_session() {
    let studio = studio(vec![settings("/live")]);
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut dj]);
    let refused = |path: &str, user: &str, content_type: &str| {
        let info = SourceInfo { user: user.into(), ..SourceInfo::new(content_type) };
        studio.pipeline.go_live(path, info, SourceStream::new(Pipe::default())).unwrap_err().to_string()
    };
    for user in ["ben", "", "anna"] {
        let reason = refused("/live", user, "audio/mpeg");
        assert!(reason.contains("anna is on here since"), "her own connection is alive, too: {reason}");
    }
    assert!(refused("/live", "anna", "video/webm").contains("choose MP3, AAC, or Ogg"));
    let nowhere = refused("/nowhere", "ben", "");
    assert!(nowhere.contains("/live"), "{nowhere}");
    dj.leaves();
    let mut ben = Dj::comes(&studio, "/live", "ben", OTHER);
    pass(&studio, 3.0, &mut [&mut ben]);
    assert_eq!(kinds(&studio), ["live-began", "live-title", "live-ended", "live-began", "live-title"]);
    studio.stop();
}

#[test]
fn a_source_of_higher_priority_goes_on_top_and_equals_hand_over_directly() {
    let high = LiveSettings { priority: 5, ..settings("/high") };
    for (second, takes_over) in [(high, true), (settings("/equal"), false)] {
        let path = second.path.clone();
        let studio = studio(vec![settings("/live"), second]);
        let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
        pass(&studio, 3.0, &mut [&mut dj]);
        let mut other = Dj::comes(&studio, &path, "ben", OTHER);
        pass(&studio, 3.0, &mut [&mut dj, &mut other]);
        let both = studio.position() as f64 / RATE;
        let on_air = studio.pipeline.live().unwrap().path;
        assert_eq!(*on_air == path, takes_over);
        // Who is on the air leaves. The other one has sound.
        let (stays, leaves) = if takes_over { (&mut dj, &other) } else { (&mut other, &dj) };
        leaves.leaves();
        pass(&studio, 2.0, &mut [stays]);
        let after = studio.position() as f64 / RATE;
        let heard = heard(studio);
        let (first, second) = if takes_over { (OTHER, LIVE) } else { (LIVE, OTHER) };
        only(&heard, both, first);
        only(&heard, after, second);
        smooth(&heard, 0.1, after);
        // The programme is not heard in between.
        for at in [0.2, 0.5, 0.8, 1.1] {
            assert!(levels(&heard, both + at, &[PROGRAMME])[0] < -40);
        }
    }
}

#[test]
fn a_hold_and_a_live_input_hold_the_programme_independently() {
    let studio = studio(vec![settings("/live")]);
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut dj]);
    assert!(!studio.pipeline.is_held(), "no order holds it");
    studio.pipeline.hold(ms(100)).unwrap();
    pass(&studio, 1.0, &mut [&mut dj]);
    assert!(studio.pipeline.is_held());
    studio.pipeline.resume(ms(100)).unwrap();
    pass(&studio, 1.0, &mut [&mut dj]);
    let live = studio.position() as f64 / RATE;
    studio.pipeline.hold(ms(100)).unwrap();
    dj.session.end();
    studio.run(seconds(2.0));
    let held = studio.position() as f64 / RATE;
    studio.pipeline.resume(ms(100)).unwrap();
    studio.run(seconds(1.0));
    let back = studio.position() as f64 / RATE;
    let heard = heard(studio);
    only(&heard, live, LIVE);
    assert!(heard.rms_db(0, heard.at(held - 0.1)..heard.at(held)) < -90.0);
    only(&heard, back, PROGRAMME);
}

#[test]
fn a_source_of_which_nothing_can_be_played_is_let_go() {
    let studio = studio(vec![settings("/live")]);
    let pipe = Pipe::default();
    let stream = SourceStream::new(pipe.clone());
    let session = studio.pipeline.go_live("/live", SourceInfo::new("audio/mpeg"), stream).unwrap();
    for _ in 0..10 {
        pipe.send(&[b'<'; 10_000]);
        studio.run(seconds(1.0));
    }
    // It is not useless while it sends nothing.
    studio.run(seconds(5.0));
    assert_eq!(session.ended(), None);
    pipe.send(&[b'<'; 10_000]);
    studio.run(seconds(0.5));
    assert_eq!(session.ended(), Some(LeaveReason::Useless));
    let skipped = session.state().live.unwrap().skipped_bytes;
    assert!((109_900..=110_000).contains(&skipped), "{skipped}");
    assert_eq!(kinds(&studio), [""; 0], "it was never on the air");
    studio.stop();
}

#[test]
fn a_read_that_waits_is_hung_up_on() {
    /// A stream from which nothing comes until it is hung up on.
    struct Waits(std::sync::mpsc::Receiver<()>);
    impl Read for Waits {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0.recv().map(|()| 0).map_err(|_| ErrorKind::BrokenPipe.into())
        }
    }
    let studio = studio(vec![settings("/live"), settings("/two")]);
    let waiting = || {
        let (hang_up, stream) = std::sync::mpsc::channel();
        SourceStream::new(Waits(stream)).closed_by(move |_| hang_up.send(()).unwrap())
    };
    let mp3 = || SourceInfo::new("audio/mpeg");
    let first = studio.pipeline.go_live("/live", mp3(), waiting()).unwrap();
    let second = studio.pipeline.go_live("/two", mp3(), waiting()).unwrap();
    first.end();
    studio.run(seconds(0.5));
    assert_eq!(first.ended(), Some(LeaveReason::Kicked));
    studio.stop();
    assert_eq!(second.ended(), Some(LeaveReason::StationStopped));
}

#[test]
fn a_stop_meanwhile_is_orderly() {
    let studio = studio(vec![settings("/live")]);
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut dj]);
    assert_eq!(studio.pipeline.stop().abandoned, Vec::<String>::new());
    assert_eq!(dj.session.ended(), Some(LeaveReason::StationStopped));
    assert_eq!(ended(&studio), [("/live".into(), LeaveReason::StationStopped)]);
    let again = SourceStream::new(Pipe::default());
    assert!(studio.pipeline.go_live("/live", SourceInfo::new("audio/mpeg"), again).is_err());
}

/// Has ffmpeg encode six seconds of a tone on the left and another on the right.
fn encoded(studio: &Studio, options: &[&str], extension: &str) -> Vec<u8> {
    let tones =
        wav(&studio.path("tones.wav"), STEREO, &sines(STEREO, &[(LIVE, 0.3), (OTHER, 0.15)], 44_100 * 6));
    let file = studio.path("encoded").with_extension(extension);
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(&tones).args(options).arg(&file);
    run(&mut ffmpeg, &[]);
    std::fs::read(&file).unwrap()
}

#[test]
fn each_format_is_heard_at_its_pitch_and_level_on_its_side() {
    for (content_type, options, extension) in [
        ("audio/mpeg", &["-c:a", "libmp3lame", "-b:a", "192k"][..], "mp3"),
        ("audio/aac", &["-c:a", "aac", "-b:a", "192k"], "aac"),
        ("application/ogg", &["-c:a", "libvorbis", "-b:a", "192k"], "ogg"),
        ("audio/ogg", &["-c:a", "libopus", "-b:a", "192k"], "opus"),
        ("audio/ogg", &["-c:a", "flac", "-f", "ogg"], "oga"),
        ("audio/mpeg", &["-c:a", "libmp3lame", "-ar", "48000", "-b:a", "192k"], "mp3"),
    ] {
        let studio = studio(vec![LiveSettings { grace: seconds(0.0), ..settings("/live") }]);
        let stream = encoded(&studio, options, extension);
        let pipe = Pipe::default();
        let stream_of_pipe = SourceStream::new(pipe.clone());
        let session =
            studio.pipeline.go_live("/live", SourceInfo::new(content_type), stream_of_pipe).unwrap();
        let steps = 5.5 / 0.05;
        for part in stream.chunks((stream.len() as f64 / 6.0 * 5.5 / steps) as usize).take(steps as usize) {
            pipe.send(part);
            studio.run(ms(50));
        }
        let end = studio.position() as f64 / RATE;
        let format = session.state().live.unwrap().format.expect("a format");
        session.end();
        let heard = heard(studio);
        let range = heard.at(end - 1.5)..heard.at(end - 0.5);
        for (channel, hz, amplitude) in [(0, LIVE, 0.3_f64), (1, OTHER, 0.15)] {
            let pitch = heard.pitch(channel, range.clone());
            assert!((pitch / hz - 1.0).abs() < 0.006, "{format:?}: {pitch} Hz");
            // The pitch moves while the buffer comes to its level, so the tone is measured as a whole.
            let off = heard.rms_db(channel, range.clone()) - 20.0 * (amplitude / 2_f64.sqrt()).log10();
            assert!(off.abs() < 0.5, "{format:?}: {off} dB");
        }
        assert!(heard.level_db(0, range, OTHER) < -50.0, "{format:?}: the sides are mixed");
    }
}

#[test]
fn a_source_may_be_announced_and_play_over_an_empty_programme() {
    let studio = Studio::with(|settings| {
        settings.spec = STEREO;
        settings.live = vec![LiveSettings { buffer: seconds(1.0), ..LiveSettings::default() }];
    });
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut dj]);
    studio.until_announced(MOUNT, "The anna show");
    let tracks = vec![Entry::new(track(&studio, "0.wav"))];
    studio.pipeline.play_list("list", tracks, &ListOptions::default()).unwrap();
    pass(&studio, 1.0, &mut [&mut dj]);
    assert_eq!(studio.announced(MOUNT), "The anna show");
    dj.session.end();
    studio.run(seconds(2.0));
    studio.until_announced(MOUNT, "0");
    let end = studio.position() as f64 / RATE;
    let heard = heard(studio);
    only(&heard, end, PROGRAMME);
}
