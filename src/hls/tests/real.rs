//! Packets of real encoders, in segments that other programs read: ffmpeg, ffprobe, and tstools, which take
//! MPEG-TS apart.
//!
//! A minute for each encoder, or an hour with `LONGWAVE_LONG=1`.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use longwave_testing::sound;
use longwave_testing::tools::run;
use tempfile::{NamedTempFile, TempDir};

use super::playlists::noon;
use super::{clock, title};
use crate::audio::{Channels, PcmSpec};
use crate::codec::{AacProfile, AacSettings, EncoderSettings, Mp3Settings};
use crate::hls::{HlsPacket, Profile, Run, Segment, Segmenter, Window};
use crate::units::{FramePos, SampleRate};

/// What ffprobe 5.1 says of timed ID3, whoever makes it.
const ID3_IS_NOT_KNOWN: &str = "Unsupported codec with id 98313";

/// What ffmpeg says of packets without a container.
const BARE_PACKETS_HAVE_NO_LENGTH: &str = "Estimating duration from bitrate";

/// A stream as a playlist with files, and as its packets one after the other.
struct Recorded {
    dir: TempDir,
    packets: Vec<u8>,
    frames: u64,
    /// All segments, one after the other.
    whole: Vec<u8>,
}

impl Recorded {
    /// Encodes tones from this position on, and writes all segments into one playlist. These packets are
    /// lost.
    fn new(
        settings: &dyn EncoderSettings,
        profile: Profile,
        spec: PcmSpec,
        from: u64,
        lost: Range<u64>,
    ) -> Recorded {
        let clock = clock(spec.rate.hz(), 4);
        let seconds = if std::env::var_os("LONGWAVE_LONG").is_some() { 3600 } else { 60 };
        let start = clock.boundary(clock.index_of(FramePos(from)));
        let mut encoder = settings.open(spec).unwrap();
        let delay = encoder.delay();
        let run = Run::begin(&clock, start, noon(), None);
        let mut segmenter = Segmenter::new(clock, profile, 12);
        let mut window = Window::new(clock, run.clone(), 2_000);
        let mut short = Window::new(clock, run, 12);
        let mut recorded =
            Recorded { dir: tempfile::tempdir().unwrap(), packets: Vec::new(), frames: 0, whole: Vec::new() };
        // Eleven seconds of tones, again and again: the segments do not begin with the same sounds.
        let tones = [(440.0, 0.4), (1234.5, 0.3)];
        let pcm = sound::sines(spec, &tones[..spec.channels.count()], spec.rate.hz() as usize * 11);
        let (mut at, mut number, mut packets) = (start, 0, Vec::new());
        let mut last = (Arc::default(), start);
        for pieces in 0..seconds / 11 + 1 {
            encoder.encode(&pcm, &mut packets).unwrap();
            let change = FramePos(start.0 + pieces * 11 * u64::from(spec.rate.hz())) + delay;
            let title = title(&format!("Piece № {pieces}"));
            for packet in packets.drain(..) {
                let (bytes, frames) = (packet.bytes, packet.frames);
                // The first packets of a piece still have sound of the piece before.
                if change.0 < at.0 + u64::from(frames) && last.1 != change {
                    last = (title.clone(), change);
                }
                let packet = HlsPacket { at, frames, bytes, title: last.0.clone(), title_at: last.1 };
                at = packet.end();
                number += 1;
                if lost.contains(&(number - 1)) {
                    continue;
                }
                recorded.packets.extend_from_slice(&packet.bytes);
                recorded.frames += u64::from(frames);
                for segment in segmenter.push(packet) {
                    short.push(segment.clone()).unwrap();
                    recorded.write(&mut window, segment);
                }
            }
        }
        segmenter.finish().into_iter().for_each(|segment| recorded.write(&mut window, segment));
        let bitrate = settings.bitrate();
        let (likely, measured) = (window.bandwidth(bitrate), short.bandwidth(bitrate));
        println!("{likely:?}, measured {measured:?}");
        assert!(likely.peak >= measured.peak && measured.peak >= measured.average);
        assert!(measured.average >= u64::from(bitrate.unwrap()) * 1000, "MPEG-TS included");
        fs::write(recorded.path("live.m3u8"), window.playlist(true)).unwrap();
        fs::write(recorded.path("whole.ts"), &recorded.whole).unwrap();
        recorded
    }

    fn write(&mut self, window: &mut Window, segment: Segment) {
        let listing = window.push(segment).unwrap();
        let bytes = listing.bytes.expect("nothing was lost");
        self.whole.extend_from_slice(&bytes);
        fs::write(self.path(&listing.name), bytes).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// ffmpeg, while it decodes to samples.
struct Decoding {
    ffmpeg: Child,
    samples: ChildStdout,
    /// Its standard error.
    said: NamedTempFile,
}

impl Decoding {
    fn new(format: &[&str], input: &Path) -> Decoding {
        let said = NamedTempFile::new().unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "warning", "-nostdin"]).args(format).arg("-i").arg(input);
        ffmpeg
            .args(["-map", "0:a", "-f", "f32le", "-"])
            .stdout(Stdio::piped())
            .stderr(said.reopen().unwrap());
        let mut ffmpeg = ffmpeg.spawn().unwrap();
        Decoding { samples: ffmpeg.stdout.take().unwrap(), ffmpeg, said }
    }

