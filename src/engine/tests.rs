//! The engine as a whole, from synthetic sources to what an encoder is given, by a stepped clock.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::vec::Drain;

use arc_swap::ArcSwap;

use super::clock::{Clock, Stepper};
use super::crew::Crew;
use super::decode::Source;
use super::encoders::{Output, Pool};
use super::line::OutputId;
use super::mixer::{Command, Mixer, OnAir, Parts};
use super::picker::Picker;
use super::programme::{Programme, Transitions};
use super::shared::SharedUpNext;
use crate::audio::{Channels, PcmSpec};
use crate::codec::{Encoder, EncoderSettings};
use crate::error::{Error, Result};
use crate::event::{Emitter, Event};
use crate::metadata::Tags;
use crate::packet::{Packet, TitledPacket};
use crate::playout::{DeadAir, Entry, Place, Playlist, UpNext, When};
use crate::ring::{QuietSender, quiet_channel};
use crate::units::{FrameCount, SampleRate};

const SPEC: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };

/// A constant, `frames` long: named `level:frames`, with `?` behind it where it does not say how
/// long it is, and `@frame-ms` where its disk is away for so long. What does not parse is a bad file.
/// `panics` does so when it is opened, a `level` that is no number when it is read, and `hangs` is
/// open only when [`ANSWERS`] is true.
struct Constant {
    level: f32,
    frames: u64,
    at: u64,
    declares: bool,
    /// Where reading takes how long, once.
    stall: Option<(u64, Duration)>,
    tags: Tags,
}

/// Whether the disk of `hangs` is there.
static ANSWERS: AtomicBool = AtomicBool::new(false);

fn open(path: &Path) -> Result<Box<dyn Source>> {
    let bad = || Error::file(path, "not audio");
    let name = path.to_str().unwrap();
    assert_ne!(name, "panics", "on purpose, in a test");
    while name == "hangs" && !ANSWERS.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    let (level, frames) = name.split_once(':').ok_or_else(bad)?;
    let (frames, stall) = match frames.split_once('@') {
        Some((frames, stall)) => {
            let (at, ms) = stall.split_once('-').ok_or_else(bad)?;
            let ms = Duration::from_millis(ms.parse().map_err(|_| bad())?);
            (frames, Some((at.parse().map_err(|_| bad())?, ms)))
        }
        None => (frames, None),
    };
    let declares = !frames.ends_with('?');
    Ok(Box::new(Constant {
        level: level.parse().map_err(|_| bad())?,
        frames: frames.trim_end_matches('?').parse().map_err(|_| bad())?,
        at: 0,
        declares,
        stall,
        tags: Tags::default(),
    }))
}

impl Source for Constant {
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn duration(&self) -> Option<FrameCount> {
        self.declares.then_some(FrameCount(self.frames))
    }
    fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
        if let Some((_, lasts)) = self.stall.take_if(|(at, _)| self.at >= *at) {
            std::thread::sleep(lasts);
        }
        assert!(self.at < 4_000 || !self.level.is_nan(), "on purpose, in a test");
        let frames = 500.min(self.frames - self.at);
        out.extend(std::iter::repeat_n(self.level, frames as usize));
        self.at += frames;
        Ok(self.at < self.frames)
    }
    fn seek(&mut self, to: FrameCount) -> Result<()> {
        self.at = to.0.min(self.frames);
        Ok(())
    }
}

/// Passes PCM on as packets of 100 frames, 250 frames late.
#[derive(Debug)]
struct Raw;

struct RawEncoder(Vec<f32>);

const RAW_DELAY: usize = 250;

