//! MP3: the header of a packet, and encoding by LAME.

#[cfg(feature = "mp3")]
mod encoder;
pub(crate) mod header;
#[cfg(feature = "mp3")]
#[allow(unsafe_code, reason = "calls LAME")]
mod lame;
mod settings;

#[cfg(feature = "mp3")]
pub(super) use lame::version;
pub use settings::Mp3Settings;
