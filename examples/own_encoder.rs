//! An encoder of one's own: uncompressed sound as a WAV that does not end.
//!
//!     cargo run --example own_encoder -- ~/Music [seconds]
//!
//! Then `mpv http://127.0.0.1:8000/radio.wav`.

use std::error::Error;
use std::time::Duration;

use longwave::{Encoder, EncoderSettings, FrameCount, Packet, PcmSpec, Pipeline, Result};

/// What the encoder is to do: nothing can be set, and nothing can be wrong.
#[derive(Debug)]
struct Wav;

impl EncoderSettings for Wav {
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(WavEncoder { channels: spec.channels.count(), header: header(spec) }))
    }

    fn content_type(&self) -> &str {
        "audio/wav"
    }

    fn bitrate(&self) -> Option<u32> {
        Some(44_100 * 2 * 16 / 1000)
    }
}

struct WavEncoder {
    channels: usize,
    header: Vec<u8>,
}

impl Encoder for WavEncoder {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        // Packets of 1,024 frames, so that a listener joins at one of them.
        for part in pcm.chunks(1024 * self.channels) {
            let sample = |sample: &f32| ((sample * 32_768.0) as i16).to_le_bytes();
            let bytes = part.iter().flat_map(sample).collect();
            packets.push(Packet { bytes, frames: (part.len() / self.channels) as u32 });
        }
        Ok(())
    }

    fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
        Ok(()) // nothing is ever inside
    }

    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }

    /// Whoever joins gets it first.
    fn header(&self) -> Option<&[u8]> {
        Some(&self.header)
    }
}

/// The header of a 16-bit WAV file as long as such a file can be.
fn header(spec: PcmSpec) -> Vec<u8> {
    let (rate, channels) = (spec.rate.hz(), spec.channels.count() as u16);
    let mut header = Vec::from(b"RIFF\xff\xff\xff\xffWAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend(1_u16.to_le_bytes()); // PCM
    header.extend(channels.to_le_bytes());
    header.extend(rate.to_le_bytes());
    header.extend((rate * u32::from(channels) * 2).to_le_bytes());
    header.extend((channels * 2).to_le_bytes());
    header.extend(16_u16.to_le_bytes());
    header.extend(b"data\xff\xff\xff\xff");
    header
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let music = arguments.next().ok_or("which music?")?;
    let seconds = arguments.next().map_or(Ok(3600), |seconds| seconds.parse())?;
    let listen = std::env::var("LISTEN").unwrap_or("[::]:8000".into()).parse()?;

    let station = Pipeline::builder("main")
        .playlist(music)
        .repeat(true)
        .listen(listen)
        .output("/radio.wav", Wav)
        .start()?;
    println!("on air  http://127.0.0.1:{}/radio.wav", station.server()?.local_addrs()[0].port());
    std::thread::sleep(Duration::from_secs(seconds));
    station.stop();
    Ok(())
}