impl EncoderSettings for Raw {
    fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(RawEncoder(vec![0.0; RAW_DELAY])))
    }
    fn content_type(&self) -> &str {
        "audio/x-raw"
    }
    fn bitrate(&self) -> Option<u32> {
        None
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        if pcm.contains(&0.666) {
            return Err(Error::Encoder("it does not like 0.666".into()));
        }
        self.0.extend(pcm);
        for packet in self.0.chunks_exact(100) {
            let bytes = packet.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            packets.push(Packet { bytes, frames: 100 });
        }
        self.0.drain(..self.0.len() / 100 * 100);
        Ok(())
    }
    fn flush(&mut self, packets: &mut Vec<Packet>) -> Result<()> {
        let rest = self.0.len().next_multiple_of(100);
        self.0.resize(rest, 0.0);
        self.encode(&[], packets)
    }
    fn delay(&self) -> FrameCount {
        FrameCount(RAW_DELAY as u64)
    }
}

/// A mixer with one raw output, and all that came of it.
struct Rig {
    stepper: Option<Stepper>,
    commands: QuietSender<Command>,
    up_next: Arc<SharedUpNext>,
    fallback: Arc<SharedUpNext>,
    events: Arc<Mutex<Vec<Event>>>,
    packets: Arc<Mutex<Vec<TitledPacket>>>,
    on_air: Arc<ArcSwap<OnAir>>,
    output: Arc<Output>,
    pool: Option<Arc<Pool>>,
    crew: Arc<Crew>,
}

impl Rig {
    fn new(entries: &[&str], repeat: bool, crossfade_ms: u64) -> Rig {
        let (clock, stepper) = Clock::stepped();
        Rig { stepper: Some(stepper), ..Rig::by(clock, entries, repeat, crossfade_ms) }
    }

    fn by(clock: Clock, entries: &[&str], repeat: bool, crossfade_ms: u64) -> Rig {
        Rig::guarded(clock, entries, repeat, crossfade_ms, DeadAir::default())
    }

    fn guarded(clock: Clock, entries: &[&str], repeat: bool, crossfade_ms: u64, dead_air: DeadAir) -> Rig {
        let mut list = UpNext::new(fastrand::Rng::with_seed(1));
        let entries = entries.iter().map(|path| Entry::new(*path)).collect();
        list.load(Playlist { name: "list".into(), entries, repeat, shuffle: false }, When::AfterCurrent);
        let up_next = Arc::new(SharedUpNext::new(list));
        let fallback = Arc::new(SharedUpNext::new(UpNext::new(fastrand::Rng::with_seed(2))));
        let events = Arc::new(Mutex::new(Vec::new()));
        let emitter = Emitter::unheard().after({
            let events = events.clone();
            move |event| events.lock().unwrap().push(event.clone())
        });
        let packets = Arc::new(Mutex::new(Vec::new()));
        let sink = Box::new({
            let packets = packets.clone();
            move |ready: Drain<'_, TitledPacket>| packets.lock().unwrap().extend(ready)
        });
        let crew = Arc::new(Crew::default());
        let pool = Arc::new(Pool::new());
        pool.staff(2, &crew).unwrap();
        let raw = Raw.open(SPEC).unwrap();
        let output = Output::new(OutputId(0), "/raw".into(), Arc::new(Raw), raw, SPEC, sink, emitter.clone());
        let output = Arc::new(output);
        let (commands, receiver) = quiet_channel();
        let on_air = Arc::<ArcSwap<OnAir>>::default();
        let picker = Picker {
            pipeline: "test".into(),
            spec: SPEC,
            up_next: up_next.clone(),
            fallback: fallback.clone(),
            begun: Arc::default(),
            goes_on_at: Arc::default(),
            open: Arc::new(|path, _| open(path)),
            title: Arc::new(Mutex::new(Arc::new(|entry, _| entry.path.display().to_string()))),
            file_gain: Arc::new(|_| 1.0),
            emitter: emitter.clone(),
            crew: crew.clone(),
            stopping: Arc::new(AtomicBool::new(false)),
        };
        let crossfade = Duration::from_millis(crossfade_ms);
        let transitions = Transitions { crossfade, fade_in: Duration::ZERO, fade_out: Duration::ZERO };
        let parts = Parts {
            name: "test".into(),
            spec: SPEC,
            start: clock.now(),
            clock,
            commands: receiver,
            programme: Programme::new(SPEC, transitions, picker),
            dead_air,
            outputs: vec![output.clone()],
            pool: pool.clone(),
            emitter,
            on_air: on_air.clone(),
        };
        crew.spawn("mix:test", || Mixer::new(parts).run()).unwrap();
        let pool = Some(pool);
        Rig { stepper: None, commands, up_next, fallback, events, packets, on_air, output, pool, crew }
    }

