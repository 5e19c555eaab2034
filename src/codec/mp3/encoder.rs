//! Encodes PCM to MP3 with LAME. Opening the settings checks them.

use std::any::Any;
use std::mem;
use std::sync::Arc;

use super::header::{self, Layer, Version};
use super::lame::{CHUNK_FRAMES, Lame};
use super::settings::{self, Mp3Settings};
use crate::audio::PcmSpec;
use crate::codec::formats::EncoderDraft;
use crate::codec::input::{clip, whole_frames};
use crate::codec::{Encoder, EncoderSettings};
use crate::error::{Error, Result};
use crate::packet::Packet;
use crate::units::{FrameCount, SampleRate};

/// The delay of every MP3 decoder: its synthesis filter bank, and the overlap of its transform.
const DECODER_DELAY: u64 = 528 + 1;

impl EncoderSettings for Mp3Settings {
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>> {
        settings::quality(self.quality.into()).map_err(|reason| Error::setting("quality", reason))?;
        check_bitrate(self.bitrate, spec.rate)?;
        let lame = Lame::open(spec, self.bitrate, self.quality)?;
        Ok(Box::new(Mp3Encoder { lame, spec, clipped: Vec::new(), stream: Vec::new(), flushed: false }))
    }

    fn content_type(&self) -> &str {
        "audio/mpeg"
    }

    fn codecs(&self) -> Option<&str> {
        Some("mp4a.40.34")
    }

    fn bitrate(&self) -> Option<u32> {
        Some(self.bitrate)
    }

    fn is_same(&self, other: &dyn EncoderSettings) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
}

impl EncoderDraft for Mp3Settings {
    fn finish(self: Box<Self>, _: &dyn Fn(&str) -> bool) -> Arc<dyn EncoderSettings> {
        Arc::new(*self)
    }
}

/// PCM in, whole MP3 packets out.
struct Mp3Encoder {
    lame: Lame,
    spec: PcmSpec,
    /// The next chunk for LAME.
    clipped: Vec<f32>,
    /// The beginning of the next packet: LAME writes a byte stream, not packets.
    stream: Vec<u8>,
    flushed: bool,
}

impl Encoder for Mp3Encoder {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        if self.flushed {
            return Err(Error::Encoder("MP3: it has been flushed".into()));
        }
        whole_frames(pcm, self.spec.channels)?;
        for chunk in pcm.chunks(CHUNK_FRAMES * self.spec.channels.count()) {
            self.clipped.clear();
            self.clipped.extend(chunk.iter().copied().map(clip));
            self.stream.extend_from_slice(self.lame.encode(&self.clipped)?);
            take_packets(&mut self.stream, packets)?;
        }
        Ok(())
    }

    fn flush(&mut self, packets: &mut Vec<Packet>) -> Result<()> {
        if mem::replace(&mut self.flushed, true) {
            return Ok(());
        }
        self.stream.extend_from_slice(self.lame.flush()?);
        take_packets(&mut self.stream, packets)
    }

    fn delay(&self) -> FrameCount {
        FrameCount(self.lame.delay() + DECODER_DELAY)
    }
}

/// Takes the whole packets from the front of LAME's byte stream.
fn take_packets(stream: &mut Vec<u8>, packets: &mut Vec<Packet>) -> Result<()> {
    let mut rest = stream.as_slice();
    while let Some(head) = rest.first_chunk() {
        let header = header::parse(*head)
            .ok_or_else(|| Error::Encoder("LAME's output does not go on with a packet".into()))?;
        let Some((packet, behind)) = rest.split_at_checked(header.len) else { break };
        packets.push(Packet { bytes: packet.into(), frames: header.frames });
        rest = behind;
    }
    let taken = stream.len() - rest.len();
    stream.drain(..taken);
    Ok(())
}

