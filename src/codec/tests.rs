//! What holds for every encoder. Other decoders decode its packets, and an ear judges the result.

use std::thread;

use longwave_testing::ear::{self, Heard};
use longwave_testing::sound::{self, Shape, sines};
use proptest::prelude::*;

use super::{Encoder, EncoderSettings};
use crate::audio::{Channels, PcmSpec};
use crate::packet::Packet;
use crate::units::SampleRate;

impl From<PcmSpec> for Shape {
    fn from(spec: PcmSpec) -> Shape {
        Shape { hz: spec.rate.hz(), channels: spec.channels.count() }
    }
}

/// Noise within ±0.5, the same in all channels and each time.
fn noise(spec: PcmSpec, frames: usize) -> Vec<f32> {
    let mono = sound::noise(Shape { channels: 1, ..spec.into() }, 7, 0.5, frames);
    mono.iter().flat_map(|sample| vec![*sample; spec.channels.count()]).collect()
}

/// Packets as a listener gets them: one after the other.
fn stream(packets: &[Packet]) -> Vec<u8> {
    packets.iter().flat_map(|packet| packet.bytes.iter().copied()).collect()
}

/// An encoder in one of the ways in which it may run.
#[derive(Debug)]
struct Case {
    settings: Box<dyn EncoderSettings>,
    spec: PcmSpec,
    /// Frames in a packet.
    frames: u32,
    /// Whether the two channels stay two: HE-AAC v2 codes one, and describes how it was spread.
    discrete: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    #[cfg(feature = "mp3")]
    for (bitrate, quality, hz, channels, frames) in [
        (128, 5, 44_100, Channels::Stereo, 1152),
        (320, 2, 48_000, Channels::Stereo, 1152),
        (64, 9, 44_100, Channels::Mono, 1152),
        (64, 5, 22_050, Channels::Stereo, 576),
        (32, 5, 8_000, Channels::Mono, 576),
    ] {
        let settings = Box::new(super::Mp3Settings { bitrate, quality });
        cases.push(Case { settings, spec: spec(hz, channels), frames, discrete: true });
    }
    #[cfg(feature = "aac")]
    for (bitrate, profile, hz, channels, frames) in [
        (128, super::AacProfile::Lc, 44_100, Channels::Stereo, 1024),
        (64, super::AacProfile::Lc, 48_000, Channels::Mono, 1024),
        (96, super::AacProfile::Lc, 22_050, Channels::Stereo, 1024),
        (64, super::AacProfile::He, 44_100, Channels::Stereo, 2048),
        (32, super::AacProfile::He, 48_000, Channels::Mono, 2048),
        (32, super::AacProfile::HeV2, 44_100, Channels::Stereo, 2048),
    ] {
        let settings = Box::new(super::AacSettings { bitrate, profile, ..super::AacSettings::default() });
        let discrete = profile != super::AacProfile::HeV2;
        cases.push(Case { settings, spec: spec(hz, channels), frames, discrete });
    }
    cases
}

fn spec(hz: u32, channels: Channels) -> PcmSpec {
    PcmSpec { rate: SampleRate::new(hz).unwrap(), channels }
}

impl Case {
    fn open(&self) -> Box<dyn Encoder> {
        self.settings.open(self.spec).unwrap()
    }

    /// The packets of `pcm`, encoded in pieces of so many frames, and flushed.
    fn encode(&self, pcm: &[f32], pieces: impl IntoIterator<Item = usize>) -> Vec<Packet> {
        let (mut encoder, mut packets, mut rest) = (self.open(), Vec::new(), pcm);
        for frames in pieces {
            let (piece, behind) = rest.split_at(rest.len().min(frames * self.spec.channels.count()));
            encoder.encode(piece, &mut packets).unwrap();
            rest = behind;
        }
        encoder.encode(rest, &mut packets).unwrap();
        encoder.flush(&mut packets).unwrap();
        packets
    }

    fn hear(&self, packets: &[Packet]) -> Heard {
        let format = match self.settings.content_type() {
            "audio/mpeg" => "mp3",
            "audio/aac" => "aac",
            other => panic!("{other}"),
        };
        ear::ffmpeg(format, &stream(packets), self.spec)
    }

    /// A second of tones that every case can carry: 440 Hz on the left, 1,000 Hz at half the level on the
    /// right.
    fn tones(&self) -> Vec<f32> {
        let tones = [(440.0, 0.5), (1000.0, 0.25)];
        sines(self.spec, &tones[..self.spec.channels.count()], self.spec.rate.hz() as usize)
    }
}

