//! What the tests of pipelines have in common: tracks made of tones, a pipeline that runs by a stepped
//! clock on a server of its own, and an ear that remembers every sample of the mix.
#![allow(dead_code)] // each test uses its part

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use longwave::{
    Channels, Clock, Encoder, EncoderSettings, Entry, Event, EventReceiver, FrameCount, MountSettings,
    OutputSettings, Packet, PcmSpec, Pipeline, PipelineSettings, Result, SampleRate, Server, ServerSettings,
    Stepper, VoiceId,
};
use tempfile::TempDir;

/// 8 kHz mono: an hour of it is mixed in a moment.
pub const SMALL: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };
/// A mixer's job at 8 kHz is a block of 1,024 frames.
pub const JOB: Duration = Duration::from_millis(128);
/// Nothing here should take this long.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Waits until something is so, or fails saying that it never was.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(ms(1));
    }
}

/// A server on a free port of this machine.
pub fn server() -> Server {
    let listen = vec![([127, 0, 0, 1], 0).into()];
    Server::start(ServerSettings { listen, ..ServerSettings::default() }).expect("a server")
}

/// Remembers all that is mixed. What it serves is a small packet for each block, and no music.
#[derive(Clone, Debug, Default)]
pub struct Ear {
    heard: Arc<Mutex<Vec<f32>>>,
    deaf: bool,
    channels: usize,
}

impl Ear {
    /// One that remembers nothing.
    pub fn deaf() -> Ear {
        Ear { deaf: true, ..Ear::default() }
    }

    pub fn heard(&self) -> Vec<f32> {
        self.heard.lock().unwrap().clone()
    }

    /// An output at this path that feeds this ear.
    pub fn output(&self, path: &str) -> OutputSettings {
        let mount = MountSettings { path: path.into(), ..MountSettings::default() };
        OutputSettings { encoder: Arc::new(self.clone()), mount }
    }
}

impl EncoderSettings for Ear {
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Ear { channels: spec.channels.count(), ..self.clone() }))
    }
    fn content_type(&self) -> &str {
        "audio/x-raw"
    }
    fn bitrate(&self) -> Option<u32> {
        None
    }
}

impl Encoder for Ear {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        if !self.deaf {
            self.heard.lock().unwrap().extend(pcm);
        }
        packets.push(Packet { bytes: Box::new([0; 128]), frames: (pcm.len() / self.channels) as u32 });
        Ok(())
    }
    fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
        Ok(())
    }
    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }
}

/// A pipeline on a stepped clock, with all that it needs, and all that it tells.
pub struct Studio {
    pub pipeline: Pipeline,
    pub server: Server,
    pub ear: Ear,
    pub folder: Arc<TempDir>,
    spec: PcmSpec,
    stepper: Stepper,
    events: EventReceiver,
    told: Mutex<Vec<Event>>,
}

/// The mount that the ear is at.
pub const MOUNT: &str = "/ear";

impl Studio {
    pub fn new() -> Studio {
        Studio::with(|_| {})
    }

    /// One whose settings differ from the small ones.
    pub fn with(differ: impl FnOnce(&mut PipelineSettings)) -> Studio {
        Studio::on(server(), Ear::default(), Arc::new(tempfile::tempdir().unwrap()), differ)
    }

    pub fn on(
        server: Server,
        ear: Ear,
        folder: Arc<TempDir>,
        differ: impl FnOnce(&mut PipelineSettings),
    ) -> Studio {
        let (clock, stepper) = Clock::stepped();
        let mut settings = PipelineSettings {
            spec: SMALL,
            skip_crossfade: Duration::ZERO,
            outputs: vec![ear.output(MOUNT)],
            clock,
            ..PipelineSettings::default()
        };
        differ(&mut settings);
        let spec = settings.spec;
        // What happens before the clock is stepped is heard, too.
        let events = settings.hooks.events(100_000);
        let pipeline = Pipeline::start(settings, &server).expect("a pipeline");
        // The first block is due at once. From here on nothing happens that is not stepped.
        stepper.run(Duration::from_nanos(1));
        Studio { pipeline, server, ear, folder, spec, stepper, events, told: Mutex::default() }
    }

    /// Lets time go by.
    pub fn run(&self, time: Duration) {
        self.stepper.run(time);
    }

    /// How many frames have been mixed: the place of the next one, in what the ear has heard.
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

    /// Those since the last call, which are not remembered: for those who have days of them.
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

    /// The title of the track on the air; nothing: `-`.
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

    pub fn has_voice(&self, voice: VoiceId) -> bool {
        self.pipeline.voices().iter().any(|state| state.id == voice)
    }

    /// Stops it, and gives all that was mixed.
    pub fn stop(self) -> Vec<f32> {
        assert_eq!(self.pipeline.stop().abandoned, Vec::<String>::new());
        self.ear.heard()
    }
}

pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Noise within ±0.3, a different one for each seed.
pub fn noise(seed: u64, samples: usize) -> Vec<f32> {
    // Seeds that are neighbours make noises that are related.
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    (0..samples).map(|_| (random.f32() - 0.5) * 0.6).collect()
}

/// Writes a mono track of one level at 8 kHz.
pub fn constant(path: &Path, level: f32, frames: usize) {
    wav(path, SMALL, &vec![level; frames]);
}

/// Writes interleaved frames as a WAV file of floats: what is read is what was written, to the bit.
pub fn wav(path: &Path, spec: PcmSpec, samples: &[f32]) {
    let (channels, rate) = (spec.channels.count() as u32, spec.rate.hz());
    let bytes = samples.len() as u32 * 4;
    let mut file = Vec::with_capacity(44 + bytes as usize);
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(3_u16.to_le_bytes()); // floats
    file.extend((channels as u16).to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * channels * 4).to_le_bytes());
    file.extend((channels as u16 * 4).to_le_bytes());
    file.extend(32_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    fs::write(path, file).unwrap();
}

/// A sine at this level, the same in all channels.
pub fn sine(spec: PcmSpec, hz: f64, level: f64, frames: usize) -> Vec<f32> {
    let step = TAU * hz / f64::from(spec.rate.hz());
    let frame = |n: usize| (level * (step * n as f64).sin()) as f32;
    (0..frames).flat_map(|n| std::iter::repeat_n(frame(n), spec.channels.count())).collect()
}
