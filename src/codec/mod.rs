//! Decoding (files to samples) and encoding (samples to packets). No threads, no clock.
//!
//! Settings are checked when they *open* an [`Encoder`], so a wrong bitrate is refused at start and not on
//! the air.

mod aac;
mod about;
mod downmix;
pub(crate) mod file;
pub(crate) mod formats;
#[cfg(any(feature = "mp3", feature = "aac"))]
mod input;
pub(crate) mod live;
mod mp3;
mod packets;
mod resample;
mod reshape;
mod steered;
mod tags;
#[cfg(all(test, any(feature = "mp3", feature = "aac")))]
mod tests;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use crate::audio::PcmSpec;
use crate::error::Result;
use crate::packet::Packet;
use crate::units::FrameCount;

#[cfg(feature = "aac")]
pub use aac::{AacProfile, AacSettings};
pub use about::{Codec, codecs};
pub(crate) use file::{Cover, read_cover, read_tags};
pub use file::{read_metadata, read_tags_in};
#[doc(hidden)]
pub use live::{LiveRead, OggRead, read_live, read_ogg};
#[cfg(feature = "mp3")]
pub use mp3::Mp3Settings;
pub use packets::{MAX_PACKET_BYTES, PacketReader, Parsed, StreamFormat};
pub(crate) use packets::{known_type, tags_of_header};
pub(crate) use reshape::Shape;
pub(crate) use steered::SteeredReshape;

/// Decodes a file as a voice does. Each call appends the next frames, converted to `spec`, and returns false
/// at the end.
pub fn decode(path: &Path, spec: PcmSpec) -> Result<impl FnMut(&mut Vec<f32>) -> Result<bool> + use<>> {
    let mut file = file::AudioFile::open(path, spec)?;
    Ok(move |out: &mut Vec<f32>| Ok(file.read(out)? == file::Status::More))
}

/// The settings of an encoder. An output keeps them, and opens the encoder again if it fails.
pub trait EncoderSettings: Any + Send + Sync + std::fmt::Debug {
    /// Opens an encoder for this PCM. The error is [`Error::Setting`](crate::Error::Setting), with the key
    /// and the combinations that work.
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>>;

    /// The content type of its packets: `audio/mpeg`.
    fn content_type(&self) -> &str;

    /// What HLS calls the codec (RFC 6381): `mp4a.40.2`, `.5` or `.29` for AAC (LC, HE, HE v2), `mp4a.40.34`
    /// for MP3. `None`: what its content type makes likely.
    fn codecs(&self) -> Option<&str> {
        None
    }

    /// Kilobits per second, if the bitrate is constant. It determines the size of the mount's backlog.
    fn bitrate(&self) -> Option<u32>;

    /// Whether `other` encodes in the same way. If not, changed settings open another encoder. A type that
    /// implements `PartialEq` compares itself so:
    ///
    /// ```
    /// # use std::any::Any;
    /// # use longwave::{Encoder, EncoderSettings, PcmSpec, Result};
    /// # #[derive(Debug, PartialEq)]
    /// # struct Mine;
    /// # impl EncoderSettings for Mine {
    /// # fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> { unimplemented!() }
    /// # fn content_type(&self) -> &str { "" }
    /// # fn bitrate(&self) -> Option<u32> { None }
    /// fn is_same(&self, other: &dyn EncoderSettings) -> bool {
    ///     (other as &dyn Any).downcast_ref() == Some(self)
    /// }
    /// # }
    /// # assert!(Mine.is_same(&Mine));
    /// ```
    fn is_same(&self, other: &dyn EncoderSettings) -> bool {
        let _ = other;
        false
    }
}

/// Whether two encoders encode in the same way.
pub(crate) fn is_same_encoder(a: &Arc<dyn EncoderSettings>, b: &Arc<dyn EncoderSettings>) -> bool {
    Arc::ptr_eq(a, b) || a.is_same(&**b)
}

/// A running encoder: PCM in, whole packets out. It is used by one thread at a time.
pub trait Encoder: Send {
    /// Encodes any number of interleaved frames, and appends every packet that is complete. After an error
    /// the encoder is dropped, and opened again from its settings.
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()>;

    /// Encodes 16-bit samples.
    fn encode_s16(&mut self, pcm: &[i16], packets: &mut Vec<Packet>) -> Result<()> {
        let floats: Vec<f32> = pcm.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        self.encode(&floats, packets)
    }

    /// Appends the frames that are still inside the encoder, padded with silence. Nothing is encoded
    /// afterwards.
    fn flush(&mut self, packets: &mut Vec<Packet>) -> Result<()>;

    /// The delay in frames, the decoder's included: input frame `n` is output frame `n + delay`.
    fn delay(&self) -> FrameCount;

    /// Bytes that a listener needs before the first packet, such as Ogg header pages or a WAV header. Most
    /// formats need none.
    fn header(&self) -> Option<&[u8]> {
        None
    }
}