    /// The next bytes: fewer than that only at the end.
    fn next(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        (&mut self.samples).take(1 << 20).read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Panics unless it ended well, and said nothing but this.
    fn end(mut self, may_say: &str) {
        assert!(self.ffmpeg.wait().unwrap().success());
        let said = fs::read_to_string(self.said.path()).unwrap();
        assert_eq!(said.lines().find(|line| !line.contains(may_say)), None, "{said}");
    }
}

fn spec(hz: u32) -> PcmSpec {
    PcmSpec { rate: SampleRate::new(hz).unwrap(), channels: Channels::Stereo }
}

/// Whoever plays the segments hears what whoever plays the packets hears, to the sample.
fn is_read_by_others(settings: &dyn EncoderSettings, profile: Profile, spec: PcmSpec, from: u64) {
    let recorded = Recorded::new(settings, profile, spec, from, 0..0);
    is_played_by_ffmpeg(&recorded, profile, spec);
    is_read_by_tstools(&recorded);
}

fn is_played_by_ffmpeg(recorded: &Recorded, profile: Profile, spec: PcmSpec) {
    let (playlist, format) =
        (recorded.path("live.m3u8"), if profile == Profile::Mp3 { "mp3" } else { "aac" });
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "warning", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "csv"]);
    let said = String::from_utf8(run(ffprobe.arg(&playlist), &[ID3_IS_NOT_KNOWN])).unwrap();
    assert!(said.contains(&format!("{format},{},2", spec.rate.hz())), "{said}");
    assert!(said.contains("timed_id3"), "{said}");

    let packets = recorded.path("packets");
    fs::write(&packets, &recorded.packets).unwrap();
    let mut heard = Decoding::new(&[], &playlist);
    let mut due = Decoding::new(&["-f", format], &packets);
    let (mut position, mut more) = (0, true);
    while more {
        let (heard, due) = (heard.next(), due.next());
        assert_eq!(heard.len(), due.len(), "both end at the same sample, from {position} on");
        assert!(heard == due, "the same samples from {position} on");
        position += due.len() as u64;
        more = !due.is_empty();
    }
    heard.end(ID3_IS_NOT_KNOWN);
    due.end(BARE_PACKETS_HAVE_NO_LENGTH);
    assert_eq!(position, recorded.frames * 8, "all packets are decoded");
}

/// tstools find the same packets, and have nothing to complain of. Debian has them.
fn is_read_by_tstools(recorded: &Recorded) {
    if Command::new("tsreport").arg("-h").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "tstools are not installed");
        return eprintln!("tstools are not installed");
    }
    let tool = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(name);
        run(command.current_dir(recorded.dir.path()).args(arguments), &[])
    };
    let text = |said: Vec<u8>| {
        let text = String::from_utf8(said).unwrap();
        // So errors and warnings begin.
        assert!(!text.contains("###") && !text.contains("!!!"), "{text}");
        text
    };
    let info = text(tool("tsinfo", &["whole.ts"]));
    assert!(info.contains("PCR PID 0101") && info.contains("PID 0102"), "{info}");
    let report = text(tool("tsreport", &["-buffering", "-cnt", "257", "whole.ts"]));
    println!("{info}{report}");
    let counters = fs::read_to_string(recorded.path("continuity_counter.txt")).unwrap();
    let counters: Vec<u8> = counters.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    assert!(counters.len() > 100 && counters.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 16));
    assert!(tool("ts2es", &["-pid", "257", "-stdout", "whole.ts"]) == recorded.packets, "the same packets");
}

#[test]
fn aac_lc() {
    is_read_by_others(&AacSettings::default(), Profile::AacLc, spec(44_100), 0);
}

/// 30 seconds before the PTS wraps.
#[test]
fn aac_lc_across_the_wrap_of_the_pts() {
    let from = ((1u64 << 33) - 900_000) / 90_000 - 30;
    is_read_by_others(&AacSettings::default(), Profile::AacLc, spec(48_000), from * 48_000);
}

#[test]
fn aac_he() {
    let settings = AacSettings { profile: AacProfile::He, bitrate: 64, ..AacSettings::default() };
    is_read_by_others(&settings, Profile::AacHe, spec(44_100), 0);
}

#[test]
fn aac_he_v2() {
    let settings = AacSettings { profile: AacProfile::HeV2, bitrate: 32, ..AacSettings::default() };
    is_read_by_others(&settings, Profile::AacHeV2, spec(44_100), 0);
}

#[test]
fn mp3() {
    is_read_by_others(&Mp3Settings::default(), Profile::Mp3, spec(44_100), 0);
}

#[test]
fn mp3_at_a_low_rate() {
    let settings = Mp3Settings { bitrate: 64, ..Mp3Settings::default() };
    is_read_by_others(&settings, Profile::Mp3, spec(22_050), 0);
}

/// Two seconds in the midst of the stream are lost, and with them the start of a segment.
#[test]
fn aac_lc_with_lost_packets() {
    let recorded = Recorded::new(&AacSettings::default(), Profile::AacLc, spec(44_100), 0, 1_000..1_086);
    is_played_by_ffmpeg(&recorded, Profile::AacLc, spec(44_100));
}
