//! The engine as a whole, from synthetic sources to what an encoder is given, by a stepped clock.

mod commands;
mod failures;
mod flood;
mod joins;
mod levels;
mod orders;
mod planned;
mod presses;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::vec::Drain;

use arc_swap::ArcSwap;

use super::clock::{Clock, Stepper};
use super::crew::Crew;
use super::decode::Source;
use super::encoders::Output;
use super::job::OutputId;
use super::line::{LinePacket, OutputSetup, Sink};
use super::live::LiveInputs;
use super::mixer::{Command, Links, Mixer, OnAir};
use super::picker::{Picker, Sound};
use super::planner::Planner;
use super::programme::{Programme, Transitions};
use super::shared::SharedUpNext;
use crate::audio::{Channels, PcmSpec};
use crate::codec::file::AudioFile;
use crate::codec::{Encoder, EncoderSettings};
use crate::error::{Error, Result};
use crate::event::{Emitter, Event};
use crate::filework::FileWork;
use crate::metadata::Tags;
use crate::packet::{Packet, TitledPacket};
use crate::playout::{DeadAir, Entry, GiveWay, Playlist, RunningOrder, UpNext, When};
use crate::ring::{QuietSender, quiet_channel};
use crate::staff::Staff;
use crate::units::{FrameCount, SampleRate};

const SPEC: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };

/// A file that sounds as one constant. Its name is `level:frames`. With `?` at the end it does not declare
/// its length, and with `?length` a wrong one; with `@frame-ms` its disk is away at that frame for so long;
/// with `!` it is damaged behind these frames. A level of `NaN` panics when it is read.
///
/// A name that ends with `.wav` is a real file. Any other name is a bad file, but for two: `panics` panics
/// when it is opened, and `hangs`, with the name of a file after it, opens only once the rig's disk answers.
struct Constant {
    level: f32,
    frames: u64,
    at: u64,
    declares: Option<u64>,
    /// Whether it breaks off after its frames.
    torn: bool,
    /// Where reading takes how long, once.
    stall: Option<(u64, Duration)>,
    tags: Tags,
}

