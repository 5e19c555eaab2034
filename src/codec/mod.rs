//! Between files and samples, and between samples and packets. No threads, no clock.
//!
//! An encoder is a page-long contract: checked settings *open* a running [`Encoder`], so that a
//! wrong bitrate fails at start-up and not on the air.

mod aac;
mod about;
mod downmix;
#[cfg(all(test, any(feature = "mp3", feature = "aac")))]
mod ear;
pub(crate) mod file;
#[cfg(any(feature = "mp3", feature = "aac"))]
mod input;
mod mp3;
mod ogg;
mod packets;
mod resample;
mod reshape;
mod tags;
#[cfg(all(test, any(feature = "mp3", feature = "aac")))]
mod tests;
#[cfg(test)]
mod tools;

use std::path::Path;

use crate::audio::PcmSpec;
use crate::error::Result;
use crate::packet::Packet;
use crate::units::FrameCount;

#[cfg(feature = "aac")]
pub use aac::{AacProfile, AacSettings};
pub use about::{Codec, codecs};
pub use file::read_metadata;
#[cfg(feature = "mp3")]
pub use mp3::Mp3Settings;
pub use packets::{MAX_PACKET_BYTES, PacketReader, Parsed, StreamFormat};

/// Reads a file as a voice does: each call appends the next frames, in this shape; false when there
/// are no more.
pub fn decode(path: &Path, spec: PcmSpec) -> Result<impl FnMut(&mut Vec<f32>) -> Result<bool> + use<>> {
    let mut file = file::AudioFile::open(path, spec)?;
    Ok(move |out: &mut Vec<f32>| Ok(file.read(out)? == file::Status::More))
}

/// What an encoder is to do; opening it makes one that does. Kept by an output, so that an encoder
/// that failed can be built again.
pub trait EncoderSettings: Send + Sync + std::fmt::Debug {
    /// The running encoder for PCM of this shape, or [`Error::Setting`](crate::Error::Setting) that
    /// names the key and the combinations that work.
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>>;

    /// What its packets are on the wire: `audio/mpeg`.
    fn content_type(&self) -> &str;

    /// Kilobits per second, where that is constant. A mount sizes its backlog by it.
    fn bitrate(&self) -> Option<u32>;
}

/// A running encoder: PCM in, whole packets out. On one thread at a time.
pub trait Encoder: Send {
    /// Takes any number of interleaved frames in the shape it was opened with, and appends every
    /// packet that became whole. After an error it is to be dropped and opened again.
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()>;

    /// The same for 16-bit samples.
    fn encode_s16(&mut self, pcm: &[i16], packets: &mut Vec<Packet>) -> Result<()> {
        let floats: Vec<f32> = pcm.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        self.encode(&floats, packets)
    }

    /// Appends what is still inside, padded with silence. The encoder is at its end then.
    fn flush(&mut self, packets: &mut Vec<Packet>) -> Result<()>;

    /// How many frames late its output is: input frame `n` sounds in the packet that holds output
    /// frame `n + delay`.
    fn delay(&self) -> FrameCount;

    /// What a listener needs before any packet (Ogg header pages, a WAV header); usually nothing.
    fn header(&self) -> Option<&[u8]> {
        None
    }
}
