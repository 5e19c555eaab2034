//! The clock: the audio on the air agrees with the machine's clock, and a listener is not far behind it,
//! however long a station runs.
//!
//! With `LONGWAVE_LONG=1` this takes half an hour of real time, and simulates a day; see docs/TESTING.md.

use std::time::{Duration, Instant};

use crate::both;
use longwave::{
    AacSettings, BLOCK_FRAMES, EncoderSettings, Event, FrameCount, Mp3Settings, PcmSpec, PipelineSettings,
};
use longwave_testing::radio::{Listener, Radio, mono, output};
use longwave_testing::tap::Tap;
use longwave_testing::{long, sound};

/// The length of a mixer's job at 44.1 kHz: four blocks.
const JOB: f64 = 4.0 * 1024.0 / 44_100.0;
/// A block is mixed when its first frame is due.
const BLOCK: f64 = 1024.0 / 44_100.0;
/// A listener with a burst of four seconds is served once per second.
const CADENCE: f64 = 1.0;

/// The amplitude of the noise.
const AMPLITUDE: f32 = 0.3;

/// A mount with its samples.
struct Watched {
    mount: &'static str,
    /// The most audio that its encoder holds back, in seconds.
    held: f64,
    bytes_per_second: f64,
    listener: Option<Listener>,
    /// How far the end of the backlog is behind the clock, in seconds.
    head: Vec<f64>,
    /// How far the listener is behind the end of the backlog, in seconds of audio. An unknown constant is
    /// added until `judge`.
    heard: Vec<f64>,
}

impl Watched {
    fn new(mount: &'static str, encoder: &dyn EncoderSettings) -> Watched {
        Watched {
            mount,
            held: held(encoder),
            bytes_per_second: 125.0 * f64::from(encoder.bitrate().unwrap()),
            listener: None,
            head: Vec::new(),
            heard: Vec::new(),
        }
    }

    fn sample(&mut self, radio: &Radio, started: Instant) {
        let received = self.listener.as_ref().unwrap().received() as f64;
        let clock = started.elapsed().as_secs_f64();
        let info = radio.station.server().mount_info(self.mount).unwrap();
        self.head.push(clock - info.duration.as_secs_f64());
        self.heard.push((info.position.0 as f64 - received) / self.bytes_per_second);
        assert_eq!((info.dropped_packets, info.skips), (0, 0), "{}", self.mount);
    }

    fn judge(&mut self, mean_error: f64) {
        // The position where the listener joined is unknown. But now and then the listener has everything, so
        // the smallest lag stands for zero.
        let joined_at = self.heard.iter().copied().fold(f64::INFINITY, f64::min);
        self.heard.iter_mut().for_each(|lag| *lag -= joined_at);
        let [head, heard] = [&self.head, &self.heard].map(|lags| Spread::of(lags));
        let most = JOB + self.held;
        println!("{} head behind the clock: {head}; may be {:.1} ms", self.mount, most * 1e3);
        println!("{} listener behind the head: {heard}; may be {:.1} ms", self.mount, (CADENCE + JOB) * 1e3);
        // One sample of a hundred may be late, because the machine also does other work.
        assert!(head.least > -BLOCK - 0.001 && head.most_of_them < most, "{most} s: {head}");
        assert!(heard.most_of_them < CADENCE + JOB, "{heard}");
        for grows in [head.grows, heard.grows] {
            assert!(grows.abs() < mean_error, "{grows}");
        }
    }
}

/// The most audio of this kind that an encoder holds back, in seconds. LAME keeps up to two whole packets for
/// its bit reservoir.
fn held(settings: &dyn EncoderSettings) -> f64 {
    let (mut encoder, mut packets) = (settings.open(PcmSpec::CD).unwrap(), Vec::new());
    let (mut fed, mut most) = (0, 0);
    for block in sound::noise(PcmSpec::CD, 9, AMPLITUDE, 44_100 * 3).chunks_exact(2 * BLOCK_FRAMES) {
        encoder.encode(block, &mut packets).unwrap();
        fed += BLOCK_FRAMES as u64;
        most = most.max(fed - packets.iter().map(|packet| u64::from(packet.frames)).sum::<u64>());
    }
    PcmSpec::CD.rate.duration_of(FrameCount(most)).as_secs_f64()
}