/// Opens a file. `answers` is whether the disk of `hangs` does.
fn open(path: &Path, answers: &AtomicBool) -> Result<Box<dyn Source>> {
    let bad = || Error::file(path, "not audio");
    let name = path.to_str().unwrap();
    assert_ne!(name, "panics", "on purpose, in a test");
    while name.starts_with("hangs") && !answers.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    let name = name.strip_prefix("hangs").unwrap_or(name);
    if name.ends_with(".wav") {
        return Ok(Box::new(AudioFile::open(path, SPEC)?));
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
    let (frames, torn) = match frames.strip_suffix('!') {
        Some(frames) => (frames, true),
        None => (frames, false),
    };
    let (frames, declares) = match frames.split_once('?') {
        Some((frames, wrong)) => (frames, wrong.parse().ok()),
        None => (frames, frames.parse().ok()),
    };
    Ok(Box::new(Constant {
        level: level.parse().map_err(|_| bad())?,
        frames: frames.parse().map_err(|_| bad())?,
        at: 0,
        declares,
        torn,
        stall,
        tags: Tags::default(),
    }))
}

impl Source for Constant {
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn duration(&self) -> Option<FrameCount> {
        self.declares.map(FrameCount)
    }
    fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
        if let Some((_, lasts)) = self.stall.take_if(|(at, _)| self.at >= *at) {
            std::thread::sleep(lasts);
        }
        assert!(self.at < 4_000 || !self.level.is_nan(), "on purpose, in a test");
        if self.torn && self.at == self.frames {
            return Err(Error::file("torn", "on purpose, in a test"));
        }
        let frames = 500.min(self.frames - self.at);
        out.extend(std::iter::repeat_n(self.level, frames as usize));
        self.at += frames;
        Ok(self.at < self.frames || self.torn)
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
    track_hooks: Arc<AtomicUsize>,
    output: Arc<Output>,
    staff: Staff,
    crew: Arc<Crew>,
    files: FileWork,
    /// Whether the disk of files that hang answers.
    answers: Arc<AtomicBool>,
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
        Rig::heard(clock, entries, repeat, crossfade_ms, dead_air, &Emitter::unheard())
    }

    /// A rig whose events go to the hub of this emitter.
    fn heard(
        clock: Clock,
        entries: &[&str],
        repeat: bool,
        crossfade_ms: u64,
        dead_air: DeadAir,
        emitter: &Emitter,
    ) -> Rig {
        Rig::planned(clock, entries, repeat, crossfade_ms, dead_air, emitter, |_| None)
    }

    /// A rig whose tracks a schedule chooses, which this makes for its running order.
    fn planned(
        clock: Clock,
        entries: &[&str],
        repeat: bool,
        crossfade_ms: u64,
        dead_air: DeadAir,
        emitter: &Emitter,
        planner: impl FnOnce(&Arc<SharedUpNext>) -> Option<Arc<dyn Planner>>,
    ) -> Rig {
        let mut list = UpNext::new(fastrand::Rng::with_seed(1));
        let entries = entries.iter().map(|path| Entry::new(*path)).collect();
        list.load(Playlist { name: "list".into(), entries, repeat, shuffle: false }, When::AfterCurrent);
        let mut list = RunningOrder::new(list);
        list.start();
        let up_next = Arc::new(SharedUpNext::new(list));
        let fallback = RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(2)));
        let fallback = Arc::new(SharedUpNext::new(fallback));
        let events = Arc::new(Mutex::new(Vec::new()));
        let emitter = emitter.clone().after({
            let events = events.clone();
            move |event| events.lock().unwrap().push(event.clone())
        });
        let packets = Arc::new(Mutex::new(Vec::new()));
        let sink = Box::new({
            let packets = packets.clone();
            move |ready: Drain<'_, LinePacket>| {
                packets.lock().unwrap().extend(ready.map(|packet| packet.titled));
            }
        });
        let crew = Arc::new(Crew::default());
        let staff = Staff::new();
        let output = raw_output(&staff, sink, emitter.clone());
        let (commands, receiver) = quiet_channel();
        let on_air = Arc::<ArcSwap<OnAir>>::default();
        let track_hooks = Arc::<AtomicUsize>::default();
        let (files, answers) = (FileWork::new(), Arc::<AtomicBool>::default());
        let planner = planner(&up_next);
        let picker = Picker {
            pipeline: "test".into(),
            spec: SPEC,
            up_next: up_next.clone(),
            fallback: fallback.clone(),
            begun: Arc::default(),
            goes_on_at: Arc::default(),
            files: files.clone(),
            fallback_files: FileWork::new(),
            open: Arc::new({
                let answers = answers.clone();
                move |entry, _| open(&entry.path, &answers)
            }),
            title: Arc::new(Mutex::new(Arc::new(|entry, _| entry.path.display().to_string()))),
            sound: Arc::new(|_, _| Sound::default()),
            correct: Arc::new(|_, _| ()),
            emitter: emitter.clone(),
            crew: crew.clone(),
            chooser: None,
            planner,
            stopping: Arc::new(AtomicBool::new(false)),
        };
        let crossfade = Duration::from_millis(crossfade_ms).into();
        let transitions = Transitions { crossfade, fade_in: Duration::ZERO, fade_out: Duration::ZERO };
        let start = clock.now();
        let programme = Programme::new(SPEC, transitions, picker);
        let links = Links {
            name: "test".into(),
            clock,
            commands: receiver,
            emitter,
            on_air: on_air.clone(),
            counters: Arc::default(),
            track_hooks: track_hooks.clone(),
        };
        let live = LiveInputs::new(SPEC, Vec::new(), Duration::ZERO);
        let mixer = Mixer::new(links, programme, live, start, dead_air, vec![output.clone()]);
        crew.spawn("mix:test", || mixer.run()).unwrap();
        Rig {
            stepper: None,
            commands,
            up_next,
            fallback,
            events,
            packets,
            on_air,
            track_hooks,
            output,
            staff,
            crew,
            files,
            answers,
        }
    }

    fn run(&self, seconds: f64) {
        self.stepper.as_ref().expect("a stepped clock").run(Duration::from_secs_f64(seconds));
    }

    fn skip(&self, crossfade: Duration) {
        self.up_next.lock().skip(GiveWay::Crossfade(crossfade));
    }

    fn play_now(&self, name: impl AsRef<Path>, crossfade: Duration) {
        self.up_next.lock().play_now(Entry::new(name.as_ref()), GiveWay::Crossfade(crossfade));
    }

    fn command(&self, command: Command) {
        assert!(self.commands.send(command));
    }

    /// Stops it, and gives all that its encoder was given, in order and at its place.
    fn stop(mut self) -> Vec<f32> {
        self.command(Command::Stop);
        while Arc::strong_count(&self.output) > 1 {
            std::thread::yield_now();
        }
        self.output.finish().recv().unwrap();
        assert_eq!(self.staff.encoders.end(Instant::now() + Duration::from_secs(20)), [""; 0]);
        drop(self.output);
        assert_eq!(self.crew.join(Instant::now() + Duration::from_secs(20)), Vec::<String>::new());
        let packets = self.packets.lock().unwrap();
        let samples = packets.iter().flat_map(|titled| titled.packet.bytes.as_chunks::<4>().0);
        samples.map(|bytes| f32::from_le_bytes(*bytes)).skip(RAW_DELAY).collect()
    }

    /// What the titles say, and the frame of the packet at which each of them starts.
    fn titles(&self) -> Vec<(String, usize)> {
        // The clock waits for the mixer alone, and not for the encoders.
        while self.output.waiting() > 0 {
            std::thread::yield_now();
        }
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

fn raw_output(staff: &Staff, sink: Sink, emitter: Emitter) -> Arc<Output> {
    let (id, mount) = (OutputId(0), "/raw".into());
    let setup = OutputSetup { id, mount, settings: Arc::new(Raw), spec: SPEC, emitter };
    Arc::new(Output::new(setup, Raw.open(SPEC).unwrap(), sink, staff.encoders.place().unwrap()))
}

/// How late the limiter makes everything.
fn look_ahead() -> usize {
    crate::playout::Limiter::new(SPEC).delay().0 as usize
}
