//! Encoders that an application runs without a pipeline, and encoders of its own.

use std::io::{Read, Write};
use std::net::TcpStream;

use longwave::{
    Channels, Encoder, EncoderSettings, Error, FrameCount, Packet, PcmSpec, Pipeline, Result, SampleRate,
};
use longwave_testing::radio::output;
use longwave_testing::sound::sine;
use longwave_testing::studio::{Studio, server};
use longwave_testing::tap::Tap;
use longwave_testing::{seconds, until};

const RATE: SampleRate = SampleRate::new(44_100).unwrap();
const STEREO: PcmSpec = PcmSpec { rate: RATE, channels: Channels::Stereo };

/// Encodes interleaved PCM to the end. `frames` returns the length of each piece.
fn encoded(settings: &dyn EncoderSettings, pcm: &[f32], mut frames: impl FnMut() -> usize) -> Vec<Packet> {
    let mut encoder = settings.open(STEREO).unwrap();
    let mut packets = Vec::new();
    let mut rest = pcm;
    while !rest.is_empty() {
        let (now, later) = rest.split_at((frames() * 2).min(rest.len()));
        encoder.encode(now, &mut packets).unwrap();
        rest = later;
    }
    encoder.flush(&mut packets).unwrap();
    packets
}

fn any_number_of_frames(settings: &dyn EncoderSettings, packet_frames: u32, first_bytes: [u8; 2]) {
    let pcm = sine(STEREO, 440.0, 0.5, 50_000);
    let whole = encoded(settings, &pcm, || 50_000);
    let delay = settings.open(STEREO).unwrap().delay().0;
    let frames: u64 = whole.iter().map(|packet| u64::from(packet.frames)).sum();
    assert!(frames >= 50_000 + delay && frames < 55_000 + delay, "all of it comes out: {frames}");
    for packet in &whole {
        assert_eq!(packet.frames, packet_frames);
        assert_eq!([packet.bytes[0], packet.bytes[1] & 0xF0], first_bytes, "whole packets");
    }
    let seed = longwave_testing::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    assert_eq!(encoded(settings, &pcm, || random.usize(1..3000)), whole, "however it is cut");
    assert_eq!(encoded(settings, &pcm, || 1), whole);

    // 16-bit samples give the same packets.
    let s16: Vec<i16> = pcm.iter().map(|sample| (sample * 32_768.0) as i16).collect();
    let floats: Vec<f32> = s16.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut encoder = settings.open(STEREO).unwrap();
    let mut packets = Vec::new();
    encoder.encode_s16(&s16, &mut packets).unwrap();
    encoder.flush(&mut packets).unwrap();
    assert_eq!(packets, encoded(settings, &floats, || 50_000));
}

#[test]
#[cfg(feature = "mp3")]
fn encode_any_number_of_frames_flush_and_close_mp3() {
    any_number_of_frames(&longwave::Mp3Settings::default(), 1152, [0xFF, 0xF0]);
}

#[test]
#[cfg(feature = "aac")]
fn encode_any_number_of_frames_flush_and_close_aac() {
    any_number_of_frames(&longwave::AacSettings::default(), 1024, [0xFF, 0xF0]);
}

#[test]
#[cfg(feature = "mp3")]
fn settings_that_cannot_work_are_refused_before_anything_runs() {
    let wrong = longwave::Mp3Settings { bitrate: 1000, ..Default::default() };
    assert!(matches!(wrong.open(STEREO), Err(Error::Setting { key: "bitrate", .. })));
    let server = server();
    let started =
        Pipeline::builder("main").server(&server).output("/a", Tap::counting()).output("/b", wrong).start();
    assert!(matches!(started, Err(Error::Setting { key: "bitrate", .. })));
    assert!(server.mount_info("/a").is_none() && server.mount_info("/b").is_none(), "nothing is left");
}