    fn run(&self, seconds: f64) {
        self.stepper.as_ref().expect("a stepped clock").run(Duration::from_secs_f64(seconds));
    }

    fn command(&self, command: Command) {
        assert!(self.commands.send(command));
    }

    /// Stops it, and gives all that its encoder was given, in order and at its place.
    fn stop(mut self) -> Vec<f32> {
        self.command(Command::Stop);
        while Arc::strong_count(self.pool.as_ref().unwrap()) > 1 {
            std::thread::yield_now();
        }
        self.pool.as_ref().unwrap().finish(&self.output).recv().unwrap();
        self.pool = None;
        drop(self.output);
        assert_eq!(self.crew.join(Instant::now() + Duration::from_secs(20)), Vec::<String>::new());
        let packets = self.packets.lock().unwrap();
        let samples = packets.iter().flat_map(|titled| titled.packet.bytes.as_chunks::<4>().0);
        samples.map(|bytes| f32::from_le_bytes(*bytes)).skip(RAW_DELAY).collect()
    }

    /// What the titles say, and the frame of the packet at which each of them starts.
    fn titles(&self) -> Vec<(String, usize)> {
        let mut titles: Vec<(String, usize)> = Vec::new();
        for (i, titled) in self.packets.lock().unwrap().iter().enumerate() {
            if titles.last().is_none_or(|last| last.0 != titled.title.text) {
                titles.push((titled.title.text.clone(), i * 100));
            }
        }
        titles
    }

    fn began(&self) -> Vec<(PathBuf, u64)> {
        let events = self.events.lock().unwrap();
        let began = events.iter().filter_map(|event| match event {
            Event::TrackChange { track, at } => Some((track.file.clone(), at.0)),
            _ => None,
        });
        began.collect()
    }

    fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|event| like(event)).count()
    }
}

/// How late the limiter makes everything.
fn look_ahead() -> usize {
    crate::playout::Limiter::new(SPEC).delay().0 as usize
}