#[test]
fn tones_keep_their_pitch_level_channel_and_length() {
    for case in cases() {
        let pcm = case.tones();
        let packets = case.encode(&pcm, []);
        let heard = case.hear(&packets);

        // A decoder finds just these packets, no frame more or less than they claim, and the tail is among
        // them.
        assert!(packets.iter().all(|packet| packet.frames == case.frames), "{case:?}");
        let sum: u64 = packets.iter().map(|packet| u64::from(packet.frames)).sum();
        assert_eq!(heard.frames() as u64, sum, "{case:?}");
        let due = (pcm.len() / case.spec.channels.count()) as u64 + case.open().delay().0;
        assert!((due..=due + 2 * u64::from(case.frames)).contains(&sum), "{case:?}: {sum} of {due}");

        if !case.discrete {
            continue; // the next test is for these
        }
        let middle = heard.frames() / 4..heard.frames() / 4 * 3;
        let tones = [(440.0, 0.5), (1000.0, 0.25)];
        for (channel, (hz, level)) in tones.into_iter().take(heard.channels.len()).enumerate() {
            let (heard_hz, heard_level) = heard.tone(channel, middle.clone());
            assert!((heard_hz - hz).abs() < 0.5, "{case:?}: {heard_hz} Hz for {hz}");
            let error_db = 20.0 * (heard_level / level).log10();
            assert!(error_db.abs() < 0.5, "{case:?}: {hz} Hz is off by {error_db} dB");
        }
    }
}

#[test]
fn parametric_stereo_keeps_pitch_level_and_side() {
    for case in cases().iter().filter(|case| !case.discrete) {
        for side in [0, 1] {
            let mut tones = [(440.0, 0.0); 2];
            tones[side].1 = 0.5;
            let pcm = sines(case.spec, &tones, case.spec.rate.hz() as usize);
            let heard = case.hear(&case.encode(&pcm, []));
            let middle = heard.frames() / 4..heard.frames() / 4 * 3;
            let (hz, level) = heard.tone(side, middle.clone());
            let (_, elsewhere) = heard.tone(1 - side, middle);
            assert!((hz - 440.0).abs() < 0.5, "{case:?}: {hz} Hz");
            assert!((20.0 * (level / 0.5).log10()).abs() < 0.5, "{case:?}: level {level}");
            assert!(elsewhere < level / 10.0, "{case:?}: {elsewhere} of {level} on the other side");
        }
    }
}

#[cfg(feature = "mp3")]
#[test]
fn mpg123_hears_the_same_as_ffmpeg() {
    for case in cases().iter().filter(|case| case.settings.content_type() == "audio/mpeg") {
        let packets = case.encode(&case.tones(), []);
        let (one, other) = (case.hear(&packets), ear::mpg123(&stream(&packets), case.spec));
        assert_eq!(one.frames(), other.frames(), "{case:?}");
        for (one, other) in one.channels.iter().flatten().zip(other.channels.iter().flatten()) {
            assert!((one - other).abs() < 1e-4, "{case:?}: {one} {other}");
        }
    }
}

#[test]
fn a_frame_sounds_as_late_as_the_encoder_says() {
    for case in cases() {
        let noise = noise(case.spec, 8_000);
        let heard = case.hear(&case.encode(&noise, []));
        let mono: Vec<f32> = noise.iter().step_by(case.spec.channels.count()).copied().collect();
        let late = ear::lateness(&mono, &heard.channels[0]);
        // Parametric stereo blurs the peak by a frame.
        assert!(late.abs_diff(case.open().delay().0 as usize) <= 1, "{case:?}: {late}");
    }
}

#[test]
fn the_constant_bitrate_is_the_one_that_was_asked_for() {
    for case in cases() {
        let frames = case.spec.rate.hz() as usize * 4;
        let packets = case.encode(&noise(case.spec, frames), []);
        let packets = &packets[packets.len() / 4..packets.len() / 4 * 3];
        let seconds = packets.iter().map(|packet| f64::from(packet.frames)).sum::<f64>()
            / f64::from(case.spec.rate.hz());
        let kilobits = stream(packets).len() as f64 * 8.0 / 1000.0 / seconds;
        let asked = f64::from(case.settings.bitrate().unwrap());
        assert!((kilobits / asked - 1.0).abs() < 0.02, "{case:?}: {kilobits} kbit/s");
    }
}