/// Statistics of many samples.
struct Spread {
    least: f64,
    median: f64,
    /// 99 of 100 samples are at most this.
    most_of_them: f64,
    most: f64,
    /// The mean of the last third minus the mean of the first third.
    grows: f64,
}

impl Spread {
    fn of(samples: &[f64]) -> Spread {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize];
        let mean = |samples: &[f64]| samples.iter().sum::<f64>() / samples.len() as f64;
        let third = samples.len() / 3;
        let grows = mean(&samples[samples.len() - third..]) - mean(&samples[..third]);
        Spread { least: at(0.0), median: at(0.5), most_of_them: at(0.99), most: at(1.0), grows }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [least, median, most_of_them, most, grows] =
            [self.least, self.median, self.most_of_them, self.most, self.grows].map(|value| value * 1e3);
        write!(f, "{least:.1} to {most:.1} ms, median {median:.1}, 99 % below {most_of_them:.1}, ")?;
        write!(f, "last third less first {grows:+.2} ms")
    }
}

#[test]
fn the_head_is_where_the_clock_says_and_a_listener_is_close() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=3 {
        let noise = sound::noise(PcmSpec::CD, seed, AMPLITUDE, 44_100 * 7);
        sound::wav(&folder.path().join(format!("{seed}.wav")), PcmSpec::CD, &noise);
    }
    let started = Instant::now();
    let radio = Radio::start(PipelineSettings {
        playlist: vec![folder.path().into()],
        repeat: true,
        crossfade: Duration::from_secs(2).into(),
        outputs: both(),
        ..PipelineSettings::default()
    });
    let starting = started.elapsed();
    let mut watched = [
        Watched::new("/stream.mp3", &Mp3Settings::default()),
        Watched::new("/stream.aac", &AacSettings::default()),
    ];
    // Listeners with a whole burst are served at the slow cadence.
    let burst = Duration::from_secs_f64(4.5);
    std::thread::sleep(burst);
    for mount in &mut watched {
        mount.listener = Some(radio.listen(mount.mount, false));
    }
    let lasts = if long() { Duration::from_secs(30 * 60) } else { Duration::from_secs(9) };
    std::thread::sleep(Duration::from_secs(1));
    while started.elapsed() < burst + lasts {
        // The interval is random, so that samples are not in step with blocks or packets.
        std::thread::sleep(Duration::from_millis(7 + fastrand::u64(0..10)));
        for mount in &mut watched {
            mount.sample(&radio, started + starting);
        }
    }
    radio.stop();
    println!("{} samples each; starting took {starting:?}", watched[0].head.len());
    for mut mount in watched {
        mount.judge(if long() { 0.005 } else { 0.25 });
        mount.listener.take().unwrap().into_stream();
    }
}

/// Simulates a day with `LONGWAVE_LONG=1`, otherwise ten minutes.
#[test]
fn a_simulated_day_is_as_long_as_a_day() {
    let spec = mono(8_000);
    let folder = tempfile::tempdir().unwrap();
    // The length is not a multiple of a block or a job.
    let file = sound::wav(&folder.path().join("track.wav"), spec, &[0.25; 99_991]);
    let tap = Tap::counting();
    let mut settings = PipelineSettings {
        spec,
        playlist: vec![file],
        repeat: true,
        outputs: vec![output("/tap", tap.clone())],
        ..PipelineSettings::default()
    };
    // Before the start: the first track begins with it.
    let events = settings.hooks.events(10_000);
    let mut radio = Radio::stepped(settings);
    let seconds: u32 = if long() { 24 * 3600 } else { 600 };
    radio.run(seconds.into());
    radio.stop();

    let due = u64::from(seconds) * 8_000;
    let blocks = (tap.frames() - due) as f64 / BLOCK_FRAMES as f64;
    assert!((0.0..=1.0).contains(&blocks), "{} frames, {due} were due", tap.frames());
    // Each track begins at its exact sample.
    let begins = std::iter::from_fn(|| events.try_recv()).filter_map(|event| match event {
        Event::TrackChange { at, .. } => Some(at.0),
        _ => None,
    });
    let begins: Vec<u64> = begins.collect();
    assert!(begins.windows(2).all(|pair| pair[1] - pair[0] == 99_991));
    assert_eq!(begins.len() as u64, due.div_ceil(99_991));
    println!("{} tracks, {blocks:.3} blocks more than were due", begins.len());
}
