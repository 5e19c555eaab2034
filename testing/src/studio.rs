//! A pipeline that runs by a stepped clock on a server of its own, tracks for it, and a tap on its mix.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use longwave::{
    Channels, Clock, Entry, Event, EventReceiver, PcmSpec, Pipeline, PipelineSettings, SampleRate, Server,
    Stepper, VoiceId,
};
use tempfile::TempDir;

use crate::sound::wav;
use crate::tap::Tap;
use crate::{seconds, until};

/// 8 kHz mono: an hour of it is mixed in a moment.
pub const SMALL: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };
/// A mixer's job at 8 kHz is a block of 1,024 frames.
pub const JOB: Duration = Duration::from_millis(128);

/// A server on a free port of this machine.
pub fn server() -> Server {
    Server::start(crate::server::settings()).expect("a server")
}

/// A pipeline on a stepped clock, with all that it needs, and the events that it sends.
#[derive(Debug)]
pub struct Studio {
    pub pipeline: Pipeline,
    pub server: Server,
    pub tap: Tap,
    pub folder: Arc<TempDir>,
    spec: PcmSpec,
    stepper: Stepper,
    events: EventReceiver,
    told: Mutex<Vec<Event>>,
}

/// The mount of the tap.
pub const MOUNT: &str = "/ear";

impl Default for Studio {
    fn default() -> Studio {
        Studio::new()
    }
}

impl Studio {
    pub fn new() -> Studio {
        Studio::with(|_| {})
    }

    /// A studio with other settings.
    pub fn with(differ: impl FnOnce(&mut PipelineSettings)) -> Studio {
        Studio::on(server(), Tap::default(), Arc::new(tempfile::tempdir().unwrap()), differ)
    }

    pub fn on(
        server: Server,
        tap: Tap,
        folder: Arc<TempDir>,
        differ: impl FnOnce(&mut PipelineSettings),
    ) -> Studio {
        Studio::at(SystemTime::now(), server, tap, folder, differ)
    }

    /// The same, when it is this time of the day.
    pub fn at(
        time: SystemTime,
        server: Server,
        tap: Tap,
        folder: Arc<TempDir>,
        differ: impl FnOnce(&mut PipelineSettings),
    ) -> Studio {
        let (clock, stepper) = Clock::stepped();
        stepper.set_time(time);
        let mut settings = PipelineSettings {
            spec: SMALL,
            skip_crossfade: Duration::ZERO,
            outputs: vec![tap.output(MOUNT)],
            clock,
            ..PipelineSettings::default()
        };
        differ(&mut settings);
        let spec = settings.spec;
        // Before the start, so that no event is missed.
        let events = settings.hooks.events(100_000);
        let pipeline = Pipeline::start(settings, &server).expect("a pipeline");
        // The first block is due at once. From here on nothing happens that is not stepped.
        stepper.run(Duration::from_nanos(1));
        Studio { pipeline, server, tap, folder, spec, stepper, events, told: Mutex::default() }
    }

    /// It is this time of the day now.
    pub fn set_time(&self, now: SystemTime) {
        self.stepper.set_time(now);
    }

    /// Lets time go by.
    pub fn run(&self, time: Duration) {
        self.stepper.run(time);
    }

    /// How many frames have been mixed: the place of the next one, among the tap's samples.
    pub fn position(&self) -> usize {
        (self.pipeline.time_on_air().as_secs_f64() * f64::from(self.spec.rate.hz())).round() as usize
    }

    /// Lets time go by until something is so.
    pub fn run_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..10_000 {
            if is_so() {
                return;
            }
            self.run(JOB);
        }
        panic!("waited in vain until {what}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A track of this length in the pipeline's small shape, at a constant level.
    pub fn track(&self, name: &str, level: f32, length: Duration) -> PathBuf {
        let path = self.path(name);
        constant(&path, level, SMALL.rate.frames_in(length).0 as usize);
        path
    }

    /// Entries of a second each, named and titled as said.
    pub fn entries(&self, names: &[&str]) -> Vec<Entry> {
        self.entries_of(names, seconds(1.0))
    }

    pub fn entries_of(&self, names: &[&str], length: Duration) -> Vec<Entry> {
        names.iter().map(|name| Entry::new(self.track(&format!("{name}.wav"), 0.25, length))).collect()
    }

    /// All events since it started.
    pub fn events(&self) -> Vec<Event> {
        let mut told = self.told.lock().unwrap();
        told.extend(std::iter::from_fn(|| self.events.try_recv()));
        told.clone()
    }

    /// The events since the last call. They are not kept, for a test that has days of them.
    pub fn new_events(&self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv()).collect()
    }

    /// The titles of the tracks that have begun.
    pub fn played(&self) -> Vec<String> {
        let events = self.events();
        let titles = events.iter().filter_map(|event| match event {
            Event::TrackChange { track, .. } => Some(track.title.clone()),
            _ => None,
        });
        titles.collect()
    }

    /// Where the tracks began, in frames.
    pub fn began_at(&self) -> Vec<u64> {
        let events = self.events();
        let places = events.iter().filter_map(|event| match event {
            Event::TrackChange { at, .. } => Some(at.0),
            _ => None,
        });
        places.collect()
    }

    pub fn told(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.events().iter().filter(|event| like(event)).count()
    }

    /// The title of the track on the air, or `-`.
    pub fn now(&self) -> String {
        self.pipeline.current_track().map_or("-".into(), |current| current.track.title.clone())
    }

    /// The titles of what is up next: their files' names.
    pub fn next(&self, most: usize) -> Vec<String> {
        self.pipeline.up_next(most).iter().map(|(_, entry)| stem(&entry.path)).collect()
    }

    pub fn queued(&self) -> Vec<String> {
        self.pipeline.queue().iter().map(|(_, entry)| stem(&entry.path)).collect()
    }

    /// What the mount announces.
    pub fn announced(&self, mount: &str) -> String {
        self.server.mount_info(mount).expect("a mount").title.title.text.clone()
    }

    pub fn until_announced(&self, mount: &str, title: &str) {
        until(&format!("{mount} announces {title}"), || self.announced(mount) == title);
    }

    /// How a voice ended: whether it was stopped.
    pub fn ended(&self, voice: VoiceId) -> Option<bool> {
        self.events().iter().find_map(|event| match event {
            Event::VoiceEnded { voice: ended, stopped } if *ended == voice => Some(*stopped),
            _ => None,
        })
    }

    pub fn has_voice(&self, voice: VoiceId) -> bool {
        self.pipeline.voices().iter().any(|state| state.id == voice)
    }

    /// Stops it; returns all that was mixed.
    pub fn stop(self) -> Vec<f32> {
        assert_eq!(self.pipeline.stop().abandoned, Vec::<String>::new());
        self.tap.samples()
    }
}

pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Writes a mono track of one level at 8 kHz.
pub fn constant(path: &Path, level: f32, frames: usize) {
    wav(path, SMALL, &vec![level; frames]);
}