#[test]
fn silence_is_heard_as_silence() {
    for case in cases() {
        let heard = case.hear(&case.encode(&vec![0.0; 20_000 * case.spec.channels.count()], []));
        let loudest =
            heard.channels.iter().flatten().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        // HE-AAC fills in some noise: -85 dB.
        assert!(loudest < 1e-4, "{case:?}: {loudest}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_size_of_the_pieces_changes_nothing(pieces in prop::collection::vec(0usize..6000, 0..12)) {
        for case in cases() {
            let noise = noise(case.spec, 12_000);
            let whole = case.encode(&noise, []);
            let pieced = case.encode(&noise, pieces.iter().copied());
            prop_assert!(whole == pieced, "{:?}", case);
        }
    }
}

#[test]
fn frame_by_frame_is_as_good_as_in_blocks() {
    for case in cases() {
        let noise = noise(case.spec, 5_000);
        assert!(case.encode(&noise, []) == case.encode(&noise, vec![1; 5_000]), "{case:?}");
    }
}

/// Samples that no decoder should make, and what becomes of them.
const ODD_SAMPLES: [(f32, f32); 9] = [
    (f32::NAN, 0.0),
    (f32::INFINITY, 1.0),
    (f32::NEG_INFINITY, -1.0),
    (f32::MAX, 1.0),
    (f32::MIN, -1.0),
    (f32::MIN_POSITIVE, f32::MIN_POSITIVE),
    (1e-45, 1e-45),
    (7.0, 1.0),
    (0.3, 0.3),
];

#[test]
fn odd_samples_are_clipped_and_what_follows_is_heard() {
    for case in cases() {
        let count = case.spec.channels.count();
        let mut odd: Vec<f32> = ODD_SAMPLES.iter().cycle().take(count * 9_000).map(|(odd, _)| *odd).collect();
        let mut clipped: Vec<f32> =
            ODD_SAMPLES.iter().cycle().take(count * 9_000).map(|(_, good)| *good).collect();
        odd.extend(case.tones());
        clipped.extend(case.tones());
        let packets = case.encode(&odd, []);
        assert!(packets == case.encode(&clipped, []), "{case:?}");
        // (HE-AAC has no words for full-scale noise up to the highest pitch, and ffmpeg remarks on it.)
        if case.frames < 2048 {
            let heard = case.hear(&packets);
            let second = case.spec.rate.hz() as usize;
            let (hz, level) = heard.tone(0, 9_000 + second / 4..9_000 + second / 4 * 3);
            let error_db = 20.0 * (level / 0.5).log10();
            assert!((hz - 440.0).abs() < 0.5 && error_db.abs() < 0.5, "{case:?}: {hz} Hz, {error_db} dB");
        }
    }
}

#[test]
fn the_floating_point_environment_is_left_alone() {
    use std::hint::black_box;
    for case in cases() {
        case.encode(&case.tones(), []);
        assert!(black_box(f32::MIN_POSITIVE) * black_box(0.5) > 0.0, "{case:?}: denormals are flushed");
        let [above, below] = [5.9e-8f32, -2.9e-8].map(|bit| black_box(1.0) + black_box(bit));
        assert!(above == 1.0 && below == 1.0, "{case:?}: it does not round to nearest: {above} {below}");
    }
}

#[test]
fn half_a_frame_is_refused() {
    for case in cases().iter().filter(|case| case.spec.channels == Channels::Stereo) {
        assert!(case.open().encode(&[0.0; 3], &mut Vec::new()).is_err(), "{case:?}");
    }
}

#[test]
fn after_the_flush_is_the_end() {
    for case in cases() {
        let (mut encoder, mut packets) = (case.open(), Vec::new());
        encoder.flush(&mut packets).unwrap(); // nothing was encoded: whatever comes is whole
        packets.clear();
        encoder.flush(&mut packets).unwrap();
        assert!(packets.is_empty(), "{case:?}");
        assert!(encoder.encode(&case.tones(), &mut packets).is_err(), "{case:?}");
    }
}

#[test]
fn encoders_side_by_side_disturb_nobody() {
    let cases = cases();
    let alone: Vec<_> = cases.iter().map(|case| case.encode(&case.tones(), [])).collect();
    thread::scope(|threads| {
        for _ in 0..2 {
            for (case, alone) in cases.iter().zip(&alone) {
                threads.spawn(move || {
                    for _ in 0..3 {
                        assert!(case.encode(&case.tones(), [1000; 40]) == *alone, "{case:?}");
                    }
                });
            }
        }
    });
}

#[test]
fn an_encoder_moves_between_threads() {
    for case in cases() {
        let pcm = case.tones();
        let whole = case.encode(&pcm, []);
        let (mut encoder, mut packets) = (case.open(), Vec::new());
        for piece in pcm.chunks(4096 * case.spec.channels.count()) {
            (encoder, packets) = thread::scope(|threads| {
                threads
                    .spawn(move || {
                        encoder.encode(piece, &mut packets).unwrap();
                        (encoder, packets)
                    })
                    .join()
                    .unwrap()
            });
        }
        encoder.flush(&mut packets).unwrap();
        assert!(packets == whole, "{case:?}");
    }
}

#[test]
fn opening_and_closing_a_hundred_times_leaves_nothing_behind() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let cases = cases();
    let round = || {
        for case in &cases {
            case.encode(&[0.1; 4000], []);
        }
    };
    (0..5).for_each(|_| round());
    let grows = || {
        let before = resident();
        (0..100).for_each(|_| round());
        // One encoder holds a hundred kilobytes and more.
        resident().saturating_sub(before) > 4 << 20
    };
    // What leaks grows each time; what other tests of this process hold meanwhile does not.
    assert!((0..5).any(|_| !grows()));
}