#[test]
#[cfg(all(feature = "mp3", feature = "aac"))]
fn mp3_and_aac_behind_one_trait_added_replaced_and_removed_while_running() {
    let studio = Studio::with(|settings| settings.spec = STEREO);
    let pipeline = &studio.pipeline;
    let mount = |path: &str| longwave::MountSettings { path: path.into(), ..Default::default() };
    let all: [(&str, std::sync::Arc<dyn EncoderSettings>); 2] = [
        ("/a.mp3", std::sync::Arc::new(longwave::Mp3Settings::default())),
        ("/a.aac", std::sync::Arc::new(longwave::AacSettings::default())),
    ];
    for (path, encoder) in all {
        pipeline
            .add_output(longwave::OutputSettings { encoder, mount: mount(path), record: Default::default() })
            .unwrap();
    }
    studio.run(seconds(2.0));
    let info = |path: &str| studio.server.mount_info(path).unwrap();
    // Waits for all audio except what the encoders hold back, so that the next figures belong to the next
    // encoder.
    until("both have sent", || ["/a.mp3", "/a.aac"].iter().all(|path| info(path).duration > seconds(1.8)));
    let types = ["/a.mp3", "/a.aac"].map(|path| info(path).settings.content_type.clone());
    assert_eq!(types, ["audio/mpeg", "audio/aac"]);
    assert_eq!(pipeline.mounts(), ["/ear", "/a.mp3", "/a.aac"]);

    let smaller = longwave::Mp3Settings { bitrate: 64, ..Default::default() };
    pipeline.replace_encoder("/a.mp3", smaller).unwrap();
    let wrong = pipeline.replace_encoder("/a.aac", longwave::Mp3Settings::default());
    assert!(matches!(wrong, Err(Error::Setting { key: "format", .. })), "{wrong:?}");
    let before = info("/a.mp3");
    studio.run(seconds(10.0));
    until("it has sent for ten seconds more", || info("/a.mp3").duration - before.duration > seconds(9.8));
    let (after, bytes) = (info("/a.mp3"), info("/a.mp3").position.0 - before.position.0);
    let rate = bytes as f64 * 8.0 / (after.duration - before.duration).as_secs_f64();
    assert!((rate - 64_000.0).abs() < 2_000.0, "{rate} bit/s");

    pipeline.remove_output("/a.mp3").unwrap();
    assert!(matches!(pipeline.remove_output("/a.mp3"), Err(Error::NotFound(_))));
    assert!(studio.server.mount_info("/a.mp3").is_none(), "its mount is gone");
    assert_eq!(pipeline.mounts(), ["/ear", "/a.aac"]);
    let frames = pipeline.time_on_air();
    let heard = studio.stop().len() as f64 / 2.0 / 44_100.0;
    assert!((heard - frames.as_secs_f64()).abs() < 0.2, "the others missed nothing: {heard}");
}

/// An encoder that is slow to flush.
#[derive(Clone, Debug)]
struct Slow;

impl EncoderSettings for Slow {
    fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Slow))
    }
    fn content_type(&self) -> &str {
        "audio/x-slow"
    }
    fn bitrate(&self) -> Option<u32> {
        None
    }
}

impl Encoder for Slow {
    fn encode(&mut self, _: &[f32], _: &mut Vec<Packet>) -> Result<()> {
        Ok(())
    }
    fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
        std::thread::sleep(std::time::Duration::from_millis(100));
        Ok(())
    }
    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }
}

#[test]
fn the_mount_of_a_removed_output_is_free_for_another() {
    let studio = Studio::new();
    for _ in 0..3 {
        studio.pipeline.add_output(output("/slow", Slow)).unwrap();
        studio.run(seconds(0.5));
        studio.pipeline.remove_output("/slow").unwrap();
    }
}

/// An application's own encoder: it numbers its packets and has a header.
#[derive(Debug)]
struct Numbers;

struct Numbering(u32);

impl EncoderSettings for Numbers {
    fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Numbering(0)))
    }
    fn content_type(&self) -> &str {
        "audio/x-numbers"
    }
    fn bitrate(&self) -> Option<u32> {
        None
    }
}

impl Encoder for Numbering {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        let bytes = format!("{} ", self.0).into_bytes().into();
        packets.push(Packet { bytes, frames: pcm.len() as u32 });
        self.0 += 1;
        Ok(())
    }
    fn flush(&mut self, packets: &mut Vec<Packet>) -> Result<()> {
        packets.push(Packet { bytes: b"end".as_slice().into(), frames: 0 });
        Ok(())
    }
    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }
    fn header(&self) -> Option<&[u8]> {
        Some(b"numbers: ")
    }
}

#[test]
fn an_application_can_bring_its_own() {
    let studio = Studio::with(|settings| settings.outputs = vec![output("/numbers", Numbers)]);
    studio.run(seconds(1.024));
    let info = || studio.server.mount_info("/numbers").unwrap();
    until("nine packets have arrived", || info().packets == 9);
    assert_eq!(info().settings.content_type, "audio/x-numbers");
    let mut player = TcpStream::connect(studio.server.local_addrs()[0]).unwrap();
    write!(player, "GET /numbers HTTP/1.0\r\n\r\n").unwrap();
    player.read_exact(&mut [0; 15]).unwrap();
    studio.run(seconds(1.024));
    until("all have arrived", || info().packets == 17);
    studio.stop();
    let mut heard = String::new();
    player.read_to_string(&mut heard).unwrap();
    let body = heard.split("\r\n\r\n").nth(1).unwrap();
    assert_eq!(body, "numbers: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 end");
}