/// Refuses unsupported combinations, and names those that work.
fn check_bitrate(bitrate: u32, rate: SampleRate) -> Result<()> {
    let Some(version) = version_of(rate.hz()) else {
        return Err(Error::setting(
            "sample_rate",
            format!(
                "MP3 has no {rate}: it has 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100 and 48000"
            ),
        ));
    };
    if lame_bitrates(version).any(|known| known == bitrate) {
        return Ok(());
    }
    let here: Vec<String> = lame_bitrates(version).map(|known| known.to_string()).collect();
    let mut reason = format!("MP3 at {rate} has no {bitrate} kbit/s: it has {}", here.join(", "));
    let elsewhere: Vec<String> = [Version::One, Version::Two, Version::TwoPointFive]
        .into_iter()
        .filter(|version| lame_bitrates(*version).any(|known| known == bitrate))
        .flat_map(header::rates)
        .map(u32::to_string)
        .collect();
    if let [most @ .., last] = elsewhere.as_slice() {
        reason += &format!("; {bitrate} kbit/s needs a sample_rate of {} or {last}", most.join(", "));
    }
    Err(Error::setting("bitrate", reason))
}

fn version_of(rate: u32) -> Option<Version> {
    [Version::One, Version::Two, Version::TwoPointFive]
        .into_iter()
        .find(|version| header::rates(*version).contains(&rate))
}

/// The bitrates of layer III that LAME supports. At 8 to 12 kHz the highest is 64 kbit/s.
fn lame_bitrates(version: Version) -> impl Iterator<Item = u32> {
    let highest = if version == Version::TwoPointFive { 64 } else { 320 };
    header::bitrates(version, Layer::Three)
        .iter()
        .copied()
        .map(u32::from)
        .filter(move |rate| *rate <= highest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Channels;

    fn spec(hz: u32) -> PcmSpec {
        PcmSpec { rate: SampleRate::new(hz).unwrap(), channels: Channels::Stereo }
    }

    fn refusal(settings: Mp3Settings, hz: u32) -> (&'static str, String) {
        match settings.open(spec(hz)).err() {
            Some(Error::Setting { key, reason }) => (key, reason),
            other => panic!("{settings:?} {hz}: {other:?}"),
        }
    }

    #[test]
    fn what_mp3_cannot_do_is_refused_with_what_it_can() {
        let bitrate = |bitrate| Mp3Settings { bitrate, ..Mp3Settings::default() };
        let (key, reason) = refusal(bitrate(320), 22_050);
        assert_eq!(key, "bitrate");
        assert!(reason.contains("112, 128, 144, 160;"), "{reason}");
        assert!(reason.ends_with("320 kbit/s needs a sample_rate of 44100, 48000 or 32000"), "{reason}");
        let (key, reason) = refusal(bitrate(100), 44_100);
        assert_eq!(key, "bitrate");
        assert!(reason.ends_with("96, 112, 128, 160, 192, 224, 256, 320"), "{reason}");
        assert_eq!(refusal(bitrate(0), 44_100).0, "bitrate");
        assert_eq!(refusal(bitrate(u32::MAX), 44_100).0, "bitrate");
        let (key, reason) = refusal(bitrate(128), 96_000);
        assert_eq!(key, "sample_rate");
        assert!(reason.contains("32000, 44100 and 48000"), "{reason}");
        assert_eq!(refusal(Mp3Settings { quality: 10, ..Mp3Settings::default() }, 44_100).0, "quality");
    }

    #[test]
    fn every_bitrate_that_is_offered_opens_and_is_what_the_packets_say() {
        for version in [Version::One, Version::Two, Version::TwoPointFive] {
            for (rate, bitrate) in header::rates(version)
                .iter()
                .flat_map(|rate| lame_bitrates(version).map(move |bits| (*rate, bits)))
            {
                for channels in [Channels::Mono, Channels::Stereo] {
                    let spec = PcmSpec { channels, ..spec(rate) };
                    let mut packets = Vec::new();
                    let mut encoder = Mp3Settings { bitrate, quality: 9 }.open(spec).unwrap();
                    encoder.encode(&[0.1; 4608], &mut packets).unwrap();
                    encoder.flush(&mut packets).unwrap();
                    for packet in packets {
                        let said = header::parse(*packet.bytes.first_chunk().unwrap()).unwrap();
                        assert_eq!((said.bitrate, said.rate, said.channels), (bitrate, rate, channels));
                        assert_eq!(header::file_info(&said, &packet.bytes), None);
                    }
                }
            }
        }
    }
}