#[test]
fn tracks_join_at_the_sample_when_nothing_fades() {
    let rig = Rig::new(&["0.1:1000", "0.2:1", "0.3:5000?", "0.4:2500"], false, 0);
    rig.run(3.0);
    let began: Vec<_> = rig.began().into_iter().map(|(_, at)| at).collect();
    assert_eq!(began, [0, 1000, 1001, 6001]);
    assert_eq!(rig.count(|event| matches!(event, Event::NothingToPlay)), 1);
    let pcm = rig.stop();
    let mut expected = vec![0.0; look_ahead()];
    for (level, frames) in [(0.1, 1000), (0.2, 1), (0.3, 5000), (0.4, 2500)] {
        expected.extend(std::iter::repeat_n(level, frames));
    }
    assert_eq!(pcm[..expected.len()], expected);
    assert!(pcm.len() > expected.len() && pcm[expected.len()..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_disk_that_is_away_for_a_second_and_a_half_is_not_heard() {
    // Half a second in, the decoder is two seconds ahead and meets the stall: by the machine's clock.
    let rigs = [1500, 3000]
        .map(|ms| Rig::by(Clock::default(), &[format!("0.5:28000@20000-{ms}").as_str()], false, 0));
    let heard = rigs.map(|rig| {
        while rig.count(|event| matches!(event, Event::NothingToPlay)) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let pcm = rig.stop();
        let first = pcm.iter().position(|sample| *sample != 0.0).unwrap();
        let last = pcm.iter().rposition(|sample| *sample != 0.0).unwrap();
        let silent = pcm[first..=last].iter().filter(|sample| **sample == 0.0).count();
        (last + 1 - first - silent, silent)
    });
    assert_eq!(heard[0], (28_000, 0), "frames, and of silence between them");
    // What takes longer than there is decoded ahead (ten chunks of 1,600 frames, one on each side of
    // them: 19,200 of the 24,000 frames that are missed at most) is heard, and nothing is lost of it.
    assert!(heard[1].0 == 28_000 && (3_500..12_000).contains(&heard[1].1), "{heard:?}");
}

#[test]
fn a_title_sits_at_the_packet_that_holds_the_first_sample() {
    let rig = Rig::new(&["0.1:8111", "0.2:8000"], false, 0);
    rig.run(3.0);
    while rig.titles().len() < 3 {
        std::thread::yield_now();
    }
    let at = |frame: usize| (frame + look_ahead() + RAW_DELAY) / 100 * 100;
    assert_eq!(rig.titles()[1..], [("0.1:8111".into(), at(0)), ("0.2:8000".into(), at(8111))]);
    rig.stop();
}

#[test]
fn a_crossfade_begins_where_the_new_track_is_louder() {
    let rig = Rig::new(&["0.5:16000", "0.5:16000"], false, 1000);
    rig.run(4.0);
    // The second starts one second before the first ends, and begins half a second later.
    assert_eq!(rig.began()[1].1, 16_000 - 8_000 + 4_000);
    let pcm = rig.stop();
    let pcm = &pcm[look_ahead()..];
    assert_eq!(pcm[..8000], vec![0.5; 8000]);
    // Two constants are alike: with equal power they add up to at most the square root of two.
    let most = pcm[8000..16000].iter().copied().fold(0.0, f32::max);
    assert!((most - 0.5 * 2_f32.sqrt()).abs() < 1e-3, "{most}");
    assert!(pcm[16000..24000].iter().all(|sample| *sample == 0.5));
    assert!(pcm[24000..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn tracks_shorter_than_the_crossfade_are_all_heard() {
    let rig = Rig::new(&["0.5:16000", "0.4:400", "0.3:300", "0.5:16000"], false, 1000);
    rig.run(6.0);
    let began: Vec<_> = rig.began().into_iter().map(|(file, _)| file).collect();
    assert_eq!(began, ["0.5:16000", "0.4:400", "0.3:300", "0.5:16000"].map(PathBuf::from));
    rig.stop();
}

#[test]
fn a_track_that_does_not_say_how_long_it_is_fades_all_the_same() {
    let rig = Rig::new(&["0.5:40000?", "0.5:40000"], false, 2000);
    rig.run(10.0);
    assert_eq!(rig.began()[1].1, 40_000 - 16_000 + 8_000);
    rig.stop();
}

#[test]
fn bad_files_cost_their_turn_and_the_rest_goes_on() {
    let rig = Rig::new(&["bad", "0.1:1000", "worse", "0.2:1000"], false, 0);
    rig.run(1.0);
    assert_eq!(rig.began().len(), 2);
    assert_eq!(rig.count(|event| matches!(event, Event::TrackFailed { .. })), 2);
    rig.stop();
}

#[test]
fn a_list_of_bad_files_is_tried_now_and_then_and_does_not_spin() {
    let rig = Rig::new(&["a", "b", "c"], true, 0);
    rig.run(3600.0);
    let failed = rig.count(|event| matches!(event, Event::TrackFailed { .. }));
    assert!((60..80).contains(&failed), "{failed} in an hour");
    assert_eq!(rig.count(|event| matches!(event, Event::NothingToPlay)), 1);
    // A good one is taken at once.
    rig.up_next.lock().queue([Entry::new("0.5:800")], Place::End);
    rig.run(1.0);
    assert_eq!(rig.began().len(), 1);
    rig.stop();
}

#[test]
fn skip_goes_on_to_what_is_next_by_then() {
    let rig = Rig::new(&["0.1:800000", "0.2:800000"], false, 0);
    rig.run(1.0);
    rig.up_next.lock().queue([Entry::new("0.3:800000")], Place::Next);
    rig.command(Command::Skip { crossfade: Duration::from_millis(100) });
    rig.run(1.0);
    rig.command(Command::Skip { crossfade: Duration::ZERO });
    rig.run(1.0);
    let began: Vec<_> = rig.began().into_iter().map(|(file, _)| file).collect();
    assert_eq!(began, ["0.1:800000", "0.3:800000", "0.2:800000"].map(PathBuf::from));
    // Nothing follows the last one: it fades, and there is silence.
    rig.command(Command::Skip { crossfade: Duration::ZERO });
    rig.run(1.0);
    assert!(rig.on_air.load().current.is_none());
    assert_eq!(rig.count(|event| matches!(event, Event::NothingToPlay)), 1);
    rig.stop();
}

#[test]
fn what_is_to_be_played_now_is_not_skipped_if_it_has_begun_by_itself() {
    let rig = Rig::new(&["0.1:8000", "0.2:800000"], false, 0);
    rig.run(0.5);
    let version = {
        let mut up_next = rig.up_next.lock();
        up_next.play_now(Entry::new("0.3:800000"));
        up_next.version()
    };
    // The track before ends, and it begins, before the mixer hears of the skip to it.
    rig.run(1.0);
    rig.command(Command::SkipTo { version, crossfade: Duration::ZERO });
    rig.run(1.0);
    let began = || rig.began().into_iter().map(|(file, _)| file).collect::<Vec<_>>();
    assert_eq!(began(), ["0.1:8000", "0.3:800000"].map(PathBuf::from));
    // What was on the air before it is skipped as ever.
    let version = {
        let mut up_next = rig.up_next.lock();
        up_next.play_now(Entry::new("0.4:800000"));
        up_next.version()
    };
    rig.command(Command::SkipTo { version, crossfade: Duration::ZERO });
    rig.run(1.0);
    assert_eq!(began().last(), Some(&PathBuf::from("0.4:800000")));
    rig.stop();
}

#[test]
fn a_held_programme_waits_where_it_is() {
    let rig = Rig::new(&["0.5:40000"], false, 0);
    rig.run(1.0);
    rig.command(Command::Hold { fade: Duration::from_millis(100) });
    rig.run(3.0);
    let held_at = rig.on_air.load().played;
    assert!((8000..10000).contains(&held_at.0), "{held_at:?}");
    rig.run(3.0);
    assert_eq!(rig.on_air.load().played, held_at);
    rig.command(Command::Resume { fade: Duration::from_millis(100) });
    rig.run(10.0);
    let pcm = rig.stop();
    let loud = pcm.iter().filter(|sample| **sample == 0.5).count();
    let heard = pcm.iter().filter(|sample| **sample != 0.0).count();
    assert!((39_990..=40_000).contains(&heard) && loud >= 40_000 - 1700, "{heard} {loud}");
}

#[test]
fn an_encoder_that_fails_is_built_again() {
    let rig = Rig::new(&["0.1:8000", "0.666:800", "0.2:80000"], false, 0);
    rig.run(8.0);
    while rig.count(|event| matches!(event, Event::EncoderRecovered { .. })) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(rig.count(|event| matches!(event, Event::EncoderFailed { .. })), 1);
    assert_eq!(rig.titles().last().unwrap().0, "0.2:80000");
    let pcm = rig.stop();
    assert!(pcm.contains(&0.2) && !pcm.contains(&0.666));
}

#[test]
fn dead_air_is_told_skipped_and_filled_until_there_is_something_to_play() {
    let rig = Rig::new(&["0.0:800000", "0.0:1600000"], false, 0);
    let fallback = Playlist {
        name: "fallback".into(),
        entries: vec![Entry::new("0.4:80000")],
        repeat: true,
        shuffle: false,
    };
    rig.fallback.lock().load(fallback, When::Now);
    rig.run(60.0);
    let began =
        |rig: &Rig| rig.began().into_iter().map(|(file, _)| file.display().to_string()).collect::<Vec<_>>();
    // Silent for 20 s: skip. For 20 s more: the fallback, and again, for nothing is up next by then.
    assert_eq!(began(&rig), ["0.0:800000", "0.0:1600000", "0.4:80000", "0.4:80000"]);
    assert!(rig.on_air.load().dead_air.is_none());
    // It goes on until there is.
    rig.run(60.0);
    assert_eq!(began(&rig).last().unwrap(), "0.4:80000");
    rig.up_next.lock().queue([Entry::new("0.3:80000")], Place::End);
    rig.run(1.0);
    assert_eq!(began(&rig).last().unwrap(), "0.3:80000");
    assert_eq!(rig.count(|event| matches!(event, Event::DeadAirBegins { .. })), 1);
    assert_eq!(rig.count(|event| matches!(event, Event::DeadAirEnds { .. })), 1);
    rig.stop();
}

#[test]
fn a_decoder_that_panics_costs_its_track() {
    // One when it is opened, and one in the middle.
    let rig = Rig::new(&["0.1:1000", "panics", "NaN:8000", "0.4:1000"], true, 0);
    rig.run(5.0);
    let began: Vec<_> = rig.began().into_iter().map(|(path, _)| path).collect();
    assert_eq!(began[..4], ["0.1:1000", "NaN:8000", "0.4:1000", "0.1:1000"].map(PathBuf::from));
    let failed = |name: &str| {
        rig.count(|event| matches!(event, Event::TrackFailed { file, .. } if file == Path::new(name)))
    };
    assert!(failed("panics") >= 1 && failed("NaN:8000") >= 1);
    rig.stop();
}

#[test]
fn beyond_every_end_is_the_end() {
    let rig = Rig::new(&["0.1:80000", "0.2:8000"], false, 500);
    rig.run(1.0);
    rig.command(Command::SeekCurrent { to: FrameCount(u64::MAX) });
    rig.run(1.0);
    assert_eq!(rig.began().len(), 2);
    rig.stop();
}

/// What is opened for ever: by the machine's clock, for a stepped one would wait for it.
#[test]
fn a_file_that_never_opens_holds_up_nothing_but_itself() {
    let dead_air = DeadAir { after: Some(Duration::from_millis(300)), ..DeadAir::default() };
    let rig = Rig::guarded(Clock::default(), &["hangs", "0.3:800000"], false, 0, dead_air);
    let wait_for = |track: &str| {
        while rig.began().last().is_none_or(|last| last.0 != Path::new(track)) {
            std::thread::yield_now();
        }
    };
    // What is asked for meanwhile is played, and so is what comes after it.
    rig.up_next.lock().queue([Entry::new("0.2:800")], Place::Next);
    wait_for("0.2:800");
    wait_for("0.3:800000");
    let given_up =
        |event: &Event| matches!(event, Event::TrackFailed { reason, .. } if reason.contains("in time"));
    assert_eq!(rig.count(given_up), 1);
    ANSWERS.store(true, Ordering::Relaxed);
    rig.stop();
}

#[test]
fn a_stopped_pipeline_does_not_hold_up_its_clock() {
    let rig = Rig::new(&["0.1:8000"], false, 0);
    let stepper = rig.stepper.clone().unwrap();
    rig.run(0.5);
    rig.stop();
    stepper.run(Duration::from_secs(1));
}

#[test]
fn an_encoder_that_is_replaced_while_it_fails_is_well_again() {
    let rig = Rig::new(&["0.666:4000", "0.1:80000"], false, 0);
    rig.run(0.3);
    while rig.count(|event| matches!(event, Event::EncoderFailed { .. })) == 0 {
        std::thread::yield_now();
    }
    rig.pool.as_ref().unwrap().replace(&rig.output, Arc::new(Raw), Raw.open(SPEC).unwrap());
    rig.run(2.0);
    while rig.count(|event| matches!(event, Event::EncoderRecovered { .. })) == 0 {
        std::thread::yield_now();
    }
    assert!(!rig.output.has_failed());
    rig.stop();
}
