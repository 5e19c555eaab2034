//! An encoder of your own, step by step: lossless PCM as a WAV stream without an end, for a studio link or a
//! local network.
//!
//!     cargo run --example own_encoder -- ~/Music [seconds [bits]]
//!     mpv http://127.0.0.1:8000/radio.wav
//!
//! 1. [`Wav`] is the settings. The pipeline keeps them, and opens the encoder again if it fails.
//! 2. [`Wav::open`](EncoderSettings::open) checks the settings when the pipeline starts, and makes the
//!    encoder.
//! 3. [`WavEncoder::encode`](Encoder::encode) turns PCM into packets, about ten times a second, on an encoder
//!    thread.
//! 4. [`WavEncoder::header`](Encoder::header) is what a player needs before the first packet.
//! 5. `main` gives the settings to an output, as it would those of MP3.

use std::any::Any;
use std::error::Error;
use std::time::Duration;

use longwave::{Encoder, EncoderSettings, FrameCount, Packet, PcmSpec, Pipeline, Result};

/// Frames in a packet. A listener joins at the beginning of one.
const PACKET_FRAMES: usize = 1024;

/// Step 1: the settings.
#[derive(Debug, PartialEq)]
struct Wav {
    /// Bits per sample: 16 or 24.
    bits: u16,
}

impl EncoderSettings for Wav {
    /// Step 2. An error here stops the start of the pipeline; it names the setting and what would work.
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>> {
        if ![16, 24].contains(&self.bits) {
            let reason = format!("WAV has no {} bits here: it has 16 and 24", self.bits);
            return Err(longwave::Error::setting("bits", reason));
        }
        Ok(Box::new(WavEncoder {
            bytes: usize::from(self.bits / 8),
            channels: spec.channels.count(),
            header: header(spec, self.bits),
        }))
    }

    fn content_type(&self) -> &str {
        "audio/wav"
    }

    /// Sent to players as `icy-br`, and used for the size of the mount's backlog. It is that of 44.1 kHz
    /// stereo.
    fn bitrate(&self) -> Option<u32> {
        Some(44_100 * 2 * u32::from(self.bits) / 1000)
    }

    /// An output that gets the same settings again keeps its encoder.
    fn is_same(&self, other: &dyn EncoderSettings) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
}

struct WavEncoder {
    /// Bytes per sample.
    bytes: usize,
    channels: usize,
    header: Vec<u8>,
}

impl Encoder for WavEncoder {
    /// Step 3. `pcm` has any number of interleaved frames. An encoder that gathers input keeps the rest for
    /// the next call; this one has no need to.
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        for frames in pcm.chunks(PACKET_FRAMES * self.channels) {
            let mut bytes = Vec::with_capacity(frames.len() * self.bytes);
            for sample in frames {
                // `as` saturates, so a sample beyond full scale is clipped. The upper bytes are the sample.
                let sample = (f64::from(*sample) * 2_147_483_648.0) as i32;
                bytes.extend(&sample.to_le_bytes()[4 - self.bytes..]);
            }
            packets.push(Packet { bytes: bytes.into(), frames: (frames.len() / self.channels) as u32 });
        }
        Ok(())
    }

    /// Called once, at the end. Nothing is kept between calls, so nothing is left.
    fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
        Ok(())
    }

    /// Titles are shifted by this many frames, so that they stay with their audio. WAV adds no delay.
    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }

    /// Step 4. MP3 and ADTS need none, because each of their packets has a header of its own.
    fn header(&self) -> Option<&[u8]> {
        Some(&self.header)
    }
}

/// The header of a WAV file with the greatest length that one can have.
fn header(spec: PcmSpec, bits: u16) -> Vec<u8> {
    let (rate, channels) = (spec.rate.hz(), spec.channels.count() as u16);
    let frame_bytes = channels * bits / 8;
    let mut header = Vec::from(b"RIFF\xff\xff\xff\xffWAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend(1_u16.to_le_bytes()); // PCM
    header.extend(channels.to_le_bytes());
    header.extend(rate.to_le_bytes());
    header.extend((rate * u32::from(frame_bytes)).to_le_bytes());
    header.extend(frame_bytes.to_le_bytes());
    header.extend(bits.to_le_bytes());
    header.extend(b"data\xff\xff\xff\xff");
    header
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let music = arguments.next().ok_or("which music?")?;
    let seconds = arguments.next().map_or(Ok(3600), |seconds| seconds.parse())?;
    let bits = arguments.next().map_or(Ok(16), |bits| bits.parse())?;
    let listen = std::env::var("LISTEN").unwrap_or("[::]:8000".into()).parse()?;

    // Step 5.
    let station = Pipeline::builder("main")
        .playlist(music)
        .repeat(true)
        .listen(listen)
        .output("/radio.wav", Wav { bits })
        .start()?;
    println!("on air  http://127.0.0.1:{}/radio.wav", station.server()?.local_addrs()[0].port());
    std::thread::sleep(Duration::from_secs(seconds));
    station.stop();
    Ok(())
}
